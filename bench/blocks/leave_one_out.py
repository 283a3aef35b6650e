"""How well the rule on blocks predicts what it was not fitted to: its five constants are fitted anew to the rest of the grid.

    python3 bench/blocks/leave_one_out.py [bench/blocks/data/h100-cuda.json]

The rule is that of kernels/lightning/blocks.ts for a GPU, with its constants as parameters. Takes a minute.
"""

import itertools
import json
import math
import sys

FILE = sys.argv[1] if len(sys.argv) > 1 else "bench/blocks/data/h100-cuda.json"

#: Fullness, crowd, tokens for 16 bits and for f32, elements of a warp.
CONSTANTS = list(
    itertools.product([0.5, 0.8, 1, 1.1, 1.3, 1.6, 2.2, 3], [3, 6, 12, 24], [32, 64, 128], [16, 32, 64], [2048, 4096, 8192])
)
#: Loss that counts for a choice that was so slow elsewhere that it was not timed.
MOST = 2.0


def up(x):
    return 2 ** math.ceil(math.log2(x))


def down(x):
    return 2 ** math.floor(math.log2(max(1, x)))


def within(least, x, most):
    return min(most, max(least, x))


def doublings(a, b):
    return abs(math.log2(a / b))


def cost_whole(config, D, heads, constants, processors):
    almost, crowd, tokens, _, _ = constants
    large, crowded = D > 64, heads > crowd * processors
    full = almost * heads * 64 / within(32, up(D), 64) >= processors
    best = (16 if large else 32) if crowded else tokens if large or full else tokens / 2
    warps = 8 if large and not crowded else 4
    return 2 * doublings(config["C"], best) + doublings(config["warps"], warps) + 3 * abs(config["stages"] - 2)


def cost(config, case, shape, constants, device):
    processors, shared_bytes = device
    D, wide, heads, N = case["D"], case["dtype"] == "f32", shape["heads"], shape["N"]
    if case["kernel"] == "lightningBwdDkDv":
        return cost_whole(config, D, heads, constants, processors)
    almost, crowd, tokens, tokens_wide, per_warp = constants
    C, columns, G = config["C"], config.get("BE", config.get("BD")), config.get("G", 1)
    every = min((32 if D > 128 else 64) if wide else 128, up(D))
    half = min(32 if wide else 64, up(D))
    split = "G" in config and N >= 2048 and D <= 128
    best_parts = within(1, down(almost * processors / (heads * math.ceil(D / half))), 8) if split else 1
    narrow = within(8, down(almost * heads * D / processors), every)
    best_columns = half if best_parts > 1 else min(every, narrow)
    programs = heads * math.ceil(D / best_columns)
    queued = programs > crowd * processors
    crowded = D <= 64 and queued
    at_once = best_parts > 1 or (D <= 64 and best_columns == every and programs <= 2 * processors)
    if wide:
        best = 2 * tokens_wide if best_parts > 1 or (D > 64 and best_columns < 32) else tokens_wide
    else:
        best = 32 if crowded else 2 * tokens if at_once else tokens
        shared = max((8 if C > 64 else 4) * C, D) * columns / per_warp
    best = min(best, up(within(16, N, 128)))
    alone = 4 * (D * best_columns + best * (3 * D + 2 * best_columns + best))
    in_pairs = wide and D > 64 and queued and 2 * alone <= shared_bytes
    if wide:
        shared = (4 if in_pairs else 8) if D > 64 else C * columns / 256
    warps = within(2 if crowded else 4, shared / 2 if crowded else shared, 8)
    return (
        3 * doublings(columns, best_columns)
        + 2 * doublings(C, best)
        + doublings(config["warps"], warps)
        + 3 * abs(config["stages"] - (1 if in_pairs else 2))
        + 2 * doublings(G, best_parts)
    )


def allowed(config, case, shape):
    """What `prune` of the kernel keeps."""
    G = config.get("G", 1)
    programs = shape["heads"] * math.ceil(case["D"] / config.get("BE", case["D"])) * G
    return G == 1 or (shape["N"] >= 2048 and programs <= 256)


def points(measured):
    for case in measured["cases"]:
        for at, shape in enumerate(case["shapes"]):
            timed = [(dict(zip(case["knobs"], t["config"])), t["ms"][at]) for t in case["times"]]
            best = min(ms for _, ms in timed if ms)
            yield case, shape, [t for t in timed if allowed(t[0], case, shape)], best


def losses(grid, constants, device):
    found = []
    for case, shape, timed, best in grid:
        ms = min(timed, key=lambda t: cost(t[0], case, shape, constants, device))[1]
        found.append(ms / best - 1 if ms else MOST)
    return found


def left_out(name, key, grid, table):
    groups = {}
    for i, (case, shape, _, _) in enumerate(grid):
        groups.setdefault(key(i, case, shape), []).append(i)
    totals = [sum(row) for row in table]
    predicted = []
    for group in groups.values():
        fitted = min(range(len(table)), key=lambda c: totals[c] - sum(table[c][i] for i in group))
        predicted += [table[fitted][i] for i in group]
    near = sum(x <= 0.05 for x in predicted)
    print(f"without one {name}: mean {sum(predicted) / len(predicted):.2%}, worst {max(predicted):.1%}, {near} of {len(predicted)} within 5 %")


def main():
    with open(FILE, encoding="utf-8") as file:
        measured = json.load(file)
    target = measured["target"]
    device = (target["processors"], target["target"]["sharedBytesPerBlock"])
    grid = list(points(measured))
    table = [losses(grid, constants, device) for constants in CONSTANTS]
    best = min(table, key=sum)
    print(f"fitted to all: {CONSTANTS[table.index(best)]}, mean {sum(best) / len(best):.2%}, worst {max(best):.1%}")
    left_out("point", lambda i, case, shape: i, grid, table)
    left_out("case", lambda i, case, shape: (case["kernel"], case["D"], case["dtype"]), grid, table)
    left_out("shape", lambda i, case, shape: (shape["heads"], shape["N"]), grid, table)
    left_out("head dimension", lambda i, case, shape: case["D"], grid, table)


main()
