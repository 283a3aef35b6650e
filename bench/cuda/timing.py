"""Times of launches by CUDA events, over turns through several sets of tensors, so that none is found in the L2."""

import statistics
import time

import torch

#: Cycles a second that `_sleep` is counted in, about: it only has to keep the GPU busy while launches are queued.
CYCLES = 1.8e9


def warm_up(seconds=1.2):
    """Brings the clocks up: after idling, the first seconds of an H100 were once three times slower."""
    a = torch.randn(4096, 4096, device="cuda", dtype=torch.bfloat16)
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        for _ in range(20):
            a @ a
        torch.cuda.synchronize()


def sample(launch, sets, count):
    """Milliseconds of `count` launches, on the sets in turn. They are queued behind a pause, which hides host time."""
    begin = time.perf_counter()
    for i in range(3):
        launch(i % sets)
    host = (time.perf_counter() - begin) / 3
    torch.cuda.synchronize()
    events = [(torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)) for _ in range(count)]
    torch.cuda._sleep(int(min(0.2, 1.5 * host * count + 1e-3) * CYCLES))
    for i, (begin, end) in enumerate(events):
        begin.record()
        launch(i % sets)
        end.record()
    torch.cuda.synchronize()
    return [begin.elapsed_time(end) for begin, end in events]


def measure(launches, sets, count=30, rounds=2, before=lambda name: None):
    """{name: median and least ms, spread of the rounds' medians} of {name: function of a set's index}, taking turns."""
    samples = {name: [] for name in launches}
    for _ in range(rounds):
        for name, launch in launches.items():
            before(name)
            samples[name].append(sample(launch, sets, count))
    result = {}
    for name, turns in samples.items():
        medians = [statistics.median(t) for t in turns]
        everything = [x for t in turns for x in t]
        spread = max(medians) - min(medians)
        result[name] = {"ms": statistics.median(everything), "least": min(everything), "spread": spread}
    return result


def wall_ms(launch, count=300):
    """Milliseconds of the host's clock a call, of calls one behind the other: the kernel, or what launching it costs."""
    for _ in range(20):
        launch(0)
    torch.cuda.synchronize()
    begin = time.perf_counter()
    for _ in range(count):
        launch(0)
    torch.cuda.synchronize()
    return (time.perf_counter() - begin) / count * 1e3


def ceilings():
    """Bytes a second of a copy, read and written counted, and operations a second of a bf16 product."""
    n = 2**30
    a, b = (torch.empty(n, dtype=torch.uint8, device="cuda") for _ in range(2))
    a.random_()
    copied = measure({"copy": lambda _: b.copy_(a)}, 1, 20)["copy"]["ms"]
    del a, b
    x, y = (torch.randn(8192, 8192, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    product = measure({"product": lambda _: x @ y}, 1, 20)["product"]["ms"]
    return {"bytes_per_s": 2 * n / copied * 1e3, "flops": 2 * 8192**3 / product * 1e3}
