import type { Placement } from '../../driver/tensors.js';
import type { CheckCase } from './cases.js';

/** Files whose kernels run at their references' sizes, in every dtype. */
const FILES = [
  'flash/backward',
  'gemm/transposed',
  'lightning/backward',
  'lightning/decay-gradient',
  'lightning/decode',
  'lightning/lightning1',
  'lightning/packed',
  'lightning/packed-backward',
  'lightning/segments-backward',
  'linear/cosformer',
  'linear/cumsum',
  'linear/feature-maps',
  'linear/left-product',
  'linear/random-features',
  'norm/srms-norm',
  'transnormer/gate',
  'transnormer/glu',
  'transnormer/lrpe',
  'transnormer/mixer',
  'transnormer/sglu',
].map((name) => `kernels/${name}.ts`);

const DTYPES = ['f32', 'f16', 'bf16'];
const PLACES: readonly Placement[] = [{}, { rowPadding: 3 }, { layout: [0, 2, 1, 3], rowPadding: 8 }];

type Options = Readonly<Record<string, boolean>>;
const on = (...names: string[]): Options => Object.fromEntries(names.map((name) => [name, true]));

/** Options of the operators of lightning attention, each alone and some together. */
const OPTIONS: Readonly<Record<string, { readonly file: string; readonly options: readonly Options[] }>> = {
  lightningFwd: {
    file: 'kernels/lightning/forward.ts',
    options: [
      on('initialState', 'finalState'),
      on('initialState', 'finalState', 'tokenDecay', 'reverse'),
      on('noDecay', 'finalState'),
      on('tokenDecay'),
      on('reverse'),
      on('stateOnly', 'finalState', 'initialState'),
      on('precise', 'tokenDecay', 'finalState'),
    ],
  },
  lightningBwd: {
    file: 'kernels/lightning/backward.ts',
    options: [
      on('slopeGradient'),
      on('initialState', 'stateGradient', 'slopeGradient'),
      on('initialState', 'stateGradient', 'tokenDecay', 'tokenGradient'),
      on('noDecay'),
      on('reverse', 'initialState'),
      on('precise', 'slopeGradient'),
    ],
  },
  lightningSegments: {
    file: 'kernels/lightning/segments.ts',
    options: [on(), on('initialState', 'finalState'), on('tokenDecay', 'finalState'), on('noDecay')],
  },
  lightningSegmentsBwd: {
    file: 'kernels/lightning/segments-backward.ts',
    options: [
      on(),
      on('initialState', 'stateGradient', 'slopeGradient'),
      on('tokenDecay', 'tokenGradient', 'initialState', 'stateGradient'),
      on('noDecay'),
    ],
  },
};

/** Head dimensions of products, of half of them, and none of either; heads that share keys. */
const SHAPES = [
  { B: 1, H: 2, N: 1100, D: 128, E: 128 },
  { B: 2, H: 4, HK: 2, N: 333, D: 64, E: 64 },
  { B: 1, H: 3, N: 130, D: 40, E: 72 },
  { B: 1, H: 2, HK: 1, N: 97, D: 17, E: 9 },
];

const optionCases = (): CheckCase[] =>
  Object.entries(OPTIONS).flatMap(([kernel, { file, options }]) =>
    options.flatMap((chosen, o) =>
      SHAPES.flatMap((dims, s) => {
        const place = PLACES[(o + s) % PLACES.length];
        return ['f32', 'bf16'].map((dtype) => ({
          ...{ group: 'options', file, kernel, dtype, dims, options: chosen },
          ...place,
        }));
      }),
    ),
  );

/** Sequences long enough for many segments; head dimensions that no fused kernel takes. */
const extremes = (): CheckCase[] => {
  const group = 'extremes';
  const [fwd, bwd] = [{ file: 'kernels/lightning/forward.ts' }, { file: 'kernels/lightning/backward.ts' }];
  const [few, fewBwd] = [{ file: 'kernels/lightning/segments.ts' }, { file: 'kernels/lightning/segments-backward.ts' }];
  const long = { B: 1, H: 2, N: 40_000, D: 64, E: 64 };
  return [
    ...['f32', 'bf16'].flatMap((dtype) => [
      { group, ...few, kernel: 'lightningSegments', dtype, dims: long },
      { group, ...fewBwd, kernel: 'lightningSegmentsBwd', dtype, dims: { ...long, N: 20_000 } },
      { group, ...fwd, kernel: 'lightningFwd', dtype, dims: { B: 1, H: 2, N: 200, D: 256, E: 256 } },
      { group, ...bwd, kernel: 'lightningBwd', dtype, dims: { B: 1, H: 2, N: 200, D: 256, E: 200 } },
      { group, ...bwd, kernel: 'lightningBwd', dtype, dims: { B: 1, H: 2, N: 200, D: 1, E: 256 } },
    ]),
    ...[0, 1, 63, 64, 65].flatMap((N) => [
      { group, ...bwd, kernel: 'lightningBwd', dtype: 'bf16', dims: { B: 1, H: 2, N, D: 64, E: 64 } },
      { group, ...few, kernel: 'lightningSegments', dtype: 'bf16', dims: { B: 1, H: 2, N, D: 64, E: 64 } },
    ]),
  ];
};

/** All of Lightning Attention and of what it is compared with. */
export const familyCases = (): CheckCase[] => [
  ...FILES.flatMap((file) => DTYPES.map((dtype) => ({ group: 'family', file, dtype }))),
  ...optionCases(),
  ...extremes(),
];
