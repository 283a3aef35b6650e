import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { type Device, factsOf, openDevice, roundValue, type Tensor, type TensorDType } from '../../runtime/index.js';
import { addressesOf, denseStrides, hasDistinctAddresses } from '../../runtime/strides.js';

const software = await openDevice('webgpu:software');
afterAll(() => software.destroy());
const devices: Device[] = [software, await openDevice('interpret'), await openDevice('interpret:round')];

const dtype = fc.constantFrom<TensorDType>('f32', 'f16', 'bf16', 'i32', 'u32');
const shape = fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 4 });
const shuffled = shape.chain((s) =>
  fc.tuple(fc.constant(s), fc.shuffledSubarray([...s.keys()], { minLength: s.length })),
);

const valuesFor = (dtype: TensorDType, n: number): Float64Array =>
  Float64Array.from({ length: n }, (_, i) => {
    if (dtype === 'u32') return (i * 2654435761) % 2 ** 32;
    return dtype === 'i32' ? (i * 2654435761) % 2 ** 31 : Math.sin(i + 1) * 100;
  });

const index = (tensor: Tensor, i: number): number => addressesOf(tensor.shape, tensor.strides)[i] ?? Number.NaN;

describe.each(devices)('tensors on $name', (device) => {
  test('what is written is read back, rounded, through any order of axes', async () => {
    await fc.assert(
      fc.asyncProperty(dtype, shuffled, fc.boolean(), async (dtype, [shape, axes], guarded) => {
        const tensor = device.empty(dtype, shape, { guardBytes: guarded ? 1 : 0 });
        const values = valuesFor(dtype, tensor.size);
        const seen = tensor.permute(axes);
        seen.write(values);
        const rounded = values.map((x) => roundValue(dtype, x));
        expect(await seen.read()).toEqual(rounded);
        const direct = await tensor.read();
        for (let i = 0; i < seen.size; i++) expect(direct[index(seen, i)]).toBe(rounded[i]);
        expect(await tensor.checkGuards()).toBeNull();
        tensor.free();
      }),
      { numRuns: 25 },
    );
  });

  test('a view with gaps leaves what lies between', async () => {
    const base = device.empty('f32', [4, 6]).fill(7);
    const columns = base.view([4, 2], [6, 1], 2).write([0, 1, 2, 3, 4, 5, 6, 8]);
    expect([...(await base.read())]).toEqual([
      ...[7, 7, 0, 1, 7, 7],
      ...[7, 7, 2, 3, 7, 7],
      ...[7, 7, 4, 5, 7, 7],
      ...[7, 7, 6, 8, 7, 7],
    ]);
    expect([...(await columns.permute([1, 0]).read())]).toEqual([0, 2, 4, 6, 1, 3, 5, 8]);
    expect(factsOf(columns)).toEqual({ contiguous: true, align: 2 });
  });

  test('what is poisoned on the device, copy by copy, is as poisoned as the rest', async () => {
    for (const [dtype, n] of [
      ['bf16', 2 ** 21 + 1],
      ['i32', 2 ** 21 + 3],
    ] as const) {
      const t = device.empty(dtype, [n], { guardBytes: 8 }).fill(7).poison();
      const junk = dtype === 'i32' ? 0xa5a5a5a5 | 0 : Number.NaN;
      expect((await t.read()).findIndex((x) => !Object.is(x, junk))).toBe(-1);
      expect(await t.checkGuards()).toBeNull();
      t.free();
    }
  });

  test('odd numbers of 16-bit elements keep their guard bands', async () => {
    for (const n of [1, 3, 129]) {
      const t = device.empty('bf16', [n], { guardBytes: 8 }).poison();
      expect((await t.read()).every(Number.isNaN)).toBe(true);
      expect(await t.checkGuards()).toBeNull();
      t.write(Float64Array.from({ length: n }, (_, i) => i));
      expect((await t.read())[n - 1]).toBe(n - 1);
      expect(await t.checkGuards()).toBeNull();
    }
  });

  test('a write outside is seen by the guards', async () => {
    const t = device.empty('f32', [10], { guardBytes: 256 });
    t.storage.writeRaw(74, new Float32Array([1]));
    expect(await t.checkGuards()).toEqual({ where: 'after', element: 10, changed: 4 });
    t.storage.writeRaw(62, new Float32Array([1, 2]));
    expect(await t.checkGuards()).toEqual({ where: 'before', element: -2, changed: 8 });
  });

  test('a write between the rows of a poisoned tensor is seen', async () => {
    for (const dtype of ['f32', 'bf16', 'i32'] as const) {
      const t = device.empty(dtype, [3, 4], { strides: [6, 1], guardBytes: 256 }).poison();
      t.view([1, 4]).write([1, 2, 3, 4]);
      expect(await t.checkGuards()).toBeNull();
      t.view([2], [1], 10).write([5, 6]);
      expect(await t.checkGuards()).toMatchObject({ where: 'between', element: 10 });
    }
  });

  test('fills, NaN included', async () => {
    const t = device.empty('f16', [2, 3]);
    expect(await t.fill(Number.NaN).read()).toEqual(new Float64Array(6).fill(Number.NaN));
    expect(await t.fill(65519).read()).toEqual(new Float64Array(6).fill(65504));
    expect(await device.empty('i32', [2]).fill(Number.NaN).read()).toEqual(new Float64Array(2).fill(0xa5a5a5a5 | 0));
  });

  test('bits of 16-bit floats go both ways', async () => {
    const bits = Uint16Array.of(0x3f80, 0x7fc0, 0xff80, 0x0001);
    const t = device.empty('bf16', [4]).write(bits);
    expect(await t.readRaw()).toEqual(bits);
    expect([...(await t.read())]).toEqual([1, Number.NaN, -Infinity, 2 ** -133]);
  });

  test('refuses what cannot be', async () => {
    const t = device.empty('f32', [2, 3]);
    expect(() => t.write([1, 2])).toThrow('LAC0621: 2 values for a tensor of 6 elements');
    expect(() => t.write(new Int32Array(6))).toThrow('LAC0621: Int32Array does not hold f32');
    expect(() => t.view([2, 4])).toThrow('LAC0620: view [2, 4] with offset 0 leaves its allocation');
    expect(() => t.permute([0, 0])).toThrow('LAC0620: permute([0, 0]) is not an order of 2 axes');
    expect(() => device.empty('f32', [-1])).toThrow('LAC0620: shape [-1] has an extent that is not >= 0');
    expect(() => device.empty('i1' as 'i32', [1])).toThrow('LAC0620: tensors cannot have dtype i1');
    expect(() => device.empty('f32', [2], { strides: [1, 1] })).toThrow('LAC0620: strides [1, 1] do not fit shape [2]');
    expect(() => t.view([6], [0]).write([1, 2, 3, 4, 5, 6])).toThrow(
      'LAC0607: cannot write to a tensor whose elements',
    );
    t.free();
    t.free();
    expect(() => t.write([1, 2, 3, 4, 5, 6])).toThrow('LAC0609: this f32[2, 3] was freed');
    await expect(t.read()).rejects.toThrow('LAC0609');
  });
});

test('half a word is refused on the GPU: 16-bit elements are written two at a time', () => {
  const t = software.empty('f16', [4, 3]).fill(0);
  expect(() => t.view([4], [3]).write([1, 2, 3, 4])).toThrow('LAC0622: elements 0 to 1 begin or end inside');
});

test('the interpreter marks what was written', async () => {
  const device = await openDevice('interpret');
  const t = device.empty('f32', [3]);
  expect([...(t.storage as unknown as { written: Uint8Array }).written]).toEqual([0, 0, 0]);
  t.view([2]).write([1, 2]);
  expect([...(t.storage as unknown as { written: Uint8Array }).written]).toEqual([1, 1, 0]);
  t.poison();
  expect([...(t.storage as unknown as { written: Uint8Array }).written]).toEqual([0, 0, 0]);
});

test('distinct addresses are told exactly', () => {
  const strides = fc.array(fc.integer({ min: 0, max: 7 }), { minLength: 3, maxLength: 3 });
  const extents = fc.array(fc.integer({ min: 0, max: 4 }), { minLength: 3, maxLength: 3 });
  fc.assert(
    fc.property(extents, strides, (shape, strides) => {
      const addresses = addressesOf(shape, strides);
      expect(hasDistinctAddresses(shape, strides)).toBe(new Set(addresses).size === addresses.length);
    }),
  );
  expect(denseStrides([2, 0, 3])).toEqual([3, 3, 1]);
});

test('facts: the largest power of two up to 8 that divides offset and strides', () => {
  const facts = (shape: number[], strides: number[], offset = 0) => factsOf({ shape, strides, offset });
  expect(facts([4, 64], [64, 1])).toEqual({ contiguous: true, align: 8 });
  expect(facts([4, 64], [68, 1])).toEqual({ contiguous: true, align: 4 });
  expect(facts([4, 64], [64, 1], 2)).toEqual({ contiguous: true, align: 2 });
  expect(facts([4, 64], [64, 2])).toEqual({ contiguous: false, align: 8 });
  expect(facts([1, 64], [65, 1])).toEqual({ contiguous: true, align: 8 });
  expect(facts([4, 1], [3, 9])).toEqual({ contiguous: true, align: 1 });
  expect(facts([], [])).toEqual({ contiguous: true, align: 8 });
});
