import { expect, test } from 'vitest';
import { chooseDivision } from '../../attention/choose.js';
import type { DeviceInfo } from '../../runtime/index.js';

const on = (info: Partial<DeviceInfo>) => ({
  info: { kind: 'gpu', vendor: '', architecture: '', driver: '', subgroup: [32, 32], ...info } as DeviceInfo,
});
const h100 = on({ multiprocessors: 132 });

test('few heads of long sequences are divided, where they would leave half of the GPU idle', () => {
  const of = (B: number, H: number, N: number, device = h100) => chooseDivision({ B, H, N }, device);
  expect(of(1, 16, 32768)).toBe('segments');
  expect(of(4, 16, 65536)).toBe('segments');
  expect(of(2, 33, 32768)).toBe('segments');
  expect(of(1, 67, 32768)).toBe('whole');
  expect(of(4, 32, 8192)).toBe('whole');
  expect(of(1, 1, 2 ** 20)).toBe('segments');
  expect(of(1, 1, 2047)).toBe('whole');
  expect(of(0, 16, 32768)).toBe('segments');
});

test('a GPU that does not tell its size counts as a usual one; a CPU has no idle multiprocessors', () => {
  const sizes = { B: 1, H: 16, N: 4096 };
  expect(chooseDivision(sizes, on({}))).toBe('segments');
  expect(chooseDivision({ ...sizes, H: 33 }, on({}))).toBe('whole');
  expect(chooseDivision(sizes, on({ kind: 'software' }))).toBe('whole');
  expect(chooseDivision(sizes, on({ kind: 'interpret' }))).toBe('whole');
  expect(chooseDivision({ B: 1, H: 1, N: 4096 }, on({ kind: 'software', multiprocessors: 8 }))).toBe('segments');
});
