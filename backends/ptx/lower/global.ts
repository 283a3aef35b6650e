import { gcd } from '../../../compiler/analysis/linear.js';
import type { Value } from '../../../compiler/ir/module.js';
import { type Run, registerRun } from '../../../compiler/layout/algebra.js';
import { spanInOrder } from '../../../compiler/layout/axes.js';
import { type Layout, registerCount } from '../../../compiler/layout/layout.js';
import { type Address, at, imm, type Operand, type Reg } from '../isa/operand.js';
import type { Emitter } from './emitter.js';
import { add32, add64, known, xor32 } from './integers.js';
import { belowLimit, type Positions, positionsAlong } from './positions.js';
import { and, type Truth, within } from './truth.js';
import { elementBytes, type OffsetBits, offsetAlong, powerIn, type ViewAxis, type ViewState } from './views.js';

/** What loads, stores and copies say about their bounds and offsets. */
export interface BoxAttrs {
  readonly in_bounds?: boolean;
  readonly guard?: readonly boolean[];
  readonly valid?: readonly number[];
  readonly offset_bits?: number;
}

/** A tile placed on a view: where each register of a thread lies in global memory, and whether it exists. */
export interface GlobalBox {
  /** Neighbours in memory that one access may take, all inside or all outside; an aligned run of register bits. */
  readonly run: Run;
  address(register: number): Address;
  /** Of all the elements of the register's run. */
  inside(register: number): Truth;
}

/** Positions along one axis of the view: those in the tile, from the origin on. */
interface AxisPositions extends Positions {
  readonly axis: ViewAxis;
  readonly origin: Operand;
  /** Whether bounds are to be compared at run time. */
  readonly guarded: boolean;
}

/**
 * Addresses are made of a part that the thread contributes (computed once, at the top of the program), one that the origin
 * contributes (uniform), constants of the registers along an axis of stride 1 (immediates), and a 64-bit addition for
 * each other position along the other axes.
 * @param origins index of lane 0 along each axis, i32.
 * @param most bytes of the longest run that the caller takes.
 */
export function globalBox(
  e: Emitter,
  view: ViewState,
  origins: readonly Value[],
  layout: Layout,
  attrs: BoxAttrs,
  most = 16,
): GlobalBox {
  const axes = view.axes.map((axis, i) => positionsOf(e, axis, origins[i], layout, i, attrs));
  const pointers = pointersOf(e, view, axes, attrs.offset_bits === 32 ? 32 : 64);
  return {
    run: runOf(e, view, origins, layout, attrs, most),
    address: (register) => pointers(axes.map((a) => a.registers[register] ?? 0)),
    inside: insideOf(e, view, axes),
  };
}

function positionsOf(
  e: Emitter,
  axis: ViewAxis,
  origin: Value | undefined,
  layout: Layout,
  i: number,
  attrs: BoxAttrs,
): AxisPositions {
  return {
    ...positionsAlong(e, layout, i, attrs.valid),
    axis,
    origin: origin === undefined ? imm(0) : e.scalar(origin),
    guarded: attrs.in_bounds !== true && attrs.guard?.[i] !== false,
  };
}

/** Registers in runs, each in the order of memory: bit i of the position in a run is register bit run.bits[i]. */
export function runsOf(layout: Layout, run: Run): number[][] {
  const units = run.bits.map((bit) => 2 ** bit);
  const inside = units.reduce((m, x) => m | x, 0);
  const starts = [...Array(registerCount(layout)).keys()].filter((r) => (r & inside) === 0);
  return starts.map((start) => spanInOrder(units).map((x) => start | x));
}

/** The longest run whose accesses are aligned and lie inside or outside as a whole. */
function runOf(
  e: Emitter,
  view: ViewState,
  origins: readonly Value[],
  layout: Layout,
  attrs: BoxAttrs,
  most: number,
): Run {
  const last = view.axes.length - 1;
  const axis = view.axes[last];
  if (axis === undefined || axis.stride !== 1) return { width: 1, bits: [] };
  const origin = origins[last];
  const guarded = attrs.in_bounds !== true && attrs.guard?.[last] !== false;
  const aligned = [view.align, origin === undefined ? 0 : e.multiple(origin), attrs.valid?.[last] ?? 0];
  const width = [...aligned, guarded ? axis.bounds : 0].reduce(gcd, most / elementBytes(view));
  const run = registerRun(layout, last, powerIn(width));
  if (run.width > 1) e.reliesOn(view.arg, { contiguous: true, align: run.width });
  return run;
}

/**
 * Address of the element at these constants of the registers, one for each axis. Pointers are a walk, each from the one
 * asked for before: callers ask in order, and one pointer at a time stays in a register.
 */
function pointersOf(
  e: Emitter,
  view: ViewState,
  axes: readonly AxisPositions[],
  bits: OffsetBits,
): (constants: readonly number[]) => Address {
  let last: { readonly steps: readonly number[]; readonly pointer: Reg } | null = null;
  const pointer = (steps: readonly number[]): Reg => {
    const from = last ?? { steps: steps.map(() => 0), pointer: startOf(e, view, axes, bits) };
    const made = steps.reduce((p, step, i) => moved(e, view, axes[i], p, from.steps[i] ?? 0, step, bits), from.pointer);
    last = { steps, pointer: made };
    return made;
  };
  // Along these axes a position is a constant behind the first one, and goes into the instruction.
  const immediate = axes.map((a) => a.disjoint && a.axis.stride === 1);
  return (constants) => {
    const offset = constants.reduce((sum, c, i) => (immediate[i] ? sum + c * elementBytes(view) : sum), 0);
    return at(pointer(constants.map((c, i) => (immediate[i] ? 0 : c))), offset);
  };
}

/** A pointer moved along one axis, from one constant of the registers to another. */
function moved(
  e: Emitter,
  view: ViewState,
  axis: AxisPositions | undefined,
  pointer: Reg,
  from: number,
  to: number,
  bits: OffsetBits,
): Reg {
  if (from === to || axis === undefined) return pointer;
  if (axis.disjoint) return add64(e.b, pointer, offsetAlong(e, view, axis.axis, imm(to - from), bits)) as Reg;
  // thread ^ constant differs by a number that the thread decides: the difference of the two offsets is added.
  const [before, after] = [from, to].map((c) => xor32(e.b, axis.thread, imm(c))) as [Operand, Operand];
  return add64(e.b, pointer, offsetAlong(e, view, axis.axis, e.b.op('sub.s32', after, before), bits)) as Reg;
}

/** Pointer at register 0: the thread's part is hoisted, since products of 64 bits cost several instructions. */
function startOf(e: Emitter, view: ViewState, axes: readonly AxisPositions[], bits: OffsetBits): Reg {
  let pointer: Reg = view.base();
  const own = axes.filter((a) => known(a.thread) === null);
  if (own.length > 0) {
    // One sum: a loop holds it over its trips.
    const keys = own.map((a) => `${JSON.stringify(a.axis.stride)} ${JSON.stringify(a.bases)}`);
    const place = e.hoisted(`place ${view.arg} ${elementBytes(view)} ${keys.join(' ')}`, () => {
      const parts = own.map((a) => offsetAlong(e, view, a.axis, a.thread, bits));
      return parts.reduce((sum, part) => add64(e.b, sum, part)) as Reg;
    });
    pointer = add64(e.b, pointer, place) as Reg;
  }
  for (const a of axes) pointer = add64(e.b, pointer, offsetAlong(e, view, a.axis, a.origin, bits)) as Reg;
  return pointer;
}

function insideOf(e: Emitter, view: ViewState, axes: readonly AxisPositions[]): (register: number) => Truth {
  const perAxis = axes.map((a) => axisInside(e, a));
  const memo = new Map<string, Truth>();
  return (register) => {
    const constants = axes.map((a) => a.registers[register] ?? 0);
    const key = constants.join(' ');
    const before = memo.get(key);
    if (before !== undefined) return before;
    const made = and(e.b, view.exists, ...perAxis.map((f, i) => f(constants[i] ?? 0)));
    memo.set(key, made);
    return made;
  };
}

/** Conditions of one axis, each computed once, by the constant of the register. */
function axisInside(e: Emitter, a: AxisPositions): (constant: number) => Truth {
  let first: Operand | null = null;
  const memo = new Map<number, Truth>();
  const make = (c: number): Truth => {
    if (!a.guarded) return belowLimit(e, a, c);
    first ??= add32(e.b, a.origin, a.thread);
    const index = a.disjoint ? add32(e.b, first, imm(c)) : add32(e.b, a.origin, xor32(e.b, a.thread, imm(c)));
    return and(e.b, belowLimit(e, a, c), within(e.b, index, a.axis.lo, a.axis.hi()));
  };
  return (c) => {
    const before = memo.get(c);
    if (before !== undefined) return before;
    const made = make(c);
    memo.set(c, made);
    return made;
  };
}
