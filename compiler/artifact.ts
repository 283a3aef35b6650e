import type { Expr } from './expr.js';
import type { Access, DType } from './ir/types.js';

/** One argument of a kernel, as callers see it. `dtype` is a dtype, or the name of a dtype parameter (key of `dtypes`). */
export type ArgSpec =
  | { readonly name: string; readonly dir: Access; readonly dtype: string; readonly dims: readonly string[] }
  | { readonly name: string; readonly dir: 'scalar'; readonly dtype: DType };

/**
 * What is assumed of one tensor argument when a variant is compiled, so that wide accesses are legal. `contiguous`: the
 * last axis has stride 1. `align`: every other stride, the offset of element 0, and the extent of the last axis are
 * multiples of so many elements.
 */
export interface ArgFacts {
  readonly contiguous: boolean;
  readonly align: number;
}

/** One 32-bit word of the parameter block that every launch fills; `f32` scalars as their bits. */
export type ParamSlot =
  | { readonly dim: string }
  | { readonly stride: readonly [arg: string, axis: number] }
  /** Element offset of the tensor inside its buffer. */
  | { readonly offset: string }
  | { readonly scalar: string; readonly dtype: DType }
  /** Number of programs along an axis of the grid. */
  | { readonly grid: string };

export interface BindingSpec {
  readonly arg: string;
  readonly index: number;
  readonly access: 'read' | 'read_write';
}

/** A tensor argument that the options of this variant never touch may be null; it has no binding. */
export interface Variant {
  readonly when: {
    readonly dtypes: Readonly<Record<string, DType>>;
    readonly comptime: Readonly<Record<string, number>>;
    readonly facts: Readonly<Record<string, ArgFacts>>;
  };
  readonly target: 'webgpu';
  /** File beside the manifest; absent while the artifact lives in memory. */
  readonly file?: string;
  /** The program text. */
  readonly text: string;
  readonly entry: string;
  readonly config: Readonly<Record<string, number>>;
  /** Invocations of a workgroup: [n, 1, 1]. The grid is linear: see `gridOf` in runtime/launch.ts. */
  readonly block: readonly [number, number, number];
  readonly sharedBytes: number;
  readonly params: readonly ParamSlot[];
  readonly bindings: readonly BindingSpec[];
  /** Binding index of the parameter block (a uniform buffer). */
  readonly paramsBinding: number;
  /** WebGPU features that the text needs. */
  readonly features: readonly string[];
  /** Arguments that this variant never touches. */
  readonly unused: readonly string[];
}

export interface Manifest {
  readonly lac: 1;
  readonly kernel: string;
  readonly source: { readonly file: string; readonly sha256: string };
  readonly args: readonly ArgSpec[];
  readonly dtypes: Readonly<Record<string, readonly DType[]>>;
  readonly comptime: readonly string[];
  readonly options: Readonly<Record<string, boolean | number | string>>;
  readonly tune: Readonly<Record<string, readonly number[]>>;
  readonly prune: Expr | null;
  readonly tuneKey: readonly Expr[] | null;
  /** Program axes, fastest first, with their extents. */
  readonly grid: readonly (readonly [axis: string, extent: Expr])[];
  readonly variants: readonly Variant[];
}
