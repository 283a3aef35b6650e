import type { Op, Value } from '../../compiler/ir/module.js';
import { freeBits } from '../../compiler/layout/holders.js';
import { registerCount } from '../../compiler/layout/layout.js';
import { Address } from './address.js';
import { accessIsWide } from './bindings.js';
import { addOne, guarded, readFour, readOne, writeFour, writeOne } from './elements.js';
import { type Emitter, layoutOf, product, sum, tileOf } from './emitter.js';
import { literal } from './literal.js';
import { component, laneType, pack, vectorType, widthOf } from './registers.js';
import type { Buffer } from './statement.js';
import { and, inside, type ViewState } from './views.js';
import { emitWrites } from './writes.js';

export function emitLoad(e: Emitter, op: Op<'load'>): void {
  const result = op.results[0] as Value;
  const view = e.view(op.operands[0] as Value);
  const rank = view.axes.length;
  const reads = e.order.reads(view.root);
  const origins = op.operands.slice(1, 1 + rank).map((v) => e.scalar(v));
  const pad = literal(op.attrs.pad, view.arg.dtype);
  if (rank === 0) {
    const mask = op.attrs.masked ? e.scalar(op.operands[1] as Value) : null;
    const value = guarded(e, and([view.valid, mask]), view.offset, pad, (o) => readOne(e, view.arg, o));
    e.scalars.set(result, e.let(value, 'v', reads));
    return;
  }
  const layout = layoutOf(result);
  const address = new Address(e, view, origins, layout, op.attrs);
  const mask = op.attrs.masked ? e.tile(op.operands[1 + rank] as Value) : null;
  const registers = registerCount(layout);
  const width = widthOf(registers);
  const lane = laneType(view.arg.dtype);
  const facts = e.ctx.facts[view.arg.name];
  const wide = view.arg.wide && facts !== undefined && accessIsWide(e, op, facts);
  const groups: string[] = [];
  for (let r = 0; r < registers; r += width) {
    if (wide) {
      const whole = guarded(e, address.conditions(r), address.offsets(r), `vec4<${lane}>(${pad})`, (o) =>
        readFour(e, view.arg, o),
      );
      groups.push(e.let(whole, 'v', reads));
      continue;
    }
    const parts = Array.from({ length: width }, (_, i) => {
      const condition = and([address.conditions(r + i), mask === null ? null : component(mask, r + i)]);
      return e.let(
        guarded(e, condition, address.offsets(r + i), pad, (o) => readOne(e, view.arg, o)),
        'v',
        reads,
      );
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
  e.scalars.set(result, e.let(value, 'v', e.order.reads(view.root)));
}

/** Text that writes one element. */
type Put = (e: Emitter, view: ViewState, offset: string, value: string) => string;

export function emitStore(e: Emitter, op: Op<'store'>): void {
  const view = e.view(op.operands[0] as Value);
  emitBox(e, op, (_, { arg }, offset, value) => writeOne(e, arg, offset, value), e.order.stores(view.root));
}

export function emitAtomicAdd(e: Emitter, op: Op<'atomic_add'>): void {
  const view = e.view(op.operands[0] as Value);
  emitBox(e, op, (_, { arg }, offset, value) => addOne(e, arg, offset, value), e.order.adds(view.root));
}

function emitBox(e: Emitter, op: Op<'store'> | Op<'atomic_add'>, put: Put, order: readonly Buffer[]): void {
  const view = e.view(op.operands[0] as Value);
  const value = op.operands[1] as Value;
  const rank = view.axes.length;
  if (tileOf(value).shape.length === 0) {
    const mask = op.attrs.masked ? e.scalar(op.operands[2] as Value) : null;
    putScalar(e, and([view.valid, mask]), put(e, view, view.offset, e.scalar(value)), order);
    return;
  }
  const layout = layoutOf(value);
  const tile = e.rounded(e.tile(value));
  const origins = op.operands.slice(2, 2 + rank).map((v) => e.scalar(v));
  const address = new Address(e, view, origins, layout, op.attrs);
  const mask = op.attrs.masked ? e.tile(op.operands[2 + rank] as Value) : null;
  const free = freeBits(layout).register;
  const { wide, dtype } = view.arg;
  const writes = Array.from({ length: registerCount(layout) / (wide ? 4 : 1) }, (_, g) => g * (wide ? 4 : 1))
    .filter((r) => (r & free) === 0)
    .map((r) => ({
      condition: and([address.conditions(r), mask === null ? null : component(mask, r)]),
      offset: address.offsets(r),
      value: wide ? (tile.groups[r / 4] ?? '') : component(tile, r),
    }));
  emitWrites(e, layout, writes, {
    type: vectorType(laneType(dtype), wide ? 4 : 1),
    put: (offset, x) => (wide ? writeFour(e, view.arg, offset, x) : put(e, view, offset, x)),
    mostBranches: e.depth === 0 ? writes.length : MOST_BRANCHES,
    order,
  });
}

/** Branches of one store in the body of a loop. */
const MOST_BRANCHES = 4;

/** What one element gets is written by the first invocation. */
export function putScalar(e: Emitter, condition: string | null, write: string, order: readonly Buffer[]): void {
  e.line(`if (${and([condition, 'inv == 0u'])}) {\n${write}\n}`, [], order);
}
