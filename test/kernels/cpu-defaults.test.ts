import { describe, expect, it } from 'vitest';
import { candidates } from '../../driver/configurations.js';
import { isPlan } from '../../driver/source.js';
import { declaration } from './whole/property.js';

const MOST_INVOCATIONS = 256;
const CPU = { processors: 1, sharedBytes: 32768, elementBytes: 4 };

/** What a call takes first; all of these fit the limits of the software driver. */
function firstOf(file: string, name: string, dims: Readonly<Record<string, number>>): unknown {
  const decl = declaration(`kernels/${file}.ts`, name);
  const device = isPlan(decl) ? { processors: 1 } : CPU;
  return candidates(decl, dims, {}, MOST_INVOCATIONS, device).next().value;
}

/** Measured beside others on SwiftShader with bench/defaults.js: the best that is known, or within 30 % of it. */
const GOOD = [
  ['norm/srms-norm', 'srmsNorm', { M: 500, K: 1000 }, { BM: 2, BK: 1024, warps: 2 }],
  ['norm/srms-norm', 'srmsNorm', { M: 64, K: 4096 }, { BM: 1, BK: 4096, warps: 4 }],
  ['norm/srms-norm', 'srmsNormBwd', { M: 500, K: 1000 }, { BM: 1, BK: 1024, warps: 2 }],
  ['norm/srms-norm', 'srmsNormBwd', { M: 64, K: 4096 }, { BM: 4, BK: 256, warps: 2 }],
  ['norm/add-rms-norm', 'addRmsNorm', { M: 500, K: 1000 }, { BM: 2, BK: 1024, warps: 2 }],
  ['transnormer/gate', 'normGate', { M: 300, K: 520 }, { BM: 2, BK: 1024, warps: 2 }],
  ['transnormer/gate', 'normGateBwd', { M: 60, K: 140 }, { BM: 4, BK: 256, warps: 2 }],
  ['transnormer/lrpe', 'lrpeBwdParts', { B: 2, N: 150, R: 2, H: 3, D: 40, F: 80, P: 4 }, { C: 8, warps: 2 }],
  ['norm/layer-norm', 'layerNormBwdParts', { M: 50, K: 96, P: 8 }, { BM: 8, warps: 2, stages: 1 }],
  ['norm/layer-norm', 'layerNormBwd', { M: 150, K: 96 }, { P: 8 }],
  ['select/argmax', 'longArgmax', { M: 5, N: 20000 }, { G: 1 }],
  ['scan/prefix-sum', 'longPrefixSum', { M: 2, N: 10000 }, { G: 8 }],
  ['scan/prefix-sum', 'partSums', { M: 2, N: 1000, G: 5 }, { BN: 64, warps: 1 }],
  ['scan/prefix-sum', 'partSums', { M: 2, N: 100000, G: 8 }, { BN: 1024, warps: 1 }],
  ['gemm/dequant', 'dequantGemm', { M: 50, N: 136, K: 200 }, { BM: 64, BN: 64, BK: 32, warps: 4 }],
  [
    'conv/conv2d',
    'conv2d',
    { B: 2, H: 12, W: 20, C: 24, F: 40 },
    { BP: 4, BQ: 8, BC: 32, BF: 64, warps: 2, stages: 1 },
  ],
  ['gla/simple', 'simpleGlaFwd', { B: 1, H: 4, N: 500, D: 64, E: 64 }, { C: 32, BE: 64, warps: 2, stages: 1 }],
  [
    'linear/left-product',
    'lowerProduct',
    { B: 1, H: 4, N: 300, E: 64 },
    { BM: 64, BE: 64, BN: 32, warps: 2, stages: 1 },
  ],
  ['lightning/decode', 'lightningExtend', { B: 2, H: 4, N: 100, D: 64, E: 64 }, { C: 16, BE: 64, warps: 2, stages: 1 }],
  ['lightning/decode', 'lightningVerify', { B: 3, H: 4, N: 7, D: 64, E: 64 }, { C: 8, BE: 64, warps: 1, stages: 1 }],
  ['flash/backward', 'flashDelta', { B: 1, H: 4, M: 500, D: 64 }, { BM: 64, warps: 2 }],
] as const;

describe('what a CPU takes untuned', () => {
  it.each(GOOD)('%s %s %o', (file, name, dims, config) => {
    expect(firstOf(file, name, dims)).toEqual(config);
  });
});
