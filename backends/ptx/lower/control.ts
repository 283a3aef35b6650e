import { Bug } from '../../../compiler/diag/diagnostic.js';
import { type AnyOp, type Block, type Op, type Value, walk } from '../../../compiler/ir/module.js';
import { runsAnywhere, yielded } from '../../../compiler/ir/rewrite.js';
import { is16Bit } from '../../../compiler/ir/types.js';
import { registerCount } from '../../../compiler/layout/layout.js';
import { imm, type Label, type Operand, type Reg } from '../isa/operand.js';
import { emitCopy } from './copy.js';
import { dtypeOf, type Emitter, isTileValue, layoutOf, rankOf } from './emitter.js';
import { takenOver } from './in-place.js';
import { max32 } from './integers.js';
import { isLazy } from './lazy.js';
import { readsPublished } from './parts.js';
import { publishOutside } from './published.js';
import { makeTile, wordsOf } from './tile.js';
import { type Truth, truthOf } from './truth.js';

/** Registers that stand for a value which loops and branches assign: one a 32-bit word, or a predicate. */
type Slots = readonly Reg[];

const isMask = (v: Value): boolean => dtypeOf(v) === 'i1';

function slotsFor(e: Emitter, v: Value): Slots {
  const words = rankOf(v) === 0 ? 1 : registerCount(layoutOf(v)) / (is16Bit(dtypeOf(v)) ? 2 : 1);
  return Array.from({ length: Math.ceil(words) }, () => e.b.reg(isMask(v) ? 'pred' : 'b32'));
}

/** What a carried value holds now; 16-bit floats rounded and in pairs. */
function contents(e: Emitter, v: Value): readonly Operand[] {
  if (rankOf(v) > 0) return wordsOf(e.tile(v));
  return [e.roundedScalar(e.scalar(v), dtypeOf(v))];
}

function bind(e: Emitter, v: Value, slots: Slots): void {
  const at = (i: number): Reg => slots[i] ?? unreachable();
  if (rankOf(v) === 0) e.setScalar(v, at(0));
  else e.setTile(v, makeTile(e, dtypeOf(v), layoutOf(v), is16Bit(dtypeOf(v)) ? { pair: at } : { lane: at }));
}

const unreachable = (): never => {
  throw new Bug('a carried value has fewer registers than its layout');
};

/** Assigns all at once: what is read is read before anything is written. */
function assign(e: Emitter, targets: readonly Slots[], sources: readonly (readonly Operand[])[]): void {
  const moves = targets.flatMap((slots, i) =>
    slots.flatMap((to, j) => {
      const from = sources[i]?.[j];
      return from === undefined || from === to ? [] : [{ to, from }];
    }),
  );
  const written = new Set(moves.map((m) => m.to));
  const safe = moves.map(({ to, from }) => {
    const clash = from.kind === 'reg' && written.has(from);
    return { to, from: clash ? e.b.op(moveOf(to), from) : from };
  });
  for (const { to, from } of safe) e.b.into(moveOf(to), to, from);
}

const moveOf = (to: Reg): 'mov.pred' | 'mov.b32' => (to.cls === 'pred' ? 'mov.pred' : 'mov.b32');

/** Tiles of more registers than this are made anew in a loop, where that is cheap, rather than held over it. */
const HELD_REGISTERS = 8;

/**
 * Registers for what a loop reads from outside of it: computed before, so that it is not computed in every trip. Tiles of
 * which it takes elements in shared memory are there before it begins.
 */
function holdLiveIns(e: Emitter, loop: Op): void {
  const ops = loop.regions.flatMap((region) => [...walk(region)]);
  const blocks = [...loop.regions, ...ops.flatMap((op) => op.regions)];
  const inside = new Set<Value>([...blocks.flatMap((b) => b.args), ...ops.flatMap((op) => op.results)]);
  const seen = new Set<Value>();
  for (const op of ops) for (const v of op.operands) if (!inside.has(v)) hold(e, v, seen);
  for (const op of ops as AnyOp[]) {
    const [x] = op.operands;
    if ((op.name !== 'slice' && op.name !== 'take') || x === undefined || inside.has(x)) continue;
    if (readsPublished(e, op)) publishOutside(e, e.tile(x));
  }
}

function hold(e: Emitter, v: Value, seen: Set<Value>): void {
  if (seen.has(v) || !isTileValue(v) || !e.hasTile(v)) return;
  seen.add(v);
  const tile = e.tile(v);
  if (v.def.kind === 'op' && isLazy(v.def) && v.def.name !== 'smem_read') {
    if (v.def.name === 'const' || v.def.name === 'splat') return;
    if (tile.registers > HELD_REGISTERS) {
      for (const x of v.def.operands) hold(e, x, seen);
      return;
    }
  }
  tile.force();
}

/** Registers that a loop may hold in accumulators and still have some for copies that wait, of 255. */
const ROOMY_REGISTERS = 176;

/** Registers of what a trip holds for long: carried tiles, and sums of products that are not carried. */
function heldRegisters(body: Block, args: readonly Value[]): number {
  const carried = new Set(yielded(body));
  const sums = body.ops.filter((op) => op.name === 'dot').flatMap((op) => op.results);
  const held = [...args, ...sums.filter((v) => !carried.has(v))];
  return held.filter(isTileValue).reduce((n, v) => n + registerCount(layoutOf(v)), 0);
}

export type EmitBlock = (e: Emitter, block: Block) => void;

/** Trips while left > 0, tested at the end; `left` is unsigned, so that no index wraps. */
export function emitFor(e: Emitter, op: Op<'for'>, emitBlock: EmitBlock): void {
  const body = op.regions[0] ?? noRegion();
  const [begin, end, given] = op.operands.slice(0, 3).map((v) => e.scalar(v)) as [Operand, Operand, Operand];
  const step = given.kind === 'imm' ? given : max32(e.b, given, imm(1));
  const inits = op.operands.slice(3);
  holdLiveIns(e, op);
  const carried = body.args.slice(1);
  const slots = carried.map((v) => slotsFor(e, v));
  assign(
    e,
    slots,
    inits.map((v) => contents(e, v)),
  );
  const [loop, exit] = [e.b.newLabel('loop'), e.b.newLabel('exit')];
  const index = e.b.reg('b32');
  e.b.branch(exit, e.b.op('setp.ge.s32', begin, end));
  e.b.into('mov.b32', index, op.attrs.reverse === true ? lastIndex(e, begin, end, step) : begin);
  e.b.place(loop);
  const waits = e.deferred.waits;
  e.deferred.waits = heldRegisters(body, carried) <= ROOMY_REGISTERS;
  e.scope(() => {
    e.setScalar(body.args[0] ?? noRegion(), index);
    for (const [i, v] of carried.entries()) bind(e, v, slots[i] ?? []);
    emitBlock(e, body);
    assign(
      e,
      slots,
      yielded(body).map((v) => contents(e, v)),
    );
  });
  e.deferred.waits = waits;
  const reverse = op.attrs.reverse === true;
  const left = reverse ? e.b.op('sub.s32', index, begin) : e.b.op('sub.s32', end, index);
  const again = e.b.op(reverse ? 'setp.ge.u32' : 'setp.gt.u32', left, step);
  e.b.into(reverse ? 'sub.s32' : 'add.s32', index, index, step);
  e.b.branch(loop, again);
  e.b.place(exit);
  for (const [i, v] of op.results.entries()) bind(e, v, slots[i] ?? []);
}

/** The condition is one number for all threads: they compute it alike. */
export function emitWhile(e: Emitter, op: Op<'while'>, emitBlock: EmitBlock): void {
  const [test, body] = op.regions as [Block, Block];
  holdLiveIns(e, op);
  const slots = op.operands.map((v) => slotsFor(e, v));
  assign(
    e,
    slots,
    op.operands.map((v) => contents(e, v)),
  );
  const [loop, exit] = [e.b.newLabel('loop'), e.b.newLabel('exit')];
  e.b.place(loop);
  const waits = e.deferred.waits;
  e.deferred.waits = heldRegisters(body, body.args) <= ROOMY_REGISTERS;
  e.scope(() => {
    for (const region of [test, body]) for (const [i, v] of region.args.entries()) bind(e, v, slots[i] ?? []);
    emitBlock(e, test);
    leaveUnless(e, truthOf(e.scalar(yielded(test)[0] ?? noRegion())), exit);
    emitBlock(e, body);
    assign(
      e,
      slots,
      yielded(body).map((v) => contents(e, v)),
    );
  });
  e.deferred.waits = waits;
  e.b.branch(loop);
  e.b.place(exit);
  for (const [i, v] of op.results.entries()) bind(e, v, slots[i] ?? []);
}

function leaveUnless(e: Emitter, condition: Truth, exit: Label): void {
  if (condition === false) e.b.branch(exit);
  else if (condition !== true) e.b.branch(exit, condition, true);
}

/** begin + floor((end - 1 - begin) / step) step. */
function lastIndex(e: Emitter, begin: Operand, end: Operand, step: Operand): Operand {
  const span = e.b.op('sub.s32', e.b.op('sub.s32', end, begin), { kind: 'imm', value: 1 });
  return e.b.op('add.s32', begin, e.b.op('mul.lo.s32', e.b.op('div.u32', span, step), step));
}

const noRegion = (): never => {
  throw new Bug('a loop without a body');
};

/** Ops that may run where their branch would not, beside copies, which take its condition as a guard. */
const isHarmless = (op: Op): boolean =>
  runsAnywhere(op) && op.results.every((v) => v.type.kind === 'view' || rankOf(v) === 0);

/**
 * A branch that only starts copies is no branch: each copy has the condition as its guard, so that the copies can be
 * issued beside the products that follow.
 */
function emitGuardedCopies(e: Emitter, op: Op<'if'>, emitBlock: EmitBlock): boolean {
  const [yes, no] = op.regions;
  const condition = e.scalar(op.operands[0] ?? noRegion());
  if (op.results.length > 0 || no?.ops.length !== 1 || yes === undefined || condition.kind !== 'reg') return false;
  const ops = yes.ops.slice(0, -1) as AnyOp[];
  if (!ops.every((x) => isHarmless(x) || x.name === 'smem_copy')) return false;
  for (const x of ops) {
    if (x.name === 'smem_copy') emitCopy(e, x, condition);
    else emitBlock(e, { ...yes, ops: [x] });
  }
  return true;
}

export function emitIf(e: Emitter, op: Op<'if'>, emitBlock: EmitBlock): void {
  if (emitGuardedCopies(e, op, emitBlock)) return;
  const condition = truthOf(e.scalar(op.operands[0] ?? noRegion()));
  const isKnown = typeof condition === 'boolean';
  const taken = op.results.map((_, i) => (isKnown ? null : takenOver(e, op, i)));
  const slots = op.results.map((v, i) => taken[i]?.registers ?? slotsFor(e, v));
  const [yes, no] = op.regions as [Block, Block];
  const isIdle = (region: Block): boolean => region.ops.length === 1 && taken.every((t) => t?.idle === region);
  const side = (region: Block): void =>
    e.scope(() => {
      emitBlock(e, region);
      assign(
        e,
        slots,
        yielded(region).map((v) => contents(e, v)),
      );
    });
  if (isKnown) side(condition ? yes : no);
  else if (isIdle(yes) || isIdle(no)) {
    const end = e.b.newLabel('end');
    e.b.branch(end, condition, isIdle(no));
    side(isIdle(no) ? yes : no);
    e.b.place(end);
  } else {
    const [other, end] = [e.b.newLabel('else'), e.b.newLabel('end')];
    e.b.branch(other, condition, true);
    side(yes);
    e.b.branch(end);
    e.b.place(other);
    side(no);
    e.b.place(end);
  }
  for (const [i, v] of op.results.entries()) bind(e, v, slots[i] ?? []);
}
