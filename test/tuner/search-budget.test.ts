import { describe, expect, test } from 'vitest';
import type { Config } from '../../driver/configurations.js';
import { configKey } from '../../tuner/search/knobs.js';
import { search } from '../../tuner/search/search.js';
import type { Row } from '../../tuner/types.js';
import { FakeClock, SimulatedBench, type Simulation } from './search-bench.js';
import { type Landscape, lightningLandscape, type Model, measuredLandscapes, rowsOf } from './search-landscape.js';

/** A device without processors of its own: the best of a landscape takes as many milliseconds, compilers much longer. */
const BEST_MS = 400;
const SOFTWARE = {
  ahead: 0,
  checks: true,
  prepareMs: 1500,
  recheckMs: 20,
  warmUpMs: 20,
  noise: 0.1,
  outliers: 0.05,
} as const;
const USUAL = { C: 32, BE: 32, warps: 4, stages: 2 };

interface Trial extends Partial<Simulation> {
  readonly rows: readonly Row[];
  readonly ms: Simulation['ms'];
  readonly budgetMs?: number;
  readonly first?: readonly Config[];
  readonly known?: readonly Row[];
}

async function trial({ rows, budgetMs, first = [], known = [], ...simulation }: Trial) {
  const clock = new FakeClock();
  const bench = new SimulatedBench({ clock, seed: 1, ...SOFTWARE, ...simulation });
  const { signal } = new AbortController();
  const options = { seed: 1, now: clock.now, signal, known, first, onRow: () => {} };
  const budget = budgetMs === undefined ? {} : { budgetMs, expired: clock.after(budgetMs) };
  const result = await search(rows, bench, { ...options, ...budget });
  const sampled = bench.calls.flatMap((c) => (c.what === 'sample' ? [c.configs] : []));
  return { ...result, bench, sampled, elapsedMs: clock.now() };
}

const truthOf = ({ points }: Landscape): ((config: Config) => number) => {
  const best = Math.min(...points.map((p) => p.ms));
  const truth = new Map(points.map(({ config, ms }) => [configKey(config), (BEST_MS * ms) / best]));
  return (config) => truth.get(configKey(config)) ?? Number.NaN;
};
const spaces = measuredLandscapes('cuda bf16')
  .map(lightningLandscape)
  .filter((space) => space.points.length >= 64);

describe('a budget for a handful of measurements', () => {
  // Mean regret at most, against 0.37 of the usual configuration, and trials that end behind that one.
  test.each([
    ['good', 20_000, 0.16, 1],
    ['fair', 20_000, 0.28, 1],
    ['useless', 20_000, 0.35, 1],
    ['none', 20_000, 0.4, 1],
    ['good', 45_000, 0.1, 1],
    ['none', 45_000, 0.34, 1],
  ] as const)('model: %s, %d ms', async (model: Model, budgetMs, mean, behind) => {
    const regrets: number[] = [];
    let worse = 0;
    for (const space of spaces) {
      const ms = truthOf(space);
      const { best, sampled, elapsedMs } = await trial({ rows: rowsOf(space, model, 1), ms, budgetMs, first: [USUAL] });
      expect(sampled[0]).toEqual([USUAL]);
      const taken = best === null ? Number.NaN : ms(best.config);
      regrets.push(taken / BEST_MS - 1);
      if (!(taken <= ms(USUAL) * 1.02)) worse++;
      expect(elapsedMs).toBeLessThanOrEqual(budgetMs);
      expect(elapsedMs).toBeGreaterThan(0.75 * budgetMs);
    }
    expect(regrets.reduce((sum, r) => sum + r, 0) / regrets.length).toBeLessThan(mean);
    expect(worse).toBeLessThanOrEqual(behind);
  });
});

/** Configurations 0, 1, 2... with estimates that are right. */
const estimated = (times: readonly number[]): Row[] =>
  times.map((estimateMs, C) => ({ config: { C }, state: 'open', estimateMs }));
const by = (times: readonly number[]) => (config: Config) => times[config.C ?? 0] ?? Number.NaN;
const lastFirst = Array.from({ length: 40 }, (_, i) => 400 + 5 * (39 - i));

describe('what comes first', () => {
  test('is what is used anyway, then the best estimates, one after the other', async () => {
    const { sampled, bench } = await trial({
      rows: estimated(lastFirst),
      ms: by(lastFirst),
      budgetMs: 16_000,
      first: [{ C: 7 }, { C: 3 }],
    });
    const once = sampled.filter((configs) => configs.length === 1).map(([config]) => config?.C);
    // The first of all is timed at once: whatever the budget has room for, there is a result.
    expect(once.slice(0, 4)).toEqual([7, 7, 3, 39]);
    expect(bench.mostInFlight).toBe(1);
  });

  test('is left out where it is out, or known', async () => {
    const rows = estimated([400, 500, 600]).map((row): Row => (row.config.C === 1 ? { ...row, state: 'limit' } : row));
    const known: Row[] = [{ config: { C: 2 }, state: 'measured', samples: { ms: [600], how: 'timestamp' } }];
    const ms = by([400, 500, 600]);
    const { sampled } = await trial({ rows, ms, first: [{ C: 1 }, { C: 2 }, { C: 9 }], known });
    expect(sampled[0]).toEqual([{ C: 0 }]);
    expect(sampled.flat().every(({ C }) => C === 0)).toBe(true);
  });
});

describe('what is left of a budget', () => {
  test('goes to nothing that the model puts far behind, while there is better', async () => {
    const times = [400, 420, 440, 2400, 2800, 3200];
    const { rows } = await trial({ rows: estimated(times), ms: by(times), budgetMs: 13_500, noise: 0.01, outliers: 0 });
    expect(rows.map((r) => r.state)).toEqual(['measured', 'measured', 'measured', 'open', 'open', 'open']);
    const rest = await trial({ rows: estimated(times), ms: by(times), budgetMs: 60_000, noise: 0.01, outliers: 0 });
    expect(rest.rows.every((r) => r.state === 'measured')).toBe(true);
  });

  test('goes to what fits in, where the best guess does not', async () => {
    // Nobody knows how long a configuration takes that has no estimate: as long as the slowest, which is too long.
    const times = [400, 3000, 450];
    const rows = estimated(times).map((row, C): Row => (C === 1 ? { config: row.config, state: 'open' } : row));
    const { rows: after, ended } = await trial({ rows, ms: by(times), budgetMs: 9000, noise: 0, outliers: 0 });
    expect(after.map((r) => r.state)).toEqual(['measured', 'open', 'measured']);
    expect(ended).toBe('budget');
  });

  test('goes to fewer in the race, where all do not fit', async () => {
    const times = Array(6).fill(400);
    const settled = await trial({ rows: estimated(times), ms: by(times), budgetMs: 23_000 });
    const races = settled.sampled.filter((configs) => configs.length > 1);
    expect(races.length).toBeGreaterThan(0);
    expect(races.every((configs) => configs.length < 6)).toBe(true);
    expect(settled.elapsedMs).toBeLessThan(23_500);
  });
});

test('a budget that ends in the samples of the first configuration leaves the one that was taken', async () => {
  const times = [3000, 4000];
  const { best, ended, rows } = await trial({ rows: estimated(times), ms: by(times), budgetMs: 12_000 });
  expect([best?.config, ended]).toEqual([{ C: 0 }, 'budget']);
  expect(rows[0]?.samples?.ms).toHaveLength(1);
  const longer = await trial({ rows: estimated(times), ms: by(times), budgetMs: 15_000 });
  expect(longer.rows[0]?.samples?.ms).toHaveLength(3);
});

test('a configuration that is far behind is launched once', async () => {
  const times = [400, 2000, 500, 1000];
  const { rows } = await trial({ rows: estimated(times), ms: by(times), noise: 0.01, outliers: 0 });
  expect(rows.map((r) => r.samples?.ms.length)).toEqual([expect.any(Number), 1, expect.any(Number), 1]);
});
