import fc from 'fast-check';
import * as programs from './programs.ref.js';
import { describeKernels, type Subject } from './property.js';

const upTo = (max: number): fc.Arbitrary<number> => fc.integer({ min: 1, max });
const floats = ['f32', 'f16', 'bf16'];
const file = 'test/kernels/whole/programs.ts';

describeKernels('programs of many parts of the language', [
  {
    file,
    name: 'packedFlash',
    reference: programs.packedFlash,
    dims: fc
      .record({ N: fc.integer({ min: 0, max: 90 }), H: upTo(2), D: fc.constantFrom(8, 24), S: upTo(4) })
      .map((d) => ({ ...d, S1: d.S + 1 })),
    dtypes: floats,
    configs: [{}, { BM: 16, warps: 2 }],
  },
  {
    file,
    name: 'quantise',
    reference: programs.quantise,
    dims: fc
      .record({ M: upTo(20), K: upTo(100) })
      .map((d) => ({ ...d, K4: Math.ceil(d.K / 4), KB: Math.ceil(d.K / 32) })),
    dtypes: floats,
    configs: [{}, { BM: 3 }],
  },
  {
    file,
    name: 'moments',
    reference: programs.moments,
    dims: fc.record({ M: upTo(9), N: upTo(150) }),
    dtypes: floats,
    configs: [{}, { warps: 1 }],
  },
  {
    file,
    name: 'integral',
    reference: programs.integral,
    dims: fc.record({ B: upTo(3), H: fc.constantFrom(1, 12), W: fc.constantFrom(7, 32) }),
    configs: [{}, { warps: 1 }],
  },
  {
    file,
    name: 'compact',
    reference: programs.compact,
    dims: fc.record({ N: upTo(300), One: fc.constant(1) }),
    dtypes: floats,
    configs: [{}, { BN: 50, warps: 1 }],
    scalars: fc.constantFrom({ least: 0.25 }, { least: -100 }, { least: 100 }),
  },
  {
    file,
    name: 'inverse',
    reference: programs.inverse,
    dims: fc.record({ B: upTo(3), N: fc.constantFrom(1, 5, 12) }),
    configs: [{}, { warps: 4 }],
  },
  {
    file,
    name: 'newton',
    reference: programs.newton,
    dims: fc.record({ M: upTo(3), N: upTo(150) }),
    configs: [{}, { BN: 64, warps: 1 }],
  },
] satisfies Subject[]);
