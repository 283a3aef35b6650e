"""Libraries that a user would take in the place of a kernel, timed for `lac bench --peers`: on the same GPU, in the same run.

For python3 with torch on an NVIDIA GPU. `lac bench` starts it and asks, a line of JSON a request; each answer is a line of
JSON behind an "@", other output is nobody's. Requests, in this order:

    {"op": "start"}                                            -> {"kind": "started"} or {"kind": "unavailable", "why"}
    {"op": "open", "point": {kernel, dims, ...}, "without": []}  -> {"kind": "opened", "peers": [{"name", "error" or "why"}]}
    {"op": "sample", "names": [...], "count": 25}              -> {"kind": "sampled", "samples": {name: [ms, ...]}}

Before an answer any number of {"kind": "doing", "peer", "what"} say what takes time; {"kind": "lost", "why"} ends the
process: the GPU answers it no more. It is then started anew and asked without that peer.

PEERS at the end is the table of who computes what: by the kernel's name, and the options with which it holds. A library takes
part with its result compared with fp64 at the timed sizes; one that is not installed, or fails, or is wrong, says why.
Packages are found as python finds them: PYTHONPATH=.peers for those in a folder.
"""

import functools
import gc
import json
import os
import sys
import threading
import time

try:
    import torch

    import lac_fp64 as fp64
    import lac_libraries as libraries
except ImportError as error:
    torch, WITHOUT = None, f"python3 has no torch ({error})"

#: Relative L2 from which a result counts as wrong: rounding to bf16 alone gives 1.7e-3.
WRONG = 5e-3
#: Bytes between two uses of a set of tensors: several times the L2 of any GPU.
COLD_BYTES = 2**28
MOST_SETS = 64
#: Cycles a second that torch's pause is counted in, about: it only has to outlast the queueing of the launches.
CYCLES = 1.8e9


class Absent(Exception):
    """A library that does not take part, and why."""


# What is measured: the tensors of a kernel, the reference, and the libraries.


class Subject:
    """A kernel at one point. A set is a dict of tensors."""

    #: Sizes that a library cannot have: a reason, or None.
    @staticmethod
    def refuses(dims):
        return None

    def __init__(self, dims, dtype):
        self.dims, self.dtype = dims, dtype

    def normal(self, *shape, dtype=None):
        return torch.randn(*shape, device="cuda", dtype=torch.float32).to(dtype or self.dtype)

    def sizes(self, *names):
        return [self.dims[name] for name in names]

    def make(self):
        raise NotImplementedError

    def reference(self, tensors):
        """{output: fp64 tensor}"""
        raise NotImplementedError

    def peers(self):
        """{name: function of a set that gives a function, which computes and returns {output: tensor}}"""
        raise NotImplementedError


class Lightning(Subject):
    @staticmethod
    def refuses(dims):
        return "heads of keys are shared" if dims.get("HK", dims["H"]) != dims["H"] else None

    def slopes(self):
        H = self.dims["H"]
        return 2.0 ** (-8 * torch.arange(1, H + 1, device="cuda", dtype=torch.float32) / H)

    def make(self):
        B, H, N, D, E = self.sizes("B", "H", "N", "D", "E")
        q, k, v = self.normal(B, H, N, D), self.normal(B, H, N, D), self.normal(B, H, N, E)
        return {"q": q, "k": k, "v": v, "slope": self.slopes()}

    def decay(self, tensors):
        return -tensors["slope"].double()[None, :, None].expand(*self.sizes("B", "H", "N"))

    def reference(self, tensors):
        q, k, v = (tensors[x] for x in "qkv")
        return {"o": fp64.recurrence(q, k, v, self.decay(tensors))}

    def peers(self):
        fla = {"FLA": libraries.fla_gla("chunk_simple_gla", libraries.head_decay, 1.0)}
        if self.dims["D"] <= 64:
            fla["FLA fused"] = libraries.fla_gla("fused_chunk_simple_gla", libraries.head_decay, 1.0)
        return {**fla, "official": libraries.official}


class LightningBackward(Lightning):
    def make(self):
        tensors = super().make()
        return {**tensors, "dout": self.normal(*tensors["v"].shape)}

    def reference(self, tensors):
        return fp64.gradients(*(tensors[x] for x in ("q", "k", "v", "dout")), self.decay(tensors))

    def peers(self):
        return {"FLA": libraries.fla_backward, "official": libraries.official_backward}


class LightningStep(Lightning):
    def make(self):
        B, H, D, E = self.sizes("B", "H", "D", "E")
        q, k, v = self.normal(B, H, D), self.normal(B, H, D), self.normal(B, H, E)
        start = self.normal(B, H, D, E, dtype=torch.float32)
        return {"q": q, "k": k, "v": v, "slope": self.slopes(), "start": start}

    def reference(self, tensors):
        return fp64.step(*(tensors[x] for x in ("q", "k", "v", "start")), -tensors["slope"].double())

    def peers(self):
        return {"FLA": libraries.fla_step}


class SimpleGla(Lightning):
    def make(self):
        tensors = super().make()
        del tensors["slope"]
        gate = 4 + 2 * self.normal(*self.sizes("B", "H", "N"), dtype=torch.float32)
        return {**tensors, "g": torch.nn.functional.logsigmoid(gate)}

    def reference(self, tensors):
        q, k, v, g = (tensors[x] for x in "qkvg")
        return {"o": fp64.recurrence(q, k, v, g.double(), self.dims["D"] ** -0.5)}

    def peers(self):
        return {"FLA": libraries.fla_gla("chunk_simple_gla", libraries.token_decay, self.dims["D"] ** -0.5)}


class Attention(Subject):
    causal = False

    def make(self):
        B, H, M, N, D = self.sizes("B", "H", "M", "N", "D")
        return {"q": self.normal(B, H, M, D), "k": self.normal(B, H, N, D), "v": self.normal(B, H, N, D)}

    def reference(self, tensors):
        q, k, v = (tensors[x] for x in "qkv")
        return {"o": fp64.attention(q, k, v, self.dims["D"] ** -0.5, self.causal)[0]}

    def peers(self):
        return libraries.attention(self.causal)


class CausalAttention(Attention):
    causal = True

    @staticmethod
    def refuses(dims):
        return None if dims["M"] == dims["N"] else "the causal edge lies elsewhere where M is not N"


class Gemm(Subject):
    def make(self):
        M, N, K = self.sizes("M", "N", "K")
        return {"a": self.normal(M, K), "b": self.normal(K, N)}

    def reference(self, tensors):
        return {"y": tensors["a"].double() @ tensors["b"].double()}

    def peers(self):
        return {"cuBLAS": libraries.cublas}


class AddRmsNorm(Subject):
    def make(self):
        M, K = self.sizes("M", "K")
        return {"x": self.normal(M, K), "residual": self.normal(M, K), "weight": self.normal(K)}

    def reference(self, tensors):
        r, y = fp64.add_rms_norm(tensors["x"], tensors["residual"], tensors["weight"], libraries.EPSILON)
        return {"r": r, "y": y}

    def peers(self):
        return {"torch.compile": libraries.compiled_add_rms_norm()}


#: Who computes what: kernel, the options that have to hold (others as declared: false), and the subject.
PEERS = [
    ("lightningFwd", {}, Lightning),
    ("lightningBwd", {}, LightningBackward),
    ("lightningStep", {}, LightningStep),
    ("simpleGlaFwd", {}, SimpleGla),
    ("flashFwd", {"causal": True}, CausalAttention),
    ("flashFwd", {}, Attention),
    ("gemm", {}, Gemm),
    ("addRmsNorm", {}, AddRmsNorm),
]


def subject_of(kernel, options, dims):
    """The class of a point, None where nobody computes that. Raises Absent for sizes that no library has."""
    set_options = {name for name, value in options.items() if value is True}
    for name, needed, subject in PEERS:
        if name == kernel and set_options == set(needed):
            if reason := subject.refuses(dims):
                raise Absent(reason)
            return subject
    return None


def reason(error):
    """The first line that says something, for a table."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return f"{type(error).__name__}: {lines[0] if lines else ''}"[:160]


class Session:
    """What is open: the libraries that were right at the point at hand, and their tensors."""

    def __init__(self):
        self.launchers = {}
        self.warm = False

    def open(self, point, without):
        self.launchers = {}
        gc.collect()
        torch.cuda.empty_cache()
        try:
            kind = subject_of(point["kernel"], point["options"], point["dims"])
        except Absent as absent:
            return [{"name": "peers", "why": str(absent)}]
        if kind is None:
            return []
        dtypes = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}
        chosen = next(iter(point["dtypes"].values()), "f32")
        torch.manual_seed(point["seed"])
        doing("computing in fp64 what is right")
        subject = kind(point["dims"], dtypes[chosen])
        sets = self.make_sets(subject)
        want = subject.reference(sets[0])
        peers = {name: make for name, make in subject.peers().items() if name not in without}
        return [self.admit(name, make, sets, want) for name, make in peers.items()]

    def make_sets(self, subject):
        sets = [subject.make()]
        size = sum(t.numel() * t.element_size() for t in sets[0].values())
        while len(sets) * size < COLD_BYTES and len(sets) < MOST_SETS:
            sets.append(subject.make())
        return sets

    def admit(self, name, make, sets, want):
        """Takes a library in whose result is right."""
        doing("first call: it may compile and search", name)
        try:
            launchers = [make(tensors) for tensors in sets]
            got = launchers[0]()
            torch.cuda.synchronize()
            error = max(fp64.relative_error(got[output], want[output])[0] for output in want)
        except Exception as failure:  # noqa: BLE001: whatever a library throws is why it is out
            end_if_lost(failure)
            return {"name": name, "why": reason(failure)}
        if not error < WRONG:
            return {"name": name, "why": f"wrong: relative L2 {error:.2e} against fp64"}
        self.launchers[name] = launchers
        return {"name": name, "error": error}

    def sample(self, names, count):
        if not self.warm:
            self.warm_up()
        samples = {}
        for name in names:
            if name not in self.launchers:
                continue
            doing("timing", name)
            try:
                samples[name] = self.times(self.launchers[name], count)
            except Exception as failure:  # noqa: BLE001: the others are timed all the same
                end_if_lost(failure)
        return samples

    def warm_up(self, seconds=1.0):
        """Brings the clocks up: after idling, the first seconds of a GPU may be three times slower."""
        a = torch.randn(4096, 4096, device="cuda", dtype=torch.bfloat16)
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for _ in range(20):
                a @ a
            torch.cuda.synchronize()
        self.warm = True

    def times(self, launchers, count):
        """Milliseconds of launches on the sets in turn. They are queued behind a pause, which hides the host's time."""
        begin = time.perf_counter()
        for i in range(3):
            launchers[i % len(launchers)]()
        host = (time.perf_counter() - begin) / 3
        torch.cuda.synchronize()
        timer = functools.partial(torch.cuda.Event, enable_timing=True)
        events = [(timer(), timer()) for _ in range(count)]
        torch.cuda._sleep(int(min(0.2, 1.5 * host * count + 1e-3) * CYCLES))
        for i, (first, last) in enumerate(events):
            first.record()
            launchers[i % len(launchers)]()
            last.record()
        torch.cuda.synchronize()
        return [first.elapsed_time(last) for first, last in events]


def answer(kind, **fields):
    print("\n@" + json.dumps({"kind": kind, **fields}), flush=True)


def doing(what, peer=None):
    answer("doing", peer=peer, what=what)


def end_if_lost(failure):
    """After an illegal access, say, the GPU refuses everything that this process asks of it."""
    try:
        torch.cuda.synchronize()
    except Exception:  # noqa: BLE001
        answer("lost", why=reason(failure))
        os._exit(1)


def end_with_parent():
    """Where lac is killed, nobody ends a library that compiles for minutes or hangs."""
    parent = os.getppid()

    def watch():
        while os.getppid() == parent:
            time.sleep(1)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def start():
    """The session, or None after having said why there is none."""
    if torch is None or not torch.cuda.is_available():
        answer("unavailable", why=WITHOUT if torch is None else "torch sees no CUDA device")
        return None
    torch.set_grad_enabled(False)
    answer("started")
    return Session()


def main():
    session = None
    end_with_parent()
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["op"] == "start":
                session = start()
                if session is None:
                    return
            elif request["op"] == "open":
                answer("opened", peers=session.open(request["point"], request.get("without", [])))
            elif request["op"] == "sample":
                answer("sampled", samples=session.sample(request["names"], request["count"]))
        except Exception as error:  # noqa: BLE001: the other side goes on without peers
            answer("failed", why=reason(error))


if __name__ == "__main__":
    main()
