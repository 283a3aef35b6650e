import { gcd } from '../../../compiler/analysis/linear.js';
import type { ParamSlot } from '../../../compiler/artifact.js';
import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Op, Value, ViewParam } from '../../../compiler/ir/module.js';
import { bytesOf, type DType, type ViewType } from '../../../compiler/ir/types.js';
import { imm, type Operand, type Reg } from '../isa/operand.js';
import type { Emitter } from './emitter.js';
import { add64, known, max32, min32, multiple64, product64, scale64, sub32 } from './integers.js';
import { and, type Truth, within } from './truth.js';

/** One axis of a view: lanes exist where lo <= index < hi. */
export interface ViewAxis {
  /** Elements from one index to the next: 1 where the facts promise rows without gaps, else a stride of the argument. */
  readonly stride: 1 | { readonly axis: number };
  /** i32; null is 0, and then `hi` is not negative. */
  readonly lo: Operand | null;
  /** Read when it is asked for: a bound that nobody checks takes no parameter. */
  readonly hi: () => Operand;
  /** A power of two that divides lo and hi. */
  readonly bounds: number;
}

/** A window on an argument. Index 0 of every axis lies at `base`. */
export interface ViewState {
  readonly arg: string;
  readonly dtype: DType;
  /** Nothing in this launch writes to the argument. */
  readonly readOnly: boolean;
  /** b64: global address of index 0. */
  readonly base: () => Reg;
  /** A power of two that divides the elements between an aligned address and `base`, as promised by the facts. */
  readonly align: number;
  readonly axes: readonly ViewAxis[];
  /** False where an index of `at` lies outside: nothing of the view exists then. */
  readonly exists: Truth;
}

export const elementBytes = (v: ViewState): number => bytesOf(v.dtype);

/** More than any access is wide; what is divided by everything (0) is divided by this. */
const MOST_ALIGN = 2 ** 20;

/** The largest power of two that divides n. */
export const powerIn = (n: number): number => (n === 0 ? MOST_ALIGN : gcd(n, MOST_ALIGN));

/** The view of a whole tensor; it is bound, and its sizes become parameters, as they are asked for. */
export function bindParam(e: Emitter, p: ViewParam): void {
  const type = p.value.type as ViewType;
  const facts = e.facts(p.name);
  const last = p.dims.length - 1;
  const align = facts.contiguous ? powerIn(facts.align) : 1;
  if (facts.contiguous && last >= 0) e.reliesOn(p.name, { contiguous: true, align: 1 });
  e.setView(p.value, {
    arg: p.name,
    dtype: type.dtype,
    readOnly: type.access === 'in',
    base: () => e.pointer(p.name),
    align,
    axes: p.dims.map((dim, axis) => {
      const extent = type.extents[axis] ?? null;
      return {
        stride: axis === last && facts.contiguous ? 1 : { axis },
        lo: null,
        hi: () => (extent === null ? e.param({ dim }) : imm(extent)),
        bounds: extent === null ? (axis === last ? align : 1) : powerIn(extent),
      };
    }),
    exists: true,
  });
}

const strideSlot = (view: ViewState, axis: number): ParamSlot => ({ stride: [view.arg, axis] });

/** Bytes from one index to the next, where that is no constant; computed once. */
function byteStride(e: Emitter, view: ViewState, axis: number): Reg {
  const stride = e.param(strideSlot(view, axis));
  return e.hoisted(`bytes of ${view.arg} ${axis}`, () => e.b.op('shl.b64', stride, imm(Math.log2(elementBytes(view)))));
}

/** How index * stride is computed: in 64 bits, or from a stride that is proven to fit 32 bits. */
export type OffsetBits = 32 | 64;

/** index * stride in bytes, for an index that is a number or a 32-bit register. */
export function offsetAlong(
  e: Emitter,
  view: ViewState,
  axis: ViewAxis,
  index: Operand,
  bits: OffsetBits,
): ReturnType<typeof add64> {
  if (axis.stride === 1) return scale64(e.b, index, elementBytes(view));
  const number = axis.stride.axis;
  const constant = known(index);
  if (constant === 0) return imm(0);
  if (constant !== null) {
    // Computed once: ptxas keeps it in a uniform register, which additions take as it is, and shifts only after a copy.
    const one = byteStride(e, view, number);
    return e.hoisted(`bytes of ${view.arg} ${number} x ${constant}`, () => multiple64(e.b, one, constant) as Reg);
  }
  if (bits === 64) return product64(e.b, index, byteStride(e, view, number));
  const slot = strideSlot(view, number);
  const narrow = e.hoisted(`narrow ${view.arg} ${number}`, () => e.b.op('cvt.u32.u64', e.param(slot)));
  return e.b.op('shl.b64', e.b.op('mul.wide.s32', index, narrow), imm(Math.log2(elementBytes(view))));
}

const operandsOf = (op: { readonly operands: readonly Value[] }, from: number): Value[] => op.operands.slice(from);

function operandOf(op: { readonly operands: readonly Value[] }, i: number): Value {
  const v = op.operands[i];
  if (v === undefined) throw new Bug(`operand ${i} is missing`);
  return v;
}

/** An address is needed by somebody in the scope of the view: it is computed where the view is made. */
function based(e: Emitter, from: ViewState, offset: ReturnType<typeof add64>): Pick<ViewState, 'base'> {
  if (known(offset) === 0) return { base: from.base };
  const base = add64(e.b, from.base(), offset) as Reg;
  return { base: () => base };
}

/** Axes that are not kept are fixed; an index outside leaves a view of nothing, whose address is never used. */
export function emitViewAt(e: Emitter, op: Op<'view_at'>): void {
  const from = e.view(operandOf(op, 0));
  const indices = operandsOf(op, 1);
  let offset: ReturnType<typeof add64> = imm(0);
  let align = from.align;
  const exists: Truth[] = [from.exists];
  from.axes.forEach((axis, i) => {
    if (op.attrs.keep[i]) return;
    const index = indices.shift();
    if (index === undefined) throw new Bug('view_at: an index is missing');
    const x = e.scalar(index);
    offset = add64(e.b, offset, offsetAlong(e, from, axis, x, 64));
    if (axis.stride === 1) align = gcd(align, e.multiple(index));
    if (op.attrs.inside !== true) exists.push(within(e.b, x, axis.lo, axis.hi()));
  });
  e.setView(op.results[0] as Value, {
    ...from,
    ...based(e, from, offset),
    align,
    axes: from.axes.filter((_, i) => op.attrs.keep[i]),
    exists: and(e.b, ...exists),
  });
}

/** begin <= index < end of the first axis, renumbered from 0 and cut to the bounds that are there. */
export function emitViewSlice(e: Emitter, op: Op<'view_slice'>): void {
  const from = e.view(operandOf(op, 0));
  const [begin, end] = [operandOf(op, 1), operandOf(op, 2)];
  const [first, ...rest] = from.axes;
  if (first === undefined) throw new Bug('slice of a view of rank 0');
  const x = e.scalar(begin);
  const lo = max32(e.b, sub32(e.b, first.lo ?? imm(0), x), imm(0));
  // An end before the beginning would wrap around. Indices from 0 on take one comparison.
  const hi = sub32(e.b, max32(e.b, min32(e.b, e.scalar(end), first.hi()), x), x);
  const cut: ViewAxis = {
    stride: first.stride,
    lo: known(lo) === 0 ? null : lo,
    hi: () => hi,
    bounds: [e.multiple(begin), e.multiple(end)].reduce(gcd, first.bounds),
  };
  e.setView(op.results[0] as Value, {
    ...from,
    ...based(e, from, offsetAlong(e, from, first, x, 64)),
    align: first.stride === 1 ? gcd(from.align, e.multiple(begin)) : from.align,
    axes: [cut, ...rest],
  });
}
