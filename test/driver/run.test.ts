import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { drawInputs, makeInputs, wholeInputs } from '../../driver/inputs.js';
import { settle } from '../../driver/preflight.js';
import { randomStream } from '../../driver/random.js';
import type { Reference } from '../../driver/reference.js';
import { runKernel } from '../../driver/run.js';
import { SourceProject } from '../../driver/source.js';
import { placeTensors } from '../../driver/tensors.js';
import { openDevice } from '../../runtime/index.js';
import { ROOT } from '../house/sources.js';

const device = await openDevice('webgpu:software');
const interpreter = await openDevice('interpret');
afterAll(() => device.destroy());

const { kernels } = new SourceProject().read(`${ROOT}test/driver/fixtures/scale.ts`);
const decl = kernels.find((k) => k.name === 'scale');
if (decl === undefined) throw new Error('the fixture declares no kernel');

const reference: Reference = {
  shape: { N: 100 },
  scalars: { a: 2 },
  tokens: ({ N = 0 }) => N,
  run: ({ inputs: { x }, scalars: { a = 0 }, options: { offset } }) => ({
    y: (x ?? new Float64Array(0)).map((v) => v * a + Number(offset)),
  }),
};

describe('a checked run', () => {
  test('right, with everything that a report says', async () => {
    const report = await runKernel({ decl, reference, device, seed: 3, options: { offset: 4 }, time: true });
    expect(report).toMatchObject({
      ok: true,
      checked: true,
      dims: { N: 100 },
      config: { C: 64, warps: 1 },
      tokens: 100,
    });
    expect(report.options).toEqual({ offset: 4 });
    expect(report.timing?.samples.length).toBeGreaterThan(0);
    expect(report.values.y?.length).toBe(100);
  });

  test('a wrong result is seen', async () => {
    const short: Reference = { ...reference, run: () => ({ y: new Float64Array(100).fill(1) }) };
    const report = await runKernel({ decl, reference: short, device });
    expect(report.ok).toBe(false);
    expect(report.outputs[0]?.worst).not.toBe(null);
  });

  test('the same seed gives the same bits, another one gives others', async () => {
    const values = async (seed: number) => (await runKernel({ decl, reference, device: interpreter, seed })).values.y;
    expect(await values(1)).toEqual(await values(1));
    expect(await values(1)).not.toEqual(await values(2));
  });

  test('a second run of other sizes compiles nothing', async () => {
    const first = await runKernel({ decl, reference, device, dims: { N: 64 } });
    const second = await runKernel({ decl, reference, device, dims: { N: 128 } });
    expect(second.compile.codegen).toBe(first.compile.codegen);
    expect(second.ok).toBe(true);
  });

  test('unchecked and not asked for, outputs stay on the device; what stands around them is looked at', async () => {
    const report = await runKernel({ decl, reference, device, check: false, values: false });
    expect(report).toMatchObject({ checked: false, values: {}, outputs: [], damaged: [], ok: true });
    expect((await runKernel({ decl, reference, device, check: false })).values.y?.length).toBe(100);
  });

  test('LAC0913: values that the host cannot hold are refused, and only where it has to hold them', () => {
    const large = { decl, reference, dims: { N: 2 ** 40 } };
    expect(() => settle(large)).toThrow(/LAC0913: inputs and outputs need 22 TiB|LAC0913.*24,576 GiB/);
    expect(() => settle({ ...large, check: false })).toThrow(/LAC0913/);
    expect(settle({ ...large, check: false, values: false }).dims).toEqual({ N: 2 ** 40 });
  });

  test('LAC0913: a device that is no GPU keeps its tensors on the host', async () => {
    const request = { decl, reference, device: interpreter, dims: { N: 2 ** 36 }, check: false, values: false };
    await expect(runKernel(request)).rejects.toThrow(/LAC0913/);
  });

  test('nothing stays allocated after a refusal', async () => {
    await expect(runKernel({ decl, reference, device, config: { C: 63 } })).rejects.toThrow(/LAC0907/);
    expect((await runKernel({ decl, reference, device })).ok).toBe(true);
  });
});

describe('tensors of a run', () => {
  const args = [{ name: 'x', dir: 'in', dtype: 'f32', dims: ['B', 'N', 'D'] }] as const;

  test('any order of axes and gaps between rows: the same values', async () => {
    const orders = fc.constantFrom([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]);
    const sizes = fc.tuple(
      fc.integer({ min: 0, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
    );
    await fc.assert(
      fc.asyncProperty(sizes, orders, fc.integer({ min: 0, max: 3 }), async ([B, N, D], layout, rowPadding) => {
        const x = Float64Array.from({ length: B * N * D }, (_, i) => i);
        const placed = placeTensors(interpreter, args, {}, { B, N, D }, { x }, { layout, rowPadding });
        expect(await placed.tensors.x?.read()).toEqual(x);
        const strides = placed.tensors.x?.strides ?? [];
        const stored = layout.map((axis) => strides[axis] ?? 0);
        expect([...stored].sort((a, b) => b - a)).toEqual(stored);
        placed.free();
      }),
    );
  });
});

describe('inputs of large tensors', () => {
  const args = [{ name: 'x', dir: 'in', dtype: 'T', dims: ['M', 'N'] }] as const;
  const dims = { M: 3, N: 700_001 };
  const drawn = drawInputs(args, { T: 'bf16' }, dims, {}, 5);
  const x = wholeInputs(args, dims, drawn).x ?? new Float64Array(0);

  test('repeat a prime number of values', () => {
    const period = drawn.x?.length ?? 0;
    expect(period).toBeLessThan(x.length);
    expect([2, 3, 5, 7, 11, 13, 64].every((n) => period % n !== 0)).toBe(true);
    expect(x.length).toBe(2_100_003);
    expect(x[period]).toBe(x[0]);
    expect(x[2 * period + 1]).toBe(x[1]);
    expect(x.every((v, i) => v === drawn.x?.[i % period])).toBe(true);
    expect(makeInputs(args, { T: 'bf16' }, dims, {}, 5).x?.every((v, i) => v === x[i])).toBe(true);
  });

  test.each([
    ['row-major', {}],
    ['transposed', { layout: [1, 0] }],
    ['with gaps', { rowPadding: 1 }],
  ])('%s they lie as said, among NaN', async (_what, placement) => {
    const placed = placeTensors(interpreter, args, { T: 'bf16' }, dims, drawn, placement);
    const tensor = placed.tensors.x;
    const same = ((await tensor?.read()) ?? []).every((v, i) => v === x[i]);
    expect(same).toBe(true);
    const before = tensor?.view([1], [1], -1);
    expect(await before?.read()).toEqual(Float64Array.of(Number.NaN));
    const after = tensor?.view([1], [1], tensor.extent);
    expect(await after?.read()).toEqual(Float64Array.of(Number.NaN));
    placed.free();
  });

  test('an inout tensor too', async () => {
    const inout = [{ ...args[0], dir: 'inout' }] as const;
    const placed = placeTensors(interpreter, inout, { T: 'bf16' }, dims, drawn, {});
    expect(((await placed.tensors.x?.read()) ?? []).every((v, i) => v === x[i])).toBe(true);
    expect(await placed.tensors.x?.checkGuards()).toBe(null);
    placed.free();
  });

  test('an inout tensor of 16-bit elements whose rows begin inside words, its gaps poisoned', async () => {
    const sizes = { M: 3, N: 5 };
    const inout = [{ name: 'x', dir: 'inout', dtype: 'T', dims: ['M', 'N'] }] as const;
    const values = { x: Float64Array.from({ length: 15 }, (_, i) => i) };
    const { tensors, free } = placeTensors(interpreter, inout, { T: 'f16' }, sizes, values, { rowPadding: 2 });
    expect(tensors.x?.strides).toEqual([7, 1]);
    expect(await tensors.x?.read()).toEqual(values.x);
    expect(await tensors.x?.view([2], [1], 5).read()).toEqual(Float64Array.of(Number.NaN, Number.NaN));
    expect(await tensors.x?.checkGuards()).toBe(null);
    tensors.x?.view([2], [1], 12).fill(0);
    expect(await tensors.x?.checkGuards()).toMatchObject({ where: 'between' });
    free();
  });
});

describe('inputs', () => {
  test('standard normal by default, rounded to the dtype, each argument its own stream', () => {
    const args = ['x', 'y'].map((name) => ({ name, dir: 'in', dtype: 'T', dims: ['N'] }) as const);
    const { x, y } = makeInputs(args, { T: 'bf16' }, { N: 20_000 }, {}, 7);
    if (!x || !y) throw new Error('inputs are missing');
    const mean = x.reduce((a, b) => a + b, 0) / x.length;
    const variance = x.reduce((a, b) => a + b * b, 0) / x.length;
    expect(Math.abs(mean)).toBeLessThan(0.03);
    expect(Math.abs(variance - 1)).toBeLessThan(0.05);
    expect(x).not.toEqual(y);
    const half = makeInputs(args.slice(0, 1), { T: 'bf16' }, { N: 20_000 }, {}, 7).x;
    expect(half).toEqual(x);
  });

  test('integers are small and whole', () => {
    const { x } = makeInputs([{ name: 'x', dir: 'in', dtype: 'i32', dims: ['N'] }], {}, { N: 500 }, {}, 0);
    expect(new Set(x)).toEqual(new Set(Array.from({ length: 16 }, (_, i) => i)));
  });

  test('the stream is the same on every machine', () => {
    const { uniform, normal } = randomStream(42, 'x');
    const drawn = [uniform(), uniform(), normal(), normal()];
    expect(drawn.slice(0, 2).map((v) => v * 2 ** 32)).toEqual([132377671, 434876000]);
    expect(drawn.every((v) => Number.isFinite(v))).toBe(true);
    expect(drawn).toEqual([randomStream(42, 'x')].flatMap((s) => [s.uniform(), s.uniform(), s.normal(), s.normal()]));
    expect(randomStream(43, 'x').uniform()).not.toBe(drawn[0]);
    expect(randomStream(42, 'y').uniform()).not.toBe(drawn[0]);
  });
});
