/** A plan that was compiled, written, read back and launched. */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { PlanManifest } from '../../compiler/artifact.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { makePlanArtifacts } from '../../driver/plan-artifacts.js';
import { SourceProject } from '../../driver/source.js';
import { COMMON_WEBGPU, type Target, targetNamed } from '../../driver/target.js';
import { writeFiles } from '../../driver/write-files.js';
import { ArtifactPlan, loadManifest, openDevice } from '../../runtime/index.js';
import { codesOf } from '../driver/codes-of.js';

const folder = mkdtempSync(join(tmpdir(), 'lac-plan-artifacts-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = `${import.meta.dirname}/fixtures.ts`;
const { plans } = new SourceProject().read(file);
const targets = [targetNamed('sm_80'), COMMON_WEBGPU] as Target[];

function compile(name: string, config: Readonly<Record<string, number>>): string {
  const decl = plans.find((p) => p.name === name);
  if (decl === undefined) throw new Error(`no plan ${name}`);
  const source = { file: 'plans/fixtures.ts', text: readFileSync(file, 'utf8') };
  const out = join(folder, `${name}${Object.values(config).join('')}`);
  writeFiles(out, makePlanArtifacts(decl, source, { dims: {}, config, dtypes: {}, targets }).files);
  return join(out, `${name}.json`);
}

function load(path: string): ArtifactPlan {
  const plan = loadManifest(path);
  if (plan instanceof ArtifactPlan) return plan;
  throw new Error(`${path} is no plan`);
}

const parts = compile('scaled', { G: 2 });
const emulator = await openDevice('emulate:sm_90');
const webgpu = await openDevice('webgpu:software');
const interpreter = await openDevice('interpret');
const devices = { emulator, webgpu };
afterAll(() => {
  for (const device of [emulator, webgpu, interpreter]) device.destroy();
});

const ramp = (n: number, by: number): number[] => Array.from({ length: n }, (_, i) => (i + 1) * by);

describe('an artifact of a plan', () => {
  test('holds the steps of its configuration, and only the kernels that they need', () => {
    const { steps, temps, config, kernels, source } = load(parts).manifest;
    expect(config).toEqual({ G: 2 });
    expect(Object.keys(kernels)).toEqual(['affine', 'affine2']);
    expect(steps.map((s) => [s.kernel, s.config, s.args.a])).toEqual([
      ['affine', { C: 32 }, { number: ['/', 'f', 2] }],
      ['affine2', {}, { number: 2 }],
    ]);
    expect(temps).toContainEqual({ name: 'parts', dtype: 'f32', shape: ['M', 'G'], fill: 1 });
    expect([source.file, kernels.affine?.source]).toEqual(['plans/fixtures.ts', source]);
    expect(kernels.affine?.variants.every((v) => v.config.C === 32)).toBe(true);
    const programs = readdirSync(join(folder, 'scaled2')).filter((name) => !name.endsWith('.json'));
    expect(programs.every((name) => /^scaled\.affine2?\..*\.(sm_80\.ptx|wgsl)$/.test(name))).toBe(true);
    expect(Object.keys(load(compile('scaled', { G: 1 })).manifest.kernels)).toEqual(['fold', 'affine2']);
  });

  test.each(['emulator', 'webgpu'] as const)('is loaded and launched on the %s', async (name) => {
    const device = devices[name];
    const plan = load(parts);
    for (const [n, f] of [
      [5, 6],
      [5, 6],
      [16, 6],
      [16, 10],
    ] as const) {
      const x = device.empty('f32', [n]).write(ramp(n, 1));
      const y = device.empty('f32', [n]).poison();
      await plan.launch(device, { x, f, y });
      expect([...(await y.read())]).toEqual(ramp(n, f));
    }
  });

  test('a plan of plans has the steps of them all', async () => {
    const plan = load(compile('nested', {}));
    expect(plan.manifest.temps.map((t) => t.name)).toEqual([
      'scaled1.t',
      'scaled1.parts',
      'scaled2.t',
      'scaled2.parts',
    ]);
    const [x, y, z] = [1, 0, 0].map((v) => emulator.empty('f32', [7]).fill(v));
    await plan.launch(emulator, { x, f: 3, y, z } as never);
    expect([...((await z?.read()) ?? [])]).toEqual(Array(7).fill(9));
  });

  test('what does not fit is refused before the first launch', async () => {
    const plan = load(parts);
    const [x, y] = [emulator.empty('f32', [3]).fill(1), emulator.empty('f32', [3]).fill(7)];
    expect(await codesOf(plan.launch(emulator, { x, f: 1, y: x }))).toEqual(['LAC0608']);
    const [a, b] = [interpreter.empty('f32', [3]).fill(1), interpreter.empty('f32', [3])];
    const refused = plan.launch(interpreter, { x: a, f: 1, y: b });
    await expect(refused).rejects.toThrow('scaled, step 1: affine has no program for interpreter');
    expect([...(await y.read())]).toEqual([7, 7, 7]);
  });
});

describe('LAC0625: what is no artifact of a plan', () => {
  type Changeable = { -readonly [K in keyof PlanManifest]: unknown } & {
    steps: Record<string, unknown>[];
    temps: Record<string, unknown>[];
  };
  test.each<[string, (m: Changeable) => void, RegExp]>([
    ['nothing', () => {}, /^nothing$/],
    ['kernel', (m) => Object.assign(m.steps[0] ?? {}, { kernel: 'other' }), /steps\[0\].kernel .* none of the kernels/],
    ['tensor', (m) => Object.assign(m.steps[0] ?? {}, { args: { x: { tensor: 'u' } } }), /args.x.tensor .* neither/],
    ['number', (m) => Object.assign(m.steps[1] ?? {}, { args: { a: { number: ['^', 1, 2] } } }), /no expression/],
    ['condition', (m) => Object.assign(m.steps[0] ?? {}, { when: true }), /steps\[0\].when .* no expression/],
    ['dtype', (m) => Object.assign(m.temps[0] ?? {}, { dtype: 'f64' }), /temps\[0\].dtype .* no dtype/],
    ['fill', (m) => Object.assign(m.temps[0] ?? {}, { fill: 'M' }), /temps\[0\].fill .* no number/],
    ['program', (m) => Object.assign(m, { kernels: {} }), /none of the kernels/],
  ])('%s', (_, change, message) => {
    const manifest = JSON.parse(readFileSync(parts, 'utf8')) as Changeable;
    change(manifest);
    const path = join(folder, 'scaled2', 'changed.json');
    writeFileSync(path, JSON.stringify(manifest));
    let found = 'nothing';
    try {
      loadManifest(path);
    } catch (error) {
      if (!(error instanceof LacError)) throw error;
      found = error.message;
    }
    expect(found).toMatch(message);
  });
});
