import { Bug } from '../../compiler/diag/diagnostic.js';
import type { AnyOp, Block, Op, Value } from '../../compiler/ir/module.js';
import { is16Bit } from '../../compiler/ir/types.js';
import { coordinates, flatten } from '../../compiler/layout/axes.js';
import { classifyConversion } from '../../compiler/layout/convert.js';
import { apply, type Layout, registerCount } from '../../compiler/layout/layout.js';
import type { OpName } from '../../compiler/ops/table.js';
import { emitAtomicAdd, emitGet, emitLoad, emitStore } from './access.js';
import { emitGather, emitScatter, emitScatterAdd } from './addressed.js';
import { emitFor, emitIf, emitWhile } from './control.js';
import { emitDot } from './dot.js';
import { ELEMENTWISE, type ElementwiseName, isElementwiseName } from './elementwise.js';
import { axisIndexOf, checkRegisters, type Emitter, layoutOf, position, rankOf, tileOf } from './emitter.js';
import { literal } from './literal.js';
import { stage, unstage } from './memory.js';
import { emitInsert, emitSlice, emitTake } from './parts.js';
import { emitReduce } from './reduce.js';
import { emitReduceBy } from './reduce-by.js';
import { component, laneType, pack, type RegTile, widthOf } from './registers.js';
import { emitScan } from './scan.js';
import { emitScanBy } from './scan-by.js';
import { emitViewAt, emitViewSlice } from './views.js';

type Rules = { readonly [N in Exclude<OpName, ElementwiseName>]: (e: Emitter, op: Op<N>) => void };

export const result = (op: { results: Value[] }): Value => {
  const v = op.results[0];
  if (v === undefined) throw new Bug('op without result');
  return v;
};
export const operand = (op: { operands: Value[] }, i: number): Value => {
  const v = op.operands[i];
  if (v === undefined) throw new Bug(`operand ${i} is missing`);
  return v;
};

/** Arithmetic on 16-bit floats keeps f32 precision; these give values that the dtype holds exactly. */
const EXACT: ReadonlySet<OpName> = new Set<OpName>(['cast', 'select', 'max', 'min', 'neg', 'abs', 'bitcast']);

export function emitBlock(e: Emitter, block: Block): void {
  for (const op of block.ops as AnyOp[]) emitOp(e, op);
}

function emitOp(e: Emitter, op: AnyOp): void {
  checkRegisters(op);
  if (isElementwiseName(op.name)) emitElementwise(e, op);
  else (RULES[op.name] as (e: Emitter, op: AnyOp) => void)(e, op);
  for (const v of op.results) stageIfNeeded(e, v);
}

export function stageIfNeeded(e: Emitter, v: Value): void {
  if (!e.needsStage.has(v) || e.stagesLate.has(v) || e.staged.has(v)) return;
  stage(e, v, e.tile(v));
}

function emitElementwise(e: Emitter, op: AnyOp): void {
  const v = result(op);
  const rule = ELEMENTWISE[op.name as ElementwiseName];
  const from = tileOf(operand(op, op.name === 'select' ? 1 : 0)).dtype;
  const to = tileOf(v).dtype;
  const use = (name: string): string => e.use(name);
  if (rankOf(v) === 0) {
    const x = op.operands.map((o) => e.scalar(o));
    const made = rule({ x, from, to, width: 1, use, op });
    e.scalars.set(v, e.let(e.roundedScalar(made, to)));
    return;
  }
  const width = widthOf(registerCount(layoutOf(v)));
  const tiles = op.operands.map((o) => e.tile(o));
  const count = registerCount(layoutOf(v)) / width;
  const exprs = Array.from({ length: count }, (_, g) =>
    rule({ x: tiles.map((t) => t.groups[g] ?? ''), from, to, width, use, op }),
  );
  const exact = EXACT.has(op.name) && (op.name !== 'cast' || from === to) && tiles.every((t) => t.rounded);
  const tile = e.define(v, exprs, exact || !is16Bit(to));
  if (op.name === 'cast') e.tiles.set(v, e.rounded(tile));
}

/** The same literal in every group: constants and splats cost no registers. */
function uniformTile(v: Value, text: string): RegTile {
  const { dtype } = tileOf(v);
  const registers = registerCount(layoutOf(v));
  const width = widthOf(registers);
  const group = pack(
    laneType(dtype),
    Array.from({ length: width }, () => text),
  );
  return { dtype, registers, groups: Array.from({ length: registers / width }, () => group), rounded: true };
}

/** For each register of `layout`, the register of `from` with element `element(r)`. */
function renamed(e: Emitter, v: Value, from: Value, element: (index: number) => number): void {
  if (rankOf(from) === 0) {
    if (rankOf(v) === 0) e.scalars.set(v, e.scalar(from));
    else e.tiles.set(v, uniformTile(v, e.scalar(from)));
    return;
  }
  if (rankOf(v) === 0) {
    // A tile of one element: every invocation holds it.
    e.scalars.set(v, component(e.rounded(e.tile(from)), 0));
    return;
  }
  const source = e.tile(from);
  const table = new Map<number, number>();
  const fromLayout = layoutOf(from);
  for (let r = registerCount(fromLayout) - 1; r >= 0; r--) table.set(apply(fromLayout, { register: r }), r);
  const layout = layoutOf(v);
  const registers = registerCount(layout);
  const width = widthOf(registers);
  const groups: string[] = [];
  for (let r = 0; r < registers; r += width) {
    const parts = Array.from({ length: width }, (_, i) => {
      const at = table.get(element(apply(layout, { register: r + i })));
      if (at === undefined) throw new Bug(`no register of %${from.hint ?? from.id} has the element`);
      return component(source, at);
    });
    groups.push(pack(laneType(source.dtype), parts));
  }
  const tile = e.define(v, groups, source.rounded);
  e.tiles.set(v, tile);
}

function emitBroadcast(e: Emitter, op: Op<'broadcast'>): void {
  const from = operand(op, 0);
  const small = tileOf(from).shape;
  const big = tileOf(result(op)).shape;
  renamed(e, result(op), from, (index) =>
    flatten(
      small,
      coordinates(big, index).map((c, i) => (small[i] === 1 ? 0 : c)),
    ),
  );
}

/** The same hardware holds the same elements: registers are renamed; else the tile goes through workgroup memory. */
function emitConvert(e: Emitter, op: Op<'convert'>): void {
  const from = operand(op, 0);
  if (isRename(layoutOf(from), layoutOf(result(op)))) {
    renamed(e, result(op), from, (index) => index);
    return;
  }
  const staged = e.staged.get(from) ?? stage(e, from, e.tile(from));
  unstage(e, staged, result(op));
}

/** The same invocations hold the same elements. */
export const isRename = (a: Layout, b: Layout): boolean => classifyConversion(a, b) === 'rename';

function emitIota(e: Emitter, op: Op<'iota'>): void {
  const layout = layoutOf(result(op));
  const index = axisIndexOf(e, layout, 0);
  const registers = registerCount(layout);
  const width = widthOf(registers);
  const groups: string[] = [];
  for (let r = 0; r < registers; r += width)
    groups.push(
      pack(
        'i32',
        Array.from({ length: width }, (_, i) => position(index.invocation, index, r + i)),
      ),
    );
  e.define(result(op), groups, true);
}

const nothing = (): void => {};
const notHere = (_: Emitter, op: Op): never => {
  throw new Bug(`code generation of ${op.name}: workgroup memory is planned while WGSL is emitted`);
};

/** The lowering of every op that is not elementwise: total, so a missing rule is a type error. */
const RULES: Rules = {
  const: (e, op) => {
    const v = result(op);
    const s = literal(op.attrs.value, tileOf(v).dtype);
    if (rankOf(v) === 0) e.scalars.set(v, s);
    else e.tiles.set(v, uniformTile(v, s));
  },
  splat: (e, op) => {
    e.tiles.set(result(op), uniformTile(result(op), e.scalar(operand(op, 0))));
  },
  iota: emitIota,
  program_id: (e, op) => {
    e.scalars.set(result(op), e.programId(op.attrs.axis));
  },
  dim: (e, op) => {
    e.scalars.set(result(op), e.param({ dim: op.attrs.name }));
  },
  broadcast: emitBroadcast,
  expand: (e, op) => {
    renamed(e, result(op), operand(op, 0), (index) => index);
  },
  reshape: (e, op) => {
    renamed(e, result(op), operand(op, 0), (index) => index);
  },
  trans: (e, op) => {
    const v = result(op);
    if (v.layout === undefined) return;
    const [m = 1, n = 1] = tileOf(v).shape;
    renamed(e, v, operand(op, 0), (index) => (index % n) * m + Math.floor(index / n));
  },
  convert: emitConvert,
  dot: emitDot,
  reduce: emitReduce,
  scan: emitScan,
  slice: emitSlice,
  insert: emitInsert,
  take: emitTake,
  reduce_by: emitReduceBy,
  scan_by: emitScanBy,
  atomic_add: emitAtomicAdd,
  gather: emitGather,
  scatter: emitScatter,
  scatter_add: emitScatterAdd,
  while: emitWhile,
  view_at: emitViewAt,
  view_slice: emitViewSlice,
  load: emitLoad,
  get: emitGet,
  store: emitStore,
  for: emitFor,
  if: emitIf,
  inline: () => {
    throw new Bug('code generation of an inline region: the pipeline splices them');
  },
  yield: nothing,
  smem_alloc: notHere,
  smem_write: notHere,
  smem_read: notHere,
  smem_copy: notHere,
  smem_commit: notHere,
  smem_wait: notHere,
  barrier: notHere,
};
