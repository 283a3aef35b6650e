import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command, Option } from 'commander';
import { afterAll, afterEach, describe, expect, test, vi } from 'vitest';
import { figuresOf } from '../../benchmark/figures.js';
import { readRun, savedRun } from '../../benchmark/saved-run.js';
import type { Point } from '../../benchmark/types.js';
import { duration, positive, share, sizes } from '../../cli/arguments.js';
import { bench } from '../../cli/bench.js';
import type { ExitCode } from '../../cli/exit.js';
import { exitCodeOfError } from '../../cli/exit.js';
import { Output } from '../../cli/output.js';
import { sweep } from '../../cli/sweep.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { contextFor } from '../cli/context.js';
import { SCALE, SCALE_REFERENCE, WRONG_REFERENCE } from '../cli/fixtures-text.js';

const disk = vi.hoisted(() => ({ full: false }));
vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const writeSync = (file: number, bytes: Uint8Array, done: number): number => {
    if (disk.full) throw Object.assign(new Error('no space'), { code: 'ENOSPC' });
    return fs.writeSync(file, bytes, done);
  };
  return { ...fs, writeSync, default: { ...fs, writeSync } };
});

const folder = mkdtempSync(join(tmpdir(), 'lac-bench-'));
const at = (name: string): string => join(folder, name);
const FILES = {
  'scale.ts': SCALE,
  'scale.ref.ts': SCALE_REFERENCE,
  'wrong.ts': SCALE,
  'wrong.ref.ts': WRONG_REFERENCE,
  // Twice the work for the same result.
  'slow.ts': SCALE.replace('[C]) * a', '[C]) * a + x.load([n * C], [C]) * 0'),
  'other.ts': SCALE.replaceAll('scale', 'other').replace("y: output(f32, ['N'])", "z: output(f32, ['N'])"),
};
for (const [name, text] of Object.entries(FILES)) writeFileSync(at(name), text);
afterAll(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  disk.full = false;
});

interface Ran {
  readonly code: ExitCode;
  readonly stdout: string;
  readonly stderr: string;
  readonly error: LacError | null;
}

/** The verb in this process, on the emulator, with its options as the command line gives them. */
async function lacBench(
  file: string,
  given: Readonly<Record<string, unknown>> = {},
  {
    format = 'pretty' as 'pretty' | 'json',
    signal = new AbortController().signal,
    onPoint = (_: string): void => {},
  } = {},
): Promise<Ran> {
  const written = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    write: (text: string) => {
      written[name] += text;
      onPoint(text);
    },
  });
  const how = { format, color: 'never', quiet: false, verbose: false } as const;
  const output = new Output(how, sink('stdout'), sink('stderr'));
  const options = { device: 'emulate', seed: 0, samples: 4, threshold: 0.05, ...given };
  try {
    const code = await bench(at(file), options, contextFor({ output, signal }));
    return { code, ...written, error: null };
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    return { code: exitCodeOfError(error), ...written, error };
  }
}

const eventsOf = ({ stdout }: Ran) =>
  stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as { readonly event: string; readonly point?: Point });

describe('lac bench', () => {
  test('measures every point of a sweep, and stores it in three forms', async () => {
    const output = ['run.json', 'run.md', 'run.html'].map(at);
    const ran = await lacBench('scale.ts', { sweep: sweep('N=300..600'), output });
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(ran.stdout).toMatch(/^device {4}PTX emulator/);
    expect(ran.stdout.match(/^\| +(300|512|600) \| scale/gm)).toHaveLength(3);
    const run = readRun(at('run.json'));
    expect(JSON.parse(savedRun(run))).toEqual(JSON.parse(readFileSync(at('run.json'), 'utf8')));
    expect(run.points.map((p) => p.dims.N)).toEqual([300, 512, 600]);
    for (const { dims, work, entries } of run.points) {
      expect(work).toEqual({ bytes: 8 * (dims.N ?? 0), flops: null, tokens: dims.N });
      expect(entries).toHaveLength(1);
      expect(entries[0]).toMatchObject({
        role: 'kernel',
        state: 'measured',
        checkedAt: dims,
        config: { C: 64, warps: 1 },
      });
      expect(entries[0]?.time?.ms.length).toBeGreaterThanOrEqual(3);
    }
    expect(readFileSync(at('run.md'), 'utf8')).toContain('| 512 | scale |');
    expect(readFileSync(at('run.html'), 'utf8')).toContain('<svg');
  });

  test('says events as JSON, a point as soon as it is measured', async () => {
    const ran = await lacBench('scale.ts', { sweep: sweep('N=64,128') }, { format: 'json' });
    const events = eventsOf(ran);
    expect(new Set(events.map((e) => e.event))).toEqual(new Set(['progress', 'result']));
    const results = events.filter((e) => e.event === 'result');
    expect(results.map((e) => e.point?.dims.N)).toEqual([undefined, 64, 128, undefined]);
    expect(results.at(-1)).toHaveProperty('run.device');
  });

  test('a wrong kernel has no time, and is exit code 1', async () => {
    const ran = await lacBench('wrong.ts', { shape: { N: 100 }, output: [at('wrong.json')] });
    expect(ran.code).toBe(1);
    expect(ran.stdout).toContain('WRONG: y differs from the reference');
    const [entry] = readRun(at('wrong.json')).points[0]?.entries ?? [];
    expect(entry?.state).toBe('wrong');
    expect(entry?.time).toBeUndefined();
  });

  test('what is not checked says so; what has nothing to do takes no time', async () => {
    const unchecked = await lacBench('wrong.ts', { shape: { N: 100 }, check: false });
    expect(unchecked.code).toBe(0);
    expect(unchecked.stdout).toContain('| not checked, host time |');
    const empty = await lacBench('scale.ts', { shape: { N: 0 } });
    expect(empty.code).toBe(0);
    expect(empty.stdout).toMatch(/\| scale \| +0 ms \|/);
  });

  test('a baseline is checked and measured in the same run', async () => {
    const ran = await lacBench('scale.ts', { shape: { N: 256 }, baseline: at('slow.ts'), output: [at('base.json')] });
    expect(ran.code).toBe(0);
    const entries = readRun(at('base.json')).points[0]?.entries ?? [];
    expect(entries.map((e) => [e.role, e.state])).toEqual([
      ['kernel', 'measured'],
      ['baseline', 'measured'],
    ]);
    expect(entries[1]?.rmse).toBeLessThan(1e-6);
    expect(ran.stdout).toMatch(/slow\.ts: scale \|.* x \|/);
  });

  test('a wrong baseline is exit code 1; one with other arguments is LAC0933', async () => {
    const wrong = await lacBench('scale.ts', { shape: { N: 256 }, baseline: at('wrong.ts') });
    expect(wrong.code).toBe(1);
    const other = await lacBench('scale.ts', { baseline: at('other.ts') });
    expect(other.error?.diagnostics.map((d) => d.code)).toEqual(['LAC0933']);
    expect(other.stdout).toBe('');
  });

  test('a stored run is a baseline, and what this run is compared with', async () => {
    const file = at('before.json');
    const same = { sweep: sweep('N=64,128'), samples: 12 };
    await lacBench('scale.ts', { ...same, output: [file] });
    const run = readRun(file);
    const scaled = (by: number): string => {
      const points = run.points.map((point) => ({
        ...point,
        entries: point.entries.map((e) =>
          e.time ? { ...e, time: figuresOf({ ...e.time, ms: e.time.ms.map((ms) => ms * by) }) } : e,
        ),
      }));
      const path = at(`by-${by}.json`);
      writeFileSync(path, savedRun({ ...run, points }));
      return path;
    };
    const [faster, slower] = [scaled(1e-4), scaled(1e4)];
    const worse = await lacBench('scale.ts', { ...same, compare: faster, baseline: slower });
    expect(worse.code).toBe(1);
    expect(worse.stdout.match(/\| slower/g)).toHaveLength(2);
    expect(worse.stdout).toContain('by-10000.json');
    expect(await lacBench('scale.ts', { ...same, compare: slower })).toMatchObject({ code: 0 });
    writeFileSync(at('elsewhere.json'), savedRun({ ...run, device: 'another device' }));
    const elsewhere = await lacBench('scale.ts', { ...same, compare: at('elsewhere.json') });
    expect(elsewhere.error?.diagnostics.map((d) => d.code)).toEqual(['LAC0933']);
    expect(elsewhere.error?.message).toContain('the stored run is of another device');
    for (const as of ['compare', 'baseline']) {
      const disjoint = await lacBench('scale.ts', { sweep: sweep('N=65'), [as]: file });
      expect(disjoint.error?.message).toContain(`${file} has no time of any point of this run`);
      expect(disjoint.stdout).toBe('');
    }
    const broken = await lacBench('scale.ts', { compare: at('scale.ts') });
    expect(broken.error?.diagnostics.map((d) => d.code)).toEqual(['LAC0931']);
  });

  test('without an NVIDIA GPU there are no peers, which is no error', async () => {
    const ran = await lacBench('scale.ts', { shape: { N: 64 }, peers: true });
    expect(ran.code).toBe(0);
    expect(ran.stdout).toMatch(/without peers: PTX emulator.* is no NVIDIA GPU through CUDA/);
  });

  test('a full disk keeps the table, leaves no half of a file, and is LAC0908', async () => {
    disk.full = true;
    const ran = await lacBench('scale.ts', { shape: { N: 64 }, output: [at('full.json')] });
    expect(ran).toMatchObject({ code: 1 });
    expect(ran.error?.message).toContain('no space is left');
    expect(ran.stdout).toContain('| scale |');
    expect(readdirSync(folder).filter((name) => name.includes('full'))).toEqual([]);
  });

  test('refuses what it cannot write, know or measure before a device is opened', async () => {
    const codes = async (given: Readonly<Record<string, unknown>>) => {
      const { error, stdout } = await lacBench('scale.ts', given);
      expect(stdout).toBe('');
      return error?.diagnostics.map((d) => d.code);
    };
    expect(await codes({ output: [at('run.xml')] })).toEqual(['LAC0901']);
    expect(await codes({ output: [at('scale.ts/run.json')] })).toEqual(['LAC0908']);
    expect(await codes({ sweep: sweep('N=1,N=2') })).toEqual(['LAC0930']);
    expect(await codes({ sweep: sweep('M=1') })).toEqual(['LAC0907']);
    expect(await codes({ config: { C: 65 } })).toEqual(['LAC0907']);
    expect(await codes({ set: { N: 'many' } })).toEqual(['LAC0901']);
    expect(await codes({ set: { fast: 'true' } })).toEqual(['LAC0907']);
  });

  test('an interrupted run prints what it has', async () => {
    const interrupt = new AbortController();
    const output = [at('interrupted.json')];
    const onPoint = (text: string): void => {
      if (text.includes('"point"')) interrupt.abort();
    };
    await lacBench(
      'scale.ts',
      { sweep: sweep('N=1..512'), output },
      { format: 'json', signal: interrupt.signal, onPoint },
    );
    const run = readRun(at('interrupted.json'));
    expect(run.points).toHaveLength(1);
    expect(run.notes).toEqual(['interrupted: points are missing']);
  });
});

describe('options', () => {
  test('are read as the command line writes them', () => {
    const command = new Command()
      .exitOverride()
      .addOption(new Option('--threshold <part>').argParser(share))
      .addOption(new Option('--samples <n>').argParser(positive))
      .addOption(new Option('--budget <time>').argParser(duration))
      .addOption(new Option('--shape <sizes>').argParser(sizes));
    command.parse(['--threshold', '2.5%', '--samples', '7', '--budget', '1.5s', '--shape', 'N=2k'], { from: 'user' });
    expect(command.opts()).toEqual({ threshold: 0.025, samples: 7, budget: 1500, shape: { N: 2048 } });
    expect(share('0.1')).toBe(0.1);
    for (const text of ['', '%', '5 %', '-1', '1e3', 'x']) expect(() => share(text)).toThrow('is not a part');
    expect(() => share('5')).toThrow('It is 5 times the whole: did you mean 5%?');
    for (const text of ['0', '-1', '1.5', 'x', '']) expect(() => positive(text)).toThrow('whole number');
  });
});
