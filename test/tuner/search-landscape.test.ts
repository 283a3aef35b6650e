import { describe, expect, test } from 'vitest';
import { configKey } from '../../tuner/search/knobs.js';
import { search } from '../../tuner/search/search.js';
import { FakeClock, SimulatedBench } from './search-bench.js';
import { type Landscape, lightningLandscape, type Model, measuredLandscapes, rowsOf } from './search-landscape.js';

/** How much slower the winner is than the fastest of all, and how many were timed of how many. */
async function regretOf(space: Landscape, model: Model, seed: number, exhaustive = false) {
  const truth = new Map(space.points.map(({ config, ms }) => [configKey(config), ms]));
  const ms = (config: Landscape['points'][number]['config']): number => truth.get(configKey(config)) ?? Number.NaN;
  const clock = new FakeClock();
  const bench = new SimulatedBench({ clock, seed, ms, noise: 0.01, outliers: 0.03 });
  const options = {
    seed,
    now: clock.now,
    signal: new AbortController().signal,
    known: [],
    exhaustive,
    onRow: () => {},
  };
  const { best, measured } = await search(rowsOf(space, model, seed), bench, options);
  const regret = best === null ? Number.POSITIVE_INFINITY : ms(best.config) / Math.min(...truth.values()) - 1;
  return { regret, measured, of: space.points.length };
}

const ALIKE = 0.02;
/** The tuning space of lightningFwd for what the session measured of it; enough of it for a quarter to mean something. */
const lightning = measuredLandscapes('cuda bf16')
  .map(lightningLandscape)
  .filter((space) => space.points.length >= 64);

describe('Lightning Attention, forward, at a quarter of the measurements', () => {
  // Share of the problems that end within 2 % of an exhaustive search, at least, and the mean regret at most.
  test.each([
    ['good', 1, 0.002],
    ['fair', 0.9, 0.01],
    ['none', 0.9, 0.01],
    ['useless', 0.9, 0.01],
    ['upside down', 0.9, 0.01],
  ] as const)('model: %s', async (model, share, mean) => {
    const trials = [];
    for (const space of lightning) trials.push(await regretOf(space, model, 1));
    for (const { measured, of } of trials) expect(measured).toBeLessThanOrEqual(of / 4);
    const regrets = trials.map((t) => t.regret);
    expect(regrets.filter((r) => r <= ALIKE).length).toBeGreaterThanOrEqual(share * regrets.length);
    expect(regrets.reduce((sum, r) => sum + r, 0) / regrets.length).toBeLessThanOrEqual(mean);
  });
});

describe('every configuration that a session measured', () => {
  test.each(['cuda bf16', 'webgpu f32'] as const)('an exhaustive search finds the fastest: %s', async (device) => {
    for (const space of measuredLandscapes(device)) {
      const { regret, measured, of } = await regretOf(space, 'useless', 1, true);
      expect([space.name, measured]).toEqual([space.name, of]);
      expect(regret).toBeLessThanOrEqual(ALIKE);
    }
  });
});
