import { rootOf } from '../../compiler/analysis/view-root.js';
import type { ArgFacts } from '../../compiler/artifact.js';
import { Bug, diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import { type AnyOp, type Op, type Value, type ViewParam, walk } from '../../compiler/ir/module.js';
import { type Access, type DType, is16Bit, type ViewType } from '../../compiler/ir/types.js';
import { freeBits } from '../../compiler/layout/holders.js';
import { type Layout, registerCount } from '../../compiler/layout/layout.js';
import { holdsRunsOfFour } from '../../compiler/layout/shape.js';
import { type AxisIndex, axisIndexOf, type Emitter, layoutOf, position, product, sum, tileOf } from './emitter.js';
import { literal } from './literal.js';
import { elected } from './memory.js';
import { component, laneType, pack, vectorType, widthOf } from './registers.js';
import type { Buffer } from './statement.js';

/** One axis of a view: positions lo <= c < extent are inside; `stride` in elements. All texts are i32 expressions. */
interface ViewAxis {
  readonly extent: string;
  readonly stride: string;
  readonly lo: string | null;
}

export interface ViewState {
  readonly arg: ArgState;
  readonly axes: readonly ViewAxis[];
  /** Element offset of coordinate 0, without the axes. */
  readonly offset: string;
  /** Null: known to be a view of something; else a bool expression. */
  readonly valid: string | null;
}

/** How an argument's buffer is declared. `vec4`: four elements an array entry; 16-bit entries are u32 or vec2<u32>. */
export interface ArgState {
  readonly name: string;
  readonly dtype: DType;
  readonly access: Access;
  readonly wide: boolean;
  readonly text: string;
  /** Facts that the declaration and the addresses make use of. */
  readonly reliesOn: ArgFacts | null;
}

export function declarationOf(a: ArgState): string {
  const entry = is16Bit(a.dtype)
    ? a.wide
      ? 'vec2<u32>'
      : a.access === 'in'
        ? 'u32'
        : 'atomic<u32>'
    : vectorType(laneType(a.dtype), a.wide ? 4 : 1);
  return `array<${entry}>`;
}

/** Registers the argument's binding and makes the view of all of it. */
export function bindParam(e: Emitter, p: ViewParam): void {
  const type = p.value.type as ViewType;
  const facts = e.ctx.facts[p.name];
  const wide = isWide(e, p);
  const arg: ArgState = {
    name: p.name,
    dtype: type.dtype,
    access: type.access,
    wide,
    text: `b${e.bindings.length}`,
    reliesOn: facts?.contiguous ? { contiguous: true, align: wide ? 4 : 1 } : null,
  };
  e.bindings.push({ arg: p.name, index: e.bindings.length, access: type.access === 'in' ? 'read' : 'read_write' });
  const last = p.dims.length - 1;
  const axes = p.dims.map((dim, i): ViewAxis => {
    const known = type.extents[i] ?? null;
    return {
      extent: known === null ? e.param({ dim }) : `${known}i`,
      stride: i === last && facts?.contiguous ? '1i' : e.param({ stride: [p.name, i] }),
      lo: null,
    };
  });
  e.views.set(p.value, { arg, axes, offset: e.param({ offset: p.name }), valid: null });
}

/**
 * A buffer is declared with entries of four elements if that is legal for it: rows aligned, and every store whole
 * entries. Reads of single elements then pick a component.
 */
function isWide(e: Emitter, p: ViewParam): boolean {
  const facts = e.ctx.facts[p.name];
  if (facts === undefined || !facts.contiguous || facts.align < 4 || p.dims.length === 0) return false;
  let some = false;
  for (const op of walk(e.kernel.body) as Generator<AnyOp>) {
    if (op.name !== 'load' && op.name !== 'store') continue;
    if (rootOf(op.operands[0] as Value).root !== p.value) continue;
    const wide = accessIsWide(e, op, facts);
    if (op.name === 'store' && !wide) return false;
    some ||= wide;
  }
  return some;
}

/**
 * The op touches runs of four elements that start at multiples of four and are inside or outside as a whole: the extent of
 * the last axis is a multiple of four, by its size in this variant or by what is assumed of the tensor.
 */
function accessIsWide(e: Emitter, op: Op<'load'> | Op<'store'>, facts: ArgFacts): boolean {
  const view = op.operands[0] as Value;
  const tile = op.name === 'load' ? op.results[0] : op.operands[1];
  const first = op.name === 'load' ? 1 : 2;
  if (tile?.layout === undefined || !holdsRunsOfFour(tile.layout) || !rootOf(view).keptLast) return false;
  const rank = tileOf(tile).shape.length;
  const last = rank - 1;
  const extent = (view.type as ViewType).extents[last] ?? null;
  const whole =
    op.attrs.guard?.[last] === false ||
    op.attrs.in_bounds === true ||
    (extent === null ? facts.align % 4 === 0 : extent % 4 === 0);
  const sliced = rank === 1 && isSliced(view);
  const valid = op.attrs.valid?.[last];
  return (
    whole &&
    !sliced &&
    op.attrs.masked !== true &&
    (valid === undefined || valid % 4 === 0) &&
    e.multiple(op.operands[first + last] as Value) % 4 === 0
  );
}

function isSliced(v: Value): boolean {
  for (let at = v; at.def.kind === 'op'; at = at.def.operands[0] as Value)
    if (at.def.name === 'view_slice') return true;
  return false;
}

const and = (terms: readonly (string | null)[]): string | null => {
  const list = terms.filter((t) => t !== null);
  return list.length === 0 ? null : list.length === 1 ? (list[0] as string) : `(${list.join(' && ')})`;
};

/** lo <= c < extent as a bool expression; one unsigned comparison where lo is 0. */
const inside = (c: string, axis: ViewAxis): string =>
  axis.lo === null ? `(u32(${c}) < u32(${axis.extent}))` : `(${c} >= ${axis.lo} && ${c} < ${axis.extent})`;

export function emitViewAt(e: Emitter, op: Op<'view_at'>): void {
  const from = e.view(op.operands[0] as Value);
  const terms: string[] = [from.offset];
  const checks: (string | null)[] = [from.valid];
  const axes: ViewAxis[] = [];
  let next = 1;
  from.axes.forEach((axis, i) => {
    if (op.attrs.keep[i]) {
      axes.push(axis);
      return;
    }
    const at = e.scalar(op.operands[next++] as Value);
    terms.push(product(at, axis.stride));
    if (op.attrs.inside !== true) checks.push(inside(at, axis));
  });
  const valid = and(checks);
  e.views.set(op.results[0] as Value, {
    arg: from.arg,
    axes,
    offset: e.let(sum(...terms)),
    valid: valid === null ? null : e.let(valid),
  });
}

/** begin <= index < end of the first axis, renumbered from 0 and cut to the bounds that are there. */
export function emitViewSlice(e: Emitter, op: Op<'view_slice'>): void {
  const from = e.view(op.operands[0] as Value);
  const [begin, end] = [e.scalar(op.operands[1] as Value), e.scalar(op.operands[2] as Value)];
  const [first, ...rest] = from.axes;
  if (first === undefined) throw new Bug('slice of a view of rank 0');
  const cut: ViewAxis = {
    ...first,
    extent: e.let(`min(${end}, ${first.extent}) - ${begin}`),
    lo: e.let(`max(${first.lo ?? '0i'} - ${begin}, 0i)`),
  };
  e.views.set(op.results[0] as Value, {
    ...from,
    axes: [cut, ...rest],
    offset: e.let(sum(from.offset, product(begin, first.stride))),
  });
}

/** Addresses and conditions of the registers of one load or store. */
class Address {
  readonly view: ViewState;
  readonly offsets: (r: number) => string;
  readonly conditions: (r: number) => string | null;

  constructor(e: Emitter, view: ViewState, origins: readonly string[], layout: Layout, attrs: Op<'store'>['attrs']) {
    this.view = view;
    const axes = view.axes.map((axis, i) => {
      const index = axisIndexOf(e, layout, i);
      const base = index.disjoint ? e.let(sum(origins[i] ?? '0i', index.invocation)) : index.invocation;
      const checked = attrs.in_bounds !== true && attrs.guard?.[i] !== false;
      const limit = attrs.valid?.[i];
      return {
        axis,
        index,
        base,
        checked,
        origin: origins[i] ?? '0i',
        limit: limit !== undefined && limit < (layout.shape[i] ?? 1) ? limit : null,
      };
    });
    const at = (a: (typeof axes)[number], r: number): string =>
      a.index.disjoint ? position(a.base, a.index, r) : sum(a.origin, position(a.base, a.index, r));
    const relative = (a: (typeof axes)[number], r: number): string => position(a.index.invocation, a.index, r);
    const memo = new Map<string, string>();
    const once = (expr: string): string => {
      if (/^\w+$/.test(expr)) return expr;
      const known = memo.get(expr);
      if (known !== undefined) return known;
      const name = e.let(expr);
      memo.set(expr, name);
      return name;
    };
    this.offsets = (r) => sum(view.offset, ...axes.map((a) => termOf(a.axis, at(a, r), a.index, r, a, once)));
    this.conditions = (r) =>
      and([
        view.valid,
        ...axes.map((a) => (a.checked ? once(inside(at(a, r), a.axis)) : null)),
        ...axes.map((a) => (a.limit !== null ? once(`${relative(a, r)} < ${a.limit}i`) : null)),
      ]);
  }
}

/** coordinate * stride, with the part that all registers share computed once. */
function termOf(
  axis: ViewAxis,
  at: string,
  index: AxisIndex,
  r: number,
  a: { base: string },
  once: (s: string) => string,
): string {
  if (axis.stride === '1i' || !index.disjoint) return product(at, axis.stride);
  return sum(once(product(a.base, axis.stride)), product(`${index.register[r] ?? 0}i`, axis.stride));
}

/** One element of a buffer at a text index (in elements), as its lane type. */
function readOne(e: Emitter, a: ArgState, offset: string): string {
  if (is16Bit(a.dtype)) {
    const word = a.wide ? `${a.text}[${offset} >> 2u][(${offset} >> 1u) & 1i]` : `${a.text}[${offset} >> 1u]`;
    return `${e.use(`lac_${a.dtype}_at`)}(${word}, ${offset} & 1i)`;
  }
  return a.wide ? `${a.text}[${offset} >> 2u][${offset} & 3i]` : `${a.text}[${offset}]`;
}

function readFour(e: Emitter, a: ArgState, offset: string): string {
  const entry = `${a.text}[${offset} >> 2u]`;
  return is16Bit(a.dtype) ? `${e.use(`lac_${a.dtype}_four`)}(${entry})` : entry;
}

/** Lanes outside read element 0 and are replaced by pad: a select, so that what memory holds there reaches nothing. */
const guarded = (
  e: Emitter,
  condition: string | null,
  offset: string,
  pad: string,
  read: (o: string) => string,
): string => {
  if (condition === null) return read(e.let(offset));
  const ok = e.let(condition, 'k');
  return `select(${pad}, ${read(e.let(`select(0i, ${offset}, ${ok})`))}, ${ok})`;
};

export function emitLoad(e: Emitter, op: Op<'load'>): void {
  const result = op.results[0] as Value;
  const view = e.view(op.operands[0] as Value);
  const rank = view.axes.length;
  const origins = op.operands.slice(1, 1 + rank).map((v) => e.scalar(v));
  if (rank === 0 || tileOf(result).shape.length === 0) {
    e.scalars.set(
      result,
      e.let(guarded(e, view.valid, view.offset, literal(op.attrs.pad, view.arg.dtype), (o) => readOne(e, view.arg, o))),
    );
    return;
  }
  const layout = layoutOf(result);
  const address = new Address(e, view, origins, layout, op.attrs);
  const mask = op.attrs.masked ? e.tile(op.operands[1 + rank] as Value) : null;
  const registers = registerCount(layout);
  const width = widthOf(registers);
  const lane = laneType(view.arg.dtype);
  const pad = literal(op.attrs.pad, view.arg.dtype);
  const facts = e.ctx.facts[view.arg.name];
  const wide = view.arg.wide && facts !== undefined && accessIsWide(e, op, facts);
  const groups: string[] = [];
  for (let r = 0; r < registers; r += width) {
    if (wide) {
      groups.push(
        guarded(e, address.conditions(r), address.offsets(r), `vec4<${lane}>(${pad})`, (o) => readFour(e, view.arg, o)),
      );
      continue;
    }
    const parts = Array.from({ length: width }, (_, i) => {
      const condition = and([address.conditions(r + i), mask === null ? null : component(mask, r + i)]);
      return e.let(guarded(e, condition, address.offsets(r + i), pad, (o) => readOne(e, view.arg, o)));
    });
    groups.push(pack(lane, parts));
  }
  e.define(result, groups, true);
}

export function emitGet(e: Emitter, op: Op<'get'>): void {
  const result = op.results[0] as Value;
  const view = e.view(op.operands[0] as Value);
  const at = op.operands.slice(1).map((v) => e.scalar(v));
  const checks = op.attrs.inside === true ? [] : view.axes.map((axis, i) => inside(at[i] ?? '0i', axis));
  const offset = sum(view.offset, ...view.axes.map((axis, i) => product(at[i] ?? '0i', axis.stride)));
  const value = guarded(e, and([view.valid, ...checks]), offset, literal(0, view.arg.dtype), (o) =>
    readOne(e, view.arg, o),
  );
  e.scalars.set(result, e.let(value));
}

export function emitStore(e: Emitter, op: Op<'store'>): void {
  const view = e.view(op.operands[0] as Value);
  const value = op.operands[1] as Value;
  const rank = view.axes.length;
  const origins = op.operands.slice(2, 2 + rank).map((v) => e.scalar(v));
  if (rank === 0) {
    storeScalar(e, view, value, orderOf(e, op));
    return;
  }
  const layout = layoutOf(value);
  const tile = e.rounded(e.tile(value));
  const address = new Address(e, view, origins, layout, op.attrs);
  const mask = op.attrs.masked ? e.tile(op.operands[2 + rank] as Value) : null;
  const free = freeBits(layout).register;
  const lines: string[] = [];
  const registers = registerCount(layout);
  for (let r = 0; r < registers; r += view.arg.wide ? 4 : 1) {
    if ((r & free) !== 0) continue;
    const condition = and([address.conditions(r), mask === null ? null : component(mask, r)]);
    const offset = address.offsets(r);
    const write = view.arg.wide
      ? writeFour(e, view.arg, offset, tile.groups[r / 4] ?? '')
      : writeOne(e, view.arg, offset, component(tile, r));
    lines.push(condition === null ? write : `if (${condition}) {\n${write}\n}`);
  }
  e.line(elected(e, layout, lines.join('\n')), [], orderOf(e, op));
}

/** A view whose axes are all fixed holds one element. */
function storeScalar(e: Emitter, view: ViewState, value: Value, order: readonly Buffer[]): void {
  const write = writeOne(e, view.arg, view.offset, e.scalar(value));
  const condition = and([view.valid, 'inv == 0u']);
  e.line(`if (${condition}) {\n${write}\n}`, [], order);
}

/** What a store writes in the eyes of barriers. */
function orderOf(e: Emitter, op: Op<'store'>): Buffer[] {
  const buffer = e.ordered.get(rootOf(op.operands[0] as Value).root);
  return buffer === undefined ? [] : [buffer];
}

function writeFour(e: Emitter, a: ArgState, offset: string, group: string): string {
  if (!is16Bit(a.dtype)) return `${a.text}[(${offset}) >> 2u] = ${group};`;
  return `${a.text}[(${offset}) >> 2u] = ${e.use(`lac_${a.dtype}_pack`)}(${group});`;
}

/**
 * One element. A 16-bit one shares its word with a neighbour that another invocation or program may own: its own half is
 * cleared and set by two atomics, which leave the other half as it is whatever happens between them.
 */
function writeOne(e: Emitter, a: ArgState, offset: string, value: string): string {
  if (!is16Bit(a.dtype)) return `${a.text}[${offset}] = ${value};`;
  const [o, s, bits] = [e.name('o'), e.name('s'), `${e.use(`lac_${a.dtype}_bits`)}(vec4<f32>(${value})).x`];
  return `let ${o} = ${offset};
let ${s} = u32(${o} & 1i) * 16u;
atomicAnd(&${a.text}[${o} >> 1u], ~(0xffffu << ${s}));
atomicOr(&${a.text}[${o} >> 1u], ${bits} << ${s});`;
}

/** In-place arguments need memory barriers that this backend does not place yet. */
export function refuseInout(p: ViewParam): void {
  if ((p.value.type as ViewType).access !== 'inout') return;
  throw new LacError(
    diagnostic('LAC0505', `argument ${p.name} is inout, which the WGSL backend does not support yet`, null, {
      help: ['use an input and an output'],
    }),
  );
}
