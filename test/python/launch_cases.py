"""Loads a manifest with python/lac_torch.py and launches it through fake_libcuda.c; prints what came of it as JSON."""

import array
import gc
import json
import os
import sys
import types

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "python"))
import lac_torch  # noqa: E402

stream = types.SimpleNamespace(cuda_stream=77)


class FakeTorch(types.SimpleNamespace):
    cuda = types.SimpleNamespace(current_stream=lambda ordinal: stream)
    float32 = "torch.float32"
    made = []

    def full(self, shape, value, dtype, device):
        self.made.append([list(shape), value, dtype, device])
        return HostTensor([value] * shape[0])

    def empty(self, shape, dtype, device):
        return self.full(shape, float("nan"), dtype, device)


torch = sys.modules["torch"] = FakeTorch()


class HostTensor:
    """A vector of floats that says it is on a GPU."""

    def __init__(self, values, index=0):
        self.values = array.array("f", values)
        self.device = types.SimpleNamespace(type="cuda", index=index)
        self.shape, self.dtype = (len(values),), "torch.float32"

    def stride(self):
        return (1,)

    def data_ptr(self):
        return self.values.buffer_info()[0]

    def element_size(self):
        return 4


def refusal(kernel, **arguments):
    try:
        kernel(**arguments)
    except lac_torch.LacError as error:
        return f"{type(error).__name__} {error}"
    return "none"


good, bad, plan = (lac_torch.load(path) for path in sys.argv[1:])
x, y = HostTensor(range(100)), HostTensor([1] * 100)
for a in (2, 2, 0.5):
    good(x=x, y=y, a=a)
    gc.collect()
z = HostTensor([1] * 100)
for _ in range(2):
    plan(x=x, f=3, z=z)
plan(x=HostTensor([0]), f=5, z=HostTensor([7]))
empty = HostTensor([])
good(x=empty, y=empty, a=1)
print(
    json.dumps(
        {
            "y": list(y.values),
            "attributes": {k: v for k, v in good.attributes(x=x, y=y, a=2).items() if k != "compile_ms"},
            "z": list(z.values),
            "made": torch.made,
            "planned": refusal(plan, x=x, f=1, z=x),
            "log": refusal(bad, x=x, y=y, a=1),
            "devices": refusal(good, x=x, y=HostTensor(range(100), index=1), a=1),
            "overlap": refusal(good, x=x, y=x, a=1),
            "host": refusal(good, x=[1, 2], y=y, a=1),
        }
    )
)
