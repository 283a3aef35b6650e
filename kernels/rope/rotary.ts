import {
  all,
  bf16,
  cast,
  cdiv,
  col,
  concat,
  cos,
  dtypes,
  exp2,
  expand,
  f16,
  f32,
  i32,
  input,
  iota,
  kernel,
  output,
  reshape,
  row,
  scalar,
  sin,
  slice,
} from '../../dsl/index.js';
import { WEBGPU_BYTES } from '../blocks.js';

const T = dtypes('T', f32, f16, bf16);

/**
 * Rotary embedding: pair i of a token at position p is turned by the angle p base^(-2i/D), or back with `inverse`, which is
 * also the gradient. Pair i is elements i and i + D/2, or 2i and 2i + 1 with `interleaved`; D is even.
 *
 * x, y [B, N, H, D]; first [B], the position of the first token of each sequence; log2Base, the logarithm of a base that is
 * usually 10000. Angles are f32: at position p they are off by about p 2^-24.
 * Source: Su et al. 2021, "RoFormer", arXiv 2104.09864, equation 34.
 */
export const rotary = kernel(
  {
    args: {
      x: input(T, ['B', 'N', 'H', 'D']),
      first: input(i32, ['B']),
      log2Base: scalar(f32),
      y: output(T, ['B', 'N', 'H', 'D']),
    },
    comptime: ['D'],
    options: { interleaved: false, inverse: false },
    tune: { C: [16, 8, 32], warps: [4, 1] },
    // Few tokens at once on a CPU and through WebGPU.
    prefer: ({ C, processors, sharedBytes }) => (processors === 1 || sharedBytes <= WEBGPU_BYTES ? C : 0),
    grid: ({ B, N, H, C }) => ({ n: cdiv(N, C), h: H, b: B }),
  },
  ({ x, first, log2Base, y }, { D, C, interleaved, inverse }, { n, h, b }) => {
    const half = D / 2;
    const frequency = exp2(cast(iota(half), f32) * ((-2 / D) * log2Base));
    const angle = cast(col(first.get(b) + n * C + iota(C)), f32) * row(frequency);
    const c = cos(angle);
    const s = inverse ? -sin(angle) : sin(angle);
    const t = cast(x.at(b, all, h).load([n * C, 0], [C, D]), f32);
    const Y = y.at(b, all, h);
    if (interleaved) {
      const pairs = reshape(t, [C, half, 2]);
      const a = reshape(slice(pairs, [0, 0, 0], [C, half, 1]), [C, half]);
      const z = reshape(slice(pairs, [0, 0, 1], [C, half, 1]), [C, half]);
      const turned = concat([expand(a * c - z * s, 2), expand(z * c + a * s, 2)], 2);
      Y.store([n * C, 0], reshape(turned, [C, D]));
    } else {
      const a = slice(t, [0, 0], [C, half]);
      const z = slice(t, [0, half], [C, half]);
      Y.store([n * C, 0], concat([a * c - z * s, z * c + a * s], 1));
    }
  },
);
export const rotaryInverse = rotary.with({ inverse: true });
export const rotaryInterleaved = rotary.with({ interleaved: true });
export const rotaryInterleavedInverse = rotary.with({ interleaved: true, inverse: true });
