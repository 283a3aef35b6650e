"""Libraries that a user would take in the place of a kernel, as functions: for lac_bench_peers.py and bench/cuda.

Each takes a set of tensors by name, q, k and v [B, H, N, D], and gives a function that computes and returns
{output: tensor}; what has to be arranged before is not in that function. A library is imported where it is used.
"""

import torch

EPSILON = 1e-5


def fla_gla(name, decay, scale):
    """A function of fla.ops.simple_gla, on tensors [B, T, H, D] of its own. `decay` of a set gives what says how it decays."""

    def make(tensors):
        import fla.ops.simple_gla as ops

        function = getattr(ops, name)
        # Tokens come before heads there.
        q, k, v = (tensors[x].transpose(1, 2).contiguous() for x in "qkv")
        given = decay(tensors)
        return lambda: {"o": function(q, k, v, scale=scale, **given)[0].transpose(1, 2)}

    return make


def head_decay(tensors):
    return {"g_gamma": -tensors["slope"]}


def token_decay(tensors):
    return {"g": tensors["g"].transpose(1, 2).contiguous()}


def fla_step(tensors):
    """One token onto a state, which is not written."""
    from fla.ops.simple_gla import fused_recurrent_simple_gla

    q, k, v = (tensors[x].unsqueeze(1) for x in "qkv")
    more = {"initial_state": tensors["start"], "output_final_state": True, **head_decay(tensors)}

    def run():
        o, state = fused_recurrent_simple_gla(q, k, v, scale=1.0, **more)
        return {"o": o.squeeze(1), "state": state}

    return run


def official(tensors):
    """The authors' Triton kernel."""
    from lightning_attn.ops.triton.lightning_attn2 import lightning_attn2

    slope = tensors["slope"].reshape(-1, 1, 1)
    return lambda: {"o": lightning_attn2(tensors["q"], tensors["k"], tensors["v"], slope)}


def backward_of(forward, inputs, dout):
    """The backward pass of a graph that is kept: gradients of q, k and v."""
    leaves = [x.detach().requires_grad_() for x in inputs]
    with torch.enable_grad():
        out = forward(*leaves)
    return lambda: dict(zip(("dq", "dk", "dv"), torch.autograd.grad(out, leaves, dout, retain_graph=True)))


def fla_backward(tensors):
    from fla.ops.simple_gla import chunk_simple_gla

    q, k, v, dout = (tensors[x].transpose(1, 2).contiguous() for x in ("q", "k", "v", "dout"))
    given = head_decay(tensors)
    run = backward_of(lambda q, k, v: chunk_simple_gla(q, k, v, scale=1.0, **given)[0], (q, k, v), dout)
    return lambda: {name: x.transpose(1, 2) for name, x in run().items()}


def official_backward(tensors):
    from lightning_attn.ops.triton.lightning_attn2 import lightning_attn2

    slope = tensors["slope"].reshape(-1, 1, 1)
    return backward_of(lambda q, k, v: lightning_attn2(q, k, v, slope), [tensors[x] for x in "qkv"], tensors["dout"])


def _sdpa(kind, causal):
    from torch.nn.attention import SDPBackend, sdpa_kernel

    def attend(q, k, v):
        with sdpa_kernel(getattr(SDPBackend, kind)):
            return torch.nn.functional.scaled_dot_product_attention(q, k, v, is_causal=causal)

    return attend


SDPA = {"SDPA flash": "FLASH_ATTENTION", "SDPA cuDNN": "CUDNN_ATTENTION"}


def attention(causal):
    """{name: library}"""

    def library(kind):
        def make(tensors):
            attend = _sdpa(kind, causal)
            return lambda: {"o": attend(*(tensors[x] for x in "qkv"))}

        return make

    return {name: library(kind) for name, kind in SDPA.items()}


def attention_backward(causal):
    """{name: library}"""

    def library(kind):
        return lambda tensors: backward_of(_sdpa(kind, causal), [tensors[x] for x in "qkv"], tensors["dout"])

    return {name: library(kind) for name, kind in SDPA.items()}


def cublas(tensors):
    a, b = tensors["a"], tensors["b"]
    out = torch.empty(a.shape[0], b.shape[1], device=a.device, dtype=a.dtype)
    return lambda: {"y": torch.matmul(a, b, out=out)}


def _add_rms_norm(x, residual, weight):
    total = x.float() + residual.float()
    scale = torch.rsqrt(total.square().mean(-1, keepdim=True) + EPSILON)
    return total.to(x.dtype), (total * scale * weight.float()).to(x.dtype)


def compiled_add_rms_norm():
    # Of one function torch compiles a few shapes and runs all others uncompiled, without a word.
    torch.compiler.reset()
    function = torch.compile(_add_rms_norm, dynamic=False)

    def make(tensors):
        given = [tensors[name] for name in ("x", "residual", "weight")]
        return lambda: dict(zip(("r", "y"), function(*given)))

    return make
