import {
  bf16,
  cast,
  cdiv,
  dtypes,
  exp,
  expand,
  f16,
  f32,
  input,
  kernel,
  output,
  range,
  reshape,
  scan,
  slice,
  sum,
  zeros,
} from '../../dsl/index.js';
import { WEBGPU_BYTES } from '../blocks.js';

const T = dtypes('T', f16, bf16);

/**
 * Mamba's selective scan (Gu and Dao, arXiv 2312.00752, equation 2 with the discretisation of section 3.2):
 *
 *   h_t = exp(dt_t a) h_{t-1} + dt_t x_t b_t,   y_t = c_t . h_t
 *
 * One program walks over the sequence in blocks of C tokens for BD channels. A block is a scan of pairs (factor, value)
 * over its tokens: (f1, u1) then (f2, u2) is (f1 f2, f2 u1 + u2), which is associative and does not commute.
 *
 * x, dt [B, N, D]; a [D, S]; bm, cm [B, N, S]; y [B, N, D]; hT [B, D, S], the state after the last token.
 */
export const selectiveScan = kernel(
  {
    args: {
      x: input(T, ['B', 'N', 'D']),
      dt: input(f32, ['B', 'N', 'D']),
      a: input(f32, ['D', 'S']),
      bm: input(T, ['B', 'N', 'S']),
      cm: input(T, ['B', 'N', 'S']),
      y: output(T, ['B', 'N', 'D']),
      hT: output(f32, ['B', 'D', 'S']),
    },
    comptime: ['S'],
    tune: { C: [16, 64], BD: [4, 16], warps: [4] },
    prefer: ({ C, BD, processors, sharedBytes }) =>
      processors === 1 ? 0 : sharedBytes <= WEBGPU_BYTES ? C * BD : -C * BD,
    grid: ({ B, D, BD }) => ({ d: cdiv(D, BD), b: B }),
  },
  ({ x, dt, a, bm, cm, y, hT }, { N, S, C, BD }, { d, b }) => {
    const A = a.load([d * BD, 0], [BD, S]);
    let h = zeros([BD, S], f32);
    for (const n of range(0, N, C)) {
      // Beyond the end dt is 0: factor 1, value 0, so that the last state stays.
      const dti = dt.at(b).load([n, d * BD], [C, BD]);
      const xi = cast(x.at(b).load([n, d * BD], [C, BD]), f32);
      const bi = cast(bm.at(b).load([n, 0], [C, S]), f32);
      const ci = cast(cm.at(b).load([n, 0], [C, S]), f32);
      const factor = exp(expand(dti, 2) * expand(A, 0));
      const value = expand(dti * xi, 2) * expand(bi, 1);
      const [fs, us] = scan([factor, value], 0, ([f1, u1], [f2, u2]) => [f1 * f2, u1 * f2 + u2]);
      const hs = fs * expand(h, 0) + us;
      y.at(b).store([n, d * BD], sum(hs * expand(ci, 1), 2));
      h = reshape(slice(hs, [C - 1, 0, 0], [1, BD, S]), [BD, S]);
    }
    hT.at(b).store([d * BD, 0], h);
  },
);
