import type { Reference } from '../../../driver/reference.js';
import { total, Values } from './values.js';

const size = (shape: readonly number[]): number => shape.reduce((n, x) => n * x, 1);
const fill = (shape: readonly number[], f: () => number): Float64Array => Float64Array.from({ length: size(shape) }, f);

/** S_t = diag(e^{g_t}) S_{t-1} + k_t^T v_t;  o_t = q_t S_t. */
export const gatedKeys: Reference = {
  shape: { H: 2, N: 21, D: 12, E: 20 },
  inputs: { g: ({ shape, uniform }) => fill(shape, () => -0.3 * uniform()) },
  run({ inputs, dims: { H = 0, N = 0, D = 0, E = 0 } }) {
    const [q, k, g] = [inputs.q, inputs.k, inputs.g].map((x) => new Values([H, N, D], x)) as [Values, Values, Values];
    const v = new Values([H, N, E], inputs.v);
    const o = new Values([H, N, E]);
    for (let h = 0; h < H; h++) {
      const state = new Values([D, E]);
      for (let n = 0; n < N; n++)
        for (let e = 0; e < E; e++) {
          for (let d = 0; d < D; d++)
            state.put(state.at(d, e) * Math.exp(g.at(h, n, d)) + k.at(h, n, d) * v.at(h, n, e), d, e);
          o.put(
            total(D, (d) => q.at(h, n, d) * state.at(d, e)),
            ...[h, n, e],
          );
        }
    }
    return { o: o.data };
  },
};

/** S_t = S_{t-1} + b_t k_t^T (v_t - k_t S_{t-1});  o_t = q_t S_t. */
export const deltaRule: Reference = {
  shape: { H: 1, N: 29, D: 24, E: 20 },
  inputs: {
    beta: ({ shape, uniform }) => fill(shape, uniform),
    k({ shape, random }) {
      const [D = 1] = shape.slice(-1);
      const x = fill(shape, random);
      return x.map((a, i) => {
        const start = i - (i % D);
        return a / Math.sqrt(total(D, (d) => (x[start + d] ?? 0) ** 2));
      });
    },
  },
  tolerance: { rmse: 1e-5, element: 1e-4 },
  run({ inputs, dims: { H = 0, N = 0, D = 0, E = 0 } }) {
    const [q, k] = [inputs.q, inputs.k].map((x) => new Values([H, N, D], x)) as [Values, Values];
    const v = new Values([H, N, E], inputs.v);
    const o = new Values([H, N, E]);
    for (let h = 0; h < H; h++) {
      const state = new Values([D, E]);
      for (let n = 0; n < N; n++)
        for (let e = 0; e < E; e++) {
          const predicted = total(D, (d) => k.at(h, n, d) * state.at(d, e));
          const u = (inputs.beta?.[h * N + n] ?? 0) * (v.at(h, n, e) - predicted);
          for (let d = 0; d < D; d++) state.add(k.at(h, n, d) * u, d, e);
          o.put(
            total(D, (d) => q.at(h, n, d) * state.at(d, e)),
            ...[h, n, e],
          );
        }
    }
    return { o: o.data };
  },
};

/** S_t = e^{a dt_t} S_{t-1} + dt_t x_t^T B_t;  y_t = S_t C_t + skip x_t. */
export const stateSpaceDual: Reference = {
  shape: { B: 1, N: 37, H: 4, G: 2, P: 24, S: 16 },
  inputs: {
    dt: ({ shape, uniform }) => fill(shape, () => 0.1 * uniform()),
    a: ({ shape, uniform }) => fill(shape, () => -1 - 3 * uniform()),
  },
  run({ inputs, dims: { B = 0, N = 0, H = 0, G = 1, P = 0, S = 0 } }) {
    const x = new Values([B, N, H, P], inputs.x);
    const dt = new Values([B, N, H], inputs.dt);
    const [bm, cm] = [inputs.bm, inputs.cm].map((m) => new Values([B, N, G, S], m)) as [Values, Values];
    const [y, last] = [new Values([B, N, H, P]), new Values([B, H, P, S])];
    const token = (b: number, h: number, n: number): void => {
      const g = Math.floor(h / Math.floor(H / G));
      const step = dt.at(b, n, h);
      const decay = Math.exp(step * (inputs.a?.[h] ?? 0));
      for (let p = 0; p < P; p++) {
        const xp = x.at(b, n, h, p);
        for (let s = 0; s < S; s++)
          last.put(last.at(b, h, p, s) * decay + step * xp * bm.at(b, n, g, s), ...[b, h, p, s]);
        const out = total(S, (s) => last.at(b, h, p, s) * cm.at(b, n, g, s));
        y.put(out + xp * (inputs.skip?.[h] ?? 0), b, n, h, p);
      }
    };
    for (let b = 0; b < B; b++) for (let h = 0; h < H; h++) for (let n = 0; n < N; n++) token(b, h, n);
    return { y: y.data, last: last.data };
  },
};
