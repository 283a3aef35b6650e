/**
 * Enters: e^x of f32. Leaves: 2^(x log2 e), the form that GPUs compute, with the factor on the part of x that has the
 * fewest lanes: exp(a * s) with a scalar s becomes exp2(a * (s * 1.4427)), whose inner product is one instruction, or
 * none in a loop in which s does not change.
 *
 * Sound up to rounding: a * (s k) instead of (a s) k, so that the exponent t = x log2 e is off by at most 2.3 units
 * of 2^-24 |t| (two products, the constant), and 2^t by 1.6 * 2^-24 |t| of itself: 1.2e-5 at the ends of the range,
 * |t| = 128, and 1e-7 where |t| < 1. A rounded product x alone, without the base change, gives 0.7 of these 1.6. Constants whose product would overflow or lose bits
 * as a denormal are not folded. A run-time factor above 2^127.4 overflows to infinity, where only a = 0 had a finite
 * exponent before. f16 and bf16 stay: their product would be rounded to 8 or 11 bits.
 */
import type { Op, Value } from '../ir/module.js';
import { constantOf } from '../ir/rewrite.js';
import { sizeOf, type TileType } from '../ir/types.js';
import { roundTo } from '../ops/round.js';
import type { Pass } from './pass.js';
import { foldConstants } from './simplify/fold.js';
import { type Rewriter, type Rule, rewriteKernel } from './simplify/rewriter.js';

export const expBase: Pass = {
  name: 'exp-base',
  summary: 'Computes e^x as 2^(x log2 e), the factor folded into scales.',
  requires: [],
  run(kernel) {
    rewriteKernel(kernel, (op) => (op.name === 'exp' ? [toBaseTwo] : [foldConstants]));
  },
};

/** exp(x) = exp2(x * log2 e). */
const toBaseTwo: Rule = (op, r) => {
  const [x] = op.operands;
  if (x === undefined || x.type.kind !== 'tile' || x.type.dtype !== 'f32') return null;
  return r.make('exp2', [scaled(x, Math.LOG2E, r)], {});
};

const LANES_OF_ONE = new Set(['splat', 'broadcast', 'expand']);

/** v * k, the factor moved to where the fewest lanes are. */
function scaled(v: Value, k: number, r: Rewriter): Value {
  const type = v.type as TileType;
  const c = constantOf(v);
  if (c !== null && isNormal(c * k)) return r.constant(roundTo('f32', c * k), type);
  const op = v.def.kind === 'op' ? v.def : null;
  const [x] = op?.operands ?? [];
  if (op !== null && x !== undefined) {
    // (-x) k = x (-k)
    if (op.name === 'neg') return scaled(x, -k, r);
    // broadcast(x) k = broadcast(x k)
    if (LANES_OF_ONE.has(op.name)) return r.make(op.name, [scaled(x, k, r)], op.attrs, type);
    if (op.name === 'mul') return scaledProduct(op, k, r) ?? times(v, k, r);
  }
  return times(v, k, r);
}

const times = (v: Value, k: number, r: Rewriter): Value =>
  r.make('mul', [v, r.constant(roundTo('f32', k), v.type as TileType)], {});

/** (a b) k = a (b k) where b has fewer lanes than the product, or the product is a scalar; (a c) k = a (c k) for constants. */
function scaledProduct(op: Op, k: number, r: Rewriter): Value | null {
  const [x, y] = op.operands;
  if (x === undefined || y === undefined) return null;
  const [a, b] = distinctLanes(x) < distinctLanes(y) ? [y, x] : [x, y];
  const c = constantOf(b);
  if (c !== null) return isNormal(c * k) ? scaled(a, c * k, r) : null;
  const lanes = laneCount(a);
  if (lanes > 1 && distinctLanes(b) === lanes) return null;
  return r.make('mul', [a, scaled(b, k, r)], {});
}

/** How many lanes of a value may differ, as far as shape ops tell; 0 for a constant. */
function distinctLanes(v: Value): number {
  if (constantOf(v) !== null) return 0;
  const op = v.def.kind === 'op' ? v.def : null;
  const [x] = op?.operands ?? [];
  if (op !== null && x !== undefined && (LANES_OF_ONE.has(op.name) || op.name === 'neg')) return distinctLanes(x);
  return laneCount(v);
}

const laneCount = (v: Value): number => sizeOf((v.type as TileType).shape);

/** Neither overflows nor loses bits in f32. Zero is exact. */
const isNormal = (x: number): boolean =>
  x === 0 || (Math.abs(roundTo('f32', x)) >= 2 ** -126 && Number.isFinite(roundTo('f32', x)));
