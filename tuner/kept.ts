import type { TuningStore } from '../store/store.js';
import type { TuningKey } from '../store/types.js';
import type { Row } from './types.js';

/** What is used of the cache. */
export type RowStore = Pick<TuningStore, 'rows' | 'put' | 'choose' | 'notes'>;

/** Rows of one problem in the cache. A cache that cannot be written is told of once: the tune is worth finishing without. */
export class Kept {
  readonly #store: RowStore;
  readonly #key: TuningKey;
  readonly #onBroken: (why: string) => void;
  #broken = false;

  constructor(store: RowStore, key: TuningKey, onBroken: (why: string) => void) {
    this.#store = store;
    this.#key = key;
    this.#onBroken = onBroken;
  }

  /** What was found out on this device before. */
  rows(): readonly Row[] {
    return this.#store.rows(this.#key).filter((row) => row.imported !== true);
  }

  put(row: Row): void {
    const { state } = row;
    // What is out by its declaration is found again without a device.
    if (state !== 'open' && state !== 'pruned' && state !== 'same')
      this.#check(this.#store.put(this.#key, { ...row, state }));
  }

  choose({ config }: Row): void {
    this.#check(this.#store.choose(this.#key, config));
  }

  #check(written: boolean): void {
    if (written || this.#broken) return;
    this.#broken = true;
    this.#onBroken(this.#store.notes.at(-1) ?? 'it cannot be written');
  }
}
