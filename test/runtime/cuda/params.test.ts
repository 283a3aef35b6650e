/** What a launch hands to a CUDA kernel: the parameter block, and what it refuses. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type CudaVariant, type ParamSlot, paramLayout } from '../../../compiler/artifact.js';
import { bindLaunch, type Device, type LaunchSpec, openDevice, Tensor } from '../../../runtime/index.js';
import { InterpretStorage } from '../../../runtime/interpret/storage.js';

const interpreter = await openDevice('interpret');

/** What bindLaunch reads of a device that runs PTX; memory is the interpreter's. */
function cudaLike(more: Partial<Device> = {}): Device {
  const limits = { ...interpreter.limits, maxWorkgroupBytes: 100_000, maxInvocations: 1024, maxGridAxis: 2 ** 31 - 1 };
  const device: Device = {
    ...interpreter,
    name: 'a GPU',
    backend: 'cuda',
    state: 'open',
    features: new Set(),
    notes: [],
    info: { ...interpreter.info, kind: 'gpu', sm: 80 },
    limits,
    allocate: (dtype) => new InterpretStorage(dtype, 0),
    empty: (dtype, shape, options) => Tensor.allocate(device, dtype, shape, options),
    prepare: () => Promise.resolve(),
    launch: () => Promise.resolve(),
    synchronize: () => Promise.resolve(),
    time: () => Promise.reject(new Error('nothing to time')),
    destroy: () => {},
    ...more,
  };
  return device;
}

const SPEC: LaunchSpec = {
  kernel: 'copy',
  args: [
    { name: 'x', dir: 'in', dtype: 'f32', dims: ['M', 'N'] },
    { name: 'y', dir: 'out', dtype: 'f32', dims: ['M', 'N'] },
    { name: 'scale', dir: 'scalar', dtype: 'bf16' },
    { name: 'shift', dir: 'scalar', dtype: 'i32' },
  ],
  dtypes: {},
  grid: [
    ['m', 'M'],
    ['n', ['cdiv', 'N', 2]],
  ],
};

const VARIANT: CudaVariant = {
  when: { dtypes: {}, comptime: {}, facts: {} },
  target: 'cuda',
  sm: 80,
  text: '',
  entry: 'copy',
  config: {},
  block: [128, 1, 1],
  sharedBytes: 90_000,
  params: [
    { dim: 'N' },
    { stride: ['x', 0] },
    { scalar: 'scale', dtype: 'bf16' },
    { scalar: 'shift', dtype: 'i32' },
    { stride: ['y', 1] },
    { grid: 'n' },
  ],
  bindings: [
    { arg: 'x', index: 0, access: 'read' },
    { arg: 'y', index: 1, access: 'read_write' },
  ],
  unused: [],
};

const HUGE = 3 * 2 ** 32 + 5;
const bound = (device: Device, variant: CudaVariant = VARIANT, strides: readonly number[] = [HUGE, 1]) =>
  bindLaunch(device, SPEC, variant, {
    x: device.empty('f32', [2, 3], { strides }),
    y: device.empty('f32', [2, 3], { strides: [3, 1] }),
    scale: 0.3,
    shift: -7,
  });

test('strides take 8 bytes, everything else 4, each naturally aligned', () => {
  const { paramBytes, words, programs } = bound(cudaLike());
  const view = new DataView(paramBytes.buffer);
  expect(paramLayout(VARIANT.params)).toEqual({ offsets: [0, 8, 16, 20, 24, 32], bytes: 40 });
  expect(paramBytes.length).toBe(40);
  expect([view.getInt32(0, true), view.getBigInt64(8, true)]).toEqual([3, BigInt(HUGE)]);
  expect(view.getUint32(16, true)).toBe(0x3e9a0000); // 0.3 rounded to bf16, as f32
  expect([view.getInt32(20, true), view.getBigInt64(24, true), view.getInt32(32, true)]).toEqual([-7, 1n, 2]);
  expect([words.length, programs]).toEqual([0, 4]);
});

test('the stride of an axis of extent 1 counts as 0: copies of what lies outside want aligned addresses', () => {
  const device = cudaLike();
  const { paramBytes } = bindLaunch(device, SPEC, VARIANT, {
    x: device.empty('f32', [1, 3], { strides: [5, 1] }),
    y: device.empty('f32', [1, 3], { strides: [3, 1] }),
    scale: 0.3,
    shift: -7,
  });
  expect(new DataView(paramBytes.buffer).getBigInt64(8, true)).toBe(0n);
});

test('the emulator is given the same, and no slots are no bytes', () => {
  expect(bound(cudaLike({ backend: 'emulate' })).paramBytes).toEqual(bound(cudaLike()).paramBytes);
  expect(bound(cudaLike(), { ...VARIANT, params: [] }).paramBytes.length).toBe(0);
});

test('slots of a block never meet, and lie at multiples of their size', () => {
  const slot = fc.constantFrom<ParamSlot>({ dim: 'N' }, { stride: ['x', 0] }, { grid: 'm' });
  fc.assert(
    fc.property(fc.array(slot, { maxLength: 12 }), (slots) => {
      const { offsets, bytes } = paramLayout(slots);
      const sizes = slots.map((s) => ('stride' in s ? 8 : 4));
      const ends = offsets.map((offset, i) => offset + (sizes[i] ?? 0));
      offsets.forEach((offset, i) => {
        expect(offset % (sizes[i] ?? 1)).toBe(0);
        expect(offset).toBeGreaterThanOrEqual(ends[i - 1] ?? 0);
      });
      expect(bytes % 8).toBe(0);
      expect(bytes).toBeGreaterThanOrEqual(ends.at(-1) ?? 0);
    }),
  );
});

test('LAC0613: a variant for newer GPUs, or for more shared memory, is refused', () => {
  const newer = { ...VARIANT, sm: 90 };
  expect(() => bound(cudaLike(), newer)).toThrow('LAC0613: copy: needs sm_90; a GPU is sm_80');
  const larger = { ...VARIANT, sharedBytes: 100_001 };
  expect(() => bound(cudaLike(), larger)).toThrow('needs 100001 bytes of workgroup memory');
});

test('a variant of another target, or an offset slot, is a bug of the caller', () => {
  expect(() => bound(cudaLike({ backend: 'webgpu' }))).toThrow('a variant for cuda was given to the webgpu device');
  expect(() => bound(cudaLike(), { ...VARIANT, params: [{ offset: 'x' }] })).toThrow('has an offset (of x)');
});
