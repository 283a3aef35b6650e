"""How well the rule on blocks predicts what it was not fitted to: its constants are fitted anew to the rest of the grid.

    python3 bench/blocks/leave_one_out.py [bench/blocks/data/h100-cuda.json]

The rule is that of kernels/lightning/blocks.ts for a GPU, with its constants as parameters. Takes a minute.
"""

import itertools
import json
import math
import sys

FILE = sys.argv[1] if len(sys.argv) > 1 else "bench/blocks/data/h100-cuda.json"

FULLNESS = [0.5, 0.8, 1, 1.1, 1.3, 1.6, 2.2, 3]
CROWD = [3, 6, 12, 24]
#: Of 16 bits: tokens, elements of a warp.
NARROW = list(itertools.product([32, 64, 128], [2048, 4096, 8192]))
#: Of f32: tokens, elements of the largest state, multiply-adds of a warp.
WIDE = list(itertools.product([16, 32, 64], [8192, 16384, 32768], [16384, 32768, 65536]))
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


def cost_whole(config, D, wide, heads, shared_constants, tokens, processors):
    almost, crowd = shared_constants
    large, crowded = D > 64, heads > crowd * processors
    if wide:
        best = tokens / 2 if large or (crowded and D > 32) else tokens
        warps = 8 if large else 2 if crowded else 4 if D <= 32 else 8
    else:
        full = almost * heads * 64 / within(32, up(D), 64) >= processors
        best = (16 if large else 32) if crowded else tokens if large or full else tokens / 2
        warps = 8 if large and not crowded else 4
    return 2 * doublings(config["C"], best) + doublings(config["warps"], warps) + 3 * abs(config["stages"] - 2)


def cost(config, case, shape, shared_constants, own_constants, processors):
    D, wide, heads, N = case["D"], case["dtype"] == "f32", shape["heads"], shape["N"]
    if wide:
        tokens, state, per_warp = own_constants
    else:
        tokens, per_warp = own_constants
    if case["kernel"] == "lightningBwdDkDv":
        return cost_whole(config, D, wide, heads, shared_constants, tokens, processors)
    almost, crowd = shared_constants
    C, columns, G = config["C"], config.get("BE", config.get("BD")), config.get("G", 1)
    every = min(within(8, down(state / D), 128) if wide else 128, up(D))
    half = min(32 if wide else 64, up(D))
    missing = almost * processors / (heads * math.ceil(D / half))
    half_missing = missing / 2 if wide and half >= D else missing
    split = "G" in config and N >= 2048 and D <= 128 and half_missing >= 2
    best_parts = within(1, down(missing), 8) if split else 1
    narrow = within(8, down(almost * heads * D / processors), every)
    best_columns = half if best_parts > 1 else min(every, narrow)
    programs = heads * math.ceil(D / best_columns)
    crowded = D <= 64 and programs > crowd * processors
    stages = 2
    if wide:
        full = D * best_columns >= state
        halved = case["kernel"] != "lightningFwd" and 32 < D <= 64 and best_columns < every
        long = best_parts > 1 or (halved and (case["kernel"] != "lightningBwdDq" or best_columns >= 32))
        best = 2 * tokens if long else tokens / 2 if crowded or full else tokens
        shares = C * D * columns / per_warp
        stages = 3 if D <= 32 and not crowded and best_parts == 1 else 2
    else:
        at_once = best_parts > 1 or (D <= 64 and best_columns == every and programs <= 2 * processors)
        best = 32 if crowded else 2 * tokens if at_once else tokens
        shares = max((8 if C > 64 else 4) * C, D) * columns / per_warp
    best = min(best, up(within(16, N, 128)))
    if not wide:
        stages = 3 if D <= 32 and best_parts == 1 and best == 128 else 2
        shares *= 2 if C < best else 1
    tiny = wide and D * columns <= 256
    warps = within(2 if crowded or tiny else 4, shares / 2 if crowded else shares, min(8, C / 4) if wide else 8)
    return (
        3 * doublings(columns, best_columns)
        + 2 * doublings(C, best)
        + doublings(config["warps"], warps)
        + 3 * abs(config["stages"] - stages)
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


def loss(point, shared_constants, own_constants, processors):
    case, shape, timed, best = point
    ms = min(timed, key=lambda t: cost(t[0], case, shape, shared_constants, own_constants, processors))[1]
    return ms / best - 1 if ms else MOST


def tables(grid, processors):
    """Losses of every point: a row for every set of constants. What is of f32 alone changes no loss of 16 bits."""
    for shared in itertools.product(FULLNESS, CROWD):
        narrow, wide = (
            [[loss(p, shared, own, processors) if (p[0]["dtype"] == "f32") == is_wide else 0.0 for p in grid] for own in sets]
            for sets, is_wide in ((NARROW, False), (WIDE, True))
        )
        for (n, of_narrow), (w, of_wide) in itertools.product(zip(NARROW, narrow), zip(WIDE, wide)):
            yield (*shared, *n, *w), [a + b for a, b in zip(of_narrow, of_wide)]


def left_out(name, key, grid, table):
    groups = {}
    for i, (case, shape, _, _) in enumerate(grid):
        groups.setdefault(key(i, case, shape), []).append(i)
    totals = [sum(row) for _, row in table]
    predicted, fits = [], set()
    for group in groups.values():
        fitted = min(range(len(table)), key=lambda c: totals[c] - sum(table[c][1][i] for i in group))
        predicted += [table[fitted][1][i] for i in group]
        fits.add(table[fitted][0])
    near = sum(x <= 0.05 for x in predicted)
    mean = sum(predicted) / len(predicted)
    print(f"without one {name}: mean {mean:.2%}, worst {max(predicted):.1%}, {near} of {len(predicted)} within 5 %; fitted: {sorted(fits)}")


def main():
    with open(FILE, encoding="utf-8") as file:
        measured = json.load(file)
    grid = list(points(measured))
    table = list(tables(grid, measured["target"]["processors"]))
    constants, best = min(table, key=lambda entry: sum(entry[1]))
    print("fullness, crowd, of 16 bits (tokens, a warp), of f32 (tokens, state, a warp)")
    print(f"fitted to all: {constants}, mean {sum(best) / len(best):.2%}, worst {max(best):.1%}")
    left_out("point", lambda i, case, shape: i, grid, table)
    left_out("case", lambda i, case, shape: (case["kernel"], case["D"], case["dtype"]), grid, table)
    left_out("shape", lambda i, case, shape: (shape["heads"], shape["N"]), grid, table)
    left_out("head dimension", lambda i, case, shape: case["D"], grid, table)


main()
