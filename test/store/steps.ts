/** What a writer does without an end, and what is then there: the same module in the test and in the process that it starts. */
import type { TuningStore } from '../../store/store.js';
import type { StoredRow, TuningKey } from '../../store/types.js';

export const keysOf = (kernel: string): readonly TuningKey[] =>
  [0, 1, 2].map((N) => ({
    ...{ kernel, hash: '', device: 'd', architecture: 'a' },
    ...{ dtypes: {}, comptime: {}, options: {}, sizes: { N } },
  }));

/** Configuration C, whose times say which row it is, so that one that is torn can be told. Few are longer than a page. */
export const rowOf = (C: number, time = C): StoredRow => ({
  config: { C },
  state: 'measured',
  samples: { ms: Array<number>(time % 31 === 0 ? 1200 : 1 + (time % 20)).fill(time), how: 'host' },
});

const KEYS = keysOf('rows');
/** Nothing is measured under it. */
const [CHOICE] = keysOf('choices') as [TuningKey];
/** Rows are written over, so that the cache stays small. */
const CONFIGS = 10;
const isChoice = (step: number): boolean => step % 5 === 0;

/** Step 1, 2, 3...: one transaction each. False: it was not written. */
export const take = (store: TuningStore, step: number): boolean =>
  isChoice(step)
    ? store.choose(CHOICE, { C: step })
    : store.put(KEYS[step % KEYS.length] as TuningKey, rowOf(step % CONFIGS, step));

/** What the cache holds: the rows of each key by C, and what was chosen last. */
export interface State {
  readonly rows: readonly (readonly StoredRow[])[];
  readonly chosen: number | undefined;
}

const byConfig = (a: StoredRow, b: StoredRow): number => (a.config.C ?? 0) - (b.config.C ?? 0);

export function stateAfter(steps: number): State {
  const written = KEYS.map(() => new Map<number, number>());
  let chosen: number | undefined;
  for (let step = 1; step <= steps; step++) {
    if (isChoice(step)) chosen = step;
    else written[step % KEYS.length]?.set(step % CONFIGS, step);
  }
  return { rows: written.map((of) => [...of].map(([C, step]) => rowOf(C, step)).sort(byConfig)), chosen };
}

export const stateOf = (store: TuningStore): State => ({
  rows: KEYS.map((key) => store.rows(key).sort(byConfig)),
  chosen: store.offers(CHOICE)[0]?.config.C,
});
