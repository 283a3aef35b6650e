import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { type BenchRequest, bench, type Job } from '../../benchmark/bench.js';
import type { PeerPoint, Peers } from '../../benchmark/peers.js';
import { pageOf } from '../../benchmark/report/page.js';
import type { Entry } from '../../benchmark/types.js';
import { diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import type { Reference } from '../../driver/reference.js';
import { SourceProject } from '../../driver/source.js';
import type { LaunchPlan } from '../../runtime/launch.js';
import { SCALE } from '../cli/fixtures-text.js';
import { ROOT } from '../house/sources.js';
import { devices } from '../kernels/session.js';

const on = devices('sm90');
const folder = mkdtempSync(join(tmpdir(), 'lac-bench-'));
afterAll(() => rmSync(folder, { recursive: true }));
const project = new SourceProject();

function kernel(name: string, text: string) {
  const file = join(folder, `${name}.ts`);
  writeFileSync(file, text);
  const { kernels, diagnostics } = project.read(file);
  const [decl] = kernels;
  if (decl === undefined) throw new Error(diagnostics.map((d) => d.message).join());
  return decl;
}

const body = 'y.store([n * C], x.load([n * C], [C]) * a);';
const right = kernel('right', SCALE);
const withN = SCALE.replace('{ C }, { n }', '{ C, N }, { n }');
/** Right up to 1000 elements. */
const late = kernel('late', withN.replace('[C]) * a', '[C]) * (N > 1000 ? a + a : a)'));
const unwritten = kernel('unwritten', SCALE.replace(body, `if (n * C < 1000) ${body}`));

const reference: Reference = {
  shape: { N: 1500 },
  scalars: { a: 3 },
  run: ({ inputs: { x = new Float64Array() } }) => ({ y: x.map((v) => 3 * v) }),
};
const job = (decl: Job['decl'], baseline: Job['decl'] | null = null): Job => ({
  ...{ decl, reference, checked: true },
  baseline: baseline && { name: 'baseline', decl: baseline, reference },
});

async function entriesOf(jobs: readonly Job[], more: Partial<BenchRequest> = {}) {
  const request: BenchRequest = {
    ...{ jobs, points: [{}], dtypes: {}, options: {}, config: {}, seed: 0, affordable: 1024, samples: 4 },
    ...{ budgetMs: null, stored: null, peers: null, notes: [], signal: new AbortController().signal },
    ...{ onProgress: () => {}, onPoint: () => {} },
    ...more,
  };
  const run = await bench(on.sm90, request);
  return { run, entries: run.points[0]?.entries ?? [], notes: run.notes };
}
const told = ({ role, state, why }: Entry): unknown[] => (why === undefined ? [role, state] : [role, state, why]);

describe('what is larger than the reference can be asked for', () => {
  test('is compared at reduced sizes, with the same program', async () => {
    const { entries } = await entriesOf([job(right)]);
    expect(entries.map(told)).toEqual([['kernel', 'measured']]);
    expect(entries[0]?.checkedAt?.N).toBeLessThan(1000);
    expect(entries[0]?.config).toEqual({ C: 64, warps: 1 });
  });

  test('has a page where the device has no ceilings', async () => {
    const counted = { ...job(right), reference: { ...reference, flops: ({ N = 0 }) => N } };
    const { run } = await entriesOf([counted]);
    expect(run.points[0]?.work.flops).toBe(1500);
    expect(Object.keys(run.ceilings)).toEqual([]);
    expect(String(pageOf(run))).not.toContain('Roofline');
  });

  test('may be a plan: all of its launches are one sample', async () => {
    const { plans } = project.read(resolve(ROOT, 'test/plans/fixtures.ts'));
    const scaled = plans.find((p) => p.name === 'scaled');
    if (scaled === undefined) throw new Error('no plan scaled');
    const own: Reference = { ...reference, shape: { M: 300 }, scalars: { f: 3 } };
    const plan: Job = { decl: scaled, reference: own, checked: true, baseline: null };
    const { entries } = await entriesOf([plan], { affordable: 64, config: { G: 2 } });
    expect(entries.map(told)).toEqual([['kernel', 'measured']]);
    expect(entries[0]).toMatchObject({ config: { G: 2 }, checkedAt: { M: expect.any(Number) } });
    expect(entries[0]?.checkedAt?.M).toBeLessThan(300);
  });

  test('and wrong at its own sizes only, differs from a baseline: neither has a time', async () => {
    const { entries } = await entriesOf([job(late, right)]);
    const why = 'y of scale and of baseline differ at these sizes';
    expect(entries.map(told)).toEqual([
      ['kernel', 'wrong', why],
      ['baseline', 'wrong', why],
    ]);
    expect(entries.every((e) => e.time === undefined)).toBe(true);
  });

  test('and changed by what times it, has no time', async () => {
    const { time } = on.sm90;
    const spoiling: typeof time = async (plans, options) => {
      const timing = await time.call(on.sm90, plans, options);
      for (const { tensors } of [plans].flat(2) as readonly LaunchPlan[]) tensors.y?.fill(5);
      return timing;
    };
    Object.assign(on.sm90, { time: spoiling });
    try {
      const { entries } = await entriesOf([job(right)]);
      expect(entries.map(told)).toEqual([['kernel', 'wrong', 'y changed while it was timed']]);
      expect(entries[0]?.time).toBeUndefined();
    } finally {
      Reflect.deleteProperty(on.sm90, 'time');
    }
  });

  test('and not written at its own sizes, is wrong without any baseline', async () => {
    const { entries } = await entriesOf([job(unwritten)]);
    expect(entries.map((e) => [e.state, e.why])).toEqual([
      ['wrong', expect.stringMatching(/elements of y are not written/)],
    ]);
  });
});

/** Libraries without a process. */
const peers = (more: Partial<Peers>): Peers => ({
  open: async () => [
    { name: 'scale', error: 0.001 },
    { name: 'slow', why: 'not installed' },
  ],
  sample: async (names) => new Map(names.map((name) => [name, { ms: [1, 2], how: 'timestamp' as const }])),
  close: () => {},
  ...more,
});

describe('peers beside a kernel', () => {
  test('take turns with it, and one may have its name', async () => {
    const asked: PeerPoint[] = [];
    const { open } = peers({});
    const with_ = peers({
      open: async (point, onDoing) => {
        asked.push(point);
        return open(point, onDoing);
      },
    });
    const { entries } = await entriesOf([job(right)], { peers: with_ });
    expect(entries.map(told)).toEqual([
      ['kernel', 'measured'],
      ['peer', 'measured'],
      ['peer', 'failed', 'not installed'],
    ]);
    expect(entries[1]?.time?.ms).toEqual([1, 2, 1, 2]);
    expect(asked).toEqual([{ kernel: 'scale', dims: { N: 1500 }, dtypes: {}, options: {}, seed: 0 }]);
  });

  test('that end, or were never declared, are a note; the kernel is measured all the same', async () => {
    const gone = () => Promise.reject(new LacError(diagnostic('LAC0932', 'python ended')));
    const ended = await entriesOf([job(right)], { peers: peers({ sample: gone }) });
    expect(ended.notes).toEqual([expect.stringContaining('python ended')]);
    expect(ended.entries.map((e) => e.state)).toEqual(['measured', 'failed', 'failed']);
    const none = await entriesOf([job(right)], { peers: peers({ open: async () => [] }) });
    expect(none.notes).toEqual(['no peers are declared for scale']);
    expect(none.entries.map(told)).toEqual([['kernel', 'measured']]);
  });
});
