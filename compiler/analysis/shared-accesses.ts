/**
 * Who touches which bytes of shared memory, and where. Reads may be issued as late as the last op that needs their
 * registers (`smem_read` is emitted on demand), so a read stands at each of those places too.
 */
import { Bug } from '../diag/diagnostic.js';
import type { Kernel, Op, Value } from '../ir/module.js';
import { bytesOf } from '../ir/types.js';
import { combine } from '../layout/gf2.js';
import { type Layout, makeLayout } from '../layout/layout.js';
import { meeting } from '../layout/shared-trip.js';
import { bufferSlotBytes, offsetBases, storageBytes, storageOfSwizzle } from '../layout/storage.js';
import { isElementwise } from '../ops/table.js';
import { type Path, pathsOf } from './program-paths.js';
import { type Distance, type Slots, SlotValues, slotOf, slotPairs } from './slot-values.js';

export interface Access {
  /** The op that says it. */
  readonly op: Op;
  /** Where it may happen. */
  readonly at: Path;
  /** `copy`: an asynchronous one is issued. `arrival`: the thread that issued it knows that it is complete. */
  readonly kind: 'read' | 'write' | 'copy' | 'arrival';
  readonly buffer: Value;
  readonly slots: Slots;
  /** Which thread touches what; null: any thread anything. */
  readonly layout: Layout | null;
}

/** Those among whom something has to be ordered: cosets of the span of `meet`, bits of the warp number. */
export interface Meeting {
  readonly scope: 'warp' | 'warps' | 'cta';
  readonly meet: readonly number[];
}

const WHOLE: Meeting = { scope: 'cta', meet: [] };

/** Ops whose registers are made where somebody asks for them. A convert may be one of them. */
const LAZY = new Set<Op['name']>(['splat', 'expand', 'broadcast', 'reshape', 'trans', 'convert']);
export const isLazy = (op: Op): boolean => LAZY.has(op.name) || isElementwise(op.name);

export function bufferOf(op: Op): Value | undefined {
  if (op.name === 'smem_copy') return op.operands[1];
  return op.name === 'smem_write' || op.name === 'smem_read' ? op.operands[0] : undefined;
}

/** All accesses of a kernel but the arrivals of its copies, in program order; the ops that use a read have one each. */
export class SharedAccesses {
  readonly paths: ReadonlyMap<Op, Path>;
  readonly slotValues: SlotValues;
  /** One for each op that names a buffer. */
  readonly own: readonly Access[];
  readonly #users: ReadonlyMap<Value, readonly Op[]>;

  constructor(kernel: Kernel) {
    this.paths = pathsOf(kernel.body);
    this.slotValues = new SlotValues(kernel.body);
    this.#users = usersOf(this.paths.keys());
    this.own = [...this.paths.keys()].flatMap((op) => this.#accessOf(op) ?? []);
  }

  path(op: Op): Path {
    const path = this.paths.get(op);
    if (path === undefined) throw new Bug(`${op.name} is not in the kernel`);
    return path;
  }

  /** The ops that are emitted where they stand and need registers of `read`, directly or through lazy ops. */
  demandsOf(read: Op): Op[] {
    const seen = new Set<Op>();
    const demands = new Set<Op>();
    const visit = (v: Value): void => {
      for (const op of this.#users.get(v) ?? []) {
        if (seen.has(op)) continue;
        seen.add(op);
        if (isLazy(op)) op.results.forEach(visit);
        else demands.add(op);
      }
    };
    read.results.forEach(visit);
    return [...demands];
  }

  #accessOf(op: Op): Access | null {
    const buffer = bufferOf(op);
    const slot = slotOf(op);
    if (buffer?.type.kind !== 'buffer' || slot === undefined) return null;
    const slots = this.slotValues.of(slot, buffer.type.slots);
    const common = { op, at: this.path(op), buffer, slots };
    if (op.name === 'smem_copy') return { ...common, kind: 'copy', layout: null };
    if (op.name === 'smem_write') return { ...common, kind: 'write', layout: op.operands[2]?.layout ?? null };
    return { ...common, kind: 'read', layout: op.results[0]?.layout ?? null };
  }
}

function usersOf(ops: Iterable<Op>): Map<Value, Op[]> {
  const users = new Map<Value, Op[]>();
  for (const op of ops)
    for (const v of new Set(op.operands)) {
      const list = users.get(v);
      if (list === undefined) users.set(v, [op]);
      else list.push(op);
    }
  return users;
}

interface Bytes {
  /** Buffers without a place are apart from all others. */
  readonly space: Value | null;
  readonly start: number;
  readonly end: number;
}

function allocOf(buffer: Value): Op<'smem_alloc'> {
  const op = buffer.def;
  if (op.kind !== 'op' || op.name !== 'smem_alloc') throw new Bug('a buffer that no smem_alloc made');
  return op as Op<'smem_alloc'>;
}

export function bytesOfSlot(buffer: Value, slot: number): Bytes {
  const { space, base, slotBytes, ownBytes } = placeOf(buffer);
  const start = base + slot * slotBytes;
  return { space, start, end: start + ownBytes };
}

/** Where the slots of a buffer lie. */
interface Place {
  readonly type: Value['type'];
  readonly swizzle: readonly number[] | undefined;
  readonly offset: number | undefined;
  readonly space: Value | null;
  readonly base: number;
  /** From slot to slot. */
  readonly slotBytes: number;
  readonly ownBytes: number;
  /** End of the last slot. */
  readonly end: number;
  /** Of layouts that were asked for: which bytes of a slot a thread touches. */
  readonly inBytes: Map<Layout, Layout>;
}

/** Asked for again and again; where a pass has changed the buffer since, it is worked out anew. */
const places = new WeakMap<Value, Place>();

function placeOf(buffer: Value): Place {
  const { type } = buffer;
  const { swizzle, offset } = allocOf(buffer).attrs;
  const known = places.get(buffer);
  if (known?.type === type && known.swizzle === swizzle && known.offset === offset) return known;
  if (type.kind !== 'buffer') throw new Bug('a buffer was expected');
  const { shape, dtype, slots } = type;
  const storage = storageOfSwizzle(swizzle);
  const slotBytes = bufferSlotBytes(shape, bytesOf(dtype), storage);
  const ownBytes = storageBytes(shape, bytesOf(dtype), storage);
  const base = offset ?? 0;
  const space = offset === undefined ? buffer : null;
  const place = {
    type,
    swizzle,
    offset,
    space,
    base,
    slotBytes,
    ownBytes,
    end: base + slots * slotBytes,
    inBytes: new Map(),
  };
  places.set(buffer, place);
  return place;
}

const overlaps = (a: Bytes, b: Bytes): boolean => a.space === b.space && a.start < b.end && b.start < a.end;

export const slotsOverlap = (a: Value, slotA: number, b: Value, slotB: number): boolean =>
  overlaps(bytesOfSlot(a, slotA), bytesOfSlot(b, slotB));

/** Whether any slots of the two buffers have a byte in common. */
export function buffersMeet(a: Value, b: Value): boolean {
  const x = placeOf(a);
  const y = placeOf(b);
  return x.space === y.space && x.base < y.end && y.base < x.end;
}

/** Who has to be ordered where `a` and `b` touch common bytes at this distance; null: they never do. */
export function conflictOf(a: Access, b: Access, distance: Distance): Meeting | null {
  if (!buffersMeet(a.buffer, b.buffer)) return null;
  const common = slotPairs(a.slots, b.slots, distance)
    .map(([x, y]) => [bytesOfSlot(a.buffer, x), bytesOfSlot(b.buffer, y)] as const)
    .filter(([x, y]) => overlaps(x, y));
  if (common.length === 0) return null;
  // Only where both tiles begin at one byte is "the same byte" a linear relation between their offsets.
  if (a.layout === null || b.layout === null || common.some(([x, y]) => x.start !== y.start))
    return oneWarp(a, b) ?? WHOLE;
  return meetingOf(inBytes(a.layout, a.buffer), inBytes(b.layout, b.buffer));
}

/** By two layouts of bytes. */
const meetings = new WeakMap<Layout, WeakMap<Layout, Meeting>>();

function meetingOf(a: Layout, b: Layout): Meeting {
  const row = meetings.get(a) ?? new WeakMap<Layout, Meeting>();
  meetings.set(a, row);
  const known = row.get(b);
  if (known !== undefined) return known;
  const { scope, meet } = meeting(a, b);
  const made: Meeting = { scope: scope === 'workgroup' ? 'cta' : scope, meet };
  row.set(b, made);
  return made;
}

/** A program of one warp has nobody else to meet. */
function oneWarp(a: Access, b: Access): Meeting | null {
  const layout = a.layout ?? b.layout;
  return layout?.ins.warp?.length === 0 ? { scope: 'warp', meet: [] } : null;
}

/** Which bytes of a slot a thread touches, as a layout of bytes. */
function inBytes(layout: Layout, buffer: Value): Layout {
  const known = placeOf(buffer).inBytes;
  const made = known.get(layout) ?? bytesLayout(layout, buffer);
  known.set(layout, made);
  return made;
}

function bytesLayout(layout: Layout, buffer: Value): Layout {
  if (buffer.type.kind !== 'buffer') throw new Bug('a buffer was expected');
  const { shape, dtype } = buffer.type;
  const width = bytesOf(dtype);
  const bases = offsetBases(shape, width, storageOfSwizzle(allocOf(buffer).attrs.swizzle));
  if (bases === null) throw new Bug('buffers of lanes and warps are stored linearly');
  const place = (v: number): number => combine(bases, v);
  const { register = [], lane = [], warp = [] } = layout.ins;
  const inside = width === 2 ? [1] : [1, 2];
  const size = 2 ** bases.length * width;
  return makeLayout([size], {
    register: [...inside, ...register.map(place)],
    lane: lane.map(place),
    warp: warp.map(place),
  });
}
