import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { expect } from 'vitest';
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

/** The WebGPU device under test: the software driver, or what LAC_TEST_DEVICE names. */
export const openWebGpu = (): Promise<Device> => openDevice(process.env.LAC_TEST_DEVICE ?? 'webgpu:software');
export const openInterpreter = (): Promise<Device> => openDevice('interpret');
export const openRounding = (): Promise<Device> => openDevice('interpret:round');

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
