import {
  bf16,
  cast,
  cdiv,
  col,
  dtypes,
  exp,
  f16,
  f32,
  idiv,
  input,
  kernel,
  output,
  range,
  row,
  sum,
  zeros,
} from '../../dsl/index.js';
import { doublings, up, WEBGPU_BYTES, within } from '../blocks.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Causal linear attention by the right product, token by token: S_t = exp(-slope) S_{t-1} + k_t^T v_t, o_t = q_t S_t, the
 * cumulative sum of outer products with the sum kept on chip. Linear in N and without a single matrix product: the
 * baseline that chunked forms are compared with. One program keeps D x BE of the state, in f32.
 *
 * q [B, H, N, D], k [B, HK, N, D], v [B, HK, N, E], o [B, H, N, E]: head h of q reads head floor(h HK / H) of k and v;
 * slope [H] >= 0, in 1/token: 0 is no decay.
 * Source: Katharopoulos et al. 2020, "Transformers are RNNs", arXiv 2006.16236, equations 18 to 20, without a normaliser.
 */
export const linearCumsum = kernel(
  {
    args: {
      q: input(T, ['B', 'H', 'N', 'D']),
      k: input(T, ['B', 'HK', 'N', 'D']),
      v: input(T, ['B', 'HK', 'N', 'E']),
      slope: input(f32, ['H']),
      o: output(T, ['B', 'H', 'N', 'E']),
    },
    comptime: ['D', 'E'],
    tune: { BE: [16, 32, 8, 64], warps: [1, 2, 4], stages: [2, 1] },
    prune: ({ BE, D, E, warps }) => (BE < 2 * E || BE === 8) && (D * BE <= 64 * 32 * warps || BE === 8),
    // Through WebGPU each of 32 invocations has 64 elements of the state, elsewhere as many programs as there can be.
    prefer: ({ BE, warps, stages, D, processors, sharedBytes }) =>
      processors === 1
        ? 0
        : sharedBytes <= WEBGPU_BYTES
          ? doublings(BE, within(8, 2048 / up(D), 64)) + doublings(warps, 1) + stages
          : doublings(BE, 8),
    grid: ({ B, H, E, BE }) => ({ e: cdiv(E, BE), h: H, b: B }),
  },
  ({ q, k, v, slope, o }, { H, HK, N, D, BE }, { e, h, b }) => {
    const [Q, O] = [q.at(b, h), o.at(b, h)];
    const [K, V] = [k.at(b, idiv(h, idiv(H, HK))), v.at(b, idiv(h, idiv(H, HK)))];
    const decay = exp(-slope.get(h));
    let state = zeros([D, BE], f32);
    for (const t of range(N)) {
      const kt = cast(K.at(t).load([0], [D]), f32);
      const vt = cast(V.at(t).load([e * BE], [BE]), f32);
      state = state * decay + col(kt) * row(vt);
      O.at(t).store([e * BE], sum(state * col(cast(Q.at(t).load([0], [D]), f32)), 0));
    }
  },
);
