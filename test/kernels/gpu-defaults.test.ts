import { describe, expect, it } from 'vitest';
import { candidates } from '../../driver/configurations.js';
import { declaration } from './whole/property.js';

/** Processors, shared memory of a program. */
const DEVICES = {
  H100: { processors: 132, sharedBytes: 232448 },
  A100: { processors: 108, sharedBytes: 166912 },
  sm_86: { processors: 46, sharedBytes: 101376 },
  WebGPU: { processors: 128, sharedBytes: 49152 },
  'small WebGPU': { processors: 128, sharedBytes: 32768 },
} as const;

/** Each compiles for its device without a spill. Most sizes are ones at which nothing was measured: a rule has to be sensible there too. */
const TAKEN = [
  ['gemm/gemm', 'gemm', 'H100', 2, { M: 4096, N: 4096, K: 4096 }, '128 256 128 8 2'],
  ['gemm/gemm', 'gemm', 'A100', 2, { M: 4096, N: 4096, K: 4096 }, '128 256 64 8 3'],
  ['gemm/gemm', 'gemm', 'sm_86', 2, { M: 4096, N: 4096, K: 4096 }, '128 256 64 8 2'],
  ['gemm/gemm', 'gemm', 'H100', 4, { M: 4096, N: 4096, K: 4096 }, '128 128 32 8 3'],
  ['gemm/gemm', 'gemm', 'H100', 2, { M: 1024, N: 1024, K: 1024 }, '64 64 64 4 3'],
  ['gemm/gemm', 'gemm', 'H100', 2, { M: 1, N: 4096, K: 4096 }, '32 32 128 2 4'],
  ['gemm/gemm', 'gemm', 'small WebGPU', 4, { M: 4096, N: 4096, K: 4096 }, '128 64 32 4 1'],
  ['transnormer/glu', 'gluProduct', 'H100', 2, { M: 4096, K: 2048, F: 5632 }, '128 64 64 4 2'],
  ['gemm/dequant', 'dequantGemm', 'H100', 2, { M: 16, N: 4096, K: 4096 }, '16 32 64 4'],
  ['norm/add-rms-norm', 'addRmsNorm', 'H100', 2, { M: 8192, K: 4096 }, '1 4096 4'],
  ['norm/add-rms-norm', 'addRmsNorm', 'H100', 2, { M: 8192, K: 200 }, '8 256 2'],
  ['transnormer/gate', 'normGateBwd', 'H100', 2, { M: 8192, K: 8192 }, '1 4096 8'],
  ['flash/forward', 'flashFwd', 'A100', 2, { B: 1, H: 32, M: 4096, N: 4096, D: 128 }, '128 32 4 2'],
  ['flash/forward', 'flashFwd', 'H100', 2, { B: 1, H: 32, M: 1, N: 4096, D: 128 }, '16 32 2 2'],
  ['flash/forward', 'flashFwd', 'H100', 2, { B: 1, H: 32, M: 4096, N: 4096, D: 256 }, '64 32 4 2'],
  ['flash/forward', 'flashFwd', 'WebGPU', 4, { B: 1, H: 32, M: 4096, N: 4096, D: 128 }, '64 16 4 1'],
  ['flash/forward', 'flashFwd', 'small WebGPU', 4, { B: 1, H: 32, M: 4096, N: 4096, D: 128 }, '32 16 4 1'],
  ['flash/backward', 'flashBwdKeys', 'H100', 2, { B: 1, H: 32, M: 4096, N: 4096, D: 128 }, '64 32 4 2'],
  ['flash/backward', 'flashBwdQueries', 'H100', 2, { B: 1, H: 32, M: 4096, N: 4096, D: 128 }, '128 32 4 2'],
  ['gla/simple', 'simpleGlaFwd', 'H100', 2, { B: 4, H: 32, N: 2048, D: 128, E: 128 }, '32 64 4 2'],
  ['gla/simple', 'simpleGlaFwd', 'H100', 2, { B: 4, H: 32, N: 2048, D: 256, E: 256 }, '32 32 4 2'],
  ['lightning/segments', 'segmentStates', 'H100', 2, { B: 1, H: 16, N: 16384, D: 128, E: 128, Q: 7 }, '64 64 4 3'],
  ['lightning/packed', 'lightningPacked', 'H100', 2, { N: 8192, H: 32, D: 128, E: 128, S1: 9 }, '64 128 8 2'],
] as const;

describe('what a GPU takes untuned', () => {
  it.each(TAKEN)('%s %s on %s, elements of %i bytes %o: %s', (file, name, device, elementBytes, dims, values) => {
    const decl = declaration(`kernels/${file}.ts`, name);
    const invocations = device === 'small WebGPU' ? 256 : 1024;
    const [config = {}] = candidates(decl, dims, {}, invocations, { ...DEVICES[device], elementBytes });
    expect(Object.values(config).join(' ')).toBe(values);
  });
});
