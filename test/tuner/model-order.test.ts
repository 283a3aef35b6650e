import { describe, expect, test } from 'vitest';
import { type Config, combinations } from '../../driver/configurations.js';
import { EstimateOrder } from '../../tuner/model/estimate-order.js';
import type { Row } from '../../tuner/types.js';

const TUNE = {
  C: [32, 64, 128, 16, 8],
  BE: [32, 64, 128, 16, 8],
  warps: [4, 8, 2],
  stages: [2, 1, 3],
  G: [1, 4, 2, 8],
};
const octaves = (a: number, b: number): number => Math.abs(Math.log2(a / b));

/** Times of simulated devices: of knobs that have nothing to do with each other, that depend on each other, with cliffs. */
const LANDSCAPES: Readonly<Record<string, (c: Record<keyof typeof TUNE, number>) => number>> = {
  separate: ({ C, BE, warps, stages, G }) =>
    2 ** (octaves(C, 64) + octaves(BE, 128) / 2 + octaves(warps, 8) / 4 + octaves(stages, 2) / 8 + octaves(G, 1)),
  'one ridge': ({ C, BE, warps, stages }) => 2 ** (octaves(C * BE, 8192) + octaves(warps, C / 16) / 2) + stages / 100,
  cliffs: ({ C, BE, warps, G }) =>
    (C * BE > 40 * 32 * warps ? 8 : 1) * (4096 / (C * BE) + Math.ceil((64 * (128 / BE) * G) / 132)) + warps / 50,
};

const rows = (closed: (c: Config) => boolean = () => false): Row[] =>
  [...combinations(TUNE)].map((config) => ({ config, state: closed(config) ? 'pruned' : 'open' }));

function estimated(all: readonly Row[], count: number, time: (c: never) => number): number[] {
  const order = new EstimateOrder(all);
  const found: number[] = [];
  for (let i = order.next(); i !== null && found.length < count; i = order.next()) {
    found.push(i);
    order.tell(i, time(all[i]?.config as never));
  }
  return found;
}

describe('the order of estimates', () => {
  test('gives every open row once, and no other', () => {
    const all = rows(({ C = 0, BE = 0 }) => C > BE);
    const found = estimated(all, Number.POSITIVE_INFINITY, () => 1);
    expect([...found].sort((a, b) => a - b)).toEqual(all.flatMap((row, i) => (row.state === 'open' ? [i] : [])));
  });

  test.each(Object.entries(LANDSCAPES))('%s: a quarter of them has one within 2 %% of the best', (_name, time) => {
    const all = rows();
    const times = all.map((row) => time(row.config as never));
    const found = estimated(all, all.length / 4, time);
    expect(Math.min(...found.map((i) => times[i] ?? 0))).toBeLessThanOrEqual(1.02 * Math.min(...times));
    expect(found).toEqual(estimated(all, all.length / 4, time));
  });

  test('goes on where nothing is told, as nothing fits', () => {
    const order = new EstimateOrder(rows());
    const found = new Set<number | null>();
    for (let i = order.next(); i !== null; i = order.next()) found.add(i);
    expect(found.size).toBe(900);
  });
});
