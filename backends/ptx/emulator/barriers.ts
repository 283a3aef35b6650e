import { fault, placeOf } from './fault.js';
import type { Warp } from './warp.js';

/** One barrier while threads arrive at it. */
interface Meeting {
  /** Threads that meet; a multiple of 32. */
  readonly expected: number;
  arrived: number;
  readonly waiting: Warp[];
  /** Latest clocks of those who arrived. */
  readonly clock: Int32Array;
}

const BARRIERS = 16;

/**
 * The sixteen barriers of a CTA (PTX ISA, "bar, barrier"). A warp arrives as a whole, and counts as 32 threads. Whoever
 * leaves a barrier knows everything that all who arrived did before it.
 */
export class Barriers {
  readonly #meetings = new Map<number, Meeting>();
  readonly #warps: number;

  constructor(warps: number) {
    this.#warps = warps;
  }

  /** Arrives, and waits where `waits`; `threads` null stands for the whole CTA. Throws LAC0827. */
  arrive(w: Warp, id: number, threads: number | null, waits: boolean): void {
    if (id >= BARRIERS) throw fault(w, 'LAC0827', `there is no barrier ${id}, only 0 to ${BARRIERS - 1}`);
    const expected = threads ?? this.#warps * 32;
    if (expected === 0 || expected % 32 !== 0 || expected > this.#warps * 32)
      throw fault(w, 'LAC0827', `${expected} threads cannot meet: a multiple of 32 up to ${this.#warps * 32} can`);
    const meeting = this.#meetingOf(w, id, expected);
    if (meeting.waiting.includes(w)) throw fault(w, 'LAC0827', `the warp waits at barrier ${id} already`);
    meeting.arrived += 32;
    for (let v = 0; v < this.#warps; v++)
      meeting.clock[v] = Math.max(meeting.clock[v] as number, w.clock[v] as number, v === w.index ? w.epoch : 0);
    w.nextEpoch();
    if (waits) {
      meeting.waiting.push(w);
      w.waitsAt = id;
    }
    if (meeting.arrived >= meeting.expected) this.#open(id, meeting);
  }

  /** What is known of the barrier at which a warp waits, for the report of a deadlock. */
  progress(id: number): string {
    const m = this.#meetings.get(id);
    return m === undefined ? '' : `${m.arrived} of ${m.expected} threads arrived`;
  }

  #meetingOf(w: Warp, id: number, expected: number): Meeting {
    const known = this.#meetings.get(id);
    if (known === undefined) {
      const fresh = { expected, arrived: 0, waiting: [], clock: new Int32Array(this.#warps) };
      this.#meetings.set(id, fresh);
      return fresh;
    }
    if (known.expected !== expected) {
      const other = known.waiting[0];
      const by =
        other === undefined ? '' : ` by warp ${other.index} at ${placeOf(other.cta.code[other.pc]?.instruction)}`;
      throw fault(w, 'LAC0827', `barrier ${id} is told ${expected} threads here, and was told ${known.expected}${by}`);
    }
    return known;
  }

  #open(id: number, meeting: Meeting): void {
    this.#meetings.delete(id);
    for (const w of meeting.waiting) {
      w.join(meeting.clock);
      w.waitsAt = null;
    }
  }
}
