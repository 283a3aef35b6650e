/** What is said where CUDA cannot work, and where its cache lies. */
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { placeComputeCache } from '../../../runtime/cuda/compute-cache.js';
import { compileError, cudaError, openingError } from '../../../runtime/cuda/failures.js';
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
  const failure = (cuResult: number, cuCall = 'cuCall'): Error =>
    Object.assign(new Error('failed'), { cuResult, cuName: 'CUDA_ERROR_X', cuCall, cuText: 'text', log: '' });
  const refused = (cuResult: number): string =>
    String(compileError(failure(cuResult, 'cuModuleLoadDataEx'), 'main', ''));

  test('each has a code, and what is no result stays what it is', () => {
    expect(String(cudaError(failure(2), 'allocate'))).toContain('LAC0706: allocate: text (CUDA_ERROR_X of cuCall)');
    expect(String(cudaError(failure(1), 'launch'))).toContain('LAC0708: launch');
    expect(String(cudaError(failure(701), 'launch'))).toContain('choose another configuration');
    expect(refused(209)).toContain('LAC0709');
    expect(refused(300)).toContain('does not compile');
    expect(refused(304)).toContain('LAC0709: main: text');
    expect(String(openingError(failure(803)))).toContain('reboot');
    const other = new TypeError('another');
    const later = failure(300);
    const kept = [cudaError(other, ''), compileError(other, '', ''), compileError(later, '', '')];
    expect(kept).toEqual([other, other, later]);
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

describe("the driver's cache of compiled programs", () => {
  const cache = path.join(folder, 'cache');
  const ours = path.join(cache, 'cuda');

  test('lies in a private folder of ours', () => {
    const env: NodeJS.ProcessEnv = { LAC_CACHE: cache };
    placeComputeCache(env);
    expect(env).toEqual({ LAC_CACHE: cache, CUDA_CACHE_PATH: ours, CUDA_CACHE_MAXSIZE: String(2 ** 30) });
    expect([cache, ours].map((name) => statSync(name).mode & 0o777)).toEqual([0o700, 0o700]);
  });

  test('stays where the user has it', () => {
    const env = { LAC_CACHE: path.join(folder, 'unused'), CUDA_CACHE_PATH: '/elsewhere', CUDA_CACHE_MAXSIZE: '1' };
    const before = { ...env };
    placeComputeCache(env);
    expect(env).toEqual(before);
    expect(existsSync(env.LAC_CACHE)).toBe(false);
  });

  test('a folder that others may write to, or that cannot be made, is left out', () => {
    const open = path.join(folder, 'open');
    mkdirSync(open);
    chmodSync(open, 0o777);
    for (const unusable of [open, '/proc/nowhere']) {
      const env: NodeJS.ProcessEnv = { LAC_CACHE: unusable };
      placeComputeCache(env, [unusable]);
      expect(env.CUDA_CACHE_PATH).toBeUndefined();
    }
  });

  test.skipIf(fake === null).each([
    ['ours', undefined, ours],
    ['that of the user', '/elsewhere', '/elsewhere'],
  ])('the driver starts with %s', (_, set, seen) => {
    const started = path.join(folder, 'started');
    const names = ['CUDA_CACHE_PATH', 'CUDA_CACHE_MAXSIZE', 'LAC_CACHE', 'FAKE_CUDA_STARTED', 'FAKE_CUDA_NO_DEVICE'];
    const before = names.map((name) => process.env[name]);
    const setAll = (values: readonly (string | undefined)[]): void =>
      names.forEach((name, i) => {
        const value = values[i];
        if (value === undefined) delete process.env[name];
        else process.env[name] = value;
      });
    setAll([set, undefined, cache, started, '1']); // without a device, so that each call starts the driver anew
    try {
      messageFrom(() => openDriver(fake?.library));
    } finally {
      setAll(before);
    }
    expect(readFileSync(started, 'utf8').split('\n')).toEqual([seen, String(2 ** 30)]);
  });
});
