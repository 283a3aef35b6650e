// biome-ignore-all lint/suspicious/noExplicitAny: `any` is the hole of gradual typing: a shape that arithmetic erased (see types.ts)
// biome-ignore-all lint/complexity/noBannedTypes: `{}` is the empty set of knobs or options
// biome-ignore-all lint/correctness/noUnusedFunctionParameters: parameters are the declaration; bodies are never run
import type { Const, DType, InOutView, InView, OutView, Scalar } from './types.js';

// ---------------------------------------------------------------- kernel declaration
/** dims name the axes: one name used twice, in one argument or several, means equal extents, checked at launch. */
export interface Arg<
  D extends string = string,
  H extends string = string,
  S extends readonly string[] = readonly string[],
  Dir extends string = string,
> {
  readonly dtype: DType<D, H>;
  readonly dims: S;
  readonly dir: Dir;
}
/** Of a tensor argument. `optional`: a call may leave it out where the options in force never touch it. */
export interface ArgOptions {
  readonly optional?: true;
}
export interface ScalarArg<D extends string = string> {
  readonly scalar: DType<D>;
}

export type AnyArg = Arg<any, any, any, any> | ScalarArg<any>;
export type DimName<A> = { [K in keyof A]: A[K] extends Arg<any, any, infer S, any> ? S[number] : never }[keyof A] &
  string;
/** Dimensions as a helper function writes them: InView<'f32', ['N', 'D']>. */
type Names<S> = { -readonly [I in keyof S]: S[I] };
export type Params<A> = {
  readonly [K in keyof A]: A[K] extends Arg<infer D, any, infer S, infer Dir>
    ? Dir extends 'in'
      ? InView<D, Names<S>>
      : Dir extends 'out'
        ? OutView<D, Names<S>>
        : InOutView<D, Names<S>>
    : A[K] extends ScalarArg<infer D>
      ? Scalar<D>
      : never;
};
export type Env<A, CT extends readonly unknown[], TN, O> = {
  readonly [K in DimName<A>]: K extends CT[number] ? Const<K> : Scalar<'i32'>;
} & { readonly [K in keyof TN & string]: Const<K> } & {
  readonly [K in keyof O]: O[K] extends boolean ? boolean : O[K];
};
export type Pick1<TN> = { readonly [K in keyof TN]: TN[K] extends readonly (infer V)[] ? V : never };
export type GridEnv<A, TN> = { readonly [K in DimName<A>]: number } & { readonly [K in keyof TN]: number };
/** What `prefer` knows besides: of the device, and of the dtypes chosen. */
export interface DeviceEnv {
  /** Multiprocessors: each runs programs of its own. */
  readonly processors: number;
  /** Shared memory that one program may have. */
  readonly sharedBytes: number;
  /** Of an element of the first tensor argument. */
  readonly elementBytes: number;
}
export type AnyFn = (...a: any[]) => any;

export interface KernelSpec<A, CT, TN, O, G> {
  args: A;
  /** Argument dimensions to specialise on; they become Const and part of the cache key. */
  comptime?: CT;
  /** Semantic compile-time options (flags and inlined functions); set per variant with `.with`. */
  options?: O;
  /** Performance knobs: the autotuner's space. Never changes results. */
  tune?: TN;
  /** Whether a configuration is worth compiling: those where it is false are left out. Must be arithmetic on the names given. */
  prune?: (p: GridEnv<A, TN>) => boolean;
  /** Where nothing was tuned: the least first, equal ones as without it. Arithmetic, as `prune`. */
  prefer?: (p: GridEnv<A, TN> & DeviceEnv) => number;
  /** Which sizes re-tune: e.g. bucketed sequence length. Default: comptime dims + dtypes. */
  tuneKey?: (p: GridEnv<A, TN>) => readonly number[];
  /** Named program axes, fastest first; folded onto the hardware's three by the compiler. */
  grid: (p: GridEnv<A, TN>) => G;
}

// ---------------------------------------------------------------- host side
export interface Tensor<D extends string = string, S extends readonly number[] = readonly number[]> {
  readonly dtype: D;
  readonly shape: S;
  readonly strides: { readonly [I in keyof S]: number };
}
export interface Device {
  readonly backend: 'cuda' | 'webgpu' | 'emulate' | 'interpret';
  readonly name: string;
}
type HostArg<A> =
  A extends Arg<any, infer H, infer S, any> ? Tensor<H, { readonly [I in keyof S]: number }> | null : number;
type Optional<A> = { [K in keyof A]: A[K] extends { readonly optional: true } ? K : never }[keyof A];
/** null: for an argument that the options in force never touch (an absent initial state); optional ones may be left out. */
export type HostArgs<A> = { readonly [K in Exclude<keyof A, Optional<A>>]: HostArg<A[K]> } & {
  readonly [K in Optional<A>]?: HostArg<A[K]> | undefined;
};
/** What a tune has found out so far; told whenever it knows more of a configuration. */
export interface TuneProgress {
  readonly config: Readonly<Record<string, number>>;
  /** `open`: right, and yet to be timed; `measured`; or why it is out: `limit`, `same`, `wrong`, `crash`, `hang`, `memory`, `lost`, `error`. */
  readonly state: string;
  /** Of its samples, where it was timed. */
  readonly medianMs: number | null;
  /** Configurations that were tried, and how many will be at most. */
  readonly tried: number;
  readonly toTry: number;
  readonly best: { readonly config: Readonly<Record<string, number>>; readonly medianMs: number } | null;
  readonly elapsedMs: number;
  /** What is left of it, as far as that can be told. */
  readonly leftMs: number | null;
}
export interface TuneOptions {
  /** What everything may take, the start of the worker process included. Without it: until the search has found what it wanted. */
  readonly budgetMs?: number;
  /** Ends the tune: the promise is rejected with the signal's reason, and what was measured is kept. */
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: TuneProgress) => void;
}
export interface Kernel<A, TN, O> {
  /** Launch: picks the tuned configuration for this device and key, or the pruned default. */
  (dev: Device, args: HostArgs<A>, opts?: { config?: Partial<Pick1<TN>> }): Promise<void>;
  /** The same source with other values for its options. */
  with(options: Partial<{ [K in keyof O]: O[K] extends boolean ? boolean : O[K] }>): Kernel<A, TN, O>;
  /**
   * Finds the best configuration on the device for arguments like these, as `lac tune` does: in another process, on tensors
   * of its own, each configuration compared with the reference beside the kernel. Later calls take what was found.
   */
  tune(dev: Device, args: HostArgs<A>, opts?: TuneOptions): Promise<Pick1<TN>>;
}

// ---------------------------------------------------------------- plans: several launches as one kernel

/** A tensor in the body of a plan. None of its views copies; each is refused at the call where no strides lead through it. */
export interface PlanTensor<D extends string = string, S extends readonly number[] = readonly number[]>
  extends Tensor<D, S> {
  /** The same elements in row-major order in another shape of as many: axes become one, or one becomes several. */
  reshape<const P extends readonly number[]>(shape: P): PlanTensor<D, { readonly [I in keyof P]: number }>;
  /** Axes in another order: axis i is axis axes[i] of this tensor. */
  permute<const P extends readonly number[]>(axes: P): PlanTensor<D, { readonly [I in keyof P]: number }>;
  /** begin <= index < end of the first axis, counted from begin. */
  slice(begin: number, end: number): PlanTensor<D, S>;
}
type PlanArg<A> =
  A extends Arg<any, infer H, infer S, any> ? PlanTensor<H, { readonly [I in keyof S]: number }> : number;
/** What the body of a plan is given: tensors, and numbers for scalar arguments. */
export type PlanArgs<A> = { readonly [K in keyof A]: PlanArg<A[K]> };
export type PlanEnv<A, TN, O> = { readonly [K in DimName<A>]: number } & Pick1<TN> & {
    readonly [K in keyof O]: O[K] extends boolean ? boolean : O[K];
  };
/** Append a launch: it starts after all earlier ones ended and sees what they stored. */
export type Run = <A, TN, O>(k: Kernel<A, TN, O>, args: HostArgs<A>, opts?: { config?: Partial<Pick1<TN>> }) => void;
export interface PlanSpec<A, TN, TM, O> {
  args: A;
  /** Semantic options that decide what runs (true, false or a number); set per variant with `.with`. */
  options?: O;
  tune?: TN;
  prune?: (p: GridEnv<A, TN>) => boolean;
  tuneKey?: (p: GridEnv<A, TN>) => readonly number[];
  temps?: (p: PlanEnv<A, TN, O>) => TM;
}
