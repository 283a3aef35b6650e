import type { ts } from 'ts-morph';
import type { ArgSpec, ViewStep } from '../../compiler/artifact.js';
import type { Span } from '../../compiler/diag/diagnostic.js';
import type { Expr } from '../../compiler/expr.js';
import type { Value } from '../../compiler/ir/module.js';
import type { Access, DType, TileType, ViewType } from '../../compiler/ir/types.js';
import type { KernelDecl } from '../read/declaration.js';
import type { PlanDecl } from '../read/plan-declaration.js';
import type { Scope } from './scope.js';

/** A number known at compile time: a literal, a Const, arithmetic on them. It has no dtype yet. `label` is its name. */
export interface NumVal {
  readonly kind: 'num';
  readonly value: number;
  readonly label?: string;
}
export interface BoolVal {
  readonly kind: 'bool';
  readonly value: boolean;
}
export interface StrVal {
  readonly kind: 'str';
  readonly value: string;
}
/** A tile, a scalar (rank 0) or a mask (i1). `dims` are the names of its extents, for messages. */
export interface TileVal {
  readonly kind: 'tile';
  readonly v: Value;
  readonly dims: readonly string[];
}
export interface ViewVal {
  readonly kind: 'view';
  readonly v: Value;
  readonly arg: string;
  readonly dims: readonly string[];
}
export interface DTypeVal {
  readonly kind: 'dtype';
  readonly dtype: DType;
}
/** `dtypes('T', ...)`: stands for one of its choices in each variant. */
export interface DTypeParamVal {
  readonly kind: 'dtypeParam';
  readonly name: string;
  readonly choices: readonly DType[];
}
export interface FnVal {
  readonly kind: 'fn';
  readonly node: ts.FunctionLikeDeclaration;
  readonly scope: Scope;
  readonly name: string;
}
/** A function of the language (`zeros`), or of `Math`. */
export interface BuiltinVal {
  readonly kind: 'builtin';
  readonly name: string;
}
/** A method of a view, a kernel, a plan or a tensor of a plan, with its receiver. */
export interface MethodVal {
  readonly kind: 'method';
  readonly self: ViewVal | KernelVal | PlanVal | TensorVal | ArrVal;
  readonly name: string;
}
export interface ArrVal {
  readonly kind: 'arr';
  readonly items: readonly Val[];
}
/** `what` says what it is, where it is no plain object literal: its unknown names get a message of their own. */
export interface ObjVal {
  readonly kind: 'obj';
  readonly props: ReadonlyMap<string, Val | (() => Val)>;
  readonly what?: string;
  /** Where a name is that is not in here, for messages. */
  readonly elsewhere?: (name: string) => string | undefined;
}
export interface NamespaceVal {
  readonly kind: 'namespace';
  readonly name: string;
  readonly names: () => readonly string[];
  readonly get: (name: string) => Val | undefined;
}
export interface RangeVal {
  readonly kind: 'range';
  readonly begin: NumVal | TileVal;
  readonly end: NumVal | TileVal;
  readonly step: NumVal | TileVal;
  readonly stages: number | undefined;
  /** True: at compile time, index by index. A number: so many indices a trip. */
  readonly unroll: boolean | number;
  readonly reverse: boolean;
}
export interface KernelVal {
  readonly kind: 'kernel';
  readonly decl: KernelDecl;
}
export interface PlanVal {
  readonly kind: 'plan';
  readonly decl: PlanDecl;
}
/** In a plan: an argument or a temporary, or a view of one. */
export interface TensorVal {
  readonly kind: 'tensor';
  readonly name: string;
  /** A dtype, or a dtype parameter. */
  readonly dtype: string;
  /** Of the dtype parameter. */
  readonly choices: Readonly<Record<string, readonly DType[]>>;
  readonly shape: readonly Expr[];
  readonly dir: Access | 'temp';
  readonly fill: Expr | null;
  /** From the tensor of that name to this shape. */
  readonly views: readonly ViewStep[];
}
/** The third parameter of the body of a plan. */
export interface RunVal {
  readonly kind: 'run';
}
export interface ArgVal {
  readonly kind: 'arg';
  /** The name is filled in by the kernel that holds it. */
  readonly spec: ArgSpec;
  readonly choices: Readonly<Record<string, readonly DType[]>>;
}
/** A number known at launch only: an expression over names, in grids, prunes and tune keys. */
export interface SymVal {
  readonly kind: 'sym';
  readonly expr: Expr;
}
export interface AllVal {
  readonly kind: 'all';
}
export interface NoneVal {
  readonly kind: 'none';
}
/** The result of something already reported: whatever is done with it says nothing more. */
export interface PoisonVal {
  readonly kind: 'poison';
}

export type Val =
  | NumVal
  | BoolVal
  | StrVal
  | TileVal
  | ViewVal
  | DTypeVal
  | DTypeParamVal
  | FnVal
  | BuiltinVal
  | MethodVal
  | ArrVal
  | ObjVal
  | NamespaceVal
  | RangeVal
  | KernelVal
  | PlanVal
  | TensorVal
  | RunVal
  | ArgVal
  | SymVal
  | AllVal
  | NoneVal
  | PoisonVal;

export const POISON: PoisonVal = { kind: 'poison' };
export const NONE: NoneVal = { kind: 'none' };
export const num = (value: number, label?: string): NumVal =>
  label === undefined ? { kind: 'num', value } : { kind: 'num', value, label };
export const bool = (value: boolean): BoolVal => ({ kind: 'bool', value });
export const sym = (expr: Expr): SymVal => ({ kind: 'sym', expr });

export function tileOf(v: Value, dims: readonly string[] = []): TileVal {
  return { kind: 'tile', v, dims };
}
export const tileTypeOf = (t: TileVal): TileType => t.v.type as TileType;
export const viewTypeOf = (v: ViewVal): ViewType => v.v.type as ViewType;
export const accessOf = (v: ViewVal): Access => viewTypeOf(v).access;
export const isMask = (t: TileVal): boolean => tileTypeOf(t).dtype === 'i1';
export const rankOf = (t: TileVal): number => tileTypeOf(t).shape.length;

/** A place that holds a value: where it was declared, and in which function. */
export interface Cell {
  readonly name: string;
  readonly kind: 'const' | 'let' | 'param';
  value: Val;
  readonly declared: Span;
  /** What declares it, where that is no `const` or `let` of its own. */
  readonly as?: 'index' | 'parameter';
  /** The last assignment, for messages. */
  assigned?: Span;
}

/** `BM=32`, or `32` where the extent has no name. */
const extentText = (extent: number, dim: string | undefined): string =>
  dim === undefined || dim === String(extent) ? String(extent) : `${dim}=${extent}`;

export function shapeText(shape: readonly number[], dims: readonly string[]): string {
  return `[${shape.map((e, i) => extentText(e, dims[i])).join(', ')}]`;
}

const dtypeText = (d: DType): string => (d === 'i1' ? 'mask' : d);

/** What a value is, as messages say it: `tile<[BM=32, BN=64] x f32>`, `i32 scalar`, `the string 'x'`. */
export function describe(val: Val): string {
  switch (val.kind) {
    case 'num':
      return val.label === undefined || val.label === String(val.value)
        ? `the number ${val.value}`
        : `the constant ${val.label}=${val.value}`;
    case 'bool':
      return String(val.value);
    case 'str':
      return `the string '${val.value.length > 40 ? `${val.value.slice(0, 40)}…` : val.value}'`;
    case 'tile': {
      const t = tileTypeOf(val);
      if (t.shape.length === 0) return t.dtype === 'i1' ? 'scalar mask' : `${t.dtype} scalar`;
      return `tile<${shapeText(t.shape, val.dims)} x ${dtypeText(t.dtype)}>`;
    }
    case 'view': {
      const t = viewTypeOf(val);
      const extents = t.extents.map((e, i) => (e === null ? (val.dims[i] ?? '?') : extentText(e, val.dims[i])));
      return `view<[${extents.join(', ')}] x ${t.dtype}>`;
    }
    case 'dtype':
      return `the dtype ${val.dtype}`;
    case 'dtypeParam':
      return `the dtype parameter ${val.name}`;
    case 'fn':
      return val.name === '' ? 'a function' : `the function ${val.name}`;
    case 'builtin':
      return `the function ${val.name}`;
    case 'method':
      return `the method ${val.name}`;
    case 'arr':
      return `an array of ${val.items.length}`;
    case 'obj':
      return val.what ?? 'an object';
    case 'namespace':
      return `the module ${val.name}`;
    case 'range':
      return 'a range';
    case 'kernel':
      return `the kernel ${val.decl.name}`;
    case 'plan':
      return `the plan ${val.decl.name}`;
    case 'tensor':
      return val.dir === 'temp' ? `the temporary ${val.name}` : `the tensor ${val.name}`;
    case 'run':
      return 'the function run';
    case 'arg':
      return 'an argument declaration';
    case 'sym':
      return 'a size known at launch';
    case 'all':
      return '`all`';
    case 'none':
      return 'undefined';
    case 'poison':
      return 'an erroneous value';
  }
}
