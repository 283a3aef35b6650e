/**
 * Which wait sees which copy arrive, and into which slot. The kernel is run on slots alone: loops until nothing new is in
 * flight for any state of their counters, both sides of every branch. A copy is as old as the groups that were committed
 * after it; a wait that leaves n groups retires copies of age n and more. Where paths meet, the range of ages is kept.
 */
import { Bug } from '../diag/diagnostic.js';
import type { Block, Op } from '../ir/module.js';
import { loopsOf } from './program-paths.js';
import { type Access, bufferOf, type SharedAccesses, slotsOverlap } from './shared-accesses.js';
import type { Slots } from './slot-values.js';

interface Flying {
  readonly copy: Access;
  readonly slot: number;
  /** Groups committed behind that of the copy; -1: its own is still open. */
  readonly least: number;
  readonly most: number;
}
type InFlight = ReadonlyMap<string, Flying>;

/** By loop, the state that its counters are in. */
type Trips = ReadonlyMap<Op, number>;

/** Ages beyond this are all one: nothing waits for so many groups. */
const OLDEST = 64;

/** What has arrived after each wait, as writes of any thread at the wait. Throws Bug where bytes in flight are touched. */
export function arrivalsOf(accesses: SharedAccesses, body: Block): Access[] {
  const flight = new Flight(accesses);
  flight.block(body, new Map(), new Map());
  return flight.arrivals();
}

class Flight {
  readonly #accesses: SharedAccesses;
  readonly #own: ReadonlyMap<Op, Access>;
  /** By wait and copy, the slots that arrive, by trip of the loop that tells them apart. */
  readonly #seen = new Map<Op, Map<Access, Map<number, Set<number>>>>();

  constructor(accesses: SharedAccesses) {
    this.#accesses = accesses;
    this.#own = new Map(accesses.own.map((a) => [a.op, a]));
  }

  block(block: Block, before: InFlight, trips: Trips): InFlight {
    return block.ops.reduce((state, op) => this.#op(op, state, trips), before);
  }

  #op(op: Op, state: InFlight, trips: Trips): InFlight {
    switch (op.name) {
      case 'for':
      case 'while':
        return this.#loop(op, state, trips);
      case 'if':
        return op.regions.map((r) => this.block(r, state, trips)).reduce(join);
      case 'smem_commit':
        return aged(state);
      case 'smem_wait':
        return this.#wait(op as Op<'smem_wait'>, state, trips);
      default:
        return bufferOf(op) === undefined ? state : this.#touch(op, state, trips);
    }
  }

  #loop(op: Op, before: InFlight, trips: Trips): InFlight {
    const { count, returnsTo } = this.#accesses.slotValues.tripsOf(op);
    const heads = new Map<number, InFlight>();
    let out = before;
    for (let trip = 0, state = before; ; trip = trip + 1 < count ? trip + 1 : returnsTo) {
      const known = heads.get(trip);
      const head = known === undefined ? state : join(known, state);
      if (known !== undefined && same(known, head)) return out;
      heads.set(trip, head);
      // The condition of a while is what ran last.
      const inside = new Map([...trips, [op, trip]]);
      state = head;
      for (const region of op.regions) {
        state = this.block(region, state, inside);
        out = join(out, state);
      }
    }
  }

  #touch(op: Op, state: InFlight, trips: Trips): InFlight {
    const access = this.#own.get(op);
    if (access === undefined) return state;
    const slots = slotsAt(access.slots, trips);
    for (const { copy, slot } of state.values())
      if (slots.some((s) => slotsOverlap(copy.buffer, slot, access.buffer, s)))
        throw new Bug(`${op.name} of bytes that a copy may still be writing: a wait is missing`);
    if (access.kind !== 'copy') return state;
    const out = new Map(state);
    const number = this.#accesses.own.indexOf(access);
    for (const slot of slots) out.set(`${number} in ${slot}`, { copy: access, slot, least: -1, most: -1 });
    return out;
  }

  #wait(op: Op<'smem_wait'>, state: InFlight, trips: Trips): InFlight {
    const { left } = op.attrs;
    const out = new Map<string, Flying>();
    for (const [key, f] of state) {
      if (f.most >= left) this.#arrive(op as unknown as Op, f, trips);
      if (f.least < left) out.set(key, { ...f, most: Math.min(f.most, left - 1) });
    }
    return out;
  }

  #arrive(wait: Op, { copy, slot }: Flying, trips: Trips): void {
    const loop = this.#loopOf(wait, copy.slots);
    const trip = loop === null ? 0 : (trips.get(loop) ?? 0);
    const copies = entry(this.#seen, wait, () => new Map<Access, Map<number, Set<number>>>());
    const byTrip = entry(copies, copy, () => new Map<number, Set<number>>());
    entry(byTrip, trip, () => new Set<number>()).add(slot);
  }

  /** The loop by whose trips arrivals are told apart: that of the copy's counters, or the innermost that has some. */
  #loopOf(wait: Op, slots: Slots): Op | null {
    const around = loopsOf(this.#accesses.path(wait));
    if (slots.loop !== null && around.includes(slots.loop)) return slots.loop;
    return around.findLast((l) => this.#accesses.slotValues.tripsOf(l).count > 1) ?? null;
  }

  arrivals(): Access[] {
    return [...this.#seen].flatMap(([op, copies]) =>
      [...copies].map(([copy, byTrip]): Access => {
        const loop = this.#loopOf(op, copy.slots);
        const { count, returnsTo } =
          loop === null ? { count: 1, returnsTo: 0 } : this.#accesses.slotValues.tripsOf(loop);
        const values = Array.from({ length: count }, (_, t) => [...(byTrip.get(t) ?? [])]);
        const at = this.#accesses.path(op);
        return { op, at, kind: 'arrival', buffer: copy.buffer, slots: { loop, values, returnsTo }, layout: null };
      }),
    );
  }
}

const slotsAt = (s: Slots, trips: Trips): readonly number[] =>
  (s.loop === null ? s.values[0] : s.values[trips.get(s.loop) ?? 0]) ?? [];

function entry<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

const older = (age: number): number => Math.min(age + 1, OLDEST);
const aged = (state: InFlight): InFlight =>
  new Map([...state].map(([k, f]) => [k, { ...f, least: older(f.least), most: older(f.most) }]));

function join(a: InFlight, b: InFlight): InFlight {
  const out = new Map(a);
  for (const [key, f] of b) {
    const other = out.get(key);
    out.set(
      key,
      other === undefined ? f : { ...f, least: Math.min(f.least, other.least), most: Math.max(f.most, other.most) },
    );
  }
  return out;
}

const same = (a: InFlight, b: InFlight): boolean =>
  a.size === b.size && [...a].every(([k, f]) => b.get(k)?.least === f.least && b.get(k)?.most === f.most);
