import { type DType, is16Bit } from '../ir/types.js';
import type { OPS, OpName } from './table.js';

/**
 * How far from the exact value of an elementwise op a backend may be. docs/math.md shows this table; test/math holds the
 * backends to it, and whoever compares devices reads what to allow.
 *
 * An ulp is the distance of two neighbouring f32 around the exact result, 2^-149 at least. Bounds hold for all operands
 * for which the op is defined, infinities and NaN included, where the result is that of the interpreter.
 */
export interface Bound {
  readonly ulp: number;
  /** More ulp for every unit of |x|, the first operand. */
  readonly perX?: number;
  /** What it follows from, where that is more than + - * rounded to nearest, fused or not. */
  readonly from?: string;
}

export type AccuracyBackend = 'ptx' | 'wgsl';
type Bounds = Readonly<Record<AccuracyBackend, Bound>>;

export type ElementwiseOp = {
  [N in OpName]: (typeof OPS)[N] extends { readonly evaluate: unknown } ? N : never;
}[OpName];

const EXACT: Bounds = { ptx: { ulp: 0 }, wgsl: { ulp: 0 } };
const ROUNDED: Bounds = { ptx: { ulp: 0.5 }, wgsl: { ulp: 0.5 } };

/** Bounds on f32 by op; integers and masks are exact. */
export const ACCURACY: { readonly [N in ElementwiseOp]: Bounds } = {
  add: ROUNDED,
  sub: ROUNDED,
  mul: ROUNDED,
  div: { ptx: { ulp: 0.5, from: 'div.rn' }, wgsl: { ulp: 2.5, from: 'WGSL: 2.5 ulp' } },
  idiv: EXACT,
  rem: EXACT,
  max: EXACT,
  min: EXACT,
  and: EXACT,
  or: EXACT,
  xor: EXACT,
  shl: EXACT,
  shr: EXACT,
  ushr: EXACT,
  mulhi: EXACT,
  not: EXACT,
  neg: EXACT,
  abs: EXACT,
  exp: {
    ptx: { ulp: 2, perX: 1.25, from: 'ex2.approx.ftz: 2 ulp; the rounding of x log2 e' },
    wgsl: { ulp: 3, perX: 2, from: 'WGSL: 3 + 2 |x| ulp' },
  },
  exp2: {
    ptx: { ulp: 2, from: 'ex2.approx.ftz: 2 ulp' },
    wgsl: { ulp: 3, perX: 2, from: 'WGSL: 3 + 2 |x| ulp' },
  },
  log: { ptx: { ulp: 1 }, wgsl: { ulp: 2 } },
  log2: { ptx: { ulp: 2 }, wgsl: { ulp: 3 } },
  log1p: { ptx: { ulp: 3 }, wgsl: { ulp: 4 } },
  sqrt: { ptx: { ulp: 0.5, from: 'sqrt.rn' }, wgsl: { ulp: 5, from: 'WGSL: as 1 / inverseSqrt(x)' } },
  rsqrt: { ptx: { ulp: 2.2, from: 'rsqrt.approx: 2^-22.9' }, wgsl: { ulp: 2, from: 'WGSL: 2 ulp' } },
  sigmoid: {
    ptx: { ulp: 4, perX: 1.25, from: 'ex2.approx.ftz: 2 ulp; rcp.approx: 1 ulp' },
    wgsl: { ulp: 8, perX: 2, from: 'WGSL: exp within 3 + 2 |x| ulp, / within 2.5' },
  },
  tanh: {
    ptx: { ulp: 4, from: 'ex2.approx.ftz: 2 ulp; rcp.approx: 1 ulp' },
    wgsl: { ulp: 6, from: 'WGSL: exp within 3 + 2 |x| ulp, / within 2.5' },
  },
  erf: {
    ptx: { ulp: 2, from: 'ex2.approx.ftz: 2 ulp' },
    wgsl: { ulp: 4, from: 'WGSL: exp within 3 + 2 |x| ulp' },
  },
  sin: { ptx: { ulp: 2.5 }, wgsl: { ulp: 4 } },
  cos: { ptx: { ulp: 2.5 }, wgsl: { ulp: 4 } },
  floor: EXACT,
  ceil: EXACT,
  round: EXACT,
  cmp: EXACT,
  select: EXACT,
  cast: ROUNDED,
  bitcast: EXACT,
};

/** 16-bit floats are computed in f32 and rounded once more, so that a little less is enough there. */
const ACCURACY_OF_16_BITS: { readonly [N in ElementwiseOp]?: Partial<Bounds> } = {
  div: { ptx: { ulp: 2, from: 'div.full: 2 ulp' } },
  sqrt: { ptx: { ulp: 1.1, from: 'sqrt.approx: 2^-23' } },
};

/** a ** b that is not whole, as 2^t with t = b log2 a: bounds with |t| for |x|. */
export const POWER: Bounds = {
  ptx: { ulp: 2, perX: 4, from: 'log2 within 2 ulp, a rounded product, 2^t' },
  wgsl: { ulp: 3, perX: 7, from: 'log2 within 3 ulp, a rounded product, 2^t' },
};

/**
 * Operands and results below 2^-126 that may count as 0: on WGSL any; on PTX the results of e^x and 2^x, which are
 * computed without subnormals.
 */
export function mayFlush(
  op: ElementwiseOp,
  backend: AccuracyBackend,
): { readonly operands: boolean; readonly results: boolean } {
  if (backend === 'wgsl') return { operands: true, results: true };
  return { operands: op === 'exp2', results: op === 'exp' || op === 'exp2' || op === 'sigmoid' };
}

/** The f32 bound of an op on operands of a dtype. */
export function boundOf(op: ElementwiseOp, dtype: DType, backend: AccuracyBackend): Bound {
  const narrow = is16Bit(dtype) ? ACCURACY_OF_16_BITS[op]?.[backend] : undefined;
  return narrow ?? ACCURACY[op][backend];
}

/** Distance of the floats of a dtype around x; of its least normal number for what lies below. */
export function ulpOf(dtype: DType, x: number): number {
  const [bits, least] = FORMAT[dtype] ?? [24, -126];
  const exponent = x === 0 ? least : Math.max(least, Math.floor(Math.log2(Math.abs(x))));
  return 2 ** (exponent - bits + 1);
}
const FORMAT: { readonly [D in DType]?: readonly [number, number] } = { f16: [11, -14], bf16: [8, -126] };

/**
 * How far a result may be from the exact value `want`, with x the first operand: the bound in f32, half an ulp of the
 * dtype that it is rounded to, and all of a value that may be flushed.
 */
export function allowedError(
  op: ElementwiseOp,
  from: DType,
  to: DType,
  backend: AccuracyBackend,
  x: number,
  want: number,
): number {
  const { ulp, perX = 0 } = boundOf(op, from, backend);
  const inF32 = (ulp + perX * Math.abs(x)) * ulpOf('f32', want);
  const rounding = is16Bit(to) ? ulpOf(to, want) / 2 : 0;
  const flushed = mayFlush(op, backend).results && Math.abs(want) < 2 ** -126 ? Math.abs(want) : 0;
  return Math.max(inF32 + rounding, flushed);
}
