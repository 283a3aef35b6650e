import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, beforeAll, expect } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import type { Reference } from '../../driver/reference.js';
import { type Report, type RunRequest, runKernel } from '../../driver/run.js';
import { type KernelDecl, SourceProject } from '../../driver/source.js';
import type { Device } from '../../runtime/device.js';
import { openDevice } from '../../runtime/open.js';

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const project = new SourceProject();

/** A kernel of a file, named from the root of the repository. */
export function kernelOf(file: string, name: string): KernelDecl {
  const { kernels, diagnostics } = project.read(resolve(ROOT, file));
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  const found = kernels.find((k) => k.name === name);
  if (found === undefined) throw new Error(`${file} exports no kernel ${name}`);
  return found;
}

/** Devices under test. WebGPU is the software driver, or what LAC_TEST_DEVICE names. */
const DEVICES = {
  exact: 'interpret',
  rounding: 'interpret:round',
  webgpu: process.env.LAC_TEST_DEVICE ?? 'webgpu:software',
  sm80: 'emulate:sm_80',
  sm90: 'emulate:sm_90',
} as const;
type DeviceKey = keyof typeof DEVICES;

/** Devices for the tests of a `describe`, or of a file: open from before the first until after the last of them. */
export function devices<K extends DeviceKey>(...keys: readonly K[]): Readonly<Record<K, Device>> {
  const open: Partial<Record<K, Device>> = {};
  beforeAll(async () => {
    for (const key of keys) open[key] = await openDevice(DEVICES[key]);
  });
  afterAll(() => {
    for (const key of keys) open[key]?.destroy();
  });
  return open as Record<K, Device>;
}

/**
 * Devices that kernels are compiled for, with how often a property is tried there and the longest sequence worth trying:
 * a GPU emulated is slow. sm_80 has neither stmatrix nor bf16 arithmetic, sm_90 has both.
 */
export const GPUS = [
  { key: 'webgpu', runs: 8, most: 200 },
  { key: 'sm80', runs: 2, most: 130 },
  { key: 'sm90', runs: 2, most: 130 },
] as const;

/** In f64 nothing rounds but the inputs; literals of an f32 expression are f32. */
const EXACT = { rmse: 2e-7, element: 2e-6 };
const isExact = ({ device, dtypes }: RunRequest): boolean =>
  device.name === 'interpreter (f64)' && Object.values(dtypes ?? {}).every((d) => d === 'f32');

/** Runs and compares; a failure shows everything that is needed to repeat it. */
export async function expectRight(request: RunRequest & { readonly reference: Reference }): Promise<Report> {
  const { reference } = request;
  const tolerance = isExact(request) ? { ...reference.tolerance, ...EXACT } : reference.tolerance;
  const report = await runKernel({ ...request, reference: tolerance ? { ...reference, tolerance } : reference });
  const { kernel, device, dims, dtypes, config, options, outputs, damaged } = report;
  const { seed, layout, rowPadding, scalars, passes } = request;
  const facts = { kernel, device, dims, dtypes, config, options, seed, layout, rowPadding, scalars, passes };
  const wrong = outputs.filter((o) => !o.ok);
  const story = JSON.stringify({ ...facts, damaged, wrong }, (_, x) => (typeof x === 'number' ? spell(x) : x));
  expect(report.ok, story).toBe(true);
  expect(report.checked).toBe(true);
  return report;
}

type Variation = Pick<RunRequest, 'device' | 'config'>;

/**
 * Runs the same launch on each device in its configuration: all are right and have the same bits; those of `perWarps`
 * only where the number of warps is the same, as it is what sums over a row are split by, and those of f32 only on the same
 * target: from sm_90 on, ties are rounded to an even tf32. What does not fit the device (LAC0501, LAC0503) is passed over, but
 * for two at least.
 */
export async function expectAgreement(
  request: Omit<RunRequest, keyof Variation | 'reference'> & {
    readonly reference: Reference;
    readonly perWarps?: readonly string[];
  },
  variations: readonly Variation[],
): Promise<void> {
  const ran: Report[] = [];
  for (const one of variations) {
    const report = await expectRight({ ...request, ...one }).catch(unlessTooLarge);
    if (report !== null) ran.push(report);
  }
  expect(ran.length).toBeGreaterThan(1);
  for (const report of ran)
    for (const [name, got] of Object.entries(report.values)) {
      const perWarps = request.perWarps?.includes(name) === true;
      const alike = ran.filter((r) => sameTies(r, report) && (!perWarps || sameWarps(r, report)));
      const { values, device, config } = alike[0] ?? report;
      const pair = JSON.stringify({ name, against: [device, config], here: [report.device, report.config] });
      expect(differing(got, values[name] ?? got), pair).toEqual([]);
    }
}

const sameTies = (a: Report, b: Report): boolean => a.device === b.device || !Object.values(a.dtypes).includes('f32');
const sameWarps = (a: Report, b: Report): boolean => a.config.warps === b.config.warps;

const TOO_LARGE: ReadonlySet<string> = new Set(['LAC0501', 'LAC0503']);
function unlessTooLarge(error: unknown): null {
  if (error instanceof LacError && error.diagnostics.every((d) => TOO_LARGE.has(d.code))) return null;
  throw error;
}

/** The first few places where two arrays differ, NaN being like NaN. */
function differing(got: Float64Array, want: Float64Array): string[] {
  const places = [...want.keys()].filter((i) => !Object.is(got[i], want[i]));
  return places.slice(0, 5).map((i) => `[${i}] ${got[i]} against ${want[i]}, of ${places.length}`);
}

const spell = (x: number): number | string => (Number.isFinite(x) ? x : String(x));

/** Where tensors lie: axes of a rank-4 argument as declared or with tokens before heads, rows with gaps full of NaN. */
export const placements = fc.record({
  layout: fc.constantFrom([0, 1, 2, 3], [0, 2, 1, 3]),
  rowPadding: fc.constantFrom(0, 0, 3),
});

/** Sizes of a sequence around the blocks: 0..200, every multiple of `block` and its neighbours more often. */
export const lengths = (block: number, most = 200): fc.Arbitrary<number> => {
  const blocks = Math.max(1, Math.floor(most / block));
  const near = fc
    .tuple(fc.integer({ min: 1, max: blocks }), fc.constantFrom(-1, 0, 1))
    .map(([n, d]) => Math.max(0, Math.min(most, n * block + d)));
  return fc.oneof({ weight: 2, arbitrary: near }, { weight: 1, arbitrary: fc.integer({ min: 0, max: most }) });
};

/** A decay exponent a token: none, tiny, ordinary, steep enough for exp to be 0 within a block, and at once. */
export const decays = fc.constantFrom(0, 1e-7, 1e-3, 0.1, 0.7, 4, 50, 1e4, 1e30);

export const seeds = fc.integer({ min: 0, max: 2 ** 31 - 1 });
