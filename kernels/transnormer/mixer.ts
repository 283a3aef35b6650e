import { bf16, dtypes, f16, f32, i32, input, output, plan, scalar, temp } from '../../dsl/index.js';
import { gemm } from '../gemm/gemm.js';
import { gemmNT, gemmTN } from '../gemm/transposed.js';
import { lightningBwd } from '../lightning/backward.js';
import { lightningFwd } from '../lightning/forward.js';
import { columnSums } from '../norm/layer-norm.js';
import { normGate, normGateBwd } from './gate.js';
import { lrpe, lrpeBwdParts, swishBwd } from './lrpe.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Everything of `tokenMixer` before the output projection, with what its gradients need: projected = x w, features =
 * phi(q), phi(k), o = lightning attention of those and v, gated = SRMSNorm(o) u.
 *
 * x [B, N, K]; w [K, P, H, D], projected [B, N, P, H, D], P = 4: q, k, v, u; features [R, B, H, N, S], R = 2, S = D, or 2 D
 * with `rotation`; o, gated [B, N, H, D]; h0, hT [B, H, Z, D], Z = S.
 */
export const mixed = plan(
  {
    args: {
      x: input(T, ['B', 'N', 'K']),
      w: input(T, ['K', 'P', 'H', 'D']),
      slope: input(f32, ['H']),
      theta: input(f32, ['H', 'D'], { optional: true }),
      h0: input(f32, ['B', 'H', 'Z', 'D'], { optional: true }),
      first: scalar(i32),
      eps: scalar(f32),
      projected: output(T, ['B', 'N', 'P', 'H', 'D']),
      features: output(T, ['R', 'B', 'H', 'N', 'S']),
      o: output(T, ['B', 'N', 'H', 'D']),
      gated: output(T, ['B', 'N', 'H', 'D']),
      hT: output(f32, ['B', 'H', 'Z', 'D'], { optional: true }),
    },
    options: { rotation: false, initialState: false, finalState: false },
  },
  (
    { x, w, slope, theta, h0, first, eps, projected, features, o, gated, hT },
    { B, N, K, P, H, D, S, rotation, initialState, finalState },
    run,
  ) => {
    const rows = projected.reshape([B * N, P * H * D]);
    run(gemm, { a: x.reshape([B * N, K]), b: w.reshape([K, P * H * D]), y: rows });

    const parts = rows.reshape([B, N, 4, H, D]).permute([2, 0, 1, 3, 4]);
    run(lrpe.with({ rotation }), {
      x: parts.slice(0, 2).permute([1, 2, 0, 3, 4]),
      theta,
      first,
      y: features.reshape([2, B, H, N, S]).permute([1, 3, 0, 2, 4]),
    });
    run(lightningFwd.with({ initialState, finalState }), {
      q: features.slice(0, 1).reshape([B, H, N, S]),
      k: features.slice(1, 2).reshape([B, H, N, S]),
      v: parts.slice(2, 3).reshape([B, N, H, D]).permute([0, 2, 1, 3]),
      slope,
      h0: h0.reshape([B, H, S, D]),
      o: o.permute([0, 2, 1, 3]),
      hT: hT.reshape([B, H, S, D]),
    });
    run(normGate, {
      x: o.reshape([B * N, H * D]),
      u: parts.slice(3, 4).reshape([B * N, H * D]),
      eps,
      y: gated.reshape([B * N, H * D]),
    });
  },
);

/**
 * The token mixer of TransNormerLLM: q, k, v, u = x w; S_t = exp(-slope) S_{t-1} + phi(k_t)^T v_t, o_t = phi(q_t) S_t;
 * y = (SRMSNorm(o) u) w_out. phi is swish; with `rotation` LRPE follows, as in the first layer of the model, where feature d
 * of head h turns by theta_hd per token. The norm is over all heads of a token; there is no bias.
 *
 * x, y [B, N, K]; w [K, P, H, D], P = 4: the weights of q, k, v, u; slope [H] >= 0, in 1/token; theta [H, D]; wOut
 * [H, D, K]; `first` the position of token 0; eps > 0. h0, hT [B, H, S, D], the states before the first and after the last
 * token, S = D, or 2 D with `rotation`. x and y are dense in their first two axes, w and wOut as matrices.
 * Options: `rotation` reads theta, `initialState` h0 (else zeros), `finalState` writes hT.
 * Source: Qin et al. 2023, "TransNormerLLM", arXiv 2307.14995, section 3.1.
 */
export const tokenMixer = plan(
  {
    args: {
      x: input(T, ['B', 'N', 'K']),
      w: input(T, ['K', 'P', 'H', 'D']),
      slope: input(f32, ['H']),
      theta: input(f32, ['H', 'D'], { optional: true }),
      h0: input(f32, ['B', 'H', 'S', 'D'], { optional: true }),
      wOut: input(T, ['H', 'D', 'K']),
      first: scalar(i32),
      eps: scalar(f32),
      y: output(T, ['B', 'N', 'K']),
      hT: output(f32, ['B', 'H', 'S', 'D'], { optional: true }),
    },
    options: { rotation: false, initialState: false, finalState: false },
    temps: ({ B, N, P, H, D, rotation }) => ({
      projected: temp(T, [B, N, P, H, D]),
      features: temp(T, [2, B, H, N, rotation ? 2 * D : D]),
      o: temp(T, [B, N, H, D]),
      gated: temp(T, [B, N, H, D]),
    }),
  },
  (
    { x, w, slope, theta, h0, wOut, first, eps, y, hT, projected, features, o, gated },
    { B, N, K, H, D, rotation, initialState, finalState },
    run,
  ) => {
    run(mixed.with({ rotation, initialState, finalState }), {
      x,
      w,
      slope,
      theta,
      h0,
      first,
      eps,
      projected,
      features,
      o,
      gated,
      hT,
    });
    run(gemm, {
      a: gated.reshape([B * N, H * D]),
      b: wOut.reshape([H * D, K]),
      y: y.reshape([B * N, K]),
    });
  },
);
/** That of the first layer. */
export const tokenMixerLrpe = tokenMixer.with({ rotation: true });

/**
 * Gradients of `tokenMixer`: dx, dw, dwOut, and with `rotation` dtheta. The forward pass is computed again; decays are no
 * parameters of the model. Positions count from 0: nothing but their differences matters.
 *
 * x, dy, dx [B, N, K]; w, dw [K, P, H, D], P = 4; wOut, dwOut [H, D, K]; slope [H]; theta, dtheta [H, D]. All but slope and
 * theta are dense as those of `tokenMixer`.
 */
export const tokenMixerBwd = plan(
  {
    args: {
      x: input(T, ['B', 'N', 'K']),
      w: input(T, ['K', 'P', 'H', 'D']),
      slope: input(f32, ['H']),
      theta: input(f32, ['H', 'D'], { optional: true }),
      wOut: input(T, ['H', 'D', 'K']),
      eps: scalar(f32),
      dy: input(T, ['B', 'N', 'K']),
      dx: output(T, ['B', 'N', 'K']),
      dw: output(T, ['K', 'P', 'H', 'D']),
      dwOut: output(T, ['H', 'D', 'K']),
      dtheta: output(f32, ['H', 'D'], { optional: true }),
    },
    options: { rotation: false },
    tune: { G: [32, 8, 128] },
    prune: ({ G, N }) => G === 8 || G * 16 <= N,
    tuneKey: ({ B, N, H }) => [B * H, N],
    temps: ({ B, N, P, H, D, G, rotation }) => ({
      projected: temp(T, [B, N, P, H, D]),
      features: temp(T, [2, B, H, N, rotation ? 2 * D : D]),
      o: temp(T, [B, N, H, D]),
      gated: temp(T, [B, N, H, D]),
      dgated: temp(T, [B, N, H, D]),
      dout: temp(T, [B, N, H, D]),
      dq: temp(T, [B, H, N, rotation ? 2 * D : D]),
      dk: temp(T, [B, H, N, rotation ? 2 * D : D]),
      dprojected: temp(T, [B, N, P, H, D]),
      dthetas: temp(f32, [2, G, H, D]),
    }),
  },
  (
    {
      x,
      w,
      slope,
      theta,
      wOut,
      eps,
      dy,
      dx,
      dw,
      dwOut,
      dtheta,
      projected,
      features,
      o,
      gated,
      dgated,
      dout,
      dq,
      dk,
      dprojected,
      dthetas,
    },
    { B, N, K, P, H, D, G, rotation },
    run,
  ) => {
    run(mixed.with({ rotation }), { x, w, slope, theta, first: 0, eps, projected, features, o, gated });

    const S = rotation ? 2 * D : D;
    const rowsDy = dy.reshape([B * N, K]);
    run(gemmNT, { a: rowsDy, b: wOut.reshape([H * D, K]), y: dgated.reshape([B * N, H * D]) });
    run(gemmTN, { a: gated.reshape([B * N, H * D]), b: rowsDy, y: dwOut.reshape([H * D, K]) });

    const parts = projected.reshape([B, N, 4, H, D]).permute([2, 0, 1, 3, 4]);
    const dparts = dprojected.permute([2, 0, 1, 3, 4]);
    run(normGateBwd, {
      x: o.reshape([B * N, H * D]),
      u: parts.slice(3, 4).reshape([B * N, H * D]),
      eps,
      dy: dgated.reshape([B * N, H * D]),
      dx: dout.reshape([B * N, H * D]),
      du: dparts.slice(3, 4).reshape([B * N, H * D]),
    });
    run(lightningBwd, {
      q: features.slice(0, 1).reshape([B, H, N, S]),
      k: features.slice(1, 2).reshape([B, H, N, S]),
      v: parts.slice(2, 3).reshape([B, N, H, D]).permute([0, 2, 1, 3]),
      dout: dout.permute([0, 2, 1, 3]),
      slope,
      dq,
      dk,
      dv: dparts.slice(2, 3).reshape([B, N, H, D]).permute([0, 2, 1, 3]),
    });
    const q = { x: parts.slice(0, 1).permute([1, 2, 0, 3, 4]), dx: dparts.slice(0, 1).permute([1, 2, 0, 3, 4]) };
    const k = { x: parts.slice(1, 2).permute([1, 2, 0, 3, 4]), dx: dparts.slice(1, 2).permute([1, 2, 0, 3, 4]) };
    const dqs = dq.reshape([1, B, H, N, S]).permute([1, 3, 0, 2, 4]);
    const dks = dk.reshape([1, B, H, N, S]).permute([1, 3, 0, 2, 4]);
    if (rotation) {
      run(lrpeBwdParts, { ...q, theta, first: 0, dy: dqs, dthetas: dthetas.slice(0, 1).reshape([G, H, D]) });
      run(lrpeBwdParts, { ...k, theta, first: 0, dy: dks, dthetas: dthetas.slice(1, 2).reshape([G, H, D]) });
      run(columnSums, { parts: dthetas.reshape([2 * G, H * D]), y: dtheta.reshape([H * D]) });
    } else {
      run(swishBwd, { ...q, dy: dqs });
      run(swishBwd, { ...k, dy: dks });
    }

    const rows = dprojected.reshape([B * N, P * H * D]);
    const weights = w.reshape([K, P * H * D]);
    run(gemmNT, { a: rows, b: weights, y: dx.reshape([B * N, K]) });
    run(gemmTN, { a: x.reshape([B * N, K]), b: rows, y: dw.reshape([K, P * H * D]) });
  },
);
export const tokenMixerLrpeBwd = tokenMixerBwd.with({ rotation: true });
