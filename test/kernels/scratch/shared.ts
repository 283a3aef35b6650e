import { cast, col, exp, f32, iota, max, maximum, row, sum, tanh, where, type Scalar, type Tile } from '../../../dsl/index.js';

export const LN2 = Math.LN2;
export const LOG2E = 1 / LN2;
export const SCALES = [1, 2, 4] as const;

export function softcap<S extends readonly unknown[]>(x: Tile<'f32', S>, cap: Scalar<'f32'>): Tile<'f32', S> {
  return tanh(x / cap) * cap;
}

/** Online softmax step: returns the new statistics and the weights. */
export function step<A, B>(s: Tile<'f32', [A, B]>, m: Tile<'f32', [A]>, l: Tile<'f32', [A]>): { p: Tile<'f32', [A, B]>; m: Tile<'f32', [A]>; l: Tile<'f32', [A]>; alpha: Tile<'f32', [A]> } {
  const next = maximum(m, max(s, 1));
  const shift = where(next === -Infinity, 0, next);
  const p = exp(s - col(shift));
  const alpha = exp(m - shift);
  return { p, m: next, l: l * alpha + sum(p, 1), alpha };
}

export const lower = <A>(i: Tile<'i32', [A]>, strict: boolean) => (strict ? col(i) > row(i) : col(i) >= row(i));
export function identity(C: number) {
  const i = iota(C);
  return cast(col(i) === row(i), f32);
}
