import type { Dims } from '../driver/reference.js';
import type { TuningStore } from '../store/store.js';
import type { TuningKey } from '../store/types.js';
import { saysSomething } from './tuned-row.js';
import type { Row } from './types.js';

/** What is used of the cache. */
export type RowStore = Pick<TuningStore, 'rows' | 'put' | 'choose' | 'notes'>;

/** Rows of one problem in the cache. A cache that cannot be written is told of once: the tune is worth finishing without. */
export class Kept {
  readonly #store: RowStore;
  readonly #key: TuningKey;
  readonly #dims: Dims;
  readonly #onBroken: (why: string) => void;
  #broken = false;

  constructor(store: RowStore, key: TuningKey, dims: Dims, onBroken: (why: string) => void) {
    this.#store = store;
    this.#key = key;
    this.#dims = dims;
    this.#onBroken = onBroken;
  }

  /**
   * What was found out on this device before, at exactly these sizes: times of others do not compare. What was wrong is not
   * among it: the reference may have been by now, and not the kernel.
   */
  rows(): readonly Row[] {
    const own = this.#store
      .rows(this.#key)
      .filter(({ state, imported, dims }) => state !== 'wrong' && imported !== true && this.#isHere(dims));
    return own.map(({ dims: _, ...row }) => row);
  }

  #isHere(dims: Dims | undefined): boolean {
    const names = Object.keys(this.#dims);
    return dims !== undefined && names.every((name) => dims[name] === this.#dims[name]);
  }

  put(row: Row): void {
    const { state } = row;
    if (state === 'measured' && !saysSomething(row)) return;
    // What is out by its declaration is found again without a device.
    if (state !== 'open' && state !== 'pruned' && state !== 'same')
      this.#check(this.#store.put(this.#key, { ...row, state, dims: this.#dims }));
  }

  choose(row: Row): void {
    if (saysSomething(row)) this.#check(this.#store.choose(this.#key, row.config));
  }

  #check(written: boolean): void {
    if (written || this.#broken) return;
    this.#broken = true;
    this.#onBroken(this.#store.notes.at(-1) ?? 'it cannot be written');
  }
}
