/** What is said where CUDA cannot work, and what goes on without its cache. */
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { CubinCache, cubinKey } from '../../../runtime/cuda/cubin-cache.js';
import { cudaError, linkError, openingError } from '../../../runtime/cuda/failures.js';
import { loadAddon, openDriver } from '../../../runtime/cuda/native.js';
import { MemoryPool, sizeClass } from '../../../runtime/cuda/pool.js';
import { buildFake } from './fake.js';

const folder = mkdtempSync(path.join(tmpdir(), 'lac-no-cuda-'));
const fake = buildFake();
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  fake?.remove();
});

const messageFrom = (work: () => unknown): string => {
  try {
    work();
  } catch (e) {
    return e instanceof Error ? e.message : String(e);
  }
  return 'nothing was thrown';
};

describe('LAC0702 says what is missing', () => {
  const built = path.join(folder, 'build', 'Release');
  mkdirSync(built, { recursive: true });

  test('an addon that was never built, and why', () => {
    expect(messageFrom(() => loadAddon(folder))).toMatch(
      /^LAC0702: the native part of lac is not built\n {2}help: install a C\+\+ compiler .*, then run node .*build-native\.mjs$/,
    );
    writeFileSync(path.join(built, 'lac_cuda.txt'), 'no C++ compiler was found (c++, g++ or clang++)\n');
    expect(messageFrom(() => loadAddon(folder))).toContain('is not built: no C++ compiler was found');
  });

  test('an addon that does not load', () => {
    writeFileSync(path.join(built, 'lac_cuda.node'), 'no library');
    expect(messageFrom(() => loadAddon(folder))).toMatch(/^LAC0702: the native part of lac does not load: /);
  });

  test.skipIf(fake === null)('no library, and one that is none', () => {
    expect(messageFrom(() => openDriver('libcuda-of-nobody.so.1'))).toMatch(
      /^LAC0702: there is no CUDA driver: libcuda-of-nobody\.so\.1: cannot open .*\n {2}help: install the NVIDIA driver/,
    );
    expect(messageFrom(() => openDriver('libm.so.6'))).toContain('libm.so.6 has no function cuInit');
  });

  test.skipIf(fake === null)('a driver without a device', () => {
    process.env.FAKE_CUDA_NO_DEVICE = '1';
    const message = messageFrom(() => openDriver(fake?.library));
    delete process.env.FAKE_CUDA_NO_DEVICE;
    expect(message).toMatch(
      /^LAC0702: the CUDA driver does not start: .*CUDA_ERROR_NO_DEVICE.*\n {2}help: check with nvidia-smi/,
    );
  });
});

describe('results of the driver', () => {
  const failure = (cuResult: number, log = ''): Error =>
    Object.assign(new Error('failed'), { cuResult, cuName: 'CUDA_ERROR_X', cuCall: 'cuCall', cuText: 'text', log });

  test('each has a code, and what is no result stays what it is', () => {
    expect(String(cudaError(failure(2), 'allocate'))).toContain('LAC0706: allocate: text (CUDA_ERROR_X of cuCall)');
    expect(String(cudaError(failure(1), 'launch'))).toContain('LAC0708: launch');
    expect(String(cudaError(failure(701), 'launch'))).toContain('choose another configuration');
    expect(String(linkError(failure(209, 'for sm_90a'), 'main', ''))).toContain('LAC0709');
    expect(String(linkError(failure(300), 'main', ''))).toContain('does not compile');
    expect(String(linkError(failure(304), 'main', ''))).toContain('LAC0709: main: text');
    expect(String(openingError(failure(803)))).toContain('reboot');
    const other = new TypeError('another');
    expect([cudaError(other, ''), linkError(other, '', '')]).toEqual([other, other]);
  });
});

describe('the pool', () => {
  test('sizes are at least what is asked for, and waste little', () => {
    for (const bytes of [1, 512, 513, 1000, 2 ** 20, 2 ** 20 + 1, 9 * 2 ** 20 + 1, 5 * 2 ** 30 + 7]) {
      expect(sizeClass(bytes)).toBeGreaterThanOrEqual(bytes);
      expect(sizeClass(bytes)).toBeLessThanOrEqual(Math.max(512, bytes * 1.25 + 256));
      expect(sizeClass(sizeClass(bytes))).toBe(sizeClass(bytes));
      expect(sizeClass(bytes) % 64).toBe(0);
    }
  });

  test('keeps no more than its share, and gives it back when memory runs out', () => {
    const held = new Set<number>();
    let next = 4096;
    let full = false;
    const outOfMemory = Object.assign(new Error(), { cuResult: 2, cuName: 'CUDA_ERROR_OUT_OF_MEMORY' });
    const native = {
      allocate: (bytes: number) => {
        if (full && held.size > 0) throw outOfMemory;
        held.add(next);
        next += bytes;
        return next - bytes;
      },
      release: (address: number) => held.delete(address),
    };
    const pool = new MemoryPool(native as unknown as ConstructorParameters<typeof MemoryPool>[0], 2048);
    const blocks = [pool.acquire(600), pool.acquire(600), pool.acquire(600), pool.acquire(600)];
    for (const block of blocks) pool.release(block);
    expect(held.size).toBe(3); // 640 bytes each: three fit in 2048
    full = true;
    expect(held.has(pool.acquire(4000).address)).toBe(true);
    expect(held.size).toBe(1);
  });
});

describe('the cache of compiled programs', () => {
  const cubin = Uint8Array.of(1, 2, 3, 4);
  const key = cubinKey('.version 7.0', 90, 12040);

  test('another text, GPU or driver is another program', () => {
    const keys = [key, cubinKey('.version 7.1', 90, 12040), cubinKey('.version 7.0', 80, 12040)];
    expect(new Set([...keys, cubinKey('.version 7.0', 90, 12050)]).size).toBe(4);
  });

  test('gives back what was stored, to other processes too, from a private folder', async () => {
    const notes: string[] = [];
    const parent = path.join(folder, 'cache');
    const cache = (): CubinCache => new CubinCache((text) => notes.push(text), [parent]);
    expect(await cache().load(key)).toBeNull();
    await cache().store(key, cubin);
    expect([...((await cache().load(key)) ?? [])]).toEqual([1, 2, 3, 4]);
    expect(readdirSync(path.join(parent, 'cubin'))).toEqual([key]);
    expect(notes).toEqual([]);
  });

  test('a folder that others may write to, or that cannot be made, is a note, once', async () => {
    const open = path.join(folder, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    const notes: string[] = [];
    const cache = new CubinCache((text) => notes.push(text), [open, '/proc/nowhere']);
    await cache.store(key, cubin);
    await cache.store(key, cubin);
    expect(await cache.load(key)).toBeNull();
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/^compiled programs are not kept, each process compiles anew: /);
  });

  test('a file that cannot be written is a note', async () => {
    const parent = path.join(folder, 'full');
    const notes: string[] = [];
    const cache = new CubinCache((text) => notes.push(text), [parent]);
    expect(await cache.load(key)).toBeNull();
    mkdirSync(path.join(parent, 'cubin', key)); // a folder in the place of the file: the rename fails
    await cache.store(key, cubin);
    expect(notes).toHaveLength(1);
    expect(readdirSync(path.join(parent, 'cubin'))).toEqual([key]);
  });
});
