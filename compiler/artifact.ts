import type { Expr } from './expr.js';
import type { Access, DType } from './ir/types.js';

/** One argument of a kernel, as callers see it. `dtype` is a dtype, or the name of a dtype parameter (key of `dtypes`). */
export type ArgSpec =
  | {
      readonly name: string;
      readonly dir: Access;
      readonly dtype: string;
      readonly dims: readonly string[];
      /** A call may leave it out where its options never touch it; absent: it must say null. */
      readonly optional?: true;
    }
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

/**
 * One value of the parameter block that every launch fills; floats of any dtype as the bits of an f32. WGSL: one 32-bit
 * word a slot. CUDA: as `paramLayout` says.
 */
export type ParamSlot =
  | { readonly dim: string }
  | { readonly stride: readonly [arg: string, axis: number] }
  /** Element offset of the tensor inside its buffer. WGSL only: a CUDA kernel is given the address of element 0. */
  | { readonly offset: string }
  | { readonly scalar: string; readonly dtype: DType }
  /** Number of programs along an axis of the grid. */
  | { readonly grid: string };

export interface BindingSpec {
  readonly arg: string;
  readonly index: number;
  readonly access: 'read' | 'read_write';
}

/** What one program is compiled for, and what a launch of it fills, on every target. */
interface VariantBase {
  readonly when: {
    readonly dtypes: Readonly<Record<string, DType>>;
    readonly comptime: Readonly<Record<string, number>>;
    readonly facts: Readonly<Record<string, ArgFacts>>;
  };
  /** File beside the manifest; absent while the artifact lives in memory. */
  readonly file?: string;
  /** The program text. */
  readonly text: string;
  readonly entry: string;
  readonly config: Readonly<Record<string, number>>;
  /** Invocations (threads) of a program: [n, 1, 1]. The grid is linear: see `gridOf` in runtime/launch.ts. */
  readonly block: readonly [number, number, number];
  readonly params: readonly ParamSlot[];
  /** Tensors that the program touches; on CUDA binding i is entry parameter i. */
  readonly bindings: readonly BindingSpec[];
  /** Tensor arguments that this variant never touches: they may be null, and have no binding. */
  readonly unused: readonly string[];
}

export interface WgslVariant extends VariantBase {
  readonly target: 'webgpu';
  /** Workgroup memory, declared in the text. */
  readonly sharedBytes: number;
  /** Binding index of the parameter block (a uniform buffer). */
  readonly paramsBinding: number;
  /** WebGPU features that the text needs. */
  readonly features: readonly string[];
}

/**
 * PTX. Entry parameters in order: for each binding the 64-bit address of the tensor's element 0, then, where there are
 * params, one block of `paramLayout(params).bytes` bytes, aligned to 8. Program p is ctaid.x of a grid [programs, 1, 1].
 */
export interface CudaVariant extends VariantBase {
  readonly target: 'cuda';
  /** Least compute capability, times ten: 80, 90, 100. An architecture suffix (sm_90a) is in the text only. */
  readonly sm: number;
  /** Dynamic shared memory of a launch, bytes: the text declares `.extern .shared`. */
  readonly sharedBytes: number;
}

export type Variant = WgslVariant | CudaVariant;

/** Where each slot of a CUDA parameter block lies, in bytes from its beginning, and its size. */
export interface ParamLayout {
  readonly offsets: readonly number[];
  /** A multiple of 8; 0 where there is no slot. */
  readonly bytes: number;
}

/** Slots in order, naturally aligned: strides are 8 bytes (signed, in elements), everything else 4. */
export function paramLayout(params: readonly ParamSlot[]): ParamLayout {
  let end = 0;
  const offsets = params.map((slot) => {
    const size = 'stride' in slot ? 8 : 4;
    const offset = Math.ceil(end / size) * size;
    end = offset + size;
    return offset;
  });
  return { offsets, bytes: Math.ceil(end / 8) * 8 };
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

/**
 * A temporary of a plan: row-major without gaps, alive for one call. Expressions are over the dimensions and knobs of the
 * plan.
 */
export interface TempSpec {
  readonly name: string;
  /** A dtype, or a dtype parameter of the plan. */
  readonly dtype: string;
  readonly shape: readonly Expr[];
  /** Value of every element when a call begins; null: none. */
  readonly fill: Expr | null;
}

/** Another look at the same elements, over dimensions and knobs; none of them copies. */
export type ViewStep =
  /** Another shape, in row-major order. */
  | { readonly reshape: readonly Expr[] }
  /** Axis i is axis permute[i] of before. */
  | { readonly permute: readonly number[] }
  /** begin <= index < end of the first axis. */
  | { readonly slice: readonly [begin: Expr, end: Expr] };

export function sizesOfView(step: ViewStep): readonly Expr[] {
  if ('reshape' in step) return step.reshape;
  return 'slice' in step ? step.slice : [];
}

/** The view with its expressions replaced. */
export function mapView(step: ViewStep, by: (e: Expr) => Expr): ViewStep {
  if ('reshape' in step) return { reshape: step.reshape.map(by) };
  return 'slice' in step ? { slice: [by(step.slice[0]), by(step.slice[1])] } : step;
}

/**
 * What a step of a plan passes on: an argument or a temporary by name, as it is or seen through `view`, null, or a number
 * over dimensions, knobs and scalar arguments.
 */
export type StepArg = StepTensor | { readonly number: Expr } | null;
export interface StepTensor {
  readonly tensor: string;
  readonly view?: readonly ViewStep[];
}

/** A launch of a plan. */
export interface StepSpec {
  /** Key of the kernel. */
  readonly kernel: string;
  /** The step is left out where this is 0, over dimensions and knobs; null: never. */
  readonly when: Expr | null;
  readonly args: Readonly<Record<string, StepArg>>;
  /** Knobs that the plan gives the kernel, over dimensions and knobs of the plan. */
  readonly config: Readonly<Record<string, Expr>>;
}

/** What a call of a plan needs: kernels launched in order, each of which sees what the earlier ones stored. */
export interface PlanSpec {
  /** Name of the plan. */
  readonly kernel: string;
  readonly args: readonly ArgSpec[];
  readonly dtypes: Readonly<Record<string, readonly DType[]>>;
  /** Knobs in force. */
  readonly config: Readonly<Record<string, number>>;
  readonly temps: readonly TempSpec[];
  readonly steps: readonly StepSpec[];
}

/** A plan with the kernels of its steps, by key. */
export interface PlanManifest extends PlanSpec {
  readonly lac: 1;
  readonly source: { readonly file: string; readonly sha256: string };
  /** Dimensions that the kernels are compiled for. */
  readonly comptime: readonly string[];
  readonly tune: Readonly<Record<string, readonly number[]>>;
  readonly prune: Expr | null;
  readonly tuneKey: readonly Expr[] | null;
  readonly kernels: Readonly<Record<string, Manifest>>;
}
