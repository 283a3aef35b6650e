import fc from 'fast-check';
import { gemmNT, gemmTN } from '../../../kernels/gemm/transposed.ref.js';
import { normGate, normGateBwd } from '../../../kernels/transnormer/gate.ref.js';
import { gluFactorsBwd, gluProduct } from '../../../kernels/transnormer/glu.ref.js';
import { lrpe, lrpeBwdParts, swish, swishBwd } from '../../../kernels/transnormer/lrpe.ref.js';
import { describeKernels } from '../whole/property.js';

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const floats = ['f32', 'f16', 'bf16'];
const turned = { file: 'kernels/transnormer/lrpe.ts', dtypes: floats, configs: [{ C: 8, warps: 2 }, { C: 16 }] };
const rows = { B: upTo(2), N: fc.integer({ min: 0, max: 40 }), R: upTo(2), H: upTo(2) };
const tokens = fc.record({ ...rows, D: fc.constantFrom(8, 20) });
const twice = tokens.map((dims) => ({ ...dims, F: 2 * dims.D }));
const scalars = fc.constantFrom({ first: 0 }, { first: 1000 });

const gated = {
  file: 'kernels/transnormer/gate.ts',
  dims: fc.record({ M: fc.integer({ min: 0, max: 20 }), K: fc.constantFrom(40, 200) }),
  dtypes: floats,
  configs: [
    { BM: 4, BK: 64, warps: 4 },
    { BM: 1, BK: 256, warps: 2 },
  ],
};
const factors = { file: 'kernels/transnormer/glu.ts', dtypes: floats };

describeKernels('parts of TransNormerLLM', [
  { ...turned, name: 'lrpe', reference: lrpe, dims: twice, scalars, options: fc.record({ activation: fc.boolean() }) },
  { ...turned, name: 'swish', reference: swish, dims: tokens.map((dims) => ({ ...dims, F: dims.D })) },
  {
    ...turned,
    name: 'lrpeBwdParts',
    reference: lrpeBwdParts,
    dims: fc.tuple(twice, upTo(3)).map(([dims, P]) => ({ ...dims, P })),
    scalars,
    options: fc.record({ activation: fc.boolean() }),
  },
  { ...turned, name: 'swishBwd', reference: swishBwd, dims: tokens },
  { ...gated, name: 'normGate', reference: normGate },
  { ...gated, name: 'normGateBwd', reference: normGateBwd },
  {
    ...factors,
    name: 'gluProduct',
    reference: gluProduct,
    dims: fc.record({ M: upTo(40), K: upTo(40), F: upTo(70), R: fc.constant(2) }),
    configs: [{ BM: 16, BN: 32, BK: 16, warps: 2 }],
  },
  {
    ...factors,
    name: 'gluFactorsBwd',
    reference: gluFactorsBwd,
    dims: fc.record({ M: upTo(20), F: upTo(150), R: fc.constant(2) }),
    configs: [{ BM: 4, BN: 64, warps: 2 }, {}],
  },
  ...[gemmNT, gemmTN].map((reference) => ({
    file: 'kernels/gemm/transposed.ts',
    dtypes: floats,
    name: reference === gemmNT ? 'gemmNT' : 'gemmTN',
    reference,
    dims: fc.record({ M: upTo(40), K: upTo(40), N: upTo(70) }),
    configs: [{ BM: 16, BN: 32, BK: 16, warps: 2, stages: 1 }],
  })),
]);
