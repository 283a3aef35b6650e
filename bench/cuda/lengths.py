"""Time and memory against the length of a sequence, until something does not fit or takes too long: one JSON file.

    node dist/bench/cuda/compile.js --rows lengths-forward,lengths-backward --out artifacts/bench
    PYTHONPATH=python:.peers python3 bench/cuda/lengths.py --artifacts artifacts/bench --out lengths.json [--seconds 60]

B = 1; heads and head dimension are those of the rows. Contenders take turns, each from short to long within its share of
the time that is left, so that one that tunes itself for minutes takes no time from the others; what a contender does not
use goes to those after it. It ends where it runs out of memory or takes more than MOST_MS. The file is written after each
point, so that it is whole whenever the time is up. Results are checked by peers.py, not here.
"""

import argparse
import datetime
import gc
import json
import os
import statistics
import sys
import threading
import time

import lac_torch
import torch
import torch.nn.functional as F
from timing import CYCLES, warm_up

MOST_MS = 1500
SAMPLES = 5
#: From here on a second call to warm up tells nothing.
SLOW_MS = 100


def random(*shape):
    """In place, so that no larger copy of it is ever needed."""
    return torch.empty(*shape, device="cuda", dtype=torch.bfloat16).normal_()


def slopes(heads):
    return 2.0 ** (-8 * torch.arange(1, heads + 1, device="cuda", dtype=torch.float32) / heads)


class Ours:
    """Argument names are those of the kernels."""

    def __init__(self, kernel, names, outputs):
        self.kernel, self.names, self.outputs = kernel, names, outputs

    def prepare(self, H, N, D):
        given = {name: random(1, H, N, D) for name in self.names}
        given |= {name: torch.empty(1, H, N, D, device="cuda", dtype=torch.bfloat16) for name in self.outputs}
        slope = slopes(H)
        return lambda: self.kernel(**given, slope=slope)


class Peer:
    """`make(H)` is (whether tokens come before heads, the forward pass of q, k, v)."""

    def __init__(self, make, backward):
        self.make, self.backward = make, backward

    def prepare(self, H, N, D):
        tokens_first, forward = self.make(H)
        shape = (1, N, H, D) if tokens_first else (1, H, N, D)
        q, k, v = (random(*shape) for _ in range(3))
        if not self.backward:
            return lambda: forward(q, k, v)
        dout = random(*shape)
        leaves = [x.requires_grad_() for x in (q, k, v)]
        with torch.enable_grad():
            out = forward(*leaves)
        return lambda: torch.autograd.grad(out, leaves, dout, retain_graph=True)


def fla(H):
    from fla.ops.simple_gla import chunk_simple_gla

    decay = -slopes(H)
    return True, lambda q, k, v: chunk_simple_gla(q, k, v, scale=1.0, g_gamma=decay)[0]


def official(H):
    from lightning_attn.ops.triton.lightning_attn2 import lightning_attn2

    slope = slopes(H).reshape(-1, 1, 1)
    return False, lambda q, k, v: lightning_attn2(q, k, v, slope)


def softmax(H):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def forward(q, k, v):
        with sdpa_kernel(SDPBackend.FLASH_ATTENTION):
            return F.scaled_dot_product_attention(q, k, v, is_causal=True)

    return False, forward


PEERS = {"FLA": fla, "official": official, "softmax attention (flash)": softmax}

#: Who takes turns, in this order, and its weight in the time that is left. FLA's backward pass tunes itself longest.
TURNS = {
    ("ours", "forward"): 2,
    ("ours", "backward"): 2,
    ("FLA", "forward"): 3,
    ("official", "forward"): 2,
    ("official", "backward"): 3,
    ("softmax attention (flash)", "forward"): 2,
    ("softmax attention (flash)", "backward"): 2,
    ("FLA", "backward"): 1,
}


def timed(run):
    """Milliseconds of a call, queued behind a pause that hides what the host takes."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda._sleep(int(2e-3 * CYCLES))
    begin.record()
    run()
    end.record()
    end.synchronize()
    return begin.elapsed_time(end)


def measured(make):
    """Milliseconds and the most bytes that were allocated, once it has tuned itself; what lay there before is not counted."""
    before = torch.cuda.memory_allocated()
    run = make()
    run()
    torch.cuda.synchronize()
    torch.cuda.reset_peak_memory_stats()
    samples = [timed(run)]
    if samples[0] < SLOW_MS:
        samples = [timed(run) for _ in range(SAMPLES)]
    return statistics.median(samples), torch.cuda.max_memory_allocated() - before


def point(contender, H, N, D):
    """One figure, as LengthPoint in bench/reports/measurements.ts; why it is missing where it is."""
    gc.collect()
    torch.cuda.empty_cache()
    try:
        ms, peak = measured(lambda: contender.prepare(H, N, D))
        return {"ms": ms, "peakBytes": peak}
    except torch.cuda.OutOfMemoryError:
        return {"ms": None, "peakBytes": None, "why": "out of memory"}
    except Exception as error:
        return {"ms": None, "peakBytes": None, "why": f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"}


def contenders(index, folder, first):
    def kernel(row):
        entry = next(e for e in index["entries"] if e["row"] == row and "error" not in e)
        return lac_torch.load(os.path.join(folder, entry["manifest"]))

    ours = {
        "forward": lambda: Ours(kernel("lengths-forward"), "qkv", ["o"]),
        "backward": lambda: Ours(kernel("lengths-backward"), ["q", "k", "v", "dout"], ["dq", "dk", "dv"]),
    }
    for what, direction in list(TURNS)[first:]:
        own = what == "ours"
        yield what, direction, ours[direction]() if own else Peer(PEERS[what], direction == "backward")


def lengths(contender, H, D, end):
    """Points from 1024 tokens up, twice as many each time, until `end` or until there is nothing more to see."""
    N = 1024
    while time.monotonic() < end:
        one = point(contender, H, N, D)
        yield N, one
        if one["ms"] is None or one["ms"] > MOST_MS:
            return
        N *= 2


def stop_at(deadline):
    """Compilers and tuners of a peer cannot be interrupted; what was found by then is written."""

    def stop():
        print("the time is up", flush=True)
        os._exit(0)

    timer = threading.Timer(deadline - time.monotonic(), stop)
    timer.daemon = True
    timer.start()


def go_on(turn, deadline):
    """In a new process: after an access outside of its tensors a context runs nothing more."""
    left = deadline - time.monotonic()
    if turn < len(TURNS) and left > 0:
        os.execv(sys.executable, [sys.executable, *sys.argv, "--turn", str(turn), "--seconds", str(left)])


def write(path, found):
    """At once, so that whoever stops this finds a whole file."""
    with open(path + ".part", "w", encoding="utf-8") as file:
        json.dump(found, file)
    os.replace(path + ".part", path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", default="artifacts/bench")
    parser.add_argument("--out", required=True)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--commit", default="")
    parser.add_argument("--turn", type=int, default=0, help="the first of the turns; the file has those before it")
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    with open(os.path.join(options.artifacts, "index.json"), encoding="utf-8") as file:
        index = json.load(file)
    torch.set_grad_enabled(False)
    shape = index["rows"]["lengths-forward"]["shape"]
    H, D = shape["H"], shape["D"]
    found = {"device": torch.cuda.get_device_name(), "date": datetime.date.today().isoformat(), "lengths": []}
    found |= {"api": "CUDA", "commit": options.commit, "dtype": "bf16"}
    if options.turn > 0:
        with open(options.out, encoding="utf-8") as file:
            found = json.load(file)
    warm_up()
    stop_at(deadline)
    weights = list(TURNS.values())
    for turn, (what, direction, contender) in enumerate(contenders(index, options.artifacts, options.turn), options.turn):
        begin = time.monotonic()
        end = begin + (deadline - begin) * weights[turn] / sum(weights[turn:])
        for N, one in lengths(contender, H, D, end):
            tensors = (4 if direction == "forward" else 7) * H * N * D * 2
            shape = {"what": what, "pass": direction, "H": H, "D": D, "N": N, "tensorBytes": tensors}
            found["lengths"].append(shape | one)
            print(json.dumps(shape | one), flush=True)
            write(options.out, found)
            if "CUDA error" in one.get("why", ""):
                go_on(turn + 1, deadline)
    print(f"{len(found['lengths'])} points, {deadline - time.monotonic():.0f} s left")


main()
