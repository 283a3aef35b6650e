import { type Config, candidates } from '../../driver/configurations.js';
import { SourceProject } from '../../driver/source.js';
import type { Placement } from '../../driver/tensors.js';
import { familyCases } from './family-cases.js';
import { publishedCases } from './published-cases.js';
import { configText, type Row, readRows, splitConfig } from './rows.js';

/** One checked run, as data: a parent process hands it to a child. */
export interface CheckCase extends Placement {
  /** Under which it is counted. */
  readonly group: string;
  readonly file: string;
  /** Default: every kernel of the file that has a reference. */
  readonly kernel?: string;
  readonly dims?: Readonly<Record<string, number>>;
  readonly dtype?: string;
  readonly config?: Config;
  readonly options?: Readonly<Record<string, boolean | number>>;
  /** Values that one knob takes in turn: every output has to be the same, bit for bit. */
  readonly agree?: { readonly knob: string; readonly values: readonly number[] };
}

const KERNELS = {
  lightning: 'kernels/lightning/forward.ts',
  segments: 'kernels/lightning/segments.ts',
  gla: 'kernels/gla/simple.ts',
  flash: 'kernels/flash/forward.ts',
  gemm: 'kernels/gemm/gemm.ts',
  norm: 'kernels/norm/add-rms-norm.ts',
} as const;
const DTYPES = ['f32', 'f16', 'bf16'];
const SMALL = ['attention', 'control', 'elementwise', 'folds', 'matmul', 'rows'];
const UNSEEN = ['attention', 'control', 'recurrences', 'rows'];
const TRANSPOSED = { layout: [0, 2, 1, 3] };

const each = <T>(list: readonly T[], f: (x: T) => readonly CheckCase[]): CheckCase[] => list.flatMap((x) => f(x));

/** Every kernel at its reference's sizes, in every dtype. */
function wholeFiles(): CheckCase[] {
  const own = each(Object.values(KERNELS), (file) => DTYPES.map((dtype) => ({ group: 'kernels', file, dtype })));
  const causal = DTYPES.map((dtype) => ({ ...flash, group: 'kernels', dtype, options: { causal: true } }));
  const cases = SMALL.map((name) => ({ group: 'cases', file: `test/kernels/cases/${name}.ts` }));
  const unseen = UNSEEN.map((name) => ({ group: 'cases', file: `test/kernels/unseen/${name}.ts` }));
  return [...own, ...causal, ...cases, ...unseen];
}

const flash = { file: KERNELS.flash, kernel: 'flashFwd' } as const;

/** Head dims that are no powers of two, lengths around the blocks, tokens before heads, rows with gaps full of NaN. */
function oddShapes(): CheckCase[] {
  const group = 'odd shapes';
  const places: Placement[] = [{}, { rowPadding: 3 }, { ...TRANSPOSED, rowPadding: 8 }, TRANSPOSED];
  const heads = [1, 3, 24, 40, 80, 96, 128, 200, 256];
  return each(DTYPES, (dtype) => [
    ...heads.flatMap((D, i) => {
      const place = places[i % places.length];
      const E = D > 40 ? D - 3 : D;
      return [
        { group, file: KERNELS.lightning, dtype, dims: { B: 2, H: 3, N: 77, D, E }, ...place },
        { group, file: KERNELS.gla, dtype, dims: { B: 1, H: 2, N: 65, D, E: D }, ...place },
        { group, ...flash, dtype, dims: { B: 1, H: 2, M: 70, N: 93, D }, ...place },
        { group, ...flash, dtype, dims: { B: 1, H: 2, M: 93, N: 70, D }, options: { causal: true }, ...place },
      ];
    }),
    ...[0, 1, 31, 32, 33, 63, 64, 65, 127, 129, 2049].map((N, i) => {
      const dims = { B: 1, H: 2, N, D: 64, E: 64 };
      return { group, file: KERNELS.lightning, dtype, dims, ...places[i % places.length] };
    }),
    ...[
      [1, 1, 1],
      [3, 5, 7],
      [129, 130, 131],
      [64, 256, 8],
      [200, 96, 0],
      [257, 264, 520],
    ].map(([M = 1, N = 1, K = 1]) => ({ group, file: KERNELS.gemm, dtype, dims: { M, N, K } })),
    ...[
      [3, 1],
      [130, 8193],
      [5, 1000],
      [33, 8192],
    ].map(([M = 1, K = 1], i) => ({ group, file: KERNELS.norm, dtype, dims: { M, K }, rowPadding: (i % 2) * 5 })),
  ]);
}

/** What the tests of the official implementation and of FLA run. */
const published = (): CheckCase[] =>
  publishedCases().map(({ from, ...run }) => ({
    ...{ group: from, file: KERNELS.lightning, kernel: 'lightningFwd', ...run },
  }));

/** Sizes small enough for the reference; comptime sizes and knobs as they are timed. */
const shrunk = (shape: Readonly<Record<string, number>>, N: number): Record<string, number> => ({
  ...shape,
  ...('B' in shape ? { B: 1, H: 2 } : {}),
  ...('HK' in shape ? { HK: 2 } : {}),
  ...('B' in shape && 'N' in shape ? { N } : {}),
  ...('M' in shape && 'D' in shape ? { M: N } : {}),
  ...('M' in shape && !('D' in shape) ? { M: N } : {}),
  ...('N' in shape && 'K' in shape ? { N: 392, K: N } : {}),
  ...('G' in shape ? { G: 3 } : {}),
});

/** The configurations that are timed, at lengths with and without a tail. */
function tuned(configs: string): CheckCase[] {
  const project = new SourceProject();
  return each(Object.values(readRows(configs)), (row) =>
    row.configs.flatMap((config) =>
      [512, 200].map((N) => ({
        ...{ group: 'tuned configurations', file: row.file, kernel: row.kernel, dtype: 'bf16' },
        config: splitConfig(config).own,
        dims: accepted(project, row, splitConfig(config).own, N),
        ...(row.options === undefined ? {} : { options: row.options }),
      })),
    ),
  );
}

const MOST_DOUBLINGS = 6;

/** Sizes with N tokens, or as many times twice that as `prune` wants for what is given of a configuration. */
function accepted(project: SourceProject, row: Row, config: Config, N: number): Record<string, number> {
  const { kernels, plans } = project.read(row.file);
  const decl = [...kernels, ...plans].find(({ name }) => name === row.kernel);
  const sizes = Array.from({ length: MOST_DOUBLINGS }, (_, i) => shrunk(row.shape, N * 2 ** i));
  const fits = (dims: Record<string, number>): boolean =>
    decl === undefined || candidates(decl, dims, config, Number.POSITIVE_INFINITY).next().done !== true;
  return sizes.find(fits) ?? shrunk(row.shape, N);
}

/** How far loads run ahead changes no result. */
function agreement(): CheckCase[] {
  const group = 'stages agree';
  const upTo = (most: number) => ({ agree: { knob: 'stages', values: [1, 2, 3, 4].slice(0, most) } });
  return each(['f32', 'bf16'], (dtype) => [
    ...[300, 64].flatMap((N) => [
      {
        ...{ group, file: KERNELS.lightning, dtype, dims: { B: 1, H: 2, N, D: 64, E: 64 }, ...upTo(3) },
        config: { C: 32, BE: 64, warps: 4, G: 1 },
      },
      {
        ...{ group, file: KERNELS.gla, dtype, dims: { B: 1, H: 2, N, D: 64, E: 64 }, ...upTo(3) },
        config: { C: 32, BE: 64, warps: 4 },
      },
      {
        ...{ group, ...flash, dtype, dims: { B: 1, H: 2, M: N, N, D: 64 }, ...upTo(4) },
        config: { BM: 64, BN: 32, warps: 4 },
      },
    ]),
    {
      ...{ group, file: KERNELS.gemm, dtype, dims: { M: 200, N: 200, K: 400 }, ...upTo(4) },
      config: { BM: 64, BN: 64, BK: 32, warps: 4 },
    },
  ]);
}

/** Small, for compute-sanitizer, which is many times slower: each kernel with a tail, each tuned shape of block once, the family once. */
function sanitized(configs: string): CheckCase[] {
  const group = 'sanitize';
  const one = tuned(configs).filter((c) => c.dims?.N === 200 || c.dims?.M === 200);
  const few = one.filter((c, i) => one.findIndex((d) => d.kernel === c.kernel) > i - 2);
  return [
    { group, file: KERNELS.lightning, dtype: 'f32', dims: { B: 1, H: 2, N: 77, D: 24, E: 40 }, ...TRANSPOSED },
    { group, file: KERNELS.lightning, dtype: 'bf16', dims: { B: 1, H: 2, N: 150, D: 64, E: 64 } },
    { group, file: KERNELS.gla, dtype: 'f16', dims: { B: 1, H: 2, N: 65, D: 64, E: 64 } },
    { group, ...flash, dtype: 'bf16', dims: { B: 1, H: 2, M: 70, N: 93, D: 80 }, options: { causal: true } },
    { group, file: KERNELS.gemm, dtype: 'bf16', dims: { M: 129, N: 130, K: 131 } },
    { group, file: KERNELS.norm, dtype: 'bf16', dims: { M: 7, K: 1001 } },
    ...few.map((c) => ({ ...c, group })),
    ...familyCases()
      .filter((c) => c.group === 'family' && c.dtype === 'bf16')
      .map((c) => ({ ...c, group })),
  ];
}

/** A handful that the emulator runs in seconds. */
function quick(): CheckCase[] {
  const group = 'quick';
  return each(DTYPES, (dtype) => [
    { group, file: KERNELS.lightning, dtype, dims: { B: 1, H: 2, N: 40, D: 16, E: 16 } },
    { group, file: KERNELS.gla, dtype, dims: { B: 1, H: 1, N: 40, D: 16, E: 16 }, ...TRANSPOSED },
    { group, ...flash, dtype, dims: { B: 1, H: 1, M: 40, N: 40, D: 16 }, options: { causal: true } },
    { group, file: KERNELS.gemm, dtype, dims: { M: 33, N: 40, K: 24 } },
    { group, file: KERNELS.norm, dtype, dims: { M: 5, K: 100 }, rowPadding: 3 },
  ]);
}

/** Cases by the name of a set. The largest first, so that none is begun last. */
export function casesOf(set: string, configs: string): readonly CheckCase[] {
  const sets: Readonly<Record<string, () => CheckCase[]>> = {
    all: () => [...published(), ...familyCases(), ...wholeFiles(), ...oddShapes(), ...tuned(configs), ...agreement()],
    published,
    family: familyCases,
    kernels: wholeFiles,
    odd: oddShapes,
    tuned: () => tuned(configs),
    stages: agreement,
    sanitize: () => sanitized(configs),
    quick,
  };
  const make = sets[set];
  if (make === undefined) throw new Error(`there is no set ${set}; there are ${Object.keys(sets).join(', ')}`);
  return make().sort((a, b) => work(b) - work(a));
}

const work = ({ dims = {} }: CheckCase): number =>
  Object.values(dims).reduce((n, extent) => n * Math.max(extent, 1), 1);

export const caseText = (c: CheckCase): string =>
  [
    c.kernel ?? c.file,
    c.dtype ?? '',
    ...(c.dims === undefined ? [] : [configText(c.dims)]),
    ...(c.config === undefined ? [] : [`(${configText(c.config)})`]),
    ...(c.options === undefined ? [] : [JSON.stringify(c.options)]),
    ...(c.layout === undefined ? [] : ['transposed']),
    ...(c.rowPadding === undefined || c.rowPadding === 0 ? [] : [`row padding ${c.rowPadding}`]),
    ...(c.agree === undefined ? [] : [`${c.agree.knob} in ${c.agree.values.join(', ')}`]),
  ]
    .filter((part) => part !== '')
    .join(' ');
