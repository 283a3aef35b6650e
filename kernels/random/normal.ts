import {
  cast,
  cdiv,
  concat,
  cos,
  expand,
  f32,
  iota,
  kernel,
  log,
  output,
  reshape,
  scalar,
  sin,
  sqrt,
  type Tile,
  u32,
  zeros,
} from '../../dsl/index.js';
import { philox } from './philox.js';

/** Uniform in (0, 1): the upper 24 bits of a word, and a half. */
const uniform = (word: Tile<'u32'>): Tile<'f32'> => (cast(word >>> 8, f32) + 0.5) * 2 ** -24;

/**
 * Standard normal numbers: element i is the cosine (even i) or sine (odd i) part of the Box-Muller transform of two uniform
 * numbers, the first two words of Philox-4x32-10 with the counter (floor(i / 2), 0, 0, 0) and the key (seed, 0).
 *
 * y [N].
 * Source: Box and Muller 1958, "A note on the generation of random normal deviates".
 */
export const normal = kernel(
  {
    args: { seed: scalar(u32), y: output(f32, ['N']) },
    tune: { BN: [1024, 128], warps: [4, 1] },
    prefer: ({ warps, processors }) => (processors === 1 ? -warps : 0),
    grid: ({ N, BN }) => ({ n: cdiv(N, BN) }),
  },
  ({ seed, y }, { BN }, { n }) => {
    const half = BN / 2;
    const zero = zeros([half], u32);
    const [a, b] = philox([cast(n * half + iota(half), u32), zero, zero, zero], [seed, cast(0, u32)]);
    const radius = sqrt(-2 * log(uniform(a)));
    const angle = uniform(b) * (2 * Math.PI);
    const pairs = concat([expand(radius * cos(angle), 1), expand(radius * sin(angle), 1)], 1);
    y.store([n * BN], reshape(pairs, [BN]));
  },
);
