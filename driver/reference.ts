import type { DType } from '../compiler/ir/types.js';

export type Dims = Readonly<Record<string, number>>;
export type OptionValue = boolean | number | string;

/** What an input generator is given: the sizes in force, the shape of its argument, and the seeded stream. */
export interface InputContext {
  readonly dims: Dims;
  readonly shape: readonly number[];
  /** Standard normal. */
  readonly random: () => number;
  /** Uniform in [0, 1). */
  readonly uniform: () => number;
}

export interface ReferenceContext {
  /** Inputs by name: row-major, already rounded to the dtype that the kernel sees. */
  readonly inputs: Readonly<Record<string, Float64Array>>;
  readonly dims: Dims;
  readonly scalars: Readonly<Record<string, number>>;
  /** Options in force; an inlined function stands as its name. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /**
   * Says of what root mean square the elements of an output would be if the terms that they add up did not happen to
   * cancel. Where that is more than they are, errors are measured against it, since terms are rounded before they cancel.
   */
  readonly cancels?: (output: string, size: number) => void;
}

/** A function is given the sizes in force of those dimensions that are numbers here, and of those declared before it. */
export type DefaultSize = number | ((dims: Dims) => number);

/** Largest error that still passes. `rmse` is relative to the root mean square of the reference, or what `cancels` said. */
export interface Tolerance {
  readonly rmse: number;
  /** Instead of `rmse`, where anything is kept in 16 bits: what is rounded many times on the way errs more. */
  readonly rmse16?: number;
  /** Bound for every element: |got - want| <= element * (|want| + RMS of the reference). */
  readonly element: number;
}

/**
 * What a kernel should compute, written from its formula, in f64. Lies beside `x.ts` in `x.ref.ts`, as a constant with
 * the kernel's name; `lac run`, `lac tune` and `lac bench` load it. It is the user's own code and is the only code that
 * lac runs; the kernel's source is only read.
 */
export interface Reference {
  /** Sizes used when the command line gives none: every dimension of the arguments. */
  readonly shape: Readonly<Record<string, DefaultSize>>;
  /** Choice for each dtype parameter; default: the kernel's first. */
  readonly dtypes?: Readonly<Record<string, DType>>;
  readonly scalars?: Readonly<Record<string, number | ((dims: Dims) => number)>>;
  /** Generators of inputs that are not standard normal; row-major, as many elements as `shape` says. */
  readonly inputs?: Readonly<Record<string, (ctx: InputContext) => Float64Array>>;
  /** Expected outputs by name, row-major. Outputs that the options in force leave untouched may be missing. */
  readonly run: (ctx: ReferenceContext) => Readonly<Record<string, Float64Array>>;
  /** Default: by dtype, see `toleranceFor` in compare.ts. */
  readonly tolerance?: Partial<Tolerance>;
  /** Tokens of one launch, for tokens/s. */
  readonly tokens?: (dims: Dims) => number;
  /**
   * Floating-point operations that the formula takes in its cheapest form, a multiply-add counting as two: for TFLOP/s, the
   * same whatever the implementation does.
   */
  readonly flops?: (dims: Dims, options: Readonly<Record<string, OptionValue>>) => number;
  /** Bytes that must be read and written, where that is not all of every argument: for GB/s. */
  readonly bytes?: (dims: Dims, options: Readonly<Record<string, OptionValue>>) => number;
}

/** The sizes given, and the reference's for every other dimension. */
export function withDefaults(shape: Reference['shape'], given: Dims): Dims {
  const numbers = Object.entries(shape).filter((entry): entry is [string, number] => typeof entry[1] !== 'function');
  const dims: Record<string, number> = { ...Object.fromEntries(numbers), ...given };
  for (const [name, size] of Object.entries(shape))
    if (typeof size === 'function') dims[name] = given[name] ?? size(dims);
  return dims;
}
