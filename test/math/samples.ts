/** Operands for the float functions: whole ranges of bit patterns, and the places where functions change. */
import { f32OfBits } from '../../backends/ptx/isa/operand.js';
import type { DType } from '../../compiler/ir/types.js';
import { ACCURACY, type ElementwiseOp } from '../../compiler/ops/accuracy.js';
import { roundTo } from '../../compiler/ops/round.js';
import { opRow } from '../../compiler/ops/table.js';

/** A sequence of 32-bit words without pattern (Marsaglia's xorshift), the same for the same seed. */
export function words(seed: number, count: number): number[] {
  let x = (seed * 0x9e3779b1) | 1;
  return Array.from({ length: count }, () => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  });
}

/** Floats of every sign and exponent alike often, subnormals, infinities and NaN among them. */
export const everywhere = (seed: number, count: number): number[] => words(seed, count).map(f32OfBits);

/** Floats between two numbers, evenly spread. */
export const between = (low: number, high: number, seed: number, count: number): number[] =>
  words(seed, count).map((w) => Math.fround(low + ((high - low) * w) / 2 ** 32));

/** `count` floats on either side of x. */
export function around(x: number, count: number): number[] {
  const bits = new Uint32Array(Float32Array.of(x).buffer)[0] as number;
  return Array.from({ length: 2 * count + 1 }, (_, i) => f32OfBits((bits + i - count) >>> 0));
}

export const SPECIAL: readonly number[] = [
  ...[0, -0, 1, -1, 0.5, -0.5, 2, -2, Infinity, -Infinity, NaN, 3.4028234663852886e38, -3.4028234663852886e38],
  ...[2 ** -126, -(2 ** -126), 2 ** -149, -(2 ** -149), 2 ** -127, 1e-40, 2 ** 23, 2 ** 24, -(2 ** 31)],
].map(Math.fround);

/** Where a definition changes from one form to another, or a result leaves the range. */
const CORNERS = [
  ...[1 / 3, 2 / 3, 4 / 3, 0.1, 0.55, 0.927734375, 1, 4, 9, 17, 87.33654, 88.72284, 103.97, 126, 127, 128, 149, 150],
  ...[2 ** 17, Math.PI / 4, Math.PI / 2, Math.PI, 1e5, 1e6],
];

/** Multiples of pi / 2, where sine or cosine nearly vanish and cancellation shows, and the worst of all f32 for it. */
const QUARTER_TURNS = [
  ...Array.from({ length: 200 }, (_, i) => Math.fround((i + 1) * (Math.PI / 2))),
  ...Array.from({ length: 200 }, (_, i) => Math.fround(Math.floor(1.09 ** (i + 60)) * (Math.PI / 2))),
  ...[16367173, 1.6367173e7 * 2 ** 72, 33962.016, 252898206, 5.3e37, 2.1e15],
];

/** Some thousand operands of a function of one operand. */
export function operands(count: number, seed = 1): number[] {
  const corners = CORNERS.flatMap((x) => [...around(x, 3), ...around(-x, 3)]);
  return [
    ...SPECIAL,
    ...corners,
    ...QUARTER_TURNS,
    ...everywhere(seed, count),
    ...between(-2, 2, seed + 1, count),
    ...between(-100, 100, seed + 2, count),
    ...between(0, 2e5, seed + 3, count),
  ].map(Math.fround);
}

/** Likewise, as a 16-bit dtype has them. */
export const roundedOperands = (dtype: DType, count: number): number[] =>
  operands(count, 9).map((x) => roundTo(dtype, x));

/** Ops of the table with one operand and a float result. */
export const FLOAT_FUNCTIONS = (Object.keys(ACCURACY) as ElementwiseOp[]).filter(
  (op) => opRow(op).operands.length === 1 && !['cast', 'bitcast', 'not'].includes(op),
);
