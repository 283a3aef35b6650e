import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import {
  attended,
  derived,
  deviceNames,
  explained,
  fromArtifacts,
  launched,
  scaleReference,
  transposed,
  tuned,
  whereFrom,
} from '../../docs/reference/host.js';
import { makeArtifacts } from '../../driver/artifacts.js';
import { runKernel } from '../../driver/run.js';
import { COMMON_WEBGPU, targetNamed } from '../../driver/target.js';
import { writeFiles } from '../../driver/write-files.js';
import { empty, f32, openDevice } from '../../index.js';
import { ROOT } from '../house/sources.js';
import { kernelOf } from '../kernels/session.js';

const FILE = 'docs/reference/host.ts';
const text = readFileSync(join(ROOT, FILE), 'utf8');
const stated = Object.fromEntries([...text.matchAll(/^\/\/ (\w+)\(\) is (.*)$/gm)].map(([, name, is]) => [name, is]));
const device = await openDevice('emulate:sm_80');
const folder = mkdtempSync(join(tmpdir(), 'lac-docs-'));
afterAll(() => {
  device.destroy();
  rmSync(folder, { recursive: true });
});

const shown = (value: unknown): string =>
  typeof value === 'string' ? value : Array.from(value as number[]).join(', ');

test.each([deviceNames, launched, transposed, attended, derived, explained, whereFrom])(
  '%o gives what the page says',
  async (f) => {
    expect(shown(await f())).toBe(stated[f.name]);
  },
);

test('what lac compile writes is launched, as the page says', async () => {
  const targets = [targetNamed('sm_80') ?? COMMON_WEBGPU];
  const request = { dims: {}, config: {}, dtypes: {}, targets };
  writeFiles(folder, makeArtifacts(kernelOf(FILE, 'scale'), { file: FILE, text }, request).files);
  expect(shown(await fromArtifacts(folder, device))).toBe(stated.fromArtifacts);
});

test('what the page tunes has no reference, as it says', async () => {
  expect(await tuned(device, empty(device, f32, [2]), empty(device, f32, [2]))).toBe('LAC0902');
});

test('the reference of the page is one', async () => {
  const report = await runKernel({ decl: kernelOf(FILE, 'scale'), reference: scaleReference, device });
  expect(report.ok).toBe(true);
});
