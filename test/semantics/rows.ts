import { describe } from 'vitest';

/**
 * The questions of semantics.md, table by table. `row` names the tests of one; rows.test.ts sees that each has tests.
 */
export const ROWS = {
  'Types and literals': [
    'dtype of a literal or Const',
    '`where(m, 1, 0)`, `let x = 0`',
    'i32 with f32; f16 with bf16; bf16 with f32',
    'i32 with a 16-bit float',
    'i32 with u32; number with mask',
    'arithmetic on f16/bf16',
    'comparison',
    'fused multiply-add, re-association',
    'denormals',
    'idiv, %, cdiv on negatives',
    'integer division or % by 0; -2^31 / -1',
    'i32, u32 overflow',
    'range near 2^31',
    'shift count',
    'cast float -> int',
    'cast f32 -> f16/bf16',
  ],
  'NaN, Infinity, masked lanes': [
    'maximum, minimum, max, min with NaN',
    'Infinity and NaN at all',
    'what `where` and the ?: of a mask guarantee',
    'exp overflow in a lane that where discards',
    'exp(-Infinity), log(0), x/0, 0/0, sqrt(-1), rsqrt(0)',
    '0 * Infinity inside dot or sum',
    'a ** b',
    '&& || !',
    '?: with a scalar condition, `if`',
  ],
  Memory: [
    'load outside the view (either side, origin negative) or masked off',
    'get, gather outside; index of `at` outside',
    'store, scatter, atomics outside or masked off',
    'slice(begin, end) of a view',
    'inBounds: true broken',
    'two lanes or programs store one element',
    'program order within a program',
    'order between programs of one launch',
    'atomics',
    'aliasing',
    'plan',
    'poison',
    'view strides',
  ],
  'Tiles, loops, reductions': [
    'extents not a power of two (96, 1, 3)',
    'partial tiles in reductions',
    'tile of zero extent',
    'loop with zero trips',
    'step <= 0',
    'assignment of a carried `let` in an `if`',
    'while',
    'scalars are uniform',
    'sum of 16-bit tiles',
    'argmax after tail padding',
    'scan/reduce function',
    'slice/insert of a register tile out of its bounds',
    'random numbers',
    'variants and knobs',
    '`warps`, `stages` in `tune`',
  ],
} as const;

type Table = keyof typeof ROWS;
export type Row = (typeof ROWS)[Table][number];

/** The tests of a row. */
export const row = (question: Row, tests: () => void): void => {
  describe(question, tests);
};
