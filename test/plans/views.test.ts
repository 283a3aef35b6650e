/** Steps of plans see tensors in other shapes and orders, and parts of them. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { makePlanArtifacts } from '../../driver/plan-artifacts.js';
import { SourceProject } from '../../driver/source.js';
import { type Target, targetNamed } from '../../driver/target.js';
import { writeFiles } from '../../driver/write-files.js';
import { openDevice } from '../../index.js';
import { ArtifactPlan, loadManifest, type Tensor } from '../../runtime/index.js';
import { NoView } from '../../runtime/plan-views.js';
import { codesOf } from '../driver/codes-of.js';
import { halves, middle } from './views.js';
import { faultOf, windowCases, windowIn } from './window.js';

const hasPython = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']).status === 0;
const runs = Number(process.env.LAC_RUNS ?? 1000);

test('a window shows what the views say, or there is none', () => {
  fc.assert(
    fc.property(windowCases, (one) => {
      expect(faultOf(one, windowIn(one))).toBe(null);
    }),
    { numRuns: runs },
  );
});

test.skipIf(!hasPython)('lac_torch.py has the same windows', () => {
  const windows = fc.sample(windowCases, { numRuns: runs, seed: 5 });
  const file = fileURLToPath(new URL('../python/bind_cases.py', import.meta.url));
  const input = JSON.stringify({ bound: [], evaluated: [], windows });
  const { stdout, stderr } = spawnSync('python3', [file], { input, encoding: 'utf8', maxBuffer: 2 ** 26 });
  expect(stderr).toBe('');
  const want = windows.map(windowIn).map((w) => (w instanceof NoView ? 'LAC0627' : [w.shape, w.strides, w.offset]));
  expect(JSON.parse(stdout).windows).toEqual(want);
  expect(want.filter((w) => w === 'LAC0627').length).toBeGreaterThan(runs / 50);
});

const names = ['interpret', 'emulate', 'webgpu:software'] as const;
const opened = await Promise.all(names.map((name) => openDevice(name)));
const devices = names.map((name, i) => ({ name, device: opened[i] as (typeof opened)[number] }));
const folder = mkdtempSync(join(tmpdir(), 'lac-plan-views-'));
afterAll(() => {
  for (const device of opened) device.destroy();
  rmSync(folder, { recursive: true });
});

const [B, F, N, E] = [2, 9, 5, 3] as const;
const values = Array.from({ length: B * F * N }, (_, i) => i + 1);
const wanted = Array.from({ length: B * N * E }, (_, i) => {
  const [b, n, e] = [Math.floor(i / (N * E)), Math.floor(i / E) % N, i % E];
  return 4 * ((b * F + E + e) * N + n + 1);
});
const list = async (t: Tensor): Promise<number[]> => [...(await t.read())];

describe.each(devices)('$name', ({ device }) => {
  const x = () => device.empty('f32', [B, F, N]).write(values);
  const y = () => device.empty('f32', [B, N, E]).poison();

  test('a part of a temporary goes through an inner plan that turns it', async () => {
    for (let call = 0; call < 3; call++) {
      const args = { x: x(), y: y() };
      await middle(device, args);
      expect(await list(args.y)).toEqual(wanted);
    }
  });

  test('LAC0627: what no strides lead through is refused before anything runs', async () => {
    const apart = device.empty('f32', [B, F, N], { strides: [100, 5, 1] }).write(values);
    const args = { x: apart, y: y().fill(7) };
    await expect(middle(device, args)).rejects.toThrow(
      'middle: step 1: x, given as x: [2, 9, 5] with strides [100, 5, 1] is [18, 5] in no strides',
    );
    expect(await list(args.y)).toEqual(Array(B * N * E).fill(7));
    const wide = { x: x(), y: device.empty('f32', [B, N, 5]) };
    expect(await codesOf(middle(device, wide))).toContain('LAC0627');
  });

  test('steps write parts of an output', async () => {
    const halved = { x: device.empty('f32', [2, 3]).write([1, 2, 3, 4, 5, 6]), y: device.empty('f32', [4, 3]) };
    await halves(device, halved);
    expect(await list(halved.y)).toEqual([1, 2, 3, 4, 5, 6, 2, 4, 6, 8, 10, 12]);
    expect(await codesOf(halves(device, { ...halved, y: device.empty('f32', [1, 3]) }))).toContain('LAC0627');
  });
});

describe('an artifact', () => {
  const file = `${import.meta.dirname}/views.ts`;
  const decl = new SourceProject().read(file).plans.find((p) => p.name === 'middle');
  if (decl === undefined) throw new Error('no plan middle');
  const source = { file: 'plans/views.ts', text: readFileSync(file, 'utf8') };
  const request = { dims: {}, config: {}, dtypes: {}, targets: [targetNamed('sm_80')] as Target[] };
  writeFiles(folder, makePlanArtifacts(decl, source, request).files);
  const manifest = join(folder, 'middle.json');

  test('holds the views of inner plans behind those of the outer one, and runs', async () => {
    const plan = loadManifest(manifest) as ArtifactPlan;
    expect(plan).toBeInstanceOf(ArtifactPlan);
    expect(plan.manifest.steps[1]?.args.x).toEqual({
      tensor: 't',
      view: [
        { reshape: ['B', 'F', 'N'] },
        { permute: [1, 0, 2] },
        { slice: ['E', ['*', 2, 'E']] },
        { permute: [1, 2, 0] },
        { permute: [0, 2, 1] },
        { reshape: ['B', ['*', ['-', ['*', 2, 'E'], 'E'], 'N']] },
      ],
    });
    const device = opened[1] as (typeof opened)[number];
    const [x, y] = [device.empty('f32', [B, F, N]).write(values), device.empty('f32', [B, N, E]).poison()];
    await plan.launch(device, { x, y });
    expect(await list(y)).toEqual(wanted);
  });

  test.each([
    ['"permute":[1,0,2]', '"turn":[1,0,2]', 'is no view of a tensor'],
    ['"permute":[1,0,2]', '"permute":["a"]', 'no whole number'],
    ['"slice":["E",', '"slice":["E","E",', 'is no view of a tensor'],
  ])('LAC0625: %s cannot be %s', (from, to, message) => {
    const text = JSON.stringify(JSON.parse(readFileSync(manifest, 'utf8')));
    expect(text).toContain(from);
    const wrong = join(folder, 'wrong.json');
    writeFileSync(wrong, text.replaceAll(from, to));
    expect(() => loadManifest(wrong)).toThrow(message);
  });

  test('LAC0627: an order of axes that is none', async () => {
    const wrong = join(folder, 'order.json');
    writeFileSync(wrong, JSON.stringify(JSON.parse(readFileSync(manifest, 'utf8'))).replaceAll('[1,0,2]', '[1,1,2]'));
    const device = opened[1] as (typeof opened)[number];
    const [x, y] = [device.empty('f32', [B, F, N]), device.empty('f32', [B, N, E])];
    expect(await codesOf((loadManifest(wrong) as ArtifactPlan).launch(device, { x, y }))).toContain('LAC0627');
  });
});
