"""Time and memory against the length of a sequence, until something does not fit or takes too long: one JSON file.

    node dist/bench/cuda/compile.js --rows lengths-forward,lengths-backward --out artifacts/bench
    PYTHONPATH=python:.peers python3 bench/cuda/lengths.py --artifacts artifacts/bench --out lengths.json [--seconds 60]

B = 1; heads and head dimension are those of the rows. Each contender has a turn at each length; one that ran out of memory,
or took more than MOST_MS, is left out from then on. Results are checked by peers.py, not here.
"""

import argparse
import datetime
import gc
import json
import os
import statistics
import time

import lac_torch
import torch
import torch.nn.functional as F

MOST_MS = 1500
SAMPLES = 5


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


def measured(run):
    """Milliseconds and the most bytes that were allocated."""
    torch.cuda.reset_peak_memory_stats()
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    run()
    run()
    samples = []
    for _ in range(SAMPLES):
        begin.record()
        run()
        end.record()
        end.synchronize()
        samples.append(begin.elapsed_time(end))
        if samples[-1] > MOST_MS:
            break
    return statistics.median(samples), torch.cuda.max_memory_allocated()


def point(contender, H, N, D):
    """One figure, as LengthPoint in bench/reports/measurements.ts; why it is missing where it is."""
    gc.collect()
    torch.cuda.empty_cache()
    try:
        ms, peak = measured(contender.prepare(H, N, D))
        return {"ms": ms, "peakBytes": peak}
    except torch.cuda.OutOfMemoryError:
        return {"ms": None, "peakBytes": None, "why": "out of memory"}
    except Exception as error:
        return {"ms": None, "peakBytes": None, "why": f"{type(error).__name__}: {str(error).splitlines()[0][:120]}"}


def contenders(index, folder):
    def kernel(row):
        entry = next(e for e in index["entries"] if e["row"] == row and "error" not in e)
        return lac_torch.load(os.path.join(folder, entry["manifest"]))

    ours = {
        ("ours", "forward"): Ours(kernel("lengths-forward"), "qkv", ["o"]),
        ("ours", "backward"): Ours(kernel("lengths-backward"), ["q", "k", "v", "dout"], ["dq", "dk", "dv"]),
    }
    peers = {(name, p): Peer(make, p == "backward") for name, make in PEERS.items() for p in ("forward", "backward")}
    return ours | peers


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--artifacts", default="artifacts/bench")
    parser.add_argument("--out", required=True)
    parser.add_argument("--seconds", type=float, default=90)
    parser.add_argument("--commit", default="")
    options = parser.parse_args()
    deadline = time.monotonic() + options.seconds
    with open(os.path.join(options.artifacts, "index.json"), encoding="utf-8") as file:
        index = json.load(file)
    torch.set_grad_enabled(False)
    shape = index["rows"]["lengths-forward"]["shape"]
    H, D = shape["H"], shape["D"]
    left = contenders(index, options.artifacts)
    found = {"device": torch.cuda.get_device_name(), "date": datetime.date.today().isoformat(), "lengths": []}
    found |= {"commit": options.commit, "dtype": "bf16"}
    N = 1024
    while left and time.monotonic() < deadline:
        for (what, direction), contender in list(left.items()):
            tensors = (4 if direction == "forward" else 7) * H * N * D * 2
            one = {"what": what, "pass": direction, "H": H, "D": D, "N": N, "tensorBytes": tensors}
            one |= point(contender, H, N, D)
            found["lengths"].append(one)
            print(json.dumps(one), flush=True)
            if one["ms"] is None or one["ms"] > MOST_MS:
                del left[what, direction]
            with open(options.out, "w", encoding="utf-8") as file:
                json.dump(found, file)
        N *= 2


main()
