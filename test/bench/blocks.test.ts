import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { blocksOf, configKey, variationsOf } from '../../bench/blocks/grid.js';
import type { BlockMeasurements } from '../../bench/blocks/measurements.js';
import { medians } from '../../bench/blocks/medians.js';
import { measurementsText, merged } from '../../bench/blocks/merged.js';
import { blockSizesPage } from '../../bench/blocks/page.js';
import { declarationOf } from '../../bench/blocks/problem.js';
import { lossOf, picks } from '../../bench/blocks/rule.js';
import { combinations } from '../../driver/configurations.js';
import { targetNamed } from '../../driver/target.js';

const target = targetNamed('sm_90');
if (target === null) throw new Error('no target');
const of = { kernel: 'lightningFwd', D: 64, dtype: 'bf16' } as const;
const decl = declarationOf('lightningFwd');

/** Every block takes as long as it has warps, but for one that takes `best`. */
function measurements(best: string, ms: number): BlockMeasurements {
  const times = blocksOf(of, decl, 'cuda').map((config) => ({
    config: Object.values(config),
    ms: [configKey(config) === best ? ms : (config.warps ?? 0), null],
  }));
  const shapes = [
    { heads: 128, N: 8192 },
    { heads: 1, N: 64 },
  ];
  const point = { ...of, shapes, knobs: Object.keys(decl.tune), times, refused: [] };
  return {
    ...{ device: 'GPU <one>', api: 'CUDA', architecture: 'sm_90', date: '2026-01-02', commit: 'abc', cases: [point] },
    ...{ target: { ...target, processors: 132 }, maxInvocations: 1024 },
  } as BlockMeasurements;
}

describe('block sizes', () => {
  test('the grid has every block at one depth, then depths and parts of good ones', () => {
    const blocks = blocksOf(of, decl, 'cuda');
    expect(blocks).toContainEqual({ C: 64, BE: 64, warps: 8, stages: 2, G: 1 });
    expect(new Set(blocks.map(({ stages, G }) => `${stages} ${G}`))).toEqual(new Set(['2 1']));
    expect(blocks.every(({ BE = 0 }) => BE < 2 * of.D)).toBe(true);
    const [first = {}] = blocks;
    const keys = variationsOf(decl, [first], true).map(configKey);
    expect(keys).toEqual(['32,32,4,1,1', '32,32,4,3,1', '32,32,4,2,4', '32,32,4,2,2', '32,32,4,2,8']);
  });

  test('the loss of the default is counted against the best, and is on the page', () => {
    const [pick] = picks(measurements('128,64,8,2,1', 1));
    expect(pick && lossOf(pick)).toBe(0);
    const slow = measurements('16,16,4,2,1', 1);
    expect(picks(slow).map(lossOf)).toEqual([7]);
    const { markdown, svgs } = blockSizesPage([slow]);
    const text = markdown.replaceAll(/ +/g, ' ');
    expect(text).toContain('| CUDA | lightningFwd bf16 | 1 | 700.0 % | 700.0 % | 0 of 1 |');
    expect(text).toContain('| CUDA | lightningFwd bf16 D=64 | 128 x 8192 | 128x64 8w | 16x16 4w | 700.0 % |');
    const shown = [...markdown.matchAll(/\]\(([^)]+\.svg)\)/g)].map(([, file]) => file);
    expect(Object.keys(svgs).sort()).toEqual(shown.sort());
  });

  test('of several runs the median of each time counts, where all runs have one', () => {
    const runs = [3, 1, 8].map((ms) => measurements('128,64,8,2,1', ms)) as [BlockMeasurements, ...BlockMeasurements[]];
    const best = ({ cases }: BlockMeasurements) => cases[0]?.times.find((t) => t.config.join() === '128,64,8,2,1')?.ms;
    const { measurements: all, said } = medians(runs);
    expect([best(all), said]).toEqual([[3, null], []]);
    const [one, two, three] = runs as [BlockMeasurements, BlockMeasurements, BlockMeasurements];
    const fewer = { ...two, cases: two.cases.map((c) => ({ ...c, times: c.times.slice(1) })) };
    const { measurements: rest, said: missed } = medians([one, fewer, three]);
    expect(rest.cases[0]?.times).toHaveLength((one.cases[0]?.times.length ?? 0) - 1);
    expect(missed).toEqual(['lightningFwd bf16 D=64: 1 configurations left out']);
    expect(medians([one, { ...two, cases: [] }]).said).toEqual(['lightningFwd bf16 D=64: left out, in 1 of 2 runs']);
    const others = { ...two, cases: two.cases.map((c) => ({ ...c, shapes: [...c.shapes].reverse() })) };
    expect(() => medians([one, others])).toThrow('other shapes or knobs');
    expect(() => medians([one, { ...two, api: 'WebGPU' }])).toThrow('api differs: CUDA and WebGPU');
  });

  test('cases of a later session take the place of their own, and keep day and commit', () => {
    const before = measurements('128,64,8,2,1', 1);
    const [old] = before.cases;
    if (old === undefined) throw new Error('no case');
    const later = (change: object, rest: object = {}): BlockMeasurements => ({
      ...{ ...before, date: '2026-02-03', commit: 'def', ...rest },
      cases: [{ ...old, ...change }],
    });
    const times = [{ config: [16, 16, 4, 2, 1], ms: [3, null] }];
    const replaced = merged(before, later({ times }));
    expect(replaced.said).toEqual(['lightningFwd bf16 D=64: replaced, 1 configurations']);
    expect(replaced.measurements.cases).toEqual([{ ...old, times, date: '2026-02-03', commit: 'def' }]);
    const wider = merged(replaced.measurements, later({ D: 128 }, { date: '2026-03-04' })).measurements;
    expect(wider.cases.map(({ D, date, commit }) => [D, date, commit])).toEqual([
      [64, '2026-02-03', 'def'],
      [128, '2026-03-04', 'def'],
    ]);
    expect(JSON.parse(measurementsText(wider))).toEqual(wider);
    const { markdown } = blockSizesPage([wider]);
    expect(markdown).toContain(
      '- 2026-02-03, commit def: lightningFwd bf16 D=64\n- 2026-03-04, commit def: lightningFwd bf16 D=128',
    );
    expect(markdown).toMatch(/^- CUDA: lightningFwd bf16 D=32, 256; lightningBwdDkDv bf16; .*lightningFwd f32; /m);

    expect(merged(before, later({ times }), /f32/)).toEqual({ measurements: before, said: [] });
    const untimed = [{ config: [16, 16, 4, 2, 1], ms: [null, null] }];
    const kept = merged(before, later({ times: untimed }));
    expect(kept.measurements.cases).toEqual(before.cases);
    expect(kept.said).toEqual(['lightningFwd bf16 D=64: left out, times at 0 shapes only']);
    expect(() => merged(before, later({}, { api: 'WebGPU' }))).toThrow('api differs: CUDA and WebGPU');
  });

  test('parts of a sequence exceed what the whole of it exceeds', () => {
    const measured = measurements('', 1);
    const whole = [...combinations({ ...decl.tune, G: [1] })];
    const refused = whole.filter(({ C, BE, warps }) => `${C} ${BE} ${warps}` !== '32 32 4').map(configKey);
    const times = [{ config: [32, 32, 4, 2, 8], ms: [2] }];
    const cases = measured.cases.map((c) => ({ ...c, shapes: [{ heads: 16, N: 8192 }], times, refused }));
    expect(picks({ ...measured, cases }).map(lossOf)).toEqual([0]);
  });

  test.each(['h100-cuda', 'h100-webgpu'])('the default is nowhere a twentieth slower than the best: %s', (name) => {
    const measured = JSON.parse(readFileSync(`bench/blocks/data/${name}.json`, 'utf8')) as BlockMeasurements;
    const far = picks(measured).filter((pick) => (lossOf(pick) ?? 1) > 0.05);
    expect(far.map(({ of: { kernel, D, dtype }, shape, taken }) => ({ kernel, D, dtype, shape, taken }))).toEqual([]);
  });

  test('on a CPU it is no slower than one program is from run to run', () => {
    const measured = JSON.parse(readFileSync('bench/blocks/data/software.json', 'utf8')) as BlockMeasurements;
    const losses = picks(measured).map((pick) => lossOf(pick) ?? 1);
    expect(Math.max(...losses)).toBeLessThan(0.22);
    expect(losses.filter((loss) => loss <= 0.05).length).toBeGreaterThanOrEqual(21);
  });
});
