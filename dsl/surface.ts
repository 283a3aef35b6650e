// biome-ignore-all lint/suspicious/noExplicitAny: `any` is the hole of gradual typing: a shape that arithmetic erased (see types.ts)
// biome-ignore-all lint/complexity/noBannedTypes: `{}` is the empty set of knobs or options
// biome-ignore-all lint/correctness/noUnusedFunctionParameters: parameters are the declaration; bodies are never run
import type {
  Axis,
  DimOf,
  Dims,
  DType,
  Expand,
  Mask,
  Origin,
  Product,
  Reduce,
  Right,
  Same,
  Scalar,
  Shape,
  Taken,
  Tile,
  Trans,
} from './types.js';

/** What exists only in the body of a kernel: the compiler reads the call, nothing ever runs it. */
function compiled(name: string): never {
  throw new Error(`${name}() belongs in the body of a kernel, which is read by the compiler and never run`);
}

// ---------------------------------------------------------------- constructors
/** A tile of zeros. */
export function zeros<const P extends readonly number[], D extends string>(
  shape: P,
  dtype: DType<D>,
): Tile<D, Dims<P>> {
  return compiled('zeros');
}
/** A tile with one value in every lane; `value` may be a run-time scalar. */
export function full<const P extends readonly number[], D extends string>(
  shape: P,
  value: number,
  dtype: DType<D>,
): Tile<D, Dims<P>> {
  return compiled('full');
}
/** 0, 1, ..., n-1. */
export function iota<const N extends number>(n: N): Tile<'i32', [DimOf<N>]> {
  return compiled('iota');
}
/** begin, begin+step, ... while < end. step > 0, default 1; begin >= end runs zero times. */
export function range(end: number, opts?: RangeOptions): Iterable<Scalar<'i32'>>;
export function range(begin: number, end: number, step?: number, opts?: RangeOptions): Iterable<Scalar<'i32'>>;
export function range(..._args: unknown[]): any {
  return compiled('range');
}
export interface RangeOptions {
  /** Trips of loads under way at a time; default: the knob `stages`. Changes no result. */
  stages?: number;
  /** true: bounds must be compile-time; the index is then a compile-time constant (usable in shapes). n: n indices a trip. */
  unroll?: boolean | number;
  /** The same indices, last first. */
  reverse?: boolean;
}

// ---------------------------------------------------------------- shape
/** A vector as a column: [A] becomes [A, 1]. */
export function col<D = any, A = any>(x: Tile<D, [A]>): Tile<D, [A, 1]> {
  return compiled('col');
}
/** A vector as a row: [A] becomes [1, A]. */
export function row<D = any, A = any>(x: Tile<D, [A]>): Tile<D, [1, A]> {
  return compiled('row');
}
/** A tile's extent along an axis, a compile-time integer: for helpers generic in the shape. */
export function extent(x: Tile, axis: 0 | 1 | 2): number {
  return compiled('extent');
}
/** Insert an axis of extent 1 before `axis`. col(x) is expand(x, 1), row(x) is expand(x, 0). */
export function expand<D = any, S extends Shape = any, const A extends 0 | 1 | 2 = 0>(
  x: Tile<D, S>,
  axis: A,
): Tile<D, Expand<S, A>> {
  return compiled('expand');
}
/** Same elements in row-major order under another shape of equal size. */
export function reshape<const P extends readonly number[], D = any>(x: Tile<D, any>, shape: P): Tile<D, Dims<P>> {
  return compiled('reshape');
}
/** Rows and columns of a matrix exchanged. */
export function trans<D = any, S extends Shape = any>(x: Tile<D, S>): Tile<D, Trans<S>> {
  return compiled('trans');
}
/** Part of a tile. The origin may be a run-time scalar; a part that leaves the tile is an error (`interpret` traps). */
export function slice<D = any, S extends Shape = any, const P extends Origin<S> = any>(
  x: Tile<D, S>,
  origin: Origin<S>,
  shape: P,
): Tile<D, Dims<P>> {
  return compiled('slice');
}
/** A copy of x with `part` written at `origin` (as slice), converted to x's dtype. Tiles are values: x itself does not change. */
export function insert<D = any, S extends Shape = any>(
  x: Tile<D, S>,
  origin: Origin<S>,
  part: Tile<D, Same<S>>,
): Tile<D, S> {
  return compiled('insert');
}
/** Join along an existing axis; the other extents are equal. */
export function concat<D = any>(parts: readonly Tile<D, any>[], axis: 0 | 1 | 2): Tile<D, any> {
  return compiled('concat');
}
/** x at other positions of one axis: on a matrix, take(x, i, 0)[r, c] = x[i[r, c], c]. The index has x's rank; off the axis it
 *  has x's extents, or 1, and the result has x's. An index outside of x: `interpret` traps, devices give an unspecified value. */
export function take<D = any, S extends Shape = any, I extends Shape = any, const A extends Axis<S> = any>(
  x: Tile<D, S>,
  index: Tile<any, I>,
  axis: A,
): Tile<D, Taken<S, I, A>> {
  return compiled('take');
}
/** float->float rounds to nearest even, overflow to +-Infinity; float->int truncates toward 0, saturates, NaN -> 0;
 *  int->float rounds to nearest even; i32<->u32 keeps the bits; mask -> number gives 1 or 0. */
export function cast<D extends string, S extends Shape = any>(x: Tile<any, S> | Mask, dtype: DType<D>): Tile<D, S> {
  return compiled('cast');
}
/** The same bits read as another dtype of equal width (f32, i32, u32). */
export function bitcast<D extends 'f32' | 'i32' | 'u32', S extends Shape = any>(
  x: Tile<any, S>,
  dtype: DType<D>,
): Tile<D, S> {
  return compiled('bitcast');
}

// ---------------------------------------------------------------- matrix
/** default: 16-bit operands exact products, f32 sums; f32 operands no worse than tf32x3. */
export interface DotOptions {
  precision?: 'default' | 'tf32' | 'tf32x3' | 'ieee';
}
/** a [M, K] by b [K, N]; with three axes, the products of a batch: [B, M, K] by [B, K, N]. Plus acc, where given.
 *  Operands have one float dtype (cast first). */
export function dot<A extends Shape = any, B extends Shape = any>(
  a: Tile<any, A>,
  b: Tile<any, Right<A, B>>,
  acc?: Tile<'f32', Product<A, B>> | DotOptions,
  opts?: DotOptions,
): Tile<'f32', Product<A, B>> {
  return compiled('dot');
}

// ---------------------------------------------------------------- reductions and scans
/** Sum along an axis. Order of combination is unspecified; 16-bit floats accumulate in f32. Lanes that a load padded take part with their pad value. */
export function sum<D = any, S extends Shape = any, const A extends Axis<S> = any>(
  x: Tile<D, S>,
  axis: A,
): Tile<D, Reduce<S, A>> {
  return compiled('sum');
}
/** Largest element. NaN lanes are ignored (all NaN: NaN), as in maximum. */
export function max<D = any, S extends Shape = any, const A extends Axis<S> = any>(
  x: Tile<D, S>,
  axis: A,
): Tile<D, Reduce<S, A>> {
  return compiled('max');
}
/** As max, of the smallest. */
export function min<D = any, S extends Shape = any, const A extends Axis<S> = any>(
  x: Tile<D, S>,
  axis: A,
): Tile<D, Reduce<S, A>> {
  return compiled('min');
}
/** Position of the largest element; the lowest position on a tie; NaN never wins. */
export function argmax<D = any, S extends Shape = any, const A extends Axis<S> = any>(
  x: Tile<D, S>,
  axis: A,
): Tile<'i32', Reduce<S, A>> {
  return compiled('argmax');
}
/** Position of the smallest element, as argmax. */
export function argmin<D = any, S extends Shape = any, const A extends Axis<S> = any>(
  x: Tile<D, S>,
  axis: A,
): Tile<'i32', Reduce<S, A>> {
  return compiled('argmin');
}
/** Inclusive sums along an axis; reverse: from the end. */
export function cumsum<D = any, S extends Shape = any>(
  x: Tile<D, S>,
  axis: 0 | 1 | 2,
  opts?: { reverse?: boolean },
): Tile<D, S> {
  return compiled('cumsum');
}
/** Inclusive scan with an associative `combine(left, right)`, of one tile or of a tuple of equal-shaped tiles
 *  (`left` is nearer the start; with reverse, nearer the end). Not associative: the result is unspecified. */
export function scan<D = any, S extends Shape = any>(
  x: Tile<D, S>,
  axis: 0 | 1 | 2,
  combine: (a: number, b: number) => number,
  opts?: { reverse?: boolean },
): Tile<D, S>;
export function scan<const X extends readonly number[]>(
  xs: X,
  axis: 0 | 1 | 2,
  combine: (a: Nums<X>, b: Nums<X>) => Nums<X>,
  opts?: { reverse?: boolean },
): { -readonly [I in keyof X]: X[I] };
export function scan(..._args: unknown[]): any {
  return compiled('scan');
}
/** Fold of an axis with an associative `combine(left, right)`, of one tile or of a tuple of equal-shaped tiles. */
export function reduce<D = any, S extends Shape = any, const A extends Axis<S> = any>(
  x: Tile<D, S>,
  axis: A,
  combine: (a: number, b: number) => number,
): Tile<D, Reduce<S, A>>;
export function reduce<const X extends readonly number[]>(
  xs: X,
  axis: 0 | 1 | 2,
  combine: (a: Nums<X>, b: Nums<X>) => Nums<X>,
): { -readonly [I in keyof X]: Tile };
export function reduce(..._args: unknown[]): any {
  return compiled('reduce');
}
type Nums<X extends readonly unknown[]> = { readonly [I in keyof X]: number };

// ---------------------------------------------------------------- elementwise
/** Floats only (abs: any dtype); an integer argument is an error: cast first. round: half to even. */
type Unary = <D = any, S extends Shape = any>(x: Tile<D, S>) => Tile<D, S>;
const unary =
  (name: string): Unary =>
  () =>
    compiled(name);
export const exp: Unary = unary('exp');
export const exp2: Unary = unary('exp2');
export const log: Unary = unary('log');
export const log2: Unary = unary('log2');
export const log1p: Unary = unary('log1p');
export const sqrt: Unary = unary('sqrt');
export const rsqrt: Unary = unary('rsqrt');
export const sigmoid: Unary = unary('sigmoid');
export const tanh: Unary = unary('tanh');
export const erf: Unary = unary('erf');
export const sin: Unary = unary('sin');
export const cos: Unary = unary('cos');
export const floor: Unary = unary('floor');
export const ceil: Unary = unary('ceil');
export const round: Unary = unary('round');
export const abs: Unary = unary('abs');

/** The larger; if one operand is NaN the result is the other one. */
export function maximum<D = any, S extends Shape = any>(a: Tile<D, S>, b: number): Tile<D, S> {
  return compiled('maximum');
}
/** The smaller; if one operand is NaN the result is the other one. */
export function minimum<D = any, S extends Shape = any>(a: Tile<D, S>, b: number): Tile<D, S> {
  return compiled('minimum');
}
/** Selects, never multiplies: what the other arm holds (Infinity, NaN) cannot reach the result. Both arms are evaluated.
 *  In a product the constant zero of a where annihilates: on CUDA x * where(m, y, 0) is 0 where m is false, whatever x is;
 *  elsewhere it is NaN there if x is NaN or infinite. Two literal arms have no dtype, an error: cast(m, f32) gives 1 and 0. */
export function where<D = any, S extends Shape = any>(m: Mask, a: Tile<D, S>, b: number): Tile<D, S> {
  return compiled('where');
}
/** Smallest integer >= a/b, for a >= 0, b > 0. */
export function cdiv(a: number, b: number): number {
  return compiled('cdiv');
}
/** Quotient toward 0 (7/-2 = -3); a === idiv(a,b)*b + a%b. Division by 0: `interpret` traps, devices give an unspecified value. */
export function idiv(a: number, b: number): number {
  return compiled('idiv');
}
/** High 32 bits of the 64-bit product of two u32: counter-based random numbers, hashing. */
export function mulhi<S extends Shape = any>(a: Tile<'u32', S>, b: number): Tile<'u32', S> {
  return compiled('mulhi');
}
