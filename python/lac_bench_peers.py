"""Libraries that a user would take in the place of a kernel, timed for `lac bench --peers`: on the same GPU, in the same run.

One file, for python3 with torch on an NVIDIA GPU. `lac bench` starts it and asks, a line of JSON a request; each answer is a
line of JSON behind an "@", other output is nobody's. Requests, in this order:

    {"op": "start"}                                 -> {"kind": "started"} or {"kind": "unavailable", "why"}
    {"op": "open", "point": {kernel, dims, ...}}    -> {"kind": "opened", "peers": [{"name", "error" or "why"}]}
    {"op": "sample", "names": [...], "count": 25}   -> {"kind": "sampled", "samples": {name: [ms, ...]}}

PEERS at the end is the table of who computes what: by the kernel's name, and the options with which it holds. A library takes
part with its result compared with fp64 at the timed sizes; one that is not installed, or fails, or is wrong, says why.
Packages are found as python finds them: PYTHONPATH=.peers for those in a folder.
"""

import functools
import gc
import json
import sys
import time

try:
    import torch
except ImportError as error:
    torch, WITHOUT = None, f"python3 has no torch ({error})"

#: Relative L2 from which a result counts as wrong: rounding to bf16 alone gives 1.7e-3.
WRONG = 5e-3
#: Bytes between two uses of a set of tensors: several times the L2 of any GPU.
COLD_BYTES = 2**28
MOST_SETS = 64
#: Tokens of a sequence that fp64 takes at once.
CHUNK = 64
#: Cycles a second that torch's pause is counted in, about: it only has to outlast the queueing of the launches.
CYCLES = 1.8e9


class Absent(Exception):
    """A library that does not take part, and why."""


# What is computed, in fp64.


def recurrence(q, k, v, log_decay, scale=1.0):
    """o_t = scale q_t S_t with S_t = exp(log_decay_t) S_{t-1} + k_t^T v_t, in chunks.

    q, k [B, H, N, D]; v [B, H, N, E]; log_decay [B, H, N] <= 0 in fp64; result [B, H, N, E] in fp64.
    """
    batch, heads, length, dim = q.shape
    state = q.new_zeros(batch, heads, dim, v.shape[-1], dtype=torch.float64)
    out = v.new_empty(v.shape, dtype=torch.float64)
    for begin in range(0, length, CHUNK):
        rows = slice(begin, min(begin + CHUNK, length))
        qc, kc, vc = (x[:, :, rows].double() for x in (q, k, v))
        decay = log_decay[:, :, rows]
        # Sums of the terms between two tokens, never a difference of prefix sums: steep decays would cancel.
        terms = decay.unsqueeze(-1).expand(*decay.shape, decay.shape[-1]).tril(-1)
        between = torch.cumsum(terms, dim=-2)
        from_start = torch.cumsum(decay, dim=-1).exp().unsqueeze(-1)
        to_end = between[:, :, -1, :].exp().unsqueeze(-1)
        out[:, :, rows] = (qc @ kc.mT * between.exp()).tril() @ vc + (qc @ state) * from_start
        state = state * decay.sum(-1).exp()[..., None, None] + (kc * to_end).mT @ vc
    return out.mul_(scale)


def reversed_recurrence(q, k, v, decay):
    """The recurrence in reverse time, a constant decay a head."""
    flip = lambda x: x.flip(2)  # noqa: E731
    return flip(recurrence(flip(q), flip(k), flip(v), decay))


def lightning_gradients(q, k, v, dout, decay):
    """dq = LA(dout, v, k); dk and dv are the same forward in reverse time: the decay of a head is constant."""
    dq = recurrence(dout, v, k, decay)
    dk = reversed_recurrence(v, dout, q, decay)
    dv = reversed_recurrence(k, q, dout, decay)
    return {"dq": dq, "dk": dk, "dv": dv}


#: Queries whose scores are held at once.
ROWS = 1024


def attention(q, k, v, scale, causal):
    """softmax(scale q k^T) v: scores of some queries of one head in fp64 at a time."""
    out = torch.empty(q.shape, device=q.device, dtype=torch.float64)
    keys = torch.arange(k.shape[2], device=q.device)
    for b, h in ((b, h) for b in range(q.shape[0]) for h in range(q.shape[1])):
        for begin in range(0, q.shape[2], ROWS):
            rows = slice(begin, begin + ROWS)
            scores = q[b, h, rows].double() @ k[b, h].double().mT * scale
            if causal:
                queries = begin + torch.arange(scores.shape[0], device=q.device)
                scores = scores.masked_fill(keys > queries.unsqueeze(-1), float("-inf"))
            out[b, h, rows] = scores.softmax(-1) @ v[b, h].double()
    return out


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

    def make(self):
        B, H, N, D, E = self.sizes("B", "H", "N", "D", "E")
        slope = 2.0 ** (-8 * torch.arange(1, H + 1, device="cuda", dtype=torch.float32) / H)
        return {"q": self.normal(B, H, N, D), "k": self.normal(B, H, N, D), "v": self.normal(B, H, N, E), "slope": slope}

    def decay(self, tensors):
        return -tensors["slope"].double()[None, :, None].expand(*self.sizes("B", "H", "N"))

    def reference(self, tensors):
        q, k, v = (tensors[x] for x in "qkv")
        return {"o": recurrence(q, k, v, self.decay(tensors))}

    def fla_decay(self, tensors):
        return {"g_gamma": -tensors["slope"]}

    def peers(self):
        peers = {"FLA": self.fla("chunk_simple_gla", 1.0), "official": self.official}
        if self.dims["D"] <= 64:
            peers["FLA fused"] = self.fla("fused_chunk_simple_gla", 1.0)
        return peers

    def fla(self, name, scale):
        def make(tensors):
            import fla.ops.simple_gla as ops

            function = getattr(ops, name)
            # Tokens come before heads there.
            q, k, v = (tensors[x].transpose(1, 2).contiguous() for x in "qkv")
            given = self.fla_decay(tensors)
            return lambda: {"o": function(q, k, v, scale=scale, **given)[0].transpose(1, 2)}

        return make

    def official(self, tensors):
        from lightning_attn.ops.triton.lightning_attn2 import lightning_attn2

        slope = tensors["slope"].reshape(-1, 1, 1)
        q, k, v = (tensors[x] for x in "qkv")
        return lambda: {"o": lightning_attn2(q, k, v, slope)}


def backward_of(forward, inputs, names, dout):
    """The backward pass of a graph that is kept."""
    leaves = [x.detach().requires_grad_() for x in inputs]
    with torch.enable_grad():
        out = forward(*leaves)
    return lambda: dict(zip(names, torch.autograd.grad(out, leaves, dout, retain_graph=True)))


class LightningBackward(Lightning):
    names = ("dq", "dk", "dv")

    def make(self):
        tensors = super().make()
        return {**tensors, "dout": self.normal(*tensors["v"].shape)}

    def reference(self, tensors):
        given = (tensors[x] for x in ("q", "k", "v", "dout"))
        return lightning_gradients(*given, self.decay(tensors))

    def peers(self):
        return {"FLA": self.fla_backward, "official": self.official_backward}

    def fla_backward(self, tensors):
        from fla.ops.simple_gla import chunk_simple_gla

        inputs = [tensors[x].transpose(1, 2).contiguous() for x in ("q", "k", "v", "dout")]
        decay = -tensors["slope"]
        forward = lambda q, k, v: chunk_simple_gla(q, k, v, scale=1.0, g_gamma=decay)[0]  # noqa: E731
        run = backward_of(forward, inputs[:3], self.names, inputs[3])
        return lambda: {name: x.transpose(1, 2) for name, x in run().items()}

    def official_backward(self, tensors):
        from lightning_attn.ops.triton.lightning_attn2 import lightning_attn2

        slope = tensors["slope"].reshape(-1, 1, 1)
        forward = lambda q, k, v: lightning_attn2(q, k, v, slope)  # noqa: E731
        return backward_of(forward, [tensors[x] for x in "qkv"], self.names, tensors["dout"])


class SimpleGla(Lightning):
    def make(self):
        tensors = super().make()
        del tensors["slope"]
        gate = 4 + 2 * self.normal(*self.sizes("B", "H", "N"), dtype=torch.float32)
        return {**tensors, "g": torch.nn.functional.logsigmoid(gate)}

    def reference(self, tensors):
        q, k, v, g = (tensors[x] for x in "qkvg")
        return {"o": recurrence(q, k, v, g.double(), self.dims["D"] ** -0.5)}

    def fla_decay(self, tensors):
        return {"g": tensors["g"].transpose(1, 2).contiguous()}

    def peers(self):
        return {"FLA": self.fla("chunk_simple_gla", self.dims["D"] ** -0.5)}


class Attention(Subject):
    causal = False

    def make(self):
        B, H, M, N, D = self.sizes("B", "H", "M", "N", "D")
        return {"q": self.normal(B, H, M, D), "k": self.normal(B, H, N, D), "v": self.normal(B, H, N, D)}

    def reference(self, tensors):
        q, k, v = (tensors[x] for x in "qkv")
        return {"o": attention(q, k, v, self.dims["D"] ** -0.5, self.causal)}

    def peers(self):
        from torch.nn.attention import SDPBackend

        kinds = {"SDPA flash": SDPBackend.FLASH_ATTENTION, "SDPA cuDNN": SDPBackend.CUDNN_ATTENTION}
        return {name: self.backend(kind) for name, kind in kinds.items()}

    def backend(self, kind):
        from torch.nn.attention import sdpa_kernel

        def make(tensors):
            q, k, v = (tensors[x] for x in "qkv")

            def run():
                with sdpa_kernel(kind):
                    attend = torch.nn.functional.scaled_dot_product_attention
                    return {"o": attend(q, k, v, is_causal=self.causal)}

            return run

        return make


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
        def cublas(tensors):
            a, b = tensors["a"], tensors["b"]
            out = torch.empty(a.shape[0], b.shape[1], device="cuda", dtype=a.dtype)
            return lambda: {"y": torch.matmul(a, b, out=out)}

        return {"cuBLAS": cublas}


EPSILON = 1e-5


class AddRmsNorm(Subject):
    def make(self):
        M, K = self.sizes("M", "K")
        return {"x": self.normal(M, K), "residual": self.normal(M, K), "weight": self.normal(K)}

    def reference(self, tensors):
        x, residual, weight = (tensors[name].double() for name in ("x", "residual", "weight"))
        total = x + residual
        return {"r": total, "y": total * (total.square().mean(-1, keepdim=True) + EPSILON).rsqrt() * weight}

    def peers(self):
        def norm(x, residual, weight):
            total = x.float() + residual.float()
            scale = torch.rsqrt(total.square().mean(-1, keepdim=True) + EPSILON)
            return total.to(x.dtype), (total * scale * weight.float()).to(x.dtype)

        def compiled(tensors):
            function = torch.compile(norm, dynamic=False)
            given = [tensors[name] for name in ("x", "residual", "weight")]
            return lambda: dict(zip(("r", "y"), function(*given)))

        return {"torch.compile": compiled}


#: Who computes what: kernel, the options that have to hold (others as declared: false), and the subject.
PEERS = [
    ("lightningFwd", {}, Lightning),
    ("lightningBwd", {}, LightningBackward),
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

    def open(self, point):
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
        subject = kind(point["dims"], dtypes[chosen])
        sets = self.make_sets(subject)
        want = subject.reference(sets[0])
        return [self.admit(name, make, sets, want) for name, make in subject.peers().items()]

    def make_sets(self, subject):
        sets = [subject.make()]
        size = sum(t.numel() * t.element_size() for t in sets[0].values())
        while len(sets) * size < COLD_BYTES and len(sets) < MOST_SETS:
            sets.append(subject.make())
        return sets

    def admit(self, name, make, sets, want):
        """Takes a library in whose result is right."""
        try:
            launchers = [make(tensors) for tensors in sets]
            got = launchers[0]()
            torch.cuda.synchronize()
            error = max(self.relative_error(got[output], want[output]) for output in want)
        except Exception as failure:  # noqa: BLE001: whatever a library throws is why it is out
            return {"name": name, "why": reason(failure)}
        if not error < WRONG:
            return {"name": name, "why": f"wrong: relative L2 {error:.2e} against fp64"}
        self.launchers[name] = launchers
        return {"name": name, "error": error}

    def relative_error(self, got, want):
        difference = (got.double() - want).norm() / want.norm()
        return float(difference)

    def sample(self, names, count):
        if not self.warm:
            self.warm_up()
        return {name: self.times(self.launchers[name], count) for name in names if name in self.launchers}

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
    for line in sys.stdin:
        request = json.loads(line)
        try:
            if request["op"] == "start":
                session = start()
                if session is None:
                    return
            elif request["op"] == "open":
                answer("opened", peers=session.open(request["point"]))
            elif request["op"] == "sample":
                answer("sampled", samples=session.sample(request["names"], request["count"]))
        except Exception as error:  # noqa: BLE001: the other side goes on without peers
            answer("failed", why=reason(error))


if __name__ == "__main__":
    main()
