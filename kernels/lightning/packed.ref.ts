import type { InputContext, Reference } from '../../driver/reference.js';
import { offsets } from '../gemm/grouped.ref.js';

const at = (x: Float64Array | undefined, i: number): number => x?.[i] ?? 0;

/** What packed tensors have in common: sequences, a third of them empty, slopes as in the paper's models, gates as trained. */
export const packedInputs: NonNullable<Reference['inputs']> = {
  offset: (ctx) => offsets({ ...ctx, dims: { M: ctx.dims.N ?? 0 } }),
  slope: ({ shape: [heads = 0] }) => Float64Array.from({ length: heads }, (_, h) => 2 ** ((-8 * (h + 1)) / heads)),
  // log sigmoid(4 + 2 x): decays from about 0.6 to 1.
  g: ({ shape, random }: InputContext) =>
    Float64Array.from({ length: shape.reduce((n, x) => n * x, 1) }, () => -Math.log1p(Math.exp(-(4 + 2 * random())))),
};

/** The recurrence of each sequence, token by token in the order of time: S = a S + k^T v, o = q S. */
export const lightningPacked: Reference = {
  shape: { N: 300, H: 3, HK: ({ H = 0 }) => H, D: 32, E: 40, S: 5, S1: ({ S = 0 }) => S + 1 },
  dtypes: { T: 'f32' },
  tokens: ({ N = 0 }) => N,
  inputs: packedInputs,
  run({ inputs: { q, k, v, offset, slope, g, h0 }, dims, options }) {
    const { N = 0, H = 0, HK = H, D = 0, E = 0, S = 0 } = dims;
    const [o, hT] = [new Float64Array(N * H * E), new Float64Array(S * H * D * E)];
    if (options.initialState) hT.set(h0 ?? []);
    for (let s = 0; s < S; s++)
      for (let h = 0; h < H; h++) {
        const state = hT.subarray((s * H + h) * D * E, (s * H + h + 1) * D * E);
        const [begin, end] = [at(offset, s), at(offset, s + 1)];
        for (let i = begin; i < end; i++) {
          const n = options.reverse ? begin + end - 1 - i : i;
          const [mine, shared] = [n * H + h, n * HK + Math.floor((h * HK) / H)];
          const decay = options.noDecay ? 1 : Math.exp(options.tokenDecay ? at(g, mine) : -at(slope, h));
          for (let d = 0; d < D; d++) {
            const [kd, qd] = [at(k, shared * D + d), at(q, mine * D + d)];
            for (let e = 0; e < E; e++) {
              const next = decay * at(state, d * E + e) + kd * at(v, shared * E + e);
              state[d * E + e] = next;
              o[mine * E + e] = at(o, mine * E + e) + qd * next;
            }
          }
        }
      }
    return options.stateOnly ? { hT } : { o, hT };
  },
};
