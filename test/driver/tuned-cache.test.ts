import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { compileKernel } from '../../driver/compile.js';
import { type DeviceKey, deviceKey } from '../../driver/device-key.js';
import { loadReference, referenceFileOf } from '../../driver/load-reference.js';
import { runKernel } from '../../driver/run.js';
import { type KernelDecl, SourceProject } from '../../driver/source.js';
import { targetOf } from '../../driver/target.js';
import { tunedFor } from '../../driver/tuned.js';
import { tuneFileOf } from '../../driver/tuned-file.js';
import { bucketOf, keyOf } from '../../driver/tuning-key.js';
import { tuningStore } from '../../driver/tuning-store.js';
import { version } from '../../driver/version.js';
import { empty, f32, openDevice } from '../../index.js';
import { keyDigest } from '../../store/digest.js';
import { TuningStore } from '../../store/store.js';
import type { TuningKey } from '../../store/types.js';
import { doubled, unknown } from './fixtures/doubled.js';

const device = await openDevice('emulate:sm_90');
const folders: string[] = [];
afterAll(() => {
  device.destroy();
  for (const folder of folders) rmSync(folder, { recursive: true });
});

/** A cache of its own for each test. */
let store: TuningStore;
beforeEach(() => {
  const folder = mkdtempSync(join(tmpdir(), 'lac-cache-'));
  folders.push(folder);
  process.env.LAC_TUNING_CACHE = join(folder, 'tuning');
  const opened = TuningStore.open();
  if (!(opened instanceof TuningStore)) throw new Error(opened.why);
  opened.close();
  store = tuningStore() as TuningStore;
});

const source = fileURLToPath(new URL('./fixtures/doubled.ts', import.meta.url));
const kernel = (name: string): KernelDecl => {
  const found = new SourceProject().read(source).kernels.find((k) => k.name === name);
  if (found === undefined) throw new Error(`no kernel ${name}`);
  return found;
};
const decl = kernel('doubled');
const key = (N = 1000, parts: Partial<TuningKey> = {}, of = decl): TuningKey => ({
  ...keyOf(of, { dims: { N }, dtypes: {}, device }),
  ...parts,
});
const OTHER = { device: 'another GPU' };
const C = (size: number) => ({ C: size, warps: 1 });
const compiled = (N = 1000, of = decl, config = {}) =>
  compileKernel(of, { dims: { N }, config, target: targetOf(device), device });
const chosen = (N?: number): readonly [number | undefined, string] => {
  const { config, chosen } = compiled(N);
  return [config.C, chosen];
};

describe('the configuration that is compiled', () => {
  test('exact, nearest sizes on this device, this architecture, the first of its declaration', () => {
    expect(chosen()).toEqual([32, 'the first of its declaration that fits']);
    store.choose(key(1000, OTHER), C(256));
    expect(chosen()).toEqual([256, 'tuned on another GPU (cache)']);
    store.choose(key(8000), C(128));
    expect(chosen()).toEqual([128, 'tuned on this device for other sizes, 3 doublings away (cache)']);
    store.choose(key(1024), C(64));
    expect(chosen()).toEqual([64, 'tuned on this device (cache)']);
    expect(chosen(1025)).toEqual([64, 'tuned on this device for other sizes, 1 doublings away (cache)']);
    expect(compiled(1000, decl, { C: 32 })).toMatchObject({ config: C(32) });
  });

  test('another driver is another device, of the same architecture', () => {
    const h100 = (driver: string): DeviceKey =>
      deviceKey({ ...device, name: 'H100', backend: 'cuda', limits: device.limits, info: { ...device.info, driver } });
    expect(h100('CUDA 12.4')).toEqual(h100('CUDA 12.6'));
    expect(h100('CUDA 13.0').device).not.toBe(h100('CUDA 12.6').device);
    expect(h100('CUDA 13.0').architecture).toBe('sm_90');
    expect(deviceKey(device).architecture).not.toBe('sm_90');
  });

  test('one that the declaration has no more is passed over', () => {
    store.choose(key(), C(48));
    expect(chosen()[0]).toBe(32);
    store.choose(key(), { C: 64 });
    expect(chosen()[0]).toBe(32);
  });

  test('without a device at hand, and on the interpreter, the cache is not asked', () => {
    store.choose(key(), C(64));
    expect(compileKernel(decl, { dims: { N: 1000 }, target: targetOf(device) }).config).toEqual(C(32));
    expect(compileKernel(decl, { dims: { N: 1000 }, target: { kind: 'interpret' }, device }).config).toEqual(C(32));
  });

  test('with LAC_TUNING_CACHE=off, or where no cache is, there is none', () => {
    store.choose(key(), C(64));
    process.env.LAC_TUNING_CACHE = 'off';
    expect(chosen()[0]).toBe(32);
    process.env.LAC_TUNING_CACHE = join(tmpdir(), 'lac-cache-that-nobody-made');
    expect([tuningStore(), chosen()[0]]).toEqual([null, 32]);
  });
});

describe('a cache that is damaged, or cannot be opened', () => {
  const codes = (): string[] => compiled().diagnostics.map((d) => `${d.code} ${d.severity}`);

  test('is a warning, LAC0918, once; compiling goes on', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lac-cache-'));
    folders.push(folder);
    process.env.LAC_TUNING_CACHE = folder;
    writeFileSync(join(folder, 'tuning-1.1.db'), 'x'.repeat(5000));
    expect([codes(), codes(), chosen()[0]]).toEqual([['LAC0918 warning'], [], 32]);
    const other = mkdtempSync(join(tmpdir(), 'lac-cache-'));
    folders.push(other);
    process.env.LAC_TUNING_CACHE = other;
    mkdirSync(join(other, 'tuning-1.1.db'));
    expect([codes(), codes(), chosen()[0]]).toEqual([['LAC0918 warning'], [], 32]);
  });
});

describe('the file beside the source', () => {
  const file = tuneFileOf(decl.file);
  afterAll(() => rmSync(file, { force: true }));
  let stamp = 1;
  const rows = (...list: object[]): void => {
    const configurations = list.map((row) => ({ kernel: 'doubled', target: 'cuda', ...row }));
    writeFileSync(file, JSON.stringify({ lac: 1, configurations }));
    utimesSync(file, stamp, ++stamp);
  };
  const choices = () =>
    tunedFor(decl, { target: targetOf(device), dtypes: {}, dims: { N: 1000 }, config: {}, device }).choices;
  const order = (): (number | undefined)[] => choices().map((c) => c.config.C);

  test('wins at each stage; what comes from elsewhere is last', () => {
    rows({ config: C(32), when: { dims: { N: { least: 2000 } } } }, { config: C(64), architecture: 'sm_80' });
    store.choose(key(1000), C(128));
    store.choose(key(2000), C(256));
    expect(order()).toEqual([128, 32, 256, 64]);
    rows({ config: C(32), when: { dims: { N: 1000 } } }, { config: C(64), architecture: 'sm_90' });
    expect(order()).toEqual([64, 32, 128, 256]);
  });

  test('what it has of another architecture is to be tried here first, as what was imported is', () => {
    rows({ config: C(32), architecture: 'sm_90' }, { config: C(64), architecture: 'sm_80' });
    store.choose(key(2000), C(256));
    const exported = store.export();
    store.clear();
    expect(store.import(exported, 'a file')).toBe(0);
    store.choose(key(1000), C(128));
    expect(choices().map((c) => [c.config.C, c.elsewhere])).toEqual([
      [32, undefined],
      [128, undefined],
      [64, 'sm_80'],
      [256, key().device],
    ]);
  });

  test('has rows for GPUs that software does not take, and the other way round', () => {
    rows({ config: C(64), architecture: 'software swiftshader' }, { config: C(128), architecture: 'nvidia hopper' });
    expect(order()).toEqual([128]);
  });
});

describe('a configuration from elsewhere', () => {
  const warnings: string[] = [];
  const onWarning = (warning: Error & { code?: string }): void => {
    if (warning.code !== undefined) warnings.push(warning.code);
  };
  process.on('warning', onWarning);
  afterAll(() => process.off('warning', onWarning));

  const threes = Array<number>(300).fill(3);
  const x = empty(device, f32, [300]).write(threes);
  const y = empty(device, f32, [300]);
  const launch = async (of = doubled): Promise<number[]> => {
    // Options of the call, so that it is bound anew.
    await of(device, { x, y }, { config: { warps: 1 } });
    return [...new Set(await y.read())];
  };
  const elsewhere = (size: number, of = decl): void => {
    store.choose(key(300, { device: `GPU with ${size}` }, of), C(size));
  };

  test('that is wrong here is found out by the first launch, left out with a warning, and never tried again', async () => {
    for (const size of [256, 128]) elsewhere(size);
    const results = [doubled(device, { x, y }), doubled(device, { x: y, y: x })];
    await Promise.all(results);
    expect([...new Set(await y.read())]).toEqual([6]);
    expect([...new Set(await x.read())]).toEqual([12]);
    x.write(threes);
    expect([128, 256, 64].map((size) => store.checked(key(300, { sizes: {} }), C(size)))).toEqual([
      false,
      true,
      undefined,
    ]);
    const { config, chosen, elsewhere: untried, diagnostics } = compiled(300);
    expect([config.C, chosen, untried]).toEqual([256, 'tuned on GPU with 256 (cache), checked on this device', null]);
    expect(diagnostics.map((d) => `${d.code} ${d.severity}`)).toEqual(['LAC0919 warning']);
    await new Promise(setImmediate);
    expect(warnings).toEqual(['LAC0919']);
  });

  test('without a reference is used, and says so', async () => {
    const of = kernel('unknown');
    elsewhere(64, of);
    expect(compiled(300, of).elsewhere).toBe('GPU with 64');
    expect(await launch(unknown)).toEqual([-6]);
    expect(compiled(300, of).chosen).toBe('tuned on GPU with 64 (cache), not checked for want of a reference');
    expect(store.checked(key(300, { sizes: {} }, of), C(64))).toBeUndefined();
  });

  test('is checked by a run that is checked anyway; what is wrong is said, and left out by the next', async () => {
    const reference = await loadReference(referenceFileOf(decl.file) ?? '', 'doubled');
    const run = () => runKernel({ decl, reference, device, dims: { N: 300 } });
    elsewhere(64);
    expect(await run()).toMatchObject({ ok: true, config: C(64), chosen: 'tuned on GPU with 64 (cache)' });
    expect(await run()).toMatchObject({ ok: true, chosen: 'tuned on GPU with 64 (cache), checked on this device' });
    expect(store.checked(key(300, { sizes: {} }), C(64))).toBe(true);
  });
});

describe('keys', () => {
  test('sizes are filed by powers of two', () => {
    expect([0, 1, 2, 3, 512, 513, 1024, 1025].map(bucketOf)).toEqual([0, 1, 2, 4, 512, 1024, 1024, 2048]);
    expect(key(513)).toEqual(key(1024));
    expect(key(512)).not.toEqual(key(513));
    expect(keyOf(decl, { dims: {}, dtypes: {}, device }).sizes).toEqual({});
  });

  test('what a program is made of is part of them, and how it is written or tuned is not', () => {
    const folder = mkdtempSync(join(tmpdir(), 'lac-keys-'));
    folders.push(folder);
    let written = 0;
    const digestOf = (value: string, { D = 16, T = 'f32' as 'f32' | 'bf16', blocks = '16, 32' } = {}): string => {
      const file = join(folder, `k${++written}.ts`);
      writeFileSync(
        file,
        `import { bf16, cdiv, dtypes, f32, input, kernel, output } from 'lac';
const T = dtypes('T', f32, bf16);
export const k = kernel({
  args: { x: input(T, ['N', 'D']), y: output(T, ['N', 'D']) }, comptime: ['D'], tune: { C: [${blocks}] },
  grid: ({ N, C }) => ({ n: cdiv(N, C) }),
}, ({ x, y }, { C, D }, { n }) => { y.store([n * C, 0], ${value}); });`,
      );
      const [of] = new SourceProject().read(file).kernels;
      if (of === undefined) throw new Error(`no kernel with ${value}`);
      const made = keyOf(of, { dims: { N: 64, D }, dtypes: { T }, device });
      expect(made.hash).toContain(version());
      return keyDigest(made);
    };
    const load = 'x.load([n * C, 0], [C, D])';
    const same = [load, `/* as it is */ ${load.replace(', ', ',   ')}`].map((value) => digestOf(value));
    expect(new Set([...same, digestOf(load, { blocks: '64, 32, 16' })]).size).toBe(1);
    const others = [digestOf(`-${load}`), digestOf(load, { D: 32 }), digestOf(load, { T: 'bf16' })];
    expect(new Set([...same, ...others]).size).toBe(4);
  });

  test('options in force are part of them', () => {
    expect(key(1, {}, kernel('unknown')).options).toEqual({ negated: true });
    const options = { negated: true };
    expect(keyOf(decl, { dims: { N: 1 }, dtypes: {}, options, device }).options).toEqual(options);
  });

  test('a lookup takes less than a millisecond', () => {
    for (let N = 1; N < 2 ** 12; N *= 2) store.choose(key(N), C(64));
    const find = () => tunedFor(decl, { target: targetOf(device), dtypes: {}, dims: { N: 1000 }, config: {}, device });
    for (let i = 0; i < 50; i++) find();
    // Of this process: others may keep the machine busy.
    const begin = process.cpuUsage();
    for (let i = 0; i < 200; i++) find();
    const { user, system } = process.cpuUsage(begin);
    expect((user + system) / 1000 / 200).toBeLessThan(1);
  });
});
