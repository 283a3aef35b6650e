"""Offsets past 2^31 elements, on tensors of more than 4 GiB, and sequences of 2^20 tokens."""

import os

import torch

import lac_fp64 as fp64
import lac_torch
from subjects import EPSILON, KINDS

#: Elements between the batches: a multiple of 8, so that the aligned variants serve it.
FAR = 2**31 + 128


def kernel_of(index, folder, row):
    """Our kernel in the first configuration of a row that compiles."""
    for entry in index["entries"]:
        if entry["row"] == row and "error" not in entry:
            return lac_torch.load(os.path.join(folder, entry["manifest"]))
    raise LookupError(f"{row} has no configuration that compiles")


def apart(dense):
    """The same [2, ...] tensor with FAR elements between its halves, NaN in between; and the memory that holds it."""
    memory = torch.full((FAR + dense[0].numel(),), torch.nan, device="cuda", dtype=dense.dtype)
    view = memory.as_strided(dense.shape, (FAR, *dense.stride()[1:]))
    view.copy_(dense)
    return view, memory


def lightning_far_batches(index, folder):
    """Two batches 2^31 elements apart give, bit for bit, what they give side by side; nothing in between is written."""
    kernel = kernel_of(index, folder, "lightning-128")
    subject = KINDS["lightning"]({"B": 2, "H": 1, "N": 300, "D": 128, "E": 128})
    dense = subject.make()
    kernel(**dense)
    far = {name: apart(tensor) for name, tensor in dense.items() if name != "slope"}
    far["o"][1].fill_(torch.nan)
    kernel(**{name: view for name, (view, _) in far.items()}, slope=dense["slope"])
    view, memory = far["o"]
    written = sum((~part.isnan()).sum().item() for part in memory.split(2**28))
    if not torch.equal(view, dense["o"]) or written != view.numel():
        return f"WRONG: {written} elements written of {view.numel()}"
    return f"right: {memory.numel()} elements, {memory.numel() * 2 / 2**30:.1f} GiB"


def norm_many_rows(index, folder):
    """The last rows of more than 2^31 elements."""
    kernel = kernel_of(index, folder, "norm")
    rows = 2**31 // 8192 + 1000
    few = KINDS["norm"]({"M": 64, "K": 8192})
    sample = few.make()
    many = {name: torch.empty(rows, 8192, device="cuda", dtype=torch.bfloat16) for name in ("x", "residual", "r", "y")}
    for name, tensor in many.items():
        tensor.fill_(torch.nan if name in few.outputs else 0)
        tensor[-64:] = sample[name]
    kernel(**many, weight=sample["weight"], eps=EPSILON)
    want = few.reference(sample)
    error = max(fp64.relative_error(many[name][-64:], want[name])[0] for name in few.outputs)
    zeros = not any(part.any().item() for part in many["y"][:-64].split(2**15))
    if error < 5e-3 and zeros:
        return f"right: {rows * 8192} elements, error {error:.1e}"
    return f"WRONG: error {error:.1e}, rows before are {'zero' if zeros else 'not zero'}"


def one_head(index, folder):
    """A million tokens of one head, forward and backward, in segments."""
    length, dim = 2**20, 128
    forward = kernel_of(index, folder, "lengths-forward")
    backward = kernel_of(index, folder, "lengths-backward")
    q, k, v, dout = (torch.randn(1, 1, length, dim, device="cuda").bfloat16() for _ in range(4))
    slope = torch.full((1,), 2.0**-8, device="cuda")
    out = {name: torch.full_like(q, torch.nan) for name in ("o", "dq", "dk", "dv")}
    forward(q=q, k=k, v=v, slope=slope, o=out["o"])
    backward(q=q, k=k, v=v, dout=dout, slope=slope, **{name: out[name] for name in ("dq", "dk", "dv")})
    decay = (-slope.double()).reshape(1, 1, 1).expand(1, 1, length)
    want = {"o": fp64.recurrence(q, k, v, decay)} | fp64.gradients(q, k, v, dout, decay)
    # The end is measured by itself: what a long sequence gets wrong it gets wrong there.
    parts = {"all": slice(None), "last 4096": slice(length - 4096, None)}
    errors = {
        part: [fp64.relative_error(out[name][:, :, rows], want[name][:, :, rows])[0] for name in out]
        for part, rows in parts.items()
    }
    text = "; ".join(f"{part}: {' '.join(f'{e:.2e}' for e in found)}" for part, found in errors.items())
    # Not `<`: NaN must not pass.
    right = all(e < 3e-3 for found in errors.values() for e in found)
    return f"{'right' if right else 'WRONG'}: errors of {', '.join(out)}, {text}"


CHECKS = {
    "lightning, batches 2^31 apart": lightning_far_batches,
    "norm, 2^31 elements": norm_many_rows,
    "lightning, one head of 2^20 tokens": one_head,
}


def result(check, index, folder):
    try:
        return check(index, folder)
    except Exception as error:
        return f"FAILED: {type(error).__name__}: {error}"
    finally:
        torch.cuda.empty_cache()
