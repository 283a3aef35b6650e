import { exp, sigmoid, type Tile, where } from '../../../dsl/index.js';

/** Helpers that several cases import: inlining across files. */
export function silu<S extends readonly unknown[]>(x: Tile<'f32', S>): Tile<'f32', S> {
  return x * sigmoid(x);
}

/** elu(x) + 1 > 0; phi(0) = 1, so padded lanes must be masked after it. */
export function positive<S extends readonly unknown[]>(x: Tile<'f32', S>): Tile<'f32', S> {
  return where(x > 0, x + 1, exp(where(x > 0, 0, x)));
}
