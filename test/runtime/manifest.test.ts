import { mkdtempSync, readFileSync, rmSync, unlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { makeArtifacts } from '../../driver/artifacts.js';
import { type KernelDecl, SourceProject } from '../../driver/source.js';
import { COMMON_WEBGPU, targetNamed } from '../../driver/target.js';
import { writeFiles } from '../../driver/write-files.js';
import { ArtifactKernel, loadManifest, openDevice } from '../../runtime/index.js';
import { ROOT } from '../house/sources.js';

const folder = mkdtempSync(join(tmpdir(), 'lac-manifest-'));
afterAll(() => rmSync(folder, { recursive: true }));

function load(path: string): ArtifactKernel {
  const kernel = loadManifest(path);
  if (kernel instanceof ArtifactKernel) return kernel;
  throw new Error(`${path} is a plan`);
}

const file = `${ROOT}kernels/lightning/forward.ts`;
const [found] = new SourceProject().read(file).kernels;
if (found === undefined) throw new Error('no kernel');
const decl: KernelDecl = found;
const sm = (name: string) => targetNamed(name) ?? COMMON_WEBGPU;

/** Writes a manifest for these targets, and returns its path. */
function artifact(
  name: string,
  targets: readonly string[],
  dims: Readonly<Record<string, number>>,
  dtype: string,
): string {
  const request = { dims, config: {}, dtypes: { T: dtype }, targets: targets.map(sm) };
  writeFiles(join(folder, name), makeArtifacts(decl, { file, text: '' }, request).files);
  return join(folder, name, 'lightningFwd.json');
}
const both = artifact('both', ['sm_80', 'webgpu'], { D: 16, E: 16 }, 'f32');

const emulator = await openDevice('emulate');
const webgpu = await openDevice('webgpu:software');
const interpreter = await openDevice('interpret');
afterAll(() => webgpu.destroy());
const devices = { emulator, webgpu };

/** One head, without decay: o_t = q_t S_t. */
function tensors(device: typeof emulator, N: number, D = 16, dtype: 'f32' | 'bf16' = 'f32') {
  const filled = (value: number) => device.empty(dtype, [1, 1, N, D]).fill(value);
  return {
    q: filled(1),
    k: filled(0.5),
    v: filled(2),
    slope: device.empty('f32', [1]).fill(0),
    o: device.empty(dtype, [1, 1, N, D]),
  };
}
const codesOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    return error.diagnostics.map((d) => `${d.code}: ${d.message}`).join('\n');
  }
  return 'nothing';
};

describe('an artifact for several targets', () => {
  test.each(['emulator', 'webgpu'] as const)('is loaded and launched on the %s', async (name) => {
    const kernel = load(both);
    const args = tensors(devices[name], 37);
    await kernel.launch(devices[name], args);
    const o = await args.o.read();
    // Token t has seen t + 1 tokens: sum over d of q k v = 16 each.
    expect([...o].every((x, i) => x === 16 * (Math.floor(i / 16) + 1))).toBe(true);
    expect(kernel.manifest.variants.map((v) => v.target)).toContain('cuda');
  });

  test('the program with the stronger assumptions where they hold, else the other', () => {
    const kernel = load(both);
    const alignment = (args: ReturnType<typeof tensors>) => {
      const { variant } = kernel.bind(emulator, args);
      return Math.max(1, ...Object.values(variant.when.facts).map((f) => f.align));
    };
    const args = tensors(emulator, 8);
    expect(alignment(args)).toBe(4);
    const wide = emulator.empty('f32', [1, 1, 8, 17]).view([1, 1, 8, 16], [136, 136, 17, 1]);
    expect(alignment({ ...args, q: wide as never })).toBe(1);
    expect(alignment(args)).toBe(4);
  });

  test('of generations the newest that the device has', () => {
    const kernel = load(artifact('generations', ['sm_80', 'sm_90', 'sm_100'], { D: 16, E: 16 }, 'f32'));
    const { variant } = kernel.bind(emulator, tensors(emulator, 8));
    expect(variant).toMatchObject({ target: 'cuda', sm: 90 });
  });
});

describe('LAC0624: no program fits', () => {
  test('of another target', () => {
    const kernel = load(artifact('ptx', ['sm_90'], { D: 16, E: 16 }, 'f32'));
    expect(codesOf(() => kernel.bind(webgpu, tensors(webgpu, 8)))).toMatch(/^LAC0624: .* it has sm_90$/);
    expect(codesOf(() => kernel.bind(interpreter, tensors(interpreter, 8)))).toMatch(/^LAC0624: /);
  });

  test('of other sizes and dtypes', () => {
    const kernel = load(both);
    const message = codesOf(() => kernel.bind(emulator, tensors(emulator, 8, 32)));
    expect(message).toBe(
      'LAC0624: none of the 2 programs of lightningFwd for this device fits: D is 32, but this variant is compiled for D = 16; E is 32, but this variant is compiled for E = 16',
    );
    expect(codesOf(() => kernel.bind(emulator, tensors(emulator, 8, 16, 'bf16')))).toMatch(/^LAC0624: .*bf16/);
  });

  test('arguments that are wrong by themselves have their own errors', () => {
    const { k, ...rest } = tensors(emulator, 8);
    expect(codesOf(() => load(both).bind(emulator, rest))).toMatch(/^LAC0602: .*k is missing/);
    expect(k.size).toBe(128);
    const same = { ...tensors(emulator, 8), o: k };
    expect(codesOf(() => load(both).bind(emulator, { ...same, k }))).toMatch(/^LAC0608: /);
  });
});

describe('LAC0625: what is no artifact', () => {
  const text = readFileSync(both, 'utf8');
  const changed = (change: (manifest: Record<string, unknown>, variant: Record<string, unknown>) => void): string => {
    const manifest = JSON.parse(text) as Record<string, unknown> & { variants: Record<string, unknown>[] };
    change(manifest, manifest.variants[0] ?? {});
    const path = join(folder, 'both', 'changed.json');
    writeFileSync(path, JSON.stringify(manifest));
    return codesOf(() => load(path));
  };

  test('the same manifest, not changed', () => {
    expect(changed(() => {})).toBe('nothing');
  });

  test.each<[string, Parameters<typeof changed>[0], RegExp]>([
    ['version', (m) => Object.assign(m, { lac: 2 }), /is no manifest of this version/],
    ['kernel', (m) => Object.assign(m, { kernel: undefined }), /has no "kernel"/],
    [
      'operator',
      (m) => Object.assign(m, { grid: [['n', ['constructor', 1]]] }),
      /grid\[0\]\[1\] of .* is no expression/,
    ],
    ['nesting', (m) => Object.assign(m, { grid: [['n', nested(200)]] }), /is no expression/],
    ['dtype', (_m, v) => Object.assign(v, { when: { dtypes: { T: 'f64' }, comptime: {}, facts: {} } }), /is "f64"/],
    ['dtype of an argument', (m) => Object.assign(m, { dtypes: {} }), /args\[0\]\.dtype of .* is no dtype/],
    [
      'name of an axis',
      (m) => Object.assign(m, { grid: [['constructor', 1]] }),
      /grid\[0\]\[0\] of .* is no name: every object has it/,
    ],
    ['path', (_m, v) => Object.assign(v, { file: '../../secret' }), /is no name of a file beside the manifest/],
    ['missing file', (_m, v) => Object.assign(v, { file: 'gone.ptx' }), /there is no such file/],
    ['block', (_m, v) => Object.assign(v, { block: [0, 1, 1] }), /variants\[0\]\.block\[0\] of .* is 0/],
    [
      'binding',
      (_m, v) => Object.assign(v, { bindings: [{ arg: 'z', index: 0, access: 'read' }] }),
      /is no tensor arg/,
    ],
    ['slot', (_m, v) => Object.assign(v, { params: [{ dim: 'Z' }] }), /params\[0\] of .* is no slot/],
    [
      'stride',
      (_m, v) => Object.assign(v, { params: [{ stride: ['q', 4] }] }),
      /is 4, and no whole number from 0 to 3/,
    ],
  ])('%s', (_what, change, message) => {
    const finding = changed(change);
    expect(finding).toMatch(/^LAC0625: /);
    expect(finding).toMatch(message);
  });

  test('no JSON, no file, a folder', () => {
    writeFileSync(join(folder, 'text.json'), 'lac');
    expect(codesOf(() => load(join(folder, 'text.json')))).toMatch(/^LAC0625: .*is no JSON/);
    expect(codesOf(() => load(join(folder, 'gone.json')))).toMatch(/^LAC0625: .*no such file/);
    expect(codesOf(() => load(folder))).toMatch(/^LAC0625: .*no regular file/);
    unlinkSync(join(folder, 'text.json'));
  });
});

function nested(depth: number): unknown {
  let e: unknown = 1;
  for (let i = 0; i < depth; i++) e = ['neg', e];
  return e;
}
