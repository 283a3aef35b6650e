import type { Span } from '../diag/diagnostic.js';
import type { Layout } from '../layout/layout.js';
import type { AttrsOf, OpName } from '../ops/table.js';
import type { DType, Type } from './types.js';

/** Where an op comes from: the innermost source span, and the calls through which it was inlined, innermost first. */
export interface Loc {
  readonly span: Span;
  /** Name of the function in which `span` lies, when that is not the kernel body. */
  readonly callee?: string;
  /** Location of the call that brought it here. */
  readonly caller?: Loc;
}

/** An SSA value: result of an op, or argument of a block. Identity is the object; `id` is unique in the process. */
export interface Value {
  readonly id: number;
  type: Type;
  def: Op | Block;
  /** Source name, for printing only. */
  hint?: string;
  /** Set by layout inference, on tiles only. */
  layout?: Layout;
}

export interface Op<N extends OpName = OpName> {
  readonly kind: 'op';
  name: N;
  operands: Value[];
  attrs: AttrsOf<N>;
  results: Value[];
  regions: Block[];
  loc: Loc | null;
}

/** Op with the attributes of one name; `switch (op.name)` narrows it. */
export type AnyOp = { [N in OpName]: Op<N> }[OpName];

/** A straight list of ops. Regions of `for`, `if` and `inline` end with `yield`; a kernel's body has no terminator. */
export interface Block {
  readonly kind: 'block';
  args: Value[];
  ops: Op[];
}

export interface ViewParam {
  readonly kind: 'view';
  readonly name: string;
  /** Names of the axes. One name used twice, here or in two parameters, means equal extents. */
  readonly dims: readonly string[];
  readonly value: Value;
}
export interface ScalarParam {
  readonly kind: 'scalar';
  readonly name: string;
  readonly dtype: DType;
  readonly value: Value;
}
export type Param = ViewParam | ScalarParam;

export interface Kernel {
  name: string;
  /** In the order of declaration; `body.args` are their values, in the same order. */
  params: Param[];
  /** Program axes, fastest first; `program_id {axis}` names them. */
  axes: string[];
  /** Dimensions that have a fixed size in this variant, by name. */
  comptime: Record<string, number>;
  /** Tune knobs of this variant, `warps` and `stages` included where given. */
  config: Record<string, number>;
  body: Block;
}

export interface Module {
  kernels: Kernel[];
}

let nextId = 0;

export function newValue(type: Type, def: Op | Block, hint?: string): Value {
  return hint === undefined ? { id: nextId++, type, def } : { id: nextId++, type, def, hint };
}

export function newBlock(argTypes: readonly Type[], hints: readonly (string | undefined)[] = []): Block {
  const block: Block = { kind: 'block', args: [], ops: [] };
  block.args = argTypes.map((t, i) => newValue(t, block, hints[i]));
  return block;
}

/** An op with results of the given types. Types are not checked here: use the builder, or run the verifier. */
export function newOp<N extends OpName>(
  name: N,
  operands: readonly Value[],
  attrs: AttrsOf<N>,
  resultTypes: readonly Type[],
  regions: readonly Block[] = [],
  loc: Loc | null = null,
): Op<N> {
  const op: Op<N> = { kind: 'op', name, operands: [...operands], attrs, results: [], regions: [...regions], loc };
  op.results = resultTypes.map((t) => newValue(t, op));
  return op;
}

/** Every op of a block and of the regions below it, in program order, outer before inner. */
export function* walk(block: Block): Generator<Op> {
  for (const op of block.ops) {
    yield op;
    for (const region of op.regions) yield* walk(region);
  }
}
