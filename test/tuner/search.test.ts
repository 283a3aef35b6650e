import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Config } from '../../driver/configurations.js';
import { randomStream } from '../../driver/random.js';
import { configKey } from '../../tuner/search/knobs.js';
import { type Progress, type SearchOptions, search } from '../../tuner/search/search.js';
import type { Row } from '../../tuner/types.js';
import { FakeClock, SimulatedBench, type Simulation } from './search-bench.js';

/** Configurations 0, 1, 2...; the time grows with the distance from one in the middle. */
const rowsOf = (count: number): Row[] => Array.from({ length: count }, (_, C) => ({ config: { C }, state: 'open' }));
const bowl = (lowest: number) => (config: Config) => 1 + 0.1 * Math.abs((config.C ?? 0) - lowest);

interface Trial extends Partial<Simulation>, Partial<Omit<SearchOptions, 'seed' | 'onRow'>> {
  readonly rows: readonly Row[];
}

async function trial({ rows, ...of }: Trial) {
  const clock = new FakeClock();
  const bench = new SimulatedBench({ clock, seed: 1, ms: bowl(5), ...of });
  const reports: { row: Row; progress: Progress }[] = [];
  const signal = new AbortController().signal;
  const onRow = (row: Row, progress: Progress): void => void reports.push({ row, progress });
  const over = of.budgetMs === undefined ? {} : { expired: clock.after(of.budgetMs) };
  const options = { seed: of.seed ?? 1, now: clock.now, signal, known: [], onRow, ...over };
  const result = await search(rows, bench, { ...options, ...of });
  return { ...result, bench, reports, elapsedMs: clock.now() };
}

const times = (bench: SimulatedBench, what: 'prepare' | 'sample' | 'recheck'): string[] =>
  bench.calls.filter((c) => c.what === what).flatMap((c) => c.configs.map(configKey));

describe('a small space', () => {
  test('is timed to the last configuration, which are prepared two ahead', async () => {
    const { best, measured, ended, bench, rows } = await trial({ rows: rowsOf(12), noise: 0.01 });
    expect(best?.config).toEqual({ C: 5 });
    expect([measured, ended]).toEqual([12, 'done']);
    expect(rows.map((r) => r.config.C)).toEqual([...rowsOf(12).keys()]);
    expect(bench.mostInFlight).toBe(2);
    expect(new Set(times(bench, 'prepare')).size).toBe(times(bench, 'prepare').length);
  });

  test('who is slower with certainty is timed once, and who may be the fastest more often', async () => {
    const ms = ({ C = 0 }: Config): number => ({ 5: 1, 6: 1.005 })[C] ?? 2;
    const { rows, bench } = await trial({ rows: rowsOf(12), ms, noise: 0.05 });
    const rounds = (C: number): number => times(bench, 'sample').filter((k) => k === configKey({ C })).length;
    expect([4, 5, 6, 7].map(rounds)).toEqual([1, 4, 4, 1]);
    expect([4, 5, 6].map((C) => rows[C]?.samples?.ms.length)).toEqual([7, 105, 105]);
  });

  test('of equal ones the smallest footprint wins', async () => {
    const { best, bench } = await trial({ rows: rowsOf(6), ms: ({ C = 0 }) => (C === 1 ? 2 : 1), noise: 0.01 });
    expect(best?.config).toEqual({ C: 0 });
    expect(bench.launches).toBeLessThan(6 * (7 + 15 + 30 + 60));
  });

  test('where nothing is launched, all are equally fast', async () => {
    const { best, measured } = await trial({ rows: rowsOf(70), ms: () => 0 });
    expect(measured).toBe(17);
    expect(best?.samples?.ms.every((ms) => ms === 0)).toBe(true);
  });

  test('what is out already is never touched', async () => {
    const rows: Row[] = rowsOf(8).map((row) => (row.config.C === 5 ? { ...row, state: 'pruned', why: 'small' } : row));
    const { bench, best, rows: after } = await trial({ rows });
    expect(times(bench, 'prepare')).not.toContain(configKey({ C: 5 }));
    expect(after[5]).toEqual(rows[5]);
    expect(Math.abs((best?.config.C ?? 0) - 5)).toBe(1);
  });
});

describe('what is predicted to spill', () => {
  /** The model knows what takes how long; of half of them registers are doubtful. */
  const ranked = (count: number, ms: (config: Config) => number): Row[] =>
    rowsOf(count).map((row) => ({ ...row, estimateMs: ms(row.config) }));
  const doubtful = Array.from({ length: 20 }, (_, i) => ({ C: 2 * i }));
  const timed = ({ bench }: { bench: SimulatedBench }): number =>
    doubtful.filter((config) => times(bench, 'sample').includes(configKey(config))).length;
  const slow = ({ C = 0 }: Config): number => (C % 2 === 0 ? 3 : 1) + C / 100;

  test('is timed where the space is small, or all of it is, or nothing else is there', async () => {
    const few = await trial({ rows: ranked(20, slow), ms: slow, doubtful });
    expect([few.measured, timed(few)]).toEqual([20, 10]);
    const all = await trial({ rows: ranked(40, slow), ms: slow, doubtful, exhaustive: true });
    expect([all.measured, timed(all)]).toEqual([40, 20]);
    const only = ranked(80, slow).filter(({ config }) => (config.C ?? 0) % 2 === 0);
    const alone = await trial({ rows: only, ms: slow, doubtful: only.map(({ config }) => config) });
    expect(alone.measured).toBe(12);
  });

  test('takes no time of a large space, unless the model nearly puts it before all others', async () => {
    const large = await trial({ rows: ranked(100, slow), ms: slow, doubtful });
    expect([large.measured, timed(large)]).toEqual([20, 0]);
    const hopeful = ({ C = 0 }: Config): number => (C === 4 ? 0.5 : C === 6 ? 1.4 : slow({ C }));
    const tried = await trial({ rows: ranked(100, hopeful), ms: hopeful, doubtful });
    expect(tried.best?.config).toEqual({ C: 4 });
    expect(timed(tried)).toBeLessThanOrEqual(2);
    // What a call takes is timed in any case: it is not doubtful.
    const led = await trial({ rows: ranked(100, slow), ms: slow, doubtful: doubtful.slice(1), first: [{ C: 0 }] });
    expect(times(led.bench, 'sample')[0]).toBe(configKey({ C: 0 }));
  });
});

describe('faults', () => {
  test.each(['prepare', 'sample', 'recheck'] as const)('a configuration that fails at %s never wins', async (step) => {
    const fault: Simulation['fault'] = ({ C }, at) => (C === 5 && at === step ? 'wrong' : null);
    const { best, rows, ended } = await trial({ rows: rowsOf(10), fault });
    expect(rows[5]).toMatchObject({ state: 'wrong', why: `at ${step}` });
    expect([Math.abs((best?.config.C ?? 0) - 5), ended]).toEqual([1, 'done']);
  });

  test('one that turns wrong in the race leaves it to the next best, which is then timed as often', async () => {
    let checks = 0;
    const fault: Simulation['fault'] = ({ C }, at) => (C === 5 && at === 'recheck' && ++checks === 2 ? 'wrong' : null);
    const ms = ({ C = 0 }: Config): number => ({ 5: 1, 6: 1.2, 7: 1.21 })[C] ?? 2;
    const { best, rows } = await trial({ rows: rowsOf(10), fault, ms, noise: 0.02 });
    expect(rows[5]?.state).toBe('wrong');
    expect([6, 7]).toContain(best?.config.C);
    expect(rows[6]?.samples?.ms.length).toBeGreaterThanOrEqual(15);
  });

  test('in a large space others are tried in place of those that fail', async () => {
    const fault: Simulation['fault'] = ({ C = 0 }, at) => (C % 2 === 0 && at === 'prepare' ? 'limit' : null);
    const { measured, rows } = await trial({ rows: rowsOf(100), fault });
    expect(measured).toBe(25);
    expect(rows.some((r) => r.state === 'limit')).toBe(true);
  });

  test('all failed: every configuration was tried', async () => {
    const { ended, best, rows } = await trial({ rows: rowsOf(60), fault: () => 'crash' });
    expect([ended, best]).toEqual(['failed', null]);
    expect(rows.every((r) => r.state === 'crash')).toBe(true);
    expect(await trial({ rows: [] })).toMatchObject({ ended: 'failed', best: null, measured: 0 });
  });

  test('whatever fails: each is prepared once, timed after that and checked after that, and only then counts', async () => {
    const states = fc.constantFrom(null, null, null, null, 'wrong', 'hang', 'limit') as fc.Arbitrary<
      Row['state'] | null
    >;
    const faults = fc.array(fc.record({ prepare: states, sample: states, recheck: states }), { maxLength: 40 });
    await fc.assert(
      fc.asyncProperty(faults, fc.integer(), async (all, seed) => {
        const fault: Simulation['fault'] = ({ C = 0 }, step) => all[C]?.[step] ?? null;
        const { rows, best, ended, bench } = await trial({ rows: rowsOf(all.length), fault, seed, noise: 0.02 });
        expect(best === null).toBe(rows.every((r) => r.state !== 'measured'));
        expect(ended).toBe(best === null ? 'failed' : 'done');
        const prepared = times(bench, 'prepare');
        expect(new Set(prepared).size).toBe(prepared.length);
        for (const { config, state, samples } of rows) {
          const steps = bench.calls.filter((c) => c.configs.some((k) => configKey(k) === configKey(config)));
          const broken = Object.values(all[config.C ?? 0] ?? {}).some((fault) => fault !== null);
          expect(state).toBe(broken ? state : 'measured');
          if (state === 'measured') {
            expect(broken).toBe(false);
            expect(steps.map((s) => s.what).slice(0, 3)).toEqual(['prepare', 'sample', 'recheck']);
            expect(steps.at(-1)?.what).toBe('recheck');
            expect(samples?.ms.length).toBeGreaterThan(0);
          } else expect(state === 'open' ? steps : []).toEqual([]);
        }
      }),
      { numRuns: 40, seed: 1 },
    );
  });

  test('a bench that can do nothing more ends the search with its error', async () => {
    const clock = new FakeClock();
    const bench = new SimulatedBench({ clock, seed: 1, ms: bowl(5) });
    bench.sample = () => Promise.reject(new Error('no worker'));
    const { signal } = new AbortController();
    const options = { seed: 1, now: clock.now, signal, known: [], onRow: () => {} };
    await expect(search(rowsOf(9), bench, options)).rejects.toThrow('no worker');
  });
});

describe('what is known', () => {
  test('is not measured again', async () => {
    const fault: Simulation['fault'] = ({ C }, at) => (C === 2 && at === 'prepare' ? 'limit' : null);
    const first = await trial({ rows: rowsOf(12), fault, noise: 0.01 });
    const again = await trial({ rows: rowsOf(12), known: first.rows });
    expect(again.bench.calls).toEqual([]);
    expect(again).toMatchObject({ best: first.best, rows: first.rows, measured: 0, ended: 'done' });
  });

  test('has its knobs in the order of the declaration, whatever that of the file', async () => {
    const known: Row[] = [{ config: { C: 1, warps: 2 }, state: 'wrong' }];
    const { rows } = await trial({ rows: [{ config: { warps: 2, C: 1 }, state: 'open' }], known });
    expect(rows.map(({ state, config }) => [state, Object.keys(config)])).toEqual([['wrong', ['warps', 'C']]]);
  });

  test('a configuration that is added is the only one that is measured, and it can win', async () => {
    const first = await trial({ rows: rowsOf(5) });
    const added = await trial({ rows: rowsOf(6), known: first.rows });
    expect(new Set(times(added.bench, 'prepare'))).toEqual(new Set([configKey({ C: 5 })]));
    expect(added).toMatchObject({ measured: 1, best: { config: { C: 5 } } });
  });

  test('rows of configurations that are gone, or are out now, stay out', async () => {
    const first = await trial({ rows: rowsOf(8) });
    const rows: Row[] = rowsOf(6).map((row) => (row.config.C === 5 ? { ...row, state: 'pruned' } : row));
    const { best, bench } = await trial({ rows, known: first.rows });
    expect([best?.config, bench.calls]).toEqual([{ C: 4 }, []]);
  });

  test('an interrupted search of a large space goes on where it was', async () => {
    const abort = new AbortController();
    let count = 0;
    const ms = (config: Config): number => {
      if (++count === 10) abort.abort();
      return bowl(61)(config);
    };
    const part = await trial({ rows: rowsOf(100), signal: abort.signal, ms });
    expect([part.ended, part.measured]).toEqual(['interrupted', 9]);
    const rest = await trial({ rows: rowsOf(100), known: part.rows, ms: bowl(61) });
    expect(rest).toMatchObject({ measured: 16, best: { config: { C: 61 } }, ended: 'done' });
  });
});

describe('the end', () => {
  test('an interruption keeps what was measured, and does not wait for what hangs', async () => {
    const abort = new AbortController();
    const ms = (config: Config): number => {
      if (config.C !== 3) return bowl(5)(config);
      abort.abort();
      return Number.POSITIVE_INFINITY;
    };
    const { ended, best, rows } = await trial({ rows: rowsOf(10), signal: abort.signal, ms });
    expect([ended, rows[3]?.state, rows[3]?.samples]).toEqual(['interrupted', 'open', undefined]);
    const measured = rows.filter((r) => r.state === 'measured');
    expect(best === null).toBe(measured.length === 0);
  });

  test('nothing is begun where the signal came first', async () => {
    const { ended, bench, best } = await trial({ rows: rowsOf(4), signal: AbortSignal.abort() });
    expect([ended, bench.calls, best]).toEqual(['interrupted', [], null]);
  });

  test('a call that outlasts the budget is left alone when it expires', async () => {
    const expired = new AbortController();
    const ms = (config: Config): number => {
      if (config.C === 3) expired.abort();
      return config.C === 3 ? Number.POSITIVE_INFINITY : 1;
    };
    const { ended } = await trial({ rows: rowsOf(10), expired: expired.signal, ms, budgetMs: 1e6 });
    expect(ended).toBe('budget');
  });

  test('a budget is kept, whatever things cost, and the best so far comes back', async () => {
    const ms = fc.integer({ min: 1, max: 400 });
    const costs = fc.record({
      prepareMs: ms,
      warmUpMs: ms,
      recheckMs: ms,
      budgetMs: fc.integer({ max: 20_000, min: 0 }),
    });
    await fc.assert(
      fc.asyncProperty(costs, async (cost) => {
        const { elapsedMs, ended, best, measured } = await trial({ rows: rowsOf(40), ...cost, noise: 0.05 });
        const { prepareMs, warmUpMs, recheckMs, budgetMs } = cost;
        const first = prepareMs + warmUpMs + recheckMs + 20;
        expect(elapsedMs).toBeLessThanOrEqual(budgetMs);
        if (ended === 'done') expect(measured).toBe(12);
        else expect(ended).toBe('budget');
        if (budgetMs > first) expect(best).not.toBeNull();
        // Not much is left over where there is more to do.
        if (ended === 'budget') expect(elapsedMs).toBeGreaterThan(0.8 * budgetMs - 4 * first - 4000 * 0.05);
      }),
      { numRuns: 60, seed: 1 },
    );
  });
});

describe('the same seed', () => {
  test('gives the same search, however long things take', async () => {
    const spread = (stream: string) => {
      const { uniform } = randomStream(1, stream);
      return {
        get prepareMs() {
          return 1 + 500 * uniform();
        },
      };
    };
    const runs = [];
    for (const stream of ['a', 'b', 'a'])
      runs.push(await trial({ rows: rowsOf(100), ms: bowl(37), noise: 0.02, ...Object.create(spread(stream)) }));
    const [a, b] = runs;
    expect(b?.bench.calls.map((c) => [c.what, c.configs])).toHaveLength(a?.bench.calls.length ?? 0);
    expect(times(b?.bench as SimulatedBench, 'sample')).toEqual(times(a?.bench as SimulatedBench, 'sample'));
    expect(b?.rows).toEqual(a?.rows);
    const other = await trial({ rows: rowsOf(100), ms: bowl(37), noise: 0.02, seed: 2 });
    expect(times(other.bench, 'sample')).not.toEqual(times(a?.bench as SimulatedBench, 'sample'));
  });
});

describe('progress', () => {
  test('every row that changes is told, with how far the search is', async () => {
    const { reports, rows } = await trial({ rows: rowsOf(12), noise: 0.02, budgetMs: 1e5 });
    for (const row of rows) expect(reports.findLast((r) => r.row.config === row.config)?.row).toEqual(row);
    const progress = reports.map((r) => r.progress);
    expect(progress.map((p) => p.tried)).toEqual(progress.map((p) => p.tried).sort((a, b) => a - b));
    expect(progress.at(-1)).toMatchObject({ stage: 'race', tried: 12, toTry: 12, best: { config: { C: 5 } } });
    expect(progress.every((p) => p.leftMs === null || p.leftMs >= 0)).toBe(true);
  });
});
