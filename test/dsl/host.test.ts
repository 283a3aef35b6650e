import { readFileSync } from 'node:fs';
import { afterEach, expect, test } from 'vitest';
import { handleOf } from '../../dsl/declare.js';
import { frameSite } from '../../dsl/host.js';
import {
  cdiv,
  dtypes,
  empty,
  f16,
  f32,
  type HostHook,
  input,
  type KernelHandle,
  kernel,
  openDevice,
  output,
  setHost,
  zeros,
} from '../../dsl/index.js';

const T = dtypes('T', f16, f32);
const copy = kernel(
  {
    args: { x: input(T, ['N']), y: output(T, ['N']) },
    options: { flip: false },
    grid: ({ N }) => ({ n: cdiv(N, 64) }),
  },
  ({ x, y }) => y.store([0], x.load([0], [64])),
);
const flipped = copy.with({ flip: true });

afterEach(() => setHost(null));

const lineOf = (text: string): number =>
  readFileSync(import.meta.filename, 'utf8')
    .split('\n')
    .findIndex((l) => l.startsWith(text)) + 1;

test('a kernel knows where its source is', () => {
  expect(handleOf(copy)?.site).toMatchObject({ file: import.meta.filename, line: lineOf('const copy') });
  const variant = handleOf(flipped);
  expect(variant?.site).toMatchObject({ file: import.meta.filename, line: lineOf('const flipped') });
  expect(variant?.options).toEqual({ flip: true });
  expect(variant?.base).toBe(handleOf(copy));
});

test('frames of compiled code, of modules by URL, of anonymous and named functions', () => {
  expect(frameSite('Error\n    at file:///a/b%20c/k.js:12:34')).toEqual({ file: '/a/b c/k.js', line: 12, column: 34 });
  expect(frameSite('Error\n    at Object.<anonymous> (/a/k.ts:1:2)')).toEqual({ file: '/a/k.ts', line: 1, column: 2 });
  expect(frameSite('Error\n    at async f (file:///a/k.ts?t=1:3:4)')).toEqual({ file: '/a/k.ts', line: 3, column: 4 });
  expect(frameSite('')).toEqual({ file: '', line: 0, column: 0 });
});

test('without a runtime everything that needs one says so', async () => {
  await expect(openDevice()).rejects.toThrow("import it from 'lac'");
  await expect(copy({ backend: 'webgpu', name: '' }, { x: null, y: null })).rejects.toThrow('needs a runtime');
  expect(() => empty({ backend: 'webgpu', name: '' }, f32, [3])).toThrow('needs a runtime');
});

test('what belongs in a kernel says so when it is run', () => {
  expect(() => zeros([3], f32)).toThrow('read by the compiler and never run');
});

test('calls reach the installed runtime', async () => {
  const calls: unknown[] = [];
  const device = { backend: 'webgpu', name: 'fake' } as const;
  const hook: HostHook = {
    launch: async (k: KernelHandle, dev, args, opts) => void calls.push([k.options, dev, args, opts]),
    tune: async () => ({ C: 64 }),
    openDevice: async () => device,
    empty: (_, dtype, shape) => ({ dtype, shape, strides: [1] }),
  };
  setHost(hook);
  const dev = await openDevice();
  const x = empty(dev, f32, [64]);
  await flipped(dev, { x, y: x });
  expect(calls).toEqual([[{ flip: true }, device, { x, y: x }, undefined]]);
  expect(await copy.tune(dev, { x, y: x })).toEqual({ C: 64 });
});
