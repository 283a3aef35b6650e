import type { InputContext, Reference } from '../../driver/reference.js';

/** Slopes as in the paper's models: 2^(-8 (h + 1) / H). */
const slope = ({ shape: [heads = 0] }: InputContext): Float64Array =>
  Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads));

/** log sigmoid(4 + 2 x): decays from about 0.6 to 1, as trained gates have them. */
const g = ({ shape, random }: InputContext): Float64Array =>
  Float64Array.from({ length: shape.reduce((n, x) => n * x, 1) }, () => -Math.log1p(Math.exp(-(4 + 2 * random()))));

function needed(name: string, x: Float64Array | undefined): Float64Array {
  if (x === undefined) throw new Error(`lightningFwd: ${name} is needed with these options`);
  return x;
}

/** Tokens in the order of time. */
const tokensOf = (N: number, reverse: boolean): readonly number[] =>
  Array.from({ length: N }, (_, i) => (reverse ? N - 1 - i : i));

/**
 * The recurrence of linear attention with decay, token by token, in f64: S_t = a_t S_{t-1} + k_t^T v_t; o_t = q_t S_t
 * (arXiv 2401.04658, equation of the recurrent form), from S = h0 or 0, in the order of time.
 */
export const lightningFwd: Reference = {
  shape: { B: 1, H: 4, HK: ({ H = 0 }) => H, N: 1000, D: 64, E: 64 },
  dtypes: { T: 'f32' },
  tokens: ({ B = 0, N = 0 }) => B * N,
  // k^T v into the state and q times it; half of that where there is no output.
  flops: ({ B = 0, H = 0, N = 0, D = 0, E = 0 }, { stateOnly }) => (stateOnly ? 2 : 4) * B * H * N * D * E,
  inputs: { slope, g },
  run({ inputs: { q, k, v, slope, g, h0 }, dims, options }) {
    const { B = 0, H = 0, HK = H, N = 0, D = 0, E = 0 } = dims;
    if (!q || !k || !v) throw new Error('lightningFwd: q, k and v are needed');
    const hT = options.initialState ? needed('h0', h0).slice() : new Float64Array(B * H * D * E);
    const decays = options.noDecay ? null : options.tokenDecay ? needed('g', g) : needed('slope', slope);
    const o = new Float64Array(B * H * N * E);
    for (let bh = 0; bh < B * H; bh++) {
      const [b, h] = [Math.floor(bh / H), bh % H];
      const group = b * HK + Math.floor((h * HK) / H);
      const state = hT.subarray(bh * D * E, (bh + 1) * D * E);
      for (const n of tokensOf(N, options.reverse === true)) {
        const [t, tk] = [bh * N + n, group * N + n];
        const a = Math.exp((options.tokenDecay ? decays?.[t] : -(decays?.[h] ?? 0)) ?? 0);
        const ot = o.subarray(t * E, (t + 1) * E);
        for (let d = 0; d < D; d++) {
          const kd = k[tk * D + d] ?? 0;
          const qd = q[t * D + d] ?? 0;
          for (let e = 0; e < E; e++) {
            const s = a * (state[d * E + e] ?? 0) + kd * (v[tk * E + e] ?? 0);
            state[d * E + e] = s;
            ot[e] = (ot[e] ?? 0) + qd * s;
          }
        }
      }
    }
    return options.stateOnly ? { hT } : options.finalState ? { o, hT } : { o };
  },
};

export const lightningPrecise: Reference = lightningFwd;
export const lightningPrefill: Reference = lightningFwd;
export const lightningGated: Reference = lightningFwd;
