import { describe, expect, test } from 'vitest';
import type { Config } from '../../driver/configurations.js';
import type { Estimate } from '../../tuner/model/estimate.js';
import type { Modelled } from '../../tuner/model/kernel-model.js';
import { rankRows } from '../../tuner/rank-rows.js';
import type { Row } from '../../tuner/types.js';

const rows: readonly Row[] = Array.from({ length: 40 }, (_, i) => ({
  config: { C: i },
  ...(i % 4 === 3 ? { state: 'pruned' as const, why: 'no' } : { state: 'open' as const }),
}));
const RESOURCES = { sharedBytes: 0, threads: 32, programs: 1 };
const WORK = { flops: 1, bytes: 1 };
const SURE = { resources: RESOURCES, work: WORK, isTight: false };

/** Each estimate takes 50 milliseconds. */
function ranking(limitMs: number, signal = new AbortController().signal) {
  let [ms, asked] = [0, 0];
  const said: [number, number][] = [];
  const done = rankRows(
    rows,
    ({ C = 0 }) => {
      ms += 50;
      asked++;
      return C === 2 ? { state: 'limit', why: 'too large' } : { estimateMs: C + 1, ...SURE };
    },
    { now: () => ms, signal, limitMs, onEstimate: () => {}, onProgress: (done, of) => said.push([done, of]) },
  );
  return { done, said, asked: () => asked };
}

describe('ranking', () => {
  test('every open row has an estimate or its reason, in their order', async () => {
    const { done, said, asked } = ranking(Number.POSITIVE_INFINITY);
    const ranked = await done;
    expect(ranked.map((r) => r.config)).toEqual(rows.map((r) => r.config));
    expect(ranked[2]).toEqual({ config: { C: 2 }, state: 'limit', why: 'too large' });
    expect(ranked[3]).toBe(rows[3]);
    expect(ranked[4]).toEqual({ config: { C: 4 }, state: 'open', estimateMs: 5, resources: RESOURCES });
    expect(asked()).toBe(30);
    expect(said.at(-1)).toEqual([30, 30]);
  });

  test('what others find out is asked for ahead, and makes no difference but to the time', async () => {
    const options = { ...{ now: () => 0, signal: new AbortController().signal, limitMs: 1 }, onProgress: () => {} };
    const asked: number[] = [];
    const most: number[] = [];
    const model = async ({ C = 0 }: Config): Promise<Modelled | null> => {
      asked.push(C);
      return C % 3 === 0 ? null : ({ launch: { programs: C } } as Modelled);
    };
    const order: number[] = [];
    const estimate = ({ C = 0 }: Config, modelled?: Modelled): Estimate => {
      order.push(C);
      most.push(asked.length - order.length);
      expect(modelled).toEqual(C % 3 === 0 ? undefined : { launch: { programs: C } });
      return { estimateMs: C + 1, ...SURE };
    };
    const ranked = await rankRows(rows, estimate, { ...options, model, onEstimate: () => {} });
    expect(asked).toEqual(order);
    expect(Math.max(...most)).toBeGreaterThan(4);
    const alone: number[] = [];
    const same = await rankRows(
      rows,
      (config) => {
        alone.push(config.C ?? 0);
        return { estimateMs: (config.C ?? 0) + 1, ...SURE };
      },
      { ...options, onEstimate: () => {} },
    );
    expect(ranked).toEqual(same);
    expect(order).toEqual(alone);
  });

  test('where the time is short, the estimates lie evenly in the space', async () => {
    const ranked = await ranking(50 * 8).done;
    const estimated = ranked.flatMap((r, i) => (r.estimateMs === undefined ? [] : [i]));
    expect(estimated.length).toBe(8);
    const gaps = [...estimated, 40].map((at, i) => at - (estimated[i - 1] ?? 0));
    expect(Math.max(...gaps)).toBeLessThanOrEqual(10);
  });

  test('where nothing fits, what spills registers stays in the race', async () => {
    const ranked = await rankRows(
      rows,
      ({ C = 0 }) => ({ state: 'limit', why: 'too much', code: C === 5 ? 'LAC0503' : 'LAC0501' }),
      {
        ...{ now: () => 0, signal: new AbortController().signal, limitMs: 1 },
        ...{ onEstimate: () => {}, onProgress: () => {} },
      },
    );
    expect(ranked.flatMap((row) => (row.state === 'open' ? [row.config] : []))).toEqual([{ C: 5 }]);
    expect(ranked[4]).toMatchObject({ state: 'limit', code: 'LAC0501' });
  });

  test('an interruption ends it', async () => {
    const interrupt = new AbortController();
    interrupt.abort();
    const { done, asked } = ranking(Number.POSITIVE_INFINITY, interrupt.signal);
    expect(await done).toEqual(rows);
    expect(asked()).toBe(0);
  });

  test('an interruption ends it also where another process does not answer', async () => {
    const interrupt = new AbortController();
    const done = rankRows(rows, () => ({ estimateMs: 1, ...SURE }), {
      ...{ now: () => 0, signal: interrupt.signal, limitMs: 1, model: () => new Promise<never>(() => {}) },
      ...{ onEstimate: () => {}, onProgress: () => {} },
    });
    interrupt.abort();
    expect(await done).toEqual(rows);
  });
});
