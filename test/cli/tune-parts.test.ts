import { mkdirSync } from 'node:fs';
import { createColors } from 'picocolors';
import { afterAll, describe, expect, test } from 'vitest';
import { duration } from '../../cli/arguments.js';
import { measuredCeilings } from '../../cli/ceilings.js';
import { exitCodeOfError } from '../../cli/exit.js';
import { Output, type Sink } from '../../cli/output.js';
import { readShapes } from '../../cli/shapes-file.js';
import { bar, StatusLine } from '../../cli/status-line.js';
import { type JobOptions, jobsBelow, jobsOfFile } from '../../cli/tune-jobs.js';
import { TuneProgress } from '../../cli/tune-progress.js';
import { outcomeText, problemText } from '../../cli/tune-text.js';
import { TuneWorkers } from '../../cli/tune-workers.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import type { Progress } from '../../tuner/search/search.js';
import type { Outcome } from '../../tuner/types.js';
import { KNOBS, outcome, PROBLEM } from '../tuner/tune-outcome.js';
import { SCALE, SCALE_REFERENCE } from './fixtures-text.js';
import { scratch } from './lac.js';

class Text implements Sink {
  readonly isTTY: boolean;
  readonly columns = 60;
  text = '';

  constructor(isTTY: boolean) {
    this.isTTY = isTTY;
  }

  write(text: string): void {
    this.text += text;
  }
}

const sinks = (options: { isTTY?: boolean; format?: 'pretty' | 'json'; quiet?: boolean; verbose?: boolean } = {}) => {
  const { isTTY = false, format = 'pretty', quiet = false, verbose = false } = options;
  const [stdout, stderr] = [new Text(isTTY), new Text(isTTY)];
  return { stdout, stderr, output: new Output({ format, color: 'never', quiet, verbose }, stdout, stderr) };
};

test('Ctrl-C while ceilings are measured does without them', async () => {
  const interrupt = new AbortController();
  const context = { output: sinks().output, signal: interrupt.signal };
  const never = (): Promise<never> => {
    queueMicrotask(() => interrupt.abort());
    return new Promise(() => {});
  };
  expect(await measuredCeilings('webgpu', context, never)).toBeNull();
  expect(await measuredCeilings('webgpu', context)).toBeNull();
});

test('workers that are closed while their devices are looked up do not begin', async () => {
  const workers = new TuneWorkers(new AbortController().signal, []);
  const refused = expect(workers.opener(false)('interpret', { problem: PROBLEM })).rejects.toThrow('was closed');
  await workers.close();
  await refused;
});

describe('a length of time', () => {
  test.each([
    ['500ms', 500],
    ['30s', 30_000],
    ['1.5m', 90_000],
    ['1h', 3_600_000],
  ])('%s', (text, ms) => expect(duration(text)).toBe(ms));

  test.each(['30', '', 's', '-3s', '0s', '1e9s', '3 s', '3d', 'NaNs', '99999999999s'])('%j is none', (text) => {
    expect(() => duration(text)).toThrow(/is no length of time such as 500ms, 30s or 2m/);
  });
});

const files = scratch({
  'shapes.json': '{ "lac": 1, "shapes": [ { "dims": { "N": 70 } }, { "kernel": "scale", "dims": { "N": 80 } } ] }',
  'named.json':
    '{ "lac": 1, "shapes": [ { "kernel": "scale", "dims": { "N": 80 } }, { "kernel": "scale", "dims": { "N": 70 } } ] }',
  'last-first.json':
    '{ "lac": 1, "shapes": [ { "kernel": "twice", "dims": { "N": 90 } }, { "kernel": "scale", "dims": { "N": 80 } } ] }',
  'unfit.json':
    '{ "lac": 1, "shapes": [ { "kernel": "scale", "dims": { "M": 9 } }, { "kernel": "twice", "dims": { "N": 90 } } ] }',
  'other.json': '{ "lac": 1, "shapes": [ { "kernel": "scales" } ] }',
  'size.json': '{ "lac": 1, "shapes": [ { "dims": { "N": -1 } } ] }',
  'slip.json': '{ "lac": 1, "shapes": [ { "dim": { "N": 1 } } ] }',
  'empty.json': '{ "lac": 1, "shapes": [] }',
  'text.json': 'N=70',
});
mkdirSync(files.path('kernels'));
const library = scratch({
  'scale.ts': SCALE,
  'scale.ref.ts': SCALE_REFERENCE,
  'twice.ts': SCALE.replace('scale =', 'twice ='),
  'twice.ref.ts': SCALE_REFERENCE.replace('scale =', 'twice ='),
  'alone.ts': SCALE.replace('scale =', 'alone ='),
  'knobless.ts': SCALE.replace('scale =', 'knobless =')
    .replace(/tune: .*\n/, '')
    .replaceAll(/\bC\b/g, '64')
    .replace('({ N, 64 })', '({ N })')
    .replace('{ 64 }', '{}'),
  'knobless.ref.ts': SCALE_REFERENCE.replace('scale =', 'knobless ='),
});
afterAll(() => {
  files.remove();
  library.remove();
});
const codeOf = async (work: () => unknown): Promise<string> => {
  try {
    await work();
    return 'none';
  } catch (error) {
    return error instanceof LacError ? error.message : String(error);
  }
};

describe('a file of shapes', () => {
  test.each([
    ['size.json', /^LAC0920: shapes\[0\]\.dims\.N of .*size\.json is -1/],
    ['slip.json', /^LAC0920: shapes\[0\] of .*slip\.json has "dim"/],
    ['empty.json', /^LAC0920: shapes of .*empty\.json is empty/],
    ['text.json', /^LAC0920: .*text\.json is no JSON/],
    ['gone.json', /^LAC0920: cannot read .*gone\.json: there is no such file/],
  ])('%s is refused with the place', async (name, message) => {
    expect(await codeOf(() => readShapes(files.path(name)))).toMatch(message);
  });
});

describe('problems', () => {
  const { output } = sinks();
  const jobs = async (options: Partial<JobOptions> = {}) =>
    (await jobsOfFile(library.path('scale.ts'), { seed: 5, ...options }, output)).map(({ problem }) => problem);
  const below = async (folder: ReturnType<typeof scratch>, shapes?: string) => {
    const options = shapes === undefined ? { seed: 0 } : { seed: 0, shapes: files.path(shapes) };
    return (await jobsBelow(folder.path(), options, output)).map(({ problem }) => [problem.kernel, problem.dims.N]);
  };

  test('of one file: the shape of the command line, else the reference’s; and the seed', async () => {
    expect(await jobs()).toMatchObject([{ kernel: 'scale', dims: { N: 1000 }, seed: 5 }]);
    expect(await jobs({ shape: { N: 9 } })).toMatchObject([{ dims: { N: 9 } }]);
    expect((await jobs({ shapes: files.path('shapes.json') })).map((p) => p.dims.N)).toEqual([70, 80]);
  });

  test('what nobody declares is refused', async () => {
    const unknown = await jobs({ shape: { M: 9 } }).catch((error: unknown) => error);
    expect(unknown).toMatchObject({ message: expect.stringMatching(/^LAC0907/) });
    expect(exitCodeOfError(unknown as LacError)).toBe(2);
    expect(await codeOf(() => jobs({ shapes: files.path('other.json') }))).toMatch(
      /^LAC0904: .* names scales, not among the kernels to tune/,
    );
    expect(await codeOf(() => jobsOfFile(library.path('alone.ts'), { seed: 0 }, output))).toMatch(/^LAC0902/);
  });

  test('of a folder: kernels with knobs and a reference, at its shape', async () => {
    expect(await below(library)).toEqual([
      ['scale', 1000],
      ['twice', 1000],
    ]);
    expect(await codeOf(() => jobsBelow(files.path('kernels'), { seed: 0 }, output))).toMatch(/^LAC0904/);
  });

  test('of a folder with a file of shapes: those in its order, then what it does not name at its reference’s shape', async () => {
    expect(await below(library, 'named.json')).toEqual([
      ['scale', 80],
      ['scale', 70],
      ['twice', 1000],
    ]);
    expect(await below(library, 'last-first.json')).toEqual([
      ['twice', 90],
      ['scale', 80],
    ]);
    expect(await codeOf(() => below(library, 'shapes.json'))).toMatch(/^LAC0920: .* has a shape without a kernel/);
  });

  test('a file of shapes may be for more kernels than are tuned, which is said; for none of them it is refused', async () => {
    const { output, stderr } = sinks();
    const options = { kernel: 'scale', shapes: files.path('last-first.json'), seed: 0 };
    const found = await jobsBelow(library.path(), options, output);
    expect(found.map(({ problem }) => [problem.kernel, problem.dims.N])).toEqual([['scale', 80]]);
    expect(stderr.text).toMatch(/last-first\.json names twice, not among the kernels to tune\n$/);
    expect(await codeOf(() => below(library, 'other.json'))).toMatch(/^LAC0904: .* names scales, not among/);
  });

  test('a shape that its kernel does not take is said, and stops no other', async () => {
    const { output, stderr } = sinks();
    const found = await jobsBelow(library.path(), { shapes: files.path('unfit.json'), seed: 0 }, output);
    expect(found.map(({ problem }) => [problem.kernel, problem.dims.N])).toEqual([['twice', 90]]);
    expect(stderr.text).toMatch(/^scale is left out: LAC0907: scale has no dimension M/);
  });
});

describe('progress', () => {
  const row = outcome().best ?? outcome().rows[0];
  const progress: Progress = { stage: 'explore', tried: 3, toTry: 12, best: row ?? null, elapsedMs: 900, leftMs: 4200 };
  const told = (options: Parameters<typeof sinks>[0]) => {
    const all = sinks(options);
    const shown = new TuneProgress(all.output, 'scale');
    if (row === undefined) throw new Error('the fixture has no rows');
    shown.take({ kind: 'row', row, progress });
    return { ...all, shown };
  };

  test('on a terminal: one line with a bar, the best and the time that is left, gone in the end', () => {
    const { stderr, stdout, shown } = told({ isTTY: true });
    expect(stderr.text).toBe('\r\x1b[2Kscale  █████                3 of 12  5 s left  best 1.00 ms');
    shown.clear();
    expect(stderr.text.endsWith('\r\x1b[2K')).toBe(true);
    expect(stdout.text).toBe('');
  });

  test('without a terminal, or quietly: nothing', () => {
    for (const options of [{}, { isTTY: true, quiet: true }]) {
      const { stderr, stdout } = told(options);
      expect(stderr.text + stdout.text).toBe('');
    }
  });

  test('as JSON: an event', () => {
    const { stderr, stdout } = told({ isTTY: true, format: 'json' });
    expect(stderr.text).toBe('');
    expect(JSON.parse(stdout.text)).toMatchObject({
      ...{ v: 1, event: 'progress', kernel: 'scale', tried: 3, toTry: 12, leftMs: 4200 },
      ...{ best: { C: 64, BE: 64, warps: 8 }, config: { C: 64, BE: 64, warps: 8 }, state: 'measured' },
    });
  });

  test('a cache that cannot be written is said, wherever stderr goes', () => {
    const { stderr, output } = sinks();
    const progress = new TuneProgress(output, 'scale');
    progress.take({ kind: 'unkept', why: 'no space is left' });
    expect(stderr.text).toBe('results are not kept: no space is left\n');
    progress.take({ kind: 'worker', event: { kind: 'absent', device: 'cuda:1', why: 'it is gone' } });
    expect(stderr.text).toMatch(/scale goes on without cuda:1: it is gone\n$/);
  });

  test('a terminal is not told more than it can show, and obeys no name', () => {
    const sink = new Text(true);
    let now = 0;
    const line = new StatusLine(sink, () => now);
    line.show(`a\x1b[31m\n${'x'.repeat(100)}`);
    line.show('too soon');
    expect(sink.text).toBe(`\r\x1b[2Ka [31m ${'x'.repeat(52)}`);
    now = 150;
    line.show('later');
    expect(sink.text.endsWith('\r\x1b[2Klater')).toBe(true);
    expect([bar(0), bar(1), bar(7)]).toEqual([' '.repeat(20), '█'.repeat(20), '█'.repeat(20)]);
  });
});

describe('the table', () => {
  const text = (verbose: boolean, over = {}): string =>
    outcomeText(
      { outcome: outcome(over), usual: outcome().rows[0] ?? null },
      Object.keys(KNOBS),
      createColors(false),
      verbose,
    );

  test('best first, causes with one example, and what it is worth', () => {
    const found = outcome();
    const [usual = null] = found.rows.filter(({ config }) => config.C === 32 && config.BE === 32 && config.warps === 4);
    const lines = outcomeText({ outcome: found, usual }, Object.keys(KNOBS), createColors(false), false).split('\n');
    expect(lines[1]).toBe(
      '  C  BE  warps     time       95 % interval  of best   error  registers  shared bytes    model',
    );
    expect(lines[2]).toMatch(/^ 64 {2}64 {6}8 {2}1\.00 ms/);
    expect(lines.filter((l) => l.startsWith('out'))).toEqual([
      'out       6 pruned by the kernel, such as C=16 BE=32 warps=4: C > 16 is false',
      expect.stringMatching(
        /^out {7}2 over a limit of the device \(LAC0602\), such as C=128 BE=64 warps=4: needs 65536/,
      ),
      'out       1 wrong: C=32 BE=16 warps=8: o[0, 1, 2] is 3, and should be 4',
    ]);
    expect(lines.at(-1)).toMatch(/^best {6}C=64 BE=64 warps=8 {2}1\.00 ms .*, 2\.7\d times as fast as the default$/);
  });

  test('where the best has not the least time, it says why', () => {
    const [second = null] = outcome().rows.filter(
      ({ config }) => config.C === 64 && config.BE === 64 && config.warps === 4,
    );
    expect(text(false, { best: second })).toContain('the smallest of 2 that the noise does not tell apart');
    expect(text(false)).not.toContain('the smallest of');
  });

  test('long tables are cut, unless somebody wants all', () => {
    const rows = outcome().rows.flatMap((r) => [1, 2].map((G) => ({ ...r, config: { ...r.config, G } })));
    expect(text(false, { rows, best: rows[0] })).toContain('more      15 slower ones; -v shows all');
    expect(text(true, { rows, best: rows[0] })).not.toContain('slower ones');
  });

  test('the default without a time is named with the reason; rows of an earlier tune are said to be such', () => {
    const found = outcome();
    const [usual = null] = found.rows.filter(({ state }) => state === 'wrong');
    const tell = (of: Outcome): string => outcomeText({ outcome: of, usual }, [], createColors(false), false);
    expect(tell(found)).toMatch(/^default +C=32 BE=16 warps=8: wrong$/m);
    expect(tell(found)).not.toContain('from the cache');
    expect(tell({ ...found, measured: 0 })).toMatch(/^measured +0 of .*; what else the table has is from the cache$/m);
  });

  test('nothing measured', () => {
    const rows = outcome().rows.map(({ config }) => ({ config, state: 'error' as const, why: 'no', code: 'LAC0700' }));
    const said = text(false, { rows, best: null, measured: 0, ended: 'failed' });
    expect(said).toContain('best      none: no configuration was measured');
    expect(problemText(PROBLEM)).toBe('kernel    lightningFwd  B=1 H=4 HK=4 N=1000 D=64 E=64  T=bf16  precise=true');
  });
});
