import type { Warp } from './warp.js';

/** Asynchronous copies of one warp that nobody has waited for: each lane has its own groups (PTX ISA, cp.async.wait_group). */
export class CopyQueue {
  /** Groups that each lane has closed; its open group has this number. */
  readonly #closed = new Int32Array(32);
  /** Records of four: lane, address, bytes, group. */
  #records = new Int32Array(4 * 64);
  #used = 0;

  issue(lane: number, address: number, bytes: number): void {
    if (this.#used + 4 > this.#records.length) {
      const larger = new Int32Array(2 * this.#records.length);
      larger.set(this.#records);
      this.#records = larger;
    }
    const r = this.#records;
    r[this.#used] = lane;
    r[this.#used + 1] = address;
    r[this.#used + 2] = bytes;
    r[this.#used + 3] = this.#closed[lane] as number;
    this.#used += 4;
  }

  commit(lanes: Uint8Array, n: number): void {
    for (let i = 0; i < n; i++) {
      const lane = lanes[i] as number;
      this.#closed[lane] = (this.#closed[lane] as number) + 1;
    }
  }

  /** The closed groups of these lanes but the newest `left` have arrived. */
  wait(w: Warp, lanes: Uint8Array, n: number, left: number): void {
    let waiting = 0;
    for (let i = 0; i < n; i++) waiting |= 1 << (lanes[i] as number);
    let kept = 0;
    const r = this.#records;
    for (let at = 0; at < this.#used; at += 4) {
      const lane = r[at] as number;
      const group = r[at + 3] as number;
      if ((waiting & (1 << lane)) !== 0 && group < (this.#closed[lane] as number) - left) {
        w.cta.shared.arriveCopy(w, lane, r[at + 1] as number, r[at + 2] as number);
        continue;
      }
      if (kept !== at) r.copyWithin(kept, at, at + 4);
      kept += 4;
    }
    this.#used = kept;
  }
}
