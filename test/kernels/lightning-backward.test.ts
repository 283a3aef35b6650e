import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as gradientRefs from '../../kernels/lightning/backward.ref.js';
import * as decayRefs from '../../kernels/lightning/decay-gradient.ref.js';
import { lightningFwd } from '../../kernels/lightning/forward.ref.js';
import { randomStream } from '../../driver/random.js';
import { lengths, seeds } from './session.js';
import { describeKernels } from './whole/property.js';

const FILE = 'kernels/lightning/backward.ts';
const width = fc.integer({ min: 1, max: 20 });
const heads = fc.constantFrom({ H: 1, HK: 1 }, { H: 2, HK: 2 }, { H: 4, HK: 2 }, { H: 3, HK: 1 });
const sizes = fc
  .record({ B: fc.integer({ min: 1, max: 2 }), heads, N: lengths(8, 40), D: width, E: width })
  .map(({ heads: { H, HK }, ...rest }) => ({ ...rest, H, HK }));

const switches = (...names: readonly string[]) =>
  fc.record(Object.fromEntries(names.map((name) => [name, fc.boolean()] as const)));
const DECAYS = [{}, { slopeGradient: true }, { tokenDecay: true }, { tokenDecay: true, tokenGradient: true }, { noDecay: true }];
const options = fc
  .tuple(switches('initialState', 'stateGradient', 'reverse'), fc.constantFrom(...DECAYS), fc.constantFrom({}, {}, { precise: true }))
  .map((all) => Object.assign({}, ...all));

describeKernels('lightning backward', [
  {
    file: FILE,
    name: 'lightningBwd',
    reference: gradientRefs.lightningBwd,
    dims: sizes,
    dtypes: ['f32', 'bf16', 'f16'],
    options,
  },
]);
