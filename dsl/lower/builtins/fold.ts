import type { DType } from '../../../compiler/ir/types.js';
import { isOpName, opRow } from '../../../compiler/ops/table.js';

/** An elementwise op of one operand on a compile-time number, as the op table defines it; undefined for other names. */
export function foldUnary(name: string, x: number): number | undefined {
  return isOpName(name) ? opRow(name).evaluate?.([x], 'f32', {}) : undefined;
}

/** cast's rules on a number: truncation and saturation to integers; floats stay (rounding is the op's). */
export function evaluateCast(x: number, to: DType): number {
  return opRow('cast').evaluate?.([x], 'f32', { to }) ?? x;
}

/** What `Math` offers in constants and in expressions on sizes. */
export const MATH_CONSTANTS: Readonly<Record<string, number>> = {
  PI: Math.PI,
  E: Math.E,
  LN2: Math.LN2,
  LN10: Math.LN10,
  LOG2E: Math.LOG2E,
  LOG10E: Math.LOG10E,
  SQRT2: Math.SQRT2,
  SQRT1_2: Math.SQRT1_2,
};

export const MATH_FUNCTIONS: Readonly<Record<string, (...x: number[]) => number>> = {
  abs: Math.abs,
  ceil: Math.ceil,
  cos: Math.cos,
  exp: Math.exp,
  floor: Math.floor,
  log: Math.log,
  log2: Math.log2,
  log10: Math.log10,
  log1p: Math.log1p,
  max: Math.max,
  min: Math.min,
  pow: (a, b) => a ** b,
  round: Math.round,
  sign: Math.sign,
  sin: Math.sin,
  sqrt: Math.sqrt,
  tan: Math.tan,
  tanh: Math.tanh,
  trunc: Math.trunc,
};
