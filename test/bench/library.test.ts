import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import type { LibraryMeasurements } from '../../bench/library/measurements.js';
import { measurementsText, recorded } from '../../bench/library/recorded.js';
import { type Taken, taken } from '../../bench/library/rule.js';
import { combinations } from '../../driver/configurations.js';
import { declaresKernels, SourceProject } from '../../driver/source.js';

const BEHIND = 1.3;
/** Fewer say nothing of what is best, where there are more. */
const FEWEST = 3;

const read = (name: string): LibraryMeasurements =>
  JSON.parse(readFileSync(`bench/library/data/${name}.json`, 'utf8')) as LibraryMeasurements;

/** Whose blocks have data of their own: blocks.test.ts. */
const BLOCKS = 'lightningFwd lightningBwdDq lightningBwdDkDv lightningBwdDk lightningBwdDv'.split(' ');

/** Kernels and plans with knobs whose default was not timed beside two others, or all: nobody knows how far it is behind. */
const UNTOLD: Readonly<Record<string, readonly string[]>> = {
  'h100-cuda': [],
  'h100-webgpu': ['tokenMixerLrpeBwd'],
};

/** Known to be further behind. */
const FAR: Readonly<Record<string, readonly object[]>> = { 'h100-cuda': [], 'h100-webgpu': [] };

const project = new SourceProject();
const sources = readdirSync('kernels', { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.ts') && !name.endsWith('.ref.ts'))
  .map((name) => path.join('kernels', name))
  .filter((file) => declaresKernels(readFileSync(file, 'utf8')));
const declared = sources.flatMap((file) => {
  const { kernels, plans } = project.read(file);
  return [...kernels, ...plans];
});
/** Configurations of each kernel. */
const spaces = new Map(declared.map((d) => [d.name, [...combinations(d.tune)].length]));
const withKnobs = [...spaces].flatMap(([name, size]) => (size > 1 ? [name] : []));

const isTold = ({ of: { kernel, times, refused }, ms }: Taken): boolean =>
  times.length >= Math.min(FEWEST, (spaces.get(kernel) ?? FEWEST) - refused.length) && ms !== null;

describe.each(['h100-cuda', 'h100-webgpu'])('what a call takes untuned, of %s', (name) => {
  const all = taken(read(name));

  test('is more than 30 % behind the best only where that is known', () => {
    const far = all.filter(({ ms, best }) => ms !== null && ms > BEHIND * best);
    const behind = (ms: number | null, best: number): number => Number(((ms ?? 0) / best).toFixed(2));
    expect(far.map(({ of, config, ms, best }) => ({ kernel: of.kernel, config, behind: behind(ms, best) }))).toEqual(
      FAR[name],
    );
    expect(all.filter(isTold).length).toBeGreaterThan(0);
  });

  test('what the measurements do not say is listed', () => {
    const told = new Set([...BLOCKS, ...all.filter(isTold).map(({ of }) => of.kernel)]);
    expect(withKnobs.filter((kernel) => !told.has(kernel)).sort()).toEqual(UNTOLD[name]);
  });
});

describe('what lac tune printed', () => {
  const from = { date: '2026-01-02', commit: 'abc', relative: (file: string) => file.replace('/home/', '') };
  const end = {
    event: 'result',
    ended: 'budget',
    kernel: 'a',
    file: '/home/a.ts',
    dims: { N: 4 },
    dtypes: {},
    options: {},
  };
  const one = (config: Record<string, number>, rest: object) => ({ event: 'result', kernel: 'a', config, ...rest });

  test('becomes a case with its times, best first, and what was refused', () => {
    const events = [
      { event: 'progress', kernel: 'a' },
      one({ C: 1, warps: 2 }, { state: 'measured', medianMs: 2.00004 }),
      one({ C: 2, warps: 2 }, { state: 'limit' }),
      one({ C: 4, warps: 2 }, { state: 'measured', medianMs: 1 }),
      one({ C: 8, warps: 2 }, { state: 'open' }),
      end,
    ];
    const cases = recorded(events, from);
    expect(cases).toEqual([
      {
        ...{ kernel: 'a', file: 'a.ts', dims: { N: 4 }, dtypes: {}, options: {}, date: '2026-01-02', commit: 'abc' },
        ...{ knobs: ['C', 'warps'], refused: [[2, 2]] },
        times: [
          { config: [4, 2], ms: 1 },
          { config: [1, 2], ms: 2 },
        ],
      },
    ]);
    const { cases: _, ...rest } = read('h100-cuda');
    expect(JSON.parse(measurementsText({ ...rest, cases }))).toEqual({ ...rest, cases });
  });

  test('is no case where nothing was timed', () => {
    expect(recorded([one({ C: 1 }, { state: 'limit' }), { ...end, ended: 'failed' }], from)).toEqual([]);
  });
});
