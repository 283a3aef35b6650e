import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { bf16, empty, f32, openDevice } from '../../index.js';
import { lightningFwd } from '../../kernels/lightning/forward.js';
import { lightningFwd as reference } from '../../kernels/lightning/forward.ref.js';
import { builtSources } from '../setup/built.js';
import { codesOf } from './codes-of.js';
import { scale, scaleBy } from './fixtures/scale.js';

const device = await openDevice('interpret');
afterAll(() => device.destroy());

describe('kernels are called from TypeScript', () => {
  test('Lightning Attention, as the reference says', async () => {
    const dims = { B: 1, H: 2, N: 37, D: 8, E: 16 };
    const values = (n: number, seed: number) => Float64Array.from({ length: n }, (_, i) => Math.sin(i * seed + seed));
    const inputs = { q: values(592, 1), k: values(592, 2), v: values(1184, 3), slope: Float64Array.of(0.5, 0) };
    const q = empty(device, f32, [1, 2, 37, 8]).write(inputs.q);
    const k = empty(device, f32, [1, 2, 37, 8]).write(inputs.k);
    const v = empty(device, f32, [1, 2, 37, 16]).write(inputs.v);
    const slope = empty(device, f32, [2]).write(inputs.slope);
    const o = empty(device, f32, [1, 2, 37, 16]);
    await lightningFwd(device, { q, k, v, slope, o });
    const want = reference.run({ inputs, dims, scalars: {}, options: {} }).o ?? new Float64Array(0);
    const got = await o.read();
    expect(Math.max(...got.map((x, i) => Math.abs(x - (want[i] as number))))).toBeLessThan(1e-4);
  });

  test('scalars, a configuration, variants by .with at the top level and inside a function', async () => {
    const x = empty(device, f32, [3]).write([1, 2, 3]);
    const y = empty(device, f32, [3]);
    await scale(device, { x, a: 10, y }, { config: { C: 128 } });
    expect([...(await y.read())]).toEqual([10, 20, 30]);
    await scaleBy(device, { x, a: 10, y });
    expect([...(await y.read())]).toEqual([11, 21, 31]);
    const made = ((offset: number) => scale.with({ offset }))(5);
    await made(device, { x, a: 10, y });
    expect([...(await y.read())]).toEqual([15, 25, 35]);
  });

  test('what is refused before the launch', async () => {
    const x = empty(device, f32, [3]).write([1, 2, 3]);
    const y = empty(device, f32, [4]);
    expect(await codesOf(scale(device, { x, a: 1, y }))).toEqual(['LAC0605']);
    const half = empty(device, bf16, [3]);
    expect(await codesOf(scale(device, { x: half as never, a: 1, y: empty(device, f32, [3]) }))).toEqual(['LAC0604']);
    expect(await codesOf(scale(device, { x, a: 1, y: x }))).toEqual(['LAC0608']);
  });
});

describe('a compiled program', () => {
  const folder = mkdtempSync(join(tmpdir(), 'lac-host-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  test('finds the TypeScript source through the source map, and ends by itself', () => {
    const from = (module: string): string => JSON.stringify(pathToFileURL(join(builtSources(), module)).href);
    writeFileSync(
      join(folder, 'program.mjs'),
      `import { empty, f32, openDevice } from ${from('index.js')};
       import { addRmsNorm } from ${from('kernels/norm/add-rms-norm.js')};
       const device = await openDevice('interpret');
       const [x, residual, r, y] = [1, 2, 0, 0].map((v) => empty(device, f32, [2, 4]).fill(v));
       const weight = empty(device, f32, [4]).fill(1);
       await addRmsNorm(device, { x, residual, weight, eps: 0, r, y });
       console.log(JSON.stringify([...(await r.read()), ...(await y.read())]));`,
    );
    const printed = execFileSync(process.execPath, [join(folder, 'program.mjs')], { timeout: 110_000 }).toString();
    expect(JSON.parse(printed)).toEqual([...Array(8).fill(3), ...Array(8).fill(1)]);
  });
});
