"""What a row of the table measures: tensors, arguments of our kernels, the peers, the reference, and the floor."""

import torch
import torch.nn.functional as F

import lac_fp64 as fp64
import lac_libraries as libraries

#: Bytes a second that the floors are counted with: a copy on an H100 moves 2.84 to 3.0e12.
FLOOR_BYTES_PER_S = 3.0e12


def normal(*shape, dtype=torch.bfloat16):
    return torch.randn(*shape, device="cuda", dtype=torch.float32).to(dtype)


def nan(*shape, dtype=torch.bfloat16):
    """An output that nobody has written."""
    return torch.full(shape, torch.nan, device="cuda", dtype=dtype)


#: Sets of tensors that are larger than this are used alone: nothing of them is left in the L2 anyway.
LARGE_BYTES = 2**31


class Subject:
    """One row. A set is a dict of tensors by argument name, outputs among them; all sets of a row have one shape."""

    #: Bytes between two uses of a set exceed the L2 with so many.
    sets = 2
    #: Whether axes 0 and 1 of the outputs are independent problems, checked one by one.
    heads = True
    #: Outputs, by argument.
    outputs = ("o",)
    #: Whether the time of a call on the host is of interest.
    wall = False

    def __init__(self, shape):
        self.shape = shape
        for name, extent in shape.items():
            setattr(self, name, extent)

    def make(self):
        """Fresh random inputs and poisoned outputs."""
        raise NotImplementedError

    def arguments(self, kernel, tensors):
        """Arguments of one of our kernels by name."""
        raise NotImplementedError

    def reference(self, tensors):
        """{output: fp64 tensor}"""
        raise NotImplementedError

    def peers(self):
        """{name: function of a set that returns a function, which computes and returns {output: tensor}}"""
        raise NotImplementedError

    def floor_ms(self, ceilings):
        """The fewest bytes at FLOOR_BYTES_PER_S, or the arithmetic at the measured rate, in milliseconds."""
        raise NotImplementedError

    def make_sets(self):
        first = self.make()
        count = 1 if sum(t.numel() * t.element_size() for t in first.values()) > LARGE_BYTES else self.sets
        return [first, *[self.make() for _ in range(count - 1)]]

    def prepare(self, tensors):
        """Before each check: what nobody has written is NaN."""
        for name in self.outputs:
            tensors[name].fill_(torch.nan)

    def errors(self, got, want):
        """{output: relative L2}, and the largest over heads of any output, or None."""
        pairs = {name: fp64.relative_error(got[name], want[name], self.heads) for name in want if name in got}
        worst = max((p[1] for p in pairs.values() if p[1] is not None), default=None)
        return {name: p[0] for name, p in pairs.items()}, worst


class Lightning(Subject):
    def make(self):
        B, H, N, D, E = self.B, self.H, self.N, self.D, self.E
        # Slopes as in the paper's models: 2^(-8 (h + 1) / H).
        slope = 2.0 ** (-8 * torch.arange(1, H + 1, device="cuda", dtype=torch.float32) / H)
        q, k, v = normal(B, H, N, D), normal(B, H, N, D), normal(B, H, N, E)
        return {"q": q, "k": k, "v": v, "slope": slope, "o": nan(B, H, N, E)}

    def arguments(self, kernel, tensors):
        return tensors

    def reference(self, tensors):
        decay = -tensors["slope"].double()[None, :, None].expand(self.B, self.H, self.N)
        return {"o": fp64.recurrence(tensors["q"], tensors["k"], tensors["v"], decay)}

    def floor_ms(self, ceilings):
        elements = self.B * self.H * self.N * 2 * (self.D + self.E)
        return elements * 2 / FLOOR_BYTES_PER_S * 1e3

    def peers(self):
        fla = {"FLA": libraries.fla_gla("chunk_simple_gla", libraries.head_decay, 1.0)}
        if self.D <= 64:
            fla["FLA fused"] = libraries.fla_gla("fused_chunk_simple_gla", libraries.head_decay, 1.0)
        return {**fla, "official": libraries.official}


class LightningBackward(Lightning):
    outputs = ("dq", "dk", "dv")

    def make(self):
        tensors = super().make()
        tensors["dout"] = normal(*tensors.pop("o").shape)
        return {**tensors, **{f"d{x}": torch.full_like(tensors[x], torch.nan) for x in "qkv"}}

    def reference(self, tensors):
        decay = -tensors["slope"].double()[None, :, None].expand(self.B, self.H, self.N)
        return fp64.gradients(*(tensors[x] for x in ("q", "k", "v", "dout")), decay)

    def floor_ms(self, ceilings):
        # dq reads k, v, dout; dk and dv read all four.
        elements = self.B * self.H * self.N * 5 * (self.D + self.E)
        return elements * 2 / FLOOR_BYTES_PER_S * 1e3

    def peers(self):
        return {"FLA": libraries.fla_backward, "official": libraries.official_backward}


class Decode(Subject):
    """One token of B sequences, the states in place."""

    outputs = ("o", "state")
    wall = True

    def make(self):
        B, H, D, E = self.B, self.H, self.D, self.E
        slope = 2.0 ** (-8 * torch.arange(1, H + 1, device="cuda", dtype=torch.float32) / H)
        q, k, v = normal(B, H, D), normal(B, H, D), normal(B, H, E)
        start = normal(B, H, D, E, dtype=torch.float32)
        return {"q": q, "k": k, "v": v, "slope": slope, "o": nan(B, H, E), "start": start, "state": start.clone()}

    def prepare(self, tensors):
        tensors["o"].fill_(torch.nan)
        tensors["state"].copy_(tensors["start"])

    def arguments(self, kernel, tensors):
        return {name: tensor for name, tensor in tensors.items() if name != "start"}

    def reference(self, tensors):
        return fp64.step(*(tensors[x] for x in ("q", "k", "v", "start")), -tensors["slope"].double())

    def floor_ms(self, ceilings):
        return self.B * self.H * self.D * self.E * 4 * 2 / FLOOR_BYTES_PER_S * 1e3

    def peers(self):
        return {"FLA": libraries.fla_step}


class SimpleGla(Lightning):
    def make(self):
        tensors = super().make()
        del tensors["slope"]
        # log sigmoid(4 + 2 x): decays from about 0.6 to 1, as trained gates have them.
        tensors["g"] = F.logsigmoid(4 + 2 * normal(self.B, self.H, self.N, dtype=torch.float32))
        return tensors

    def arguments(self, kernel, tensors):
        return {**tensors, "h0": None, "hT": None}

    def reference(self, tensors):
        q, k, v, g = (tensors[x] for x in "qkvg")
        return {"o": fp64.recurrence(q, k, v, g.double(), self.D**-0.5)}

    def floor_ms(self, ceilings):
        return super().floor_ms(ceilings) + self.B * self.H * self.N * 4 / FLOOR_BYTES_PER_S * 1e3

    def peers(self):
        return {"FLA": libraries.fla_gla("chunk_simple_gla", libraries.token_decay, self.D**-0.5)}


class Flash(Subject):
    outputs = ("o", "lse")

    def make(self):
        B, H, M, N, D = self.B, self.H, self.M, self.N, self.D
        q, k, v = normal(B, H, M, D), normal(B, H, N, D), normal(B, H, N, D)
        return {"q": q, "k": k, "v": v, "o": nan(B, H, M, D), "lse": nan(B, H, M, dtype=torch.float32)}

    def arguments(self, kernel, tensors):
        return {**tensors, "scale": self.D**-0.5}

    def reference(self, tensors):
        o, lse = fp64.attention(tensors["q"], tensors["k"], tensors["v"], self.D**-0.5, causal=True)
        return {"o": o, "lse": lse}

    def floor_ms(self, ceilings):
        return 4 * self.B * self.H * self.M * self.N * self.D / 2 / ceilings["flops"] * 1e3

    def peers(self):
        return libraries.attention(causal=True)


class FlashBackward(Flash):
    outputs = ("dq", "dk", "dv")

    def make(self):
        tensors = super().make()
        q, k, v = (tensors[x] for x in "qkv")
        o, lse = fp64.attention(q, k, v, self.D**-0.5, causal=True)
        tensors.update(o=o.to(q.dtype), lse=lse.float(), dout=normal(*q.shape))
        return {**tensors, **{f"d{x}": torch.full_like(tensors[x], torch.nan) for x in "qkv"}}

    def reference(self, tensors):
        return fp64.attention_gradients(*(tensors[x] for x in ("q", "k", "v", "dout")), self.D**-0.5, causal=True)

    def floor_ms(self, ceilings):
        return 2.5 * super().floor_ms(ceilings)

    def peers(self):
        return libraries.attention_backward(causal=True)


class Gemm(Subject):
    sets = 4
    heads = False
    outputs = ("y",)

    def make(self):
        return {"a": normal(self.M, self.K), "b": normal(self.K, self.N), "y": nan(self.M, self.N)}

    def arguments(self, kernel, tensors):
        return tensors

    def reference(self, tensors):
        return {"y": tensors["a"].double() @ tensors["b"].double()}

    def floor_ms(self, ceilings):
        return 2 * self.M * self.N * self.K / ceilings["flops"] * 1e3

    def peers(self):
        return {"cuBLAS": libraries.cublas}


EPSILON = libraries.EPSILON


class AddRmsNorm(Subject):
    heads = False
    outputs = ("r", "y")

    def make(self):
        M, K = self.M, self.K
        tensors = {"x": normal(M, K), "residual": normal(M, K), "weight": normal(K)}
        return {**tensors, "r": nan(M, K), "y": nan(M, K)}

    def arguments(self, kernel, tensors):
        return {**tensors, "eps": EPSILON}

    def reference(self, tensors):
        r, y = fp64.add_rms_norm(tensors["x"], tensors["residual"], tensors["weight"], EPSILON)
        return {"r": r, "y": y}

    def floor_ms(self, ceilings):
        return (4 * self.M * self.K + self.K) * 2 / FLOOR_BYTES_PER_S * 1e3

    def peers(self):
        return {"torch.compile": libraries.compiled_add_rms_norm()}


KINDS = {
    "lightning": Lightning,
    "lightning-backward": LightningBackward,
    "decode": Decode,
    "gla": SimpleGla,
    "flash": Flash,
    "flash-backward": FlashBackward,
    "gemm": Gemm,
    "norm": AddRmsNorm,
}
