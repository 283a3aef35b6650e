"""Runs the parts of python/lac_torch.py that need no GPU: JSON cases on standard input, results on standard output.

Floats travel as the 16 hex digits of their bits, big-endian, so that infinities, NaN and signs of zero arrive.
"""

import json
import os
import struct
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))
import lac_torch  # noqa: E402

TORCH_NAMES = {"f32": "float32", "f16": "float16", "bf16": "bfloat16", "i32": "int32", "u32": "uint32", "f64": "float64"}


def to_float(bits):
    return struct.unpack(">d", bytes.fromhex(bits))[0]


class FakeTensor:
    """What lac_torch reads of a torch.Tensor."""

    def __init__(self, dtype, shape, strides, address):
        self.dtype, self.shape, self._strides, self._address = f"torch.{TORCH_NAMES[dtype]}", shape, strides, address
        self._bytes = 8 if dtype == "f64" else 2 if dtype.endswith("f16") else 4

    def stride(self):
        return self._strides

    def data_ptr(self):
        return self._address

    def element_size(self):
        return self._bytes


def value_of(argument):
    if argument is None or isinstance(argument, list):
        return argument
    if "bits" in argument:
        return to_float(argument["bits"])
    return FakeTensor(**argument)


def bound(case):
    arguments = {name: value_of(a) for name, a in case["args"].items()}
    manifest = case["manifest"]
    try:
        signature = lac_torch.read_arguments(manifest, arguments)
        plan = lac_torch.bind(manifest, signature, lac_torch.Limits(case["sm"], case["sharedBytes"]))
    except lac_torch.LacError as error:
        return {"error": type(error).__name__, "code": error.code}
    return {"variant": plan.variant, "grid": plan.grid, "programs": plan.programs, "bytes": plan.block.hex()}


def evaluated(case):
    names = {name: to_float(bits) for name, bits in case["names"].items()}
    return struct.pack(">d", lac_torch.evaluate(case["expression"], names)).hex()


def seen(case):
    try:
        return lac_torch.window_of("x", case["shape"], case["strides"], case["view"], {})
    except lac_torch.LacError as error:
        return error.code


cases = json.load(sys.stdin)
kinds = {"bound": bound, "evaluated": evaluated, "windows": seen}
print(json.dumps({kind: [answer(c) for c in cases.get(kind, [])] for kind, answer in kinds.items()}))
