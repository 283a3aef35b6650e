// biome-ignore-all lint/suspicious/noExplicitAny: `any` is the hole of gradual typing: a shape that arithmetic erased (see types.ts)
// biome-ignore-all lint/complexity/noBannedTypes: `{}` is the empty set of knobs or options
// biome-ignore-all lint/correctness/noUnusedFunctionParameters: parameters are the declaration; bodies are never run
import type { all } from './values.js';

/**
 * The types of the language, checked by tsc --strict.
 *
 * Tile<D,S> is a *flavoured* number: `number & { optional phantom }`.
 *   - + - * / % ** < <= > >= === and unary - are legal on it (tsc result: number / boolean).
 *   - plain `number` (what arithmetic gives back) is assignable to any Tile  => never a false error.
 *   - Tile<A> is not assignable to Tile<B>                                    => real mistakes show.
 * Every type parameter below defaults to `any`, so an argument whose shape arithmetic erased
 * becomes a hole ("gradual typing"); `lac check` re-infers the exact type from source.
 * What each operation means in the corners (overflow, NaN, out of range, aliasing) is defined by `interpret` (compiler/interp).
 */
declare const TILE: unique symbol;
declare const DIM: unique symbol;
declare const HOST: unique symbol;

// ---------------------------------------------------------------- dtypes
/** A dtype as a value; `dtypes` makes one with choices. */
export interface DType<N extends string = string, Host extends string = N> {
  readonly name: N;
  readonly [HOST]?: Host;
}

// ---------------------------------------------------------------- values inside a kernel
/** Extents of a tile: names or numbers. */
export type Shape = readonly unknown[];
/** Rank 0 to 3; extents are compile-time integers >= 1, any value (96 and 1 too, not only powers of two).
 *  `| null` makes tiles of different shape comparable, so that `col(i) === row(j)` is no tsc error. */
export type Tile<D = any, S extends Shape = any> = number & { readonly [TILE]?: { dtype: D; shape: S } | null };
/** A tile of rank 0: one value for the whole program. */
export type Scalar<D = any> = Tile<D, []>;
/** Compile-time integer with a name (block size or specialised dimension). */
export type Const<N extends string> = number & { readonly [DIM]?: N };
/** What comparisons give. */
export type Mask = boolean;

export type IsAny<T> = 0 extends 1 & T ? true : false;
export type DimOf<X> = X extends { readonly [DIM]?: infer N }
  ? unknown extends N
    ? X extends number
      ? number extends X
        ? any
        : X
      : any
    : N
  : any;
export type Dims<P extends readonly unknown[]> = { -readonly [I in keyof P]: DimOf<P[I]> };
export type Axis<S> =
  IsAny<S> extends true
    ? 0 | 1 | 2
    : S extends readonly [unknown]
      ? 0
      : S extends readonly [unknown, unknown]
        ? 0 | 1
        : S extends readonly [unknown, unknown, unknown]
          ? 0 | 1 | 2
          : never;
export type Reduce<S, A> =
  IsAny<S> extends true
    ? any
    : S extends readonly [unknown]
      ? []
      : S extends readonly [infer X, infer Y]
        ? A extends 0
          ? [Y]
          : [X]
        : S extends readonly [infer X, infer Y, infer Z]
          ? A extends 0
            ? [Y, Z]
            : A extends 1
              ? [X, Z]
              : [X, Y]
          : any;
export type Expand<S, A> =
  IsAny<S> extends true
    ? any
    : S extends readonly []
      ? [1]
      : S extends readonly [infer X]
        ? A extends 0
          ? [1, X]
          : [X, 1]
        : S extends readonly [infer X, infer Y]
          ? A extends 0
            ? [1, X, Y]
            : A extends 1
              ? [X, 1, Y]
              : [X, Y, 1]
          : any;
/** S with the extent of I on axis A. */
export type Taken<S, I, A> =
  IsAny<S> extends true
    ? any
    : {
        -readonly [K in keyof S]: `${A & number}` extends K
          ? I extends Shape
            ? IsAny<I> extends true
              ? any
              : I[K & keyof I]
            : any
          : S[K];
      };
export type Trans<S> = IsAny<S> extends true ? any : S extends readonly [infer X, infer Y] ? [Y, X] : never;
/** B where it can stand on the right of A in a product, else the shape that could. */
export type Right<A, B> =
  IsAny<A> extends true
    ? B
    : A extends readonly [unknown, infer K]
      ? IsAny<B> extends true
        ? B
        : B extends readonly [infer K2, unknown]
          ? [K2] extends [K]
            ? B
            : [K, any]
          : [K, any]
      : A extends readonly [infer G, unknown, infer K]
        ? IsAny<B> extends true
          ? B
          : B extends readonly [infer G2, infer K2, unknown]
            ? [G2, K2] extends [G, K]
              ? B
              : [G, K, any]
            : [G, K, any]
        : never;
/** Shape of the product of A and B: what one of them does not say is a hole. */
export type Product<A, B> =
  IsAny<A> extends true
    ? IsAny<B> extends true
      ? any
      : B extends readonly [unknown, infer N]
        ? [any, N]
        : B extends readonly [infer G, unknown, infer N]
          ? [G, any, N]
          : any
    : A extends readonly [infer M, unknown]
      ? [M, Last<B>]
      : A extends readonly [infer G, infer M, unknown]
        ? [G, M, Last<B>]
        : any;
type Last<B> = IsAny<B> extends true ? any : B extends readonly [...unknown[], infer N] ? N : any;
type Drop<S extends Shape, I extends readonly unknown[]> = I extends readonly [infer H, ...infer IR]
  ? S extends readonly [infer X, ...infer SR]
    ? [H] extends [typeof all]
      ? [X, ...Drop<SR, IR>]
      : Drop<SR, IR>
    : never
  : S;
type Prefix<S extends Shape> =
  IsAny<S> extends true
    ? readonly (number | typeof all)[]
    : Partial<{ readonly [I in keyof S]: number | typeof all }> & readonly (number | typeof all)[];

// ---------------------------------------------------------------- views (strided windows on [B,H,N,D] arguments)
export type Origin<S extends Shape> = IsAny<S> extends true ? readonly number[] : { readonly [I in keyof S]: number };
export type Same<S extends Shape> = IsAny<S> extends true ? any : { [I in keyof S]: unknown };
/** One i32/u32 tile or scalar per axis; they broadcast (equal rank) to the shape of the result. */
export type Index<S extends Shape> = Origin<S>;
export interface LoadOptions {
  /** Value of lanes outside the view or where `mask` is false; converted to the view's dtype. Default 0. */
  pad?: number;
  /** Lanes that may touch memory; broadcasts to the tile's shape. */
  mask?: Mask;
  /** A hint: what is read once, or by others too. Changes no result. */
  cache?: 'default' | 'stream' | 'keep';
  /** The author's promise that every lane is inside; `interpret` checks it. */
  inBounds?: boolean;
}
export interface StoreOptions {
  /** Lanes that are written; broadcasts to the tile's shape. */
  mask?: Mask;
  /** The author's promise that every lane is inside; `interpret` checks it. */
  inBounds?: boolean;
}

interface ViewBase<D> {
  /** The dtype of the argument. */
  readonly dtype: DType<D & string>;
}
interface Readable<D, S extends Shape> {
  /** A tile whose origin is in elements; may be negative or past the end: such lanes read `pad`. */
  load<const P extends Origin<S>>(origin: Origin<S>, shape: P, opts?: LoadOptions): Tile<D, Dims<P>>;
  /** One element as a scalar; outside the view: 0. */
  get(...index: Origin<S> & readonly number[]): Scalar<D>;
  /** Element-wise addressed load: result[l] = view[index0[l], index1[l], ...]; lanes outside read `pad`. */
  gather(index: Index<S>, opts?: LoadOptions): Tile<D, any>;
}
interface Writable<S extends Shape> {
  /** Store a tile; lanes outside the view or masked off are dropped; values convert to the view's dtype (cast's rules). */
  store(origin: Origin<S>, value: Tile<any, Same<S>>, opts?: StoreOptions): void;
  /** Element-wise addressed store; with scalar indices, one element: scatter([b, h], m). Two lanes with one address: which value stays is unspecified. */
  scatter(index: Index<S>, value: number, opts?: StoreOptions): void;
}
/** `input` argument: strided, read-only window. */
export interface InView<D = any, S extends Shape = any> extends ViewBase<D>, Readable<D, S> {
  /** Fix axes from the left: q.at(b, h) : InView<D, [N, D]>. An index outside gives an empty view. */
  at<const I extends Prefix<S>>(...index: I): InView<D, Drop<S, I>>;
  /** The window begin <= index < end of the first axis, renumbered from 0 and cut to this view's own bounds.
   *  Loads pad and stores drop at the window's edges: packed sequences, segments. end <= begin is empty. */
  slice(begin: number, end: number): InView<D, S>;
}
/** `output` argument: write-only window (reading it back is a race, so it does not type-check). */
export interface OutView<D = any, S extends Shape = any> extends ViewBase<D>, Writable<S> {
  at<const I extends Prefix<S>>(...index: I): OutView<D, Drop<S, I>>;
  slice(begin: number, end: number): OutView<D, S>;
}
/** `inout` argument: updated in place. A program sees its own earlier stores; no other program's. */
export interface InOutView<D = any, S extends Shape = any> extends ViewBase<D>, Readable<D, S>, Writable<S> {
  at<const I extends Prefix<S>>(...index: I): InOutView<D, Drop<S, I>>;
  slice(begin: number, end: number): InOutView<D, S>;
  /** f32, i32, u32 only; relaxed order, device scope; float sums therefore vary in the last bits between runs. */
  atomicAdd(origin: Origin<S>, value: Tile<any, Same<S>>, opts?: StoreOptions): void;
  /** Atomic add with an address per lane; equal addresses all count. */
  scatterAdd(index: Index<S>, value: number, opts?: StoreOptions): void;
}
