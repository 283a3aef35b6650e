import type { Code } from '../../../compiler/diag/codes.js';
import { fault, placeOf, threadName } from './fault.js';
import { happensBefore, selfOf, tagOf, WARP_WIDE } from './race.js';
import type { Warp } from './warp.js';

/** log2 of the pieces of a buffer: of the narrowest element. */
const PIECE_SHIFT = 1;
const MANY = -1;
/** In place of a tag: threads of several warps, see `cells`. */
const SEVERAL = -1;

/**
 * Loads, or atomic additions, of every piece since it was last stored to: those that nothing orders after each other yet.
 * One tag (race.ts) mostly is all there is; what threads of several warps have done lies in `cells`, a tag a warp.
 */
class Accesses {
  /** 1 + number of the CTA that they are of; 0: none; MANY. */
  readonly ctas: Int32Array;
  readonly #tags: Int32Array;
  readonly #places: Int32Array;
  readonly #cells = new Map<number, Int32Array>();

  constructor(pieces: number) {
    this.ctas = new Int32Array(pieces);
    this.#tags = new Int32Array(pieces);
    this.#places = new Int32Array(pieces);
  }

  placeOf(g: number): number {
    return this.#places[g] as number;
  }

  note(w: Warp, lane: number, g: number): void {
    const me = w.cta.number + 1;
    const tag = tagOf(w, lane);
    const last = this.#tags[g] as number;
    if (last === tag && this.ctas[g] === me) return;
    this.#places[g] = w.pc;
    if (this.ctas[g] !== me || last === 0) {
      this.ctas[g] = this.ctas[g] === 0 || this.ctas[g] === me ? me : MANY;
      this.#tags[g] = tag;
      this.#cells.delete(g);
    } else if (last === SEVERAL) {
      const cells = this.#cells.get(g) as Int32Array;
      cells[w.index] = joined(cells[w.index] as number, tag, w, lane);
    } else if (happensBefore(last, selfOf(w, lane), w) || warpOf(last) === w.index) {
      this.#tags[g] = joined(last, tag, w, lane);
    } else {
      const cells = new Int32Array(w.clock.length);
      cells[warpOf(last)] = last;
      cells[w.index] = tag;
      this.#cells.set(g, cells);
      this.#tags[g] = SEVERAL;
    }
  }

  /** The tag of one that a thread is not ordered behind; 0 where there is none. */
  unordered(w: Warp, lane: number, g: number): number {
    const last = this.#tags[g] as number;
    if (last === 0 || this.ctas[g] !== w.cta.number + 1) return 0;
    const self = selfOf(w, lane);
    const open = (tag: number): boolean => tag !== 0 && !happensBefore(tag, self, w);
    if (last !== SEVERAL) return open(last) ? last : 0;
    return this.#cells.get(g)?.find(open) ?? 0;
  }

  /** A store came, behind all of them: whoever comes after it comes after them. */
  clear(g: number): void {
    if (this.#tags[g] === SEVERAL) this.#cells.delete(g);
    this.#tags[g] = 0;
  }
}

const warpOf = (tag: number): number => (tag >>> 6) & 31;

/** Two of one warp as one tag: the later one, or, where lanes are not ordered, one of the whole warp. */
const joined = (before: number, tag: number, w: Warp, lane: number): number =>
  before === 0 || happensBefore(before, selfOf(w, lane), w) ? tag : tagOf(w, WARP_WIDE);

/**
 * What threads do to one buffer of global memory, and what of that nothing orders. CTAs of a launch are not ordered at
 * all: none may touch what another one stores, and none but those that add atomically what another one adds to. In a CTA
 * a store and any other access to one place by different threads need a barrier in between, and so do an atomic addition
 * and a load.
 */
export class GlobalWatch {
  readonly #name: string;
  readonly #pieces: number;
  /** 1 + number of the CTA that stored last; 0: nobody has. */
  readonly #writer: Int32Array;
  readonly #tags: Int32Array;
  readonly #places: Int32Array;
  /** Most buffers are only loaded or only stored to. */
  #loads: Accesses | null = null;
  #additions: Accesses | null = null;

  constructor(name: string, size: number) {
    this.#name = name;
    this.#pieces = Math.ceil(size / 2 ** PIECE_SHIFT);
    this.#writer = new Int32Array(this.#pieces);
    this.#tags = new Int32Array(this.#pieces);
    this.#places = new Int32Array(this.#pieces);
  }

  /** Throws LAC0804 for what another CTA stores or adds to, LAC0830 for what another thread does. */
  load(w: Warp, lane: number, offset: number, bytes: number): void {
    this.#loads ??= new Accesses(this.#pieces);
    for (let g = offset >> PIECE_SHIFT; g <= lastOf(offset, bytes); g++) {
      this.#othersStored(w, lane, g, 'LAC0804', 'reads');
      this.#othersAdd(w, lane, g, 'LAC0804', 'reads');
      this.#afterStore(w, lane, g, 'reads');
      this.#after(this.#additions, w, lane, g, 'reads', 'added to');
      this.#loads.note(w, lane, g);
    }
  }

  /** Throws LAC0803 for what another CTA stores or adds to, LAC0804 for what it loads, LAC0830. */
  store(w: Warp, lane: number, offset: number, bytes: number): void {
    for (let g = offset >> PIECE_SHIFT; g <= lastOf(offset, bytes); g++) {
      this.#othersStored(w, lane, g, 'LAC0803', 'writes');
      this.#othersAdd(w, lane, g, 'LAC0803', 'writes');
      this.#othersLoad(w, lane, g, 'writes');
      this.#afterStore(w, lane, g, 'writes');
      this.#after(this.#loads, w, lane, g, 'writes', 'read');
      this.#after(this.#additions, w, lane, g, 'writes', 'added to');
      this.#loads?.clear(g);
      this.#additions?.clear(g);
      this.#writer[g] = w.cta.number + 1;
      this.#tags[g] = tagOf(w, lane);
      this.#places[g] = w.pc;
    }
  }

  /** Additions are atomic: among each other they are never wrong. */
  add(w: Warp, lane: number, offset: number, bytes: number): void {
    this.#additions ??= new Accesses(this.#pieces);
    for (let g = offset >> PIECE_SHIFT; g <= lastOf(offset, bytes); g++) {
      this.#othersStored(w, lane, g, 'LAC0803', 'adds to');
      this.#othersLoad(w, lane, g, 'adds to');
      this.#afterStore(w, lane, g, 'adds to');
      this.#after(this.#loads, w, lane, g, 'adds to', 'read');
      this.#additions.note(w, lane, g);
    }
  }

  #othersStored(w: Warp, lane: number, g: number, code: Code, verb: string): void {
    this.#other(w, lane, g, code, `${verb} byte`, this.#writer[g] as number, 'writes');
  }
  #othersAdd(w: Warp, lane: number, g: number, code: Code, verb: string): void {
    this.#other(w, lane, g, code, `${verb} byte`, this.#additions?.ctas[g] ?? 0, 'adds to');
  }
  #othersLoad(w: Warp, lane: number, g: number, verb: string): void {
    this.#other(w, lane, g, 'LAC0804', `${verb} byte`, this.#loads?.ctas[g] ?? 0, 'reads');
  }

  #other(w: Warp, lane: number, g: number, code: Code, what: string, cta: number, verb: string): void {
    if (cta === 0 || cta === w.cta.number + 1) return;
    const who = cta === MANY ? 'another CTA' : `CTA number ${cta - 1}`;
    throw fault(w, code, `${what} ${g << PIECE_SHIFT} of ${this.#name}, which ${who} ${verb}`, lane);
  }

  #afterStore(w: Warp, lane: number, g: number, verb: string): void {
    const tag = this.#tags[g] as number;
    if (tag !== 0 && !happensBefore(tag, selfOf(w, lane), w))
      this.#race(w, lane, g, verb, 'written', tag, this.#places[g] as number);
  }

  #after(earlier: Accesses | null, w: Warp, lane: number, g: number, verb: string, was: string): void {
    const tag = earlier?.unordered(w, lane, g) ?? 0;
    if (earlier !== null && tag !== 0) this.#race(w, lane, g, verb, was, tag, earlier.placeOf(g));
  }

  #race(w: Warp, lane: number, g: number, verb: string, was: string, tag: number, place: number): never {
    const who = `${threadName(warpOf(tag), tag & 63)} at ${placeOf(w.cta.code[place]?.instruction)}`;
    const what = `${verb} byte ${g << PIECE_SHIFT} of ${this.#name}`;
    throw fault(w, 'LAC0830', `${what}, which was ${was} by ${who}, and no barrier lies between`, lane);
  }
}

const lastOf = (offset: number, bytes: number): number => (offset + bytes - 1) >> PIECE_SHIFT;
