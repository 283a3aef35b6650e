"""What kernels should give, in fp64, from inputs of any dtype as they are: for lac_bench_peers.py and bench/cuda.

The recurrence is evaluated in chunks, the same sum in another order: `self_check` compares it with the recurrence token
by token. Nothing here is rounded below fp64.
"""

import torch

#: Tokens of a sequence that are taken at once.
CHUNK = 64
#: Queries whose scores are held at once.
ROWS = 1024


def recurrence(q, k, v, log_decay, scale=1.0):
    """o_t = scale q_t S_t with S_t = exp(log_decay_t) S_{t-1} + k_t^T v_t.

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


def recurrence_by_token(q, k, v, log_decay, scale=1.0):
    """The definition."""
    state = q.new_zeros(*q.shape[:2], q.shape[-1], v.shape[-1], dtype=torch.float64)
    out = v.new_empty(v.shape, dtype=torch.float64)
    for t in range(q.shape[2]):
        qt, kt, vt = (x[:, :, t].double() for x in (q, k, v))
        state = state * log_decay[:, :, t].exp()[..., None, None] + kt.unsqueeze(-1) * vt.unsqueeze(-2)
        out[:, :, t] = scale * (qt.unsqueeze(-2) @ state).squeeze(-2)
    return out


def step(q, k, v, state, log_decay):
    """One token: q, k [B, H, D]; v [B, H, E]; state [B, H, D, E]; log_decay [H] in fp64."""
    q, k, v = (x.double() for x in (q, k, v))
    state = state.double() * log_decay.exp()[None, :, None, None] + k.unsqueeze(-1) * v.unsqueeze(-2)
    return {"o": (q.unsqueeze(-2) @ state).squeeze(-2), "state": state}


def gradients(q, k, v, dout, log_decay):
    """Gradients of the sum of o dout: each is the recurrence again, of dk and dv in reverse time.

    dq_t = sum_{j<=t} w_tj (dout_t . v_j) k_j, dk_j = sum_{t>=j} w_tj (v_j . dout_t) q_t, dv_j = sum_{t>=j} w_tj (k_j . q_t)
    dout_t, where w_tj is the product of the decays of tokens j + 1 to t.
    """
    later = lambda *xs: [x.flip(2) for x in xs]  # noqa: E731
    # In reverse time token t decays what comes from t + 1 by the decay of t + 1.
    shifted = torch.nn.functional.pad(log_decay[:, :, 1:], (0, 1))
    dk = recurrence(*later(v, dout, q, shifted)).flip(2)
    dv = recurrence(*later(k, q, dout, shifted)).flip(2)
    return {"dq": recurrence(dout, v, k, log_decay), "dk": dk, "dv": dv}


def gradients_by_autograd(q, k, v, dout, log_decay):
    """The definition."""
    with torch.enable_grad():
        leaves = [x.double().requires_grad_() for x in (q, k, v)]
        weights = _decay_products(log_decay)
        o = (leaves[0] @ leaves[1].mT * weights) @ leaves[2]
        return dict(zip(("dq", "dk", "dv"), torch.autograd.grad(o, leaves, dout.double())))


def _decay_products(log_decay):
    """[.., t, j]: the product of the decays of tokens j + 1 to t, 0 where j > t."""
    terms = log_decay.unsqueeze(-1).expand(*log_decay.shape, log_decay.shape[-1]).tril(-1)
    return torch.cumsum(terms, dim=-2).exp().tril()


def attention(q, k, v, scale, causal):
    """softmax(scale q k^T) v and the logarithm of the sums: scores of some queries of one head at a time."""
    out = q.new_empty(*q.shape[:-1], v.shape[-1], dtype=torch.float64)
    lse = q.new_empty(q.shape[:-1], dtype=torch.float64)
    keys = torch.arange(k.shape[2], device=q.device)
    for b, h in ((b, h) for b in range(q.shape[0]) for h in range(q.shape[1])):
        for begin in range(0, q.shape[2], ROWS):
            rows = slice(begin, min(begin + ROWS, q.shape[2]))
            scores = q[b, h, rows].double() @ k[b, h].double().mT * scale
            if causal:
                queries = torch.arange(rows.start, rows.stop, device=q.device)
                scores.masked_fill_(keys > queries.unsqueeze(-1), -torch.inf)
            lse[b, h, rows] = torch.logsumexp(scores, -1)
            out[b, h, rows] = torch.softmax(scores, -1) @ v[b, h].double()
    return out, lse


def attention_gradients(q, k, v, dout, scale, causal):
    """Gradients of the sum of softmax(scale q k^T) v dout, a head at a time."""
    found = {f"d{name}": torch.empty_like(x, dtype=torch.float64) for name, x in (("q", q), ("k", k), ("v", v))}
    hidden = torch.ones(q.shape[2], k.shape[2], dtype=torch.bool, device=q.device).triu(1) if causal else None
    for b in range(q.shape[0]):
        for h in range(q.shape[1]):
            qh, kh, vh, doh = (x[b, h].double() for x in (q, k, v, dout))
            scores = (qh @ kh.mT) * scale
            if hidden is not None:
                scores.masked_fill_(hidden, -torch.inf)
            p = torch.softmax(scores, -1)
            dp = doh @ vh.mT
            ds = p * (dp - (p * dp).sum(-1, keepdim=True)) * scale
            found["dq"][b, h], found["dk"][b, h], found["dv"][b, h] = ds @ kh, ds.mT @ qh, p.mT @ doh
    return found


def add_rms_norm(x, residual, weight, eps):
    """r = x + residual; y = r / sqrt(mean(r^2) + eps) weight."""
    r = x.double() + residual.double()
    return r, r * torch.rsqrt(r.square().mean(-1, keepdim=True) + eps) * weight.double()


def relative_error(got, want, heads=False):
    """||got - want|| / ||want||, and where `heads` the largest of it over the leading two axes. NaN for any NaN."""
    numerator, denominator = [], []
    for g, w in zip(got.flatten(0, 1), want.flatten(0, 1)) if heads else zip(got.split(1024), want.split(1024)):
        numerator.append((g.double() - w).square().sum())
        denominator.append(w.square().sum())
    n, d = torch.stack(numerator), torch.stack(denominator)
    return (n.sum() / d.sum()).sqrt().item(), (n / d).sqrt().max().item() if heads else None


def self_check(device):
    """Raises where the chunked recurrence is not the recurrence to fp64."""
    generator = torch.Generator(device=device).manual_seed(1)
    for length in (1, 63, 64, 65, 200):
        q, k, v = (torch.randn(2, 3, length, 16, generator=generator, device=device) for _ in range(3))
        decay = -torch.rand(2, 3, length, generator=generator, device=device, dtype=torch.float64).pow(4) * 20
        error, _ = relative_error(recurrence(q, k, v, decay, 0.5), recurrence_by_token(q, k, v, decay, 0.5), True)
        if not error < 1e-13:
            raise AssertionError(f"the chunked fp64 recurrence is off by {error} at {length} tokens")
        dout = torch.randn(v.shape, generator=generator, device=device)
        got, want = (f(q, k, v, dout, decay) for f in (gradients, gradients_by_autograd))
        error = max(relative_error(got[name], want[name], True)[0] for name in want)
        if not error < 1e-12:
            raise AssertionError(f"the fp64 gradients are off by {error} at {length} tokens")
