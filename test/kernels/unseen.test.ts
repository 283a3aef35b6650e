import { describe, it } from 'vitest';
import type { Reference } from '../../driver/reference.js';
import type { RunRequest } from '../../driver/run.js';
import { devices, expectRight, kernelOf } from './session.js';
import * as algorithms from './unseen/algorithms.ref.js';
import * as attention from './unseen/attention.ref.js';
import * as control from './unseen/control.ref.js';
import * as products from './unseen/products.ref.js';
import * as recurrences from './unseen/recurrences.ref.js';
import * as rows from './unseen/rows.ref.js';
import * as states from './unseen/states.ref.js';

/** Kernels as researchers write them, that no part of the compiler was written for: odd sizes, every dtype, every device. */

type Run = Pick<RunRequest, 'dims' | 'dtypes' | 'config' | 'scalars' | 'layout' | 'rowPadding'>;
interface Case {
  readonly file: string;
  readonly kernel: string;
  readonly reference: Reference;
  /** Besides the reference's own sizes. */
  readonly runs: readonly Run[];
}

const windows: readonly Run[] = [
  { dims: { N: 1, D: 5, E: 3 }, dtypes: { T: 'f16' }, rowPadding: 3 },
  { dims: { N: 49, D: 16, E: 16 }, dtypes: { T: 'bf16' }, layout: [0, 2, 1, 3], config: { BQ: 24, BK: 48 } },
];
const CASES: readonly Case[] = [
  {
    file: 'attention',
    kernel: 'slidingWindow',
    reference: attention.slidingWindow,
    runs: [...windows, { dims: { N: 0 } }],
  },
  { file: 'attention', kernel: 'alibiWindow', reference: attention.alibiWindow, runs: windows },
  { file: 'attention', kernel: 'cappedCausal', reference: attention.cappedCausal, runs: windows },
  {
    file: 'recurrences',
    kernel: 'gatedKeys',
    reference: recurrences.gatedKeys,
    runs: [{ dims: { N: 1, D: 1, E: 1 } }, { dims: { D: 40, E: 24 }, config: { C: 4 }, dtypes: { T: 'f16' } }],
  },
  {
    file: 'recurrences',
    kernel: 'deltaRule',
    reference: recurrences.deltaRule,
    runs: [{ dims: { N: 1, D: 1 } }, { dims: { N: 25, D: 40, E: 5 }, config: { C: 12 }, rowPadding: 1 }],
  },
  {
    file: 'recurrences',
    kernel: 'stateSpaceDual',
    reference: recurrences.stateSpaceDual,
    runs: [
      { dims: { N: 0 } },
      { dims: { B: 1, P: 5, S: 3 }, dtypes: { T: 'f16' }, config: { C: 48 }, rowPadding: 1 },
      { dims: { B: 1, H: 2, P: 48 }, dtypes: { T: 'bf16' }, layout: [0, 2, 1, 3] },
    ],
  },
  {
    file: 'rows',
    kernel: 'crossEntropy',
    reference: rows.crossEntropy,
    runs: [{ dims: { M: 1, V: 1 } }, { dims: { V: 203 }, config: { BV: 100 }, dtypes: { T: 'f16' } }],
  },
  { file: 'rows', kernel: 'smoothedEntropy', reference: rows.smoothedEntropy, runs: [] },
  {
    file: 'rows',
    kernel: 'rotary',
    reference: rows.rotary,
    runs: [
      { dims: { D: 6, N: 5 }, config: { C: 5 }, layout: [0, 2, 1, 3] },
      { dims: { D: 2 }, dtypes: { T: 'bf16' } },
    ],
  },
  {
    file: 'rows',
    kernel: 'summary',
    reference: rows.summary,
    runs: [{ dims: { N: 1 } }, { dims: { N: 64 }, dtypes: { T: 'f16', I: 'i32' }, scalars: { limit: 77 } }],
  },
  {
    file: 'control',
    kernel: 'steered',
    reference: control.steered,
    runs: [{ dims: { D: 1 } }, { dims: { D: 17, L: 9 }, config: { warps: 2 } }],
  },
  {
    file: 'control',
    kernel: 'edges',
    reference: control.edges,
    runs: [
      { dims: { N: 1 } },
      { dims: { N: 33 }, scalars: { k: -3 }, dtypes: { T: 'f16' } },
      { dims: { N: 16 }, scalars: { k: 0 }, dtypes: { T: 'bf16' }, rowPadding: 1 },
    ],
  },
  {
    file: 'control',
    kernel: 'bag',
    reference: control.bag,
    runs: [{ dims: { D: 1, B: 1 } }, { dims: { D: 96 }, config: { BD: 48 }, dtypes: { T: 'bf16' } }],
  },
  {
    file: 'control',
    kernel: 'splitK',
    reference: control.splitK,
    runs: [
      { dims: { S: 8, K: 50 }, dtypes: { T: 'f16' }, rowPadding: 1 },
      { dims: { M: 5, N: 96, K: 16 }, dtypes: { T: 'bf16' }, layout: [1, 2, 0] },
    ],
  },
  {
    file: 'control',
    kernel: 'chosen',
    reference: control.chosen,
    runs: [
      { dims: { N: 1, P: 1 } },
      { dims: { D: 24 }, scalars: { mode: 2 } },
      { scalars: { mode: 0 }, rowPadding: 1 },
    ],
  },
  {
    file: 'states',
    kernel: 'twoStates',
    reference: states.twoStates,
    runs: [
      { dims: { N: 1, D: 1, E: 1 }, rowPadding: 1 },
      { dims: { D: 64, E: 64 }, dtypes: { T: 'bf16' }, config: { C: 64, BE: 64 } },
      { dims: { D: 33 }, dtypes: { T: 'f16' }, config: { C: 12, stages: 3 }, layout: [0, 2, 1, 3] },
    ],
  },
  {
    file: 'states',
    kernel: 'reverseState',
    reference: states.reverseState,
    runs: [
      { dims: { N: 1, D: 1, E: 1 } },
      { dims: { D: 64 }, dtypes: { T: 'bf16' }, config: { C: 32, stages: 3 } },
      { dims: { D: 33 }, dtypes: { T: 'f16' }, config: { C: 24, warps: 1 }, layout: [1, 0, 2] },
    ],
  },
  {
    file: 'states',
    kernel: 'settling',
    reference: states.settling,
    runs: [
      { dims: { N: 1, D: 3, E: 1 } },
      { dims: { D: 64 }, dtypes: { T: 'bf16' }, config: { C: 32, stages: 3 } },
      { dims: { D: 33 }, dtypes: { T: 'f16' }, config: { C: 12, warps: 2 }, rowPadding: 3 },
    ],
  },
  {
    file: 'products',
    kernel: 'epilogue',
    reference: products.epilogue,
    runs: [
      { dims: { M: 1, N: 1, K: 1 } },
      { dims: { M: 17, K: 100 }, dtypes: { T: 'bf16' }, config: { BM: 48, stages: 4 }, layout: [1, 0] },
      { dims: { N: 7 }, dtypes: { T: 'f16' }, config: { BN: 8, BK: 24, warps: 8 }, rowPadding: 1 },
    ],
  },
  {
    file: 'products',
    kernel: 'fourBits',
    reference: products.fourBits,
    runs: [
      { dims: { M: 1, N: 1, K: 64, Words: 8, Groups: 1 } },
      { dims: { M: 33, N: 64 }, dtypes: { T: 'bf16' }, config: { BM: 32, BN: 64, stages: 3 } },
      { dtypes: { T: 'f16' }, config: { warps: 8 }, rowPadding: 1 },
    ],
  },
  {
    file: 'products',
    kernel: 'layerNormBwd',
    reference: products.layerNormBwd,
    runs: [
      { dims: { M: 1, N: 1, P: 1 } },
      { dims: { N: 257 }, dtypes: { T: 'bf16' }, config: { warps: 1 }, rowPadding: 1 },
    ],
  },
  {
    file: 'algorithms',
    kernel: 'listRank',
    reference: algorithms.listRank,
    runs: [
      { dims: { N: 1 } },
      { dims: { N: 0 } },
      { dims: { N: 41 }, dtypes: { I: 'u32', T: 'f16' }, config: { warps: 4 }, rowPadding: 1 },
      { dims: { N: 48 }, dtypes: { T: 'bf16' } },
    ],
  },
  {
    file: 'algorithms',
    kernel: 'compositions',
    reference: algorithms.compositions,
    runs: [{ dims: { A: 1, B: 1, C: 1 } }, { dims: { A: 5, B: 17, C: 3 }, config: { warps: 4 } }],
  },
  {
    file: 'algorithms',
    kernel: 'solve',
    reference: algorithms.solve,
    runs: [{ dims: { M: 1, K: 1 } }, { dims: { K: 16 }, config: { warps: 2 } }],
  },
  {
    file: 'algorithms',
    kernel: 'editDistance',
    reference: algorithms.editDistance,
    runs: [{ dims: { B: 0 } }, { dims: { N: 0 } }, { dims: { N: 17 }, config: { warps: 2 }, rowPadding: 1 }],
  },
  {
    file: 'algorithms',
    kernel: 'windows',
    reference: algorithms.windows,
    runs: [
      { dims: { A: 1, N: 1, D: 1 } },
      { dims: { N: 0 } },
      { dtypes: { T: 'f16', I: 'u32' }, config: { warps: 2 } },
      { dims: { D: 7 }, dtypes: { T: 'bf16' }, layout: { x: [2, 0, 1], y: [0, 2, 1] }, rowPadding: 1 },
    ],
  },
];

describe('unseen kernels', () => {
  const on = devices('exact', 'rounding', 'webgpu', 'sm80', 'sm90');

  it.each(CASES)('$kernel is its formula on every device', async ({ file, kernel, reference, runs }) => {
    const decl = kernelOf(`test/kernels/unseen/${file}.ts`, kernel);
    await expectRight({ decl, reference, device: on.exact });
    for (const run of [{}, ...runs])
      for (const device of Object.values(on))
        await expectRight({ decl, reference, verify: true, device, passes: device === on.exact, ...run });
  });
});
