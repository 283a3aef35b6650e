import type { Reference, ReferenceContext } from 'lac';

/** The recurrence, token by token, of a feature map. */
const recurrence =
  (phi: (x: number) => number): Reference['run'] =>
  ({ inputs: { q, k, v, g }, dims: { B = 0, H = 0, N = 0, D = 0, E = 0 } }: ReferenceContext) => {
    if (!q || !k || !v || !g) throw new Error('gated: q, k, v and g are needed');
    const o = new Float64Array(B * H * N * E);
    for (let bh = 0; bh < B * H; bh++) {
      const state = new Float64Array(D * E);
      for (let t = bh * N; t < (bh + 1) * N; t++)
        for (let d = 0; d < D; d++)
          for (let e = 0; e < E; e++) {
            const s = Math.exp(g[t] ?? 0) * (state[d * E + e] ?? 0) + phi(k[t * D + d] ?? 0) * (v[t * E + e] ?? 0);
            state[d * E + e] = s;
            o[t * E + e] = (o[t * E + e] ?? 0) + phi(q[t * D + d] ?? 0) * s;
          }
    }
    return { o };
  };

const common: Omit<Reference, 'run'> = {
  shape: { B: 1, H: 2, N: 150, D: 32, E: 32 },
  // Gates between 1/e and 1, as sigmoids of a projection would give.
  inputs: {
    g: ({ shape, uniform }) => Float64Array.from({ length: shape.reduce((n, x) => n * x, 1) }, () => -uniform()),
  },
};

export const gated: Reference = { ...common, run: recurrence((x) => (x > 0 ? x + 1 : Math.exp(x))) };
export const gatedRelu: Reference = { ...common, run: recurrence((x) => Math.max(x, 0)) };
