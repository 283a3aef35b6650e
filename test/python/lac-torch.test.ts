/** python/lac_torch.py binds launches as runtime/launch.ts does: the same variant, grid and bytes, or the same refusal. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type {
  ArgFacts,
  ArgSpec,
  CudaVariant,
  Manifest,
  ParamSlot,
  PlanManifest,
  PlanSpec,
} from '../../compiler/artifact.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { type Expr, evaluateExpr } from '../../compiler/expr.js';
import { bytesOf, type DType } from '../../compiler/ir/types.js';
import type { Device } from '../../runtime/device.js';
import { bindLaunch, type LaunchSpec, Tensor } from '../../runtime/index.js';
import type { Storage } from '../../runtime/storage.js';
import { extentOf } from '../../runtime/strides.js';

const beside = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const hasPython = spawnSync('python3', ['-c', 'import sys; sys.exit(sys.version_info < (3, 9))']).status === 0;
const hasCompiler = spawnSync('cc', ['--version']).status === 0;

interface PythonCases {
  readonly bound: readonly unknown[];
  readonly evaluated: readonly unknown[];
}
interface PythonResults {
  readonly bound: readonly { code?: string; variant?: number; grid?: object; programs?: number; bytes?: string }[];
  readonly evaluated: readonly string[];
}

function runPython(cases: Partial<PythonCases>): PythonResults {
  const input = JSON.stringify({ bound: [], evaluated: [], ...cases });
  const { status, stdout, stderr } = spawnSync('python3', [beside('bind_cases.py')], {
    input,
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  if (status !== 0) throw new Error(stderr);
  return JSON.parse(stdout) as PythonResults;
}

function bitsOf(x: number): string {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleBE(x);
  return bytes.toString('hex');
}
/** One spelling for all NaN. */
const spelled = (x: number): string => (Number.isNaN(x) ? 'NaN' : bitsOf(x));
const canonical = (bits: string): string => spelled(Buffer.from(bits, 'hex').readDoubleBE());

// ---- expressions

const NAMES = { a: 7, b: -2.5, zero: 0, minus: -0, big: 2 ** 40, inf: Infinity, nan: Number.NaN };
const leaf: fc.Arbitrary<Expr> = fc.oneof(
  fc.constantFrom<Expr>(...Object.keys(NAMES)),
  fc.integer({ min: -9, max: 9 }),
  fc.constantFrom(0.5, 1e300, -1.5, 3.25),
);
const BINARY = ['+', '-', '*', '/', '%', 'idiv', 'cdiv', 'min', 'max', '<', '<=', '>', '>=', '==', '!=', '&&', '||'];
const UNARY = ['!', 'neg', 'floor', 'ceil', 'sqrt', 'abs'];
const expression = fc.letrec<{ tree: Expr }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.tuple(fc.constantFrom(...BINARY), tie('tree'), tie('tree')).map((e) => e as unknown as Expr),
    fc.tuple(fc.constantFrom(...UNARY), tie('tree')).map((e) => e as unknown as Expr),
    fc.tuple(fc.constant('?:'), tie('tree'), tie('tree'), tie('tree')).map((e) => e as unknown as Expr),
  ),
})).tree;
/** Powers and logarithms that are exact in every library; others may differ in the last bit. */
const EXACT: readonly Expr[] = [
  ...[-2, -1, 0, 1, 2, 3].flatMap((a) => [-3, -1, 0, 1, 4].map((b): Expr => ['**', a, b])),
  ...['zero', 'minus', 'inf', 'nan', 1, -1].flatMap((a) =>
    ['zero', 'minus', 'inf', 'nan', ['neg', 'inf'] as Expr, -1, -2].map((b): Expr => ['**', a, b]),
  ),
  ...[1, 2, 8, 1024, 0.5, 'zero', 'inf', 'nan', -1].map((a): Expr => ['log2', a]),
  ['**', 1e300, 2],
  ['**', -1e300, 3],
];

// ---- launches

interface TensorCase {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
  /** Tensors of one number share their memory. */
  readonly storage: number;
}
type ArgCase = TensorCase | { readonly scalar: number } | null;

const ARGS: readonly ArgSpec[] = [
  { name: 'x', dir: 'in', dtype: 'T', dims: ['A', 'B'] },
  { name: 'w', dir: 'in', dtype: 'f32', dims: ['B'] },
  { name: 'h', dir: 'scalar', dtype: 'f16' },
  { name: 'p', dir: 'scalar', dtype: 'bf16' },
  { name: 's', dir: 'scalar', dtype: 'f32' },
  { name: 'n', dir: 'scalar', dtype: 'i32' },
  { name: 'y', dir: 'out', dtype: 'T', dims: ['A', 'B'] },
  { name: 'z', dir: 'inout', dtype: 'f32', dims: ['A', 'Z'] },
];
const PARAMS: readonly ParamSlot[] = [
  { dim: 'A' },
  { stride: ['x', 0] },
  { dim: 'B' },
  { grid: 'm' },
  { scalar: 'h', dtype: 'f16' },
  { stride: ['z', 0] },
  { scalar: 'p', dtype: 'bf16' },
  { scalar: 's', dtype: 'f32' },
  { scalar: 'n', dtype: 'i32' },
  { stride: ['y', 1] },
  { grid: 'b' },
];

const floats = fc.oneof(
  fc.double(),
  fc.float(),
  fc.constantFrom(0, -0, 65504, 65519.99, 65520, 2 ** -24, 2 ** -25, 1 + 2 ** -8, 1 + 2 ** -11, 3.4e38, 3.5e38, 1e-45),
);
const often = <T>(usual: T, ...rare: fc.Arbitrary<T>[]): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12 * rare.length, arbitrary: fc.constant(usual) }, ...rare);

/** A tensor of the shape, rows dense or with gaps, sometimes transposed or broadcast, sometimes of the wrong kind. */
function tensorCase(dtype: DType, shape: readonly number[], home: number): fc.Arbitrary<TensorCase> {
  const row = shape.at(-1) ?? 1;
  const strided = fc.record({
    shape: often<readonly number[]>(shape, fc.constant([...shape, 1]), fc.constant(shape.map((n) => n + 1))),
    pad: fc.constantFrom(0, 0, 0, 8, 4, 1, 2 ** 33),
    step: fc.constantFrom(1, 1, 1, 1, 2, 0),
  });
  return fc
    .record({
      dtype: often<DType>(dtype, fc.constantFrom<DType>('f32', 'bf16', 'i32')),
      geometry: strided,
      offset: fc.constantFrom(0, 0, 8, 64, 1, 4, 100),
      storage: often(home, fc.constant(0)),
    })
    .map(({ dtype, geometry: { shape, pad, step }, offset, storage }) => {
      const strides = shape.map((_, axis) => (axis === shape.length - 1 ? step : row * Math.max(step, 1) + pad));
      return { dtype, shape, strides, offset, storage };
    });
}

interface LaunchCase {
  readonly variants: readonly CudaVariant[];
  readonly args: Readonly<Record<string, ArgCase>>;
  readonly sm: number;
  readonly sharedBytes: number;
}

const facts: fc.Arbitrary<ArgFacts> = fc.record({ contiguous: fc.boolean(), align: fc.constantFrom(1, 1, 2, 4, 8) });
const sizes = fc.constantFrom(0, 1, 2, 3, 7, 8, 16, 24, 64);

const variantOf = (T: DType, B: number): fc.Arbitrary<CudaVariant> =>
  fc
    .record({
      T: often<DType>(T, fc.constantFrom<DType>('f32', 'bf16')),
      B: often(B, sizes),
      facts: fc.record({ x: facts, y: facts, w: facts }, { requiredKeys: [] }),
      sm: fc.constantFrom(80, 80, 90),
      sharedBytes: fc.constantFrom(0, 49152, 200_000),
      unused: fc.constantFrom<readonly string[]>(['z'], []),
      BM: fc.constantFrom(1, 2, 16),
    })
    .map(({ T, B, BM, ...rest }) => ({
      ...{ target: 'cuda' as const, text: '', entry: 'k', block: [128, 1, 1] as const, params: PARAMS },
      ...{ bindings: [], config: { BM }, ...rest },
      when: { dtypes: { T }, comptime: { B }, facts: rest.facts as Record<string, ArgFacts> },
    }));

const launchCase: fc.Arbitrary<LaunchCase> = fc
  .record({ A: sizes, B: sizes, Z: sizes, T: fc.constantFrom<DType>('f32', 'f16', 'bf16') })
  .chain(({ A, B, Z, T }) =>
    fc.record({
      variants: fc.array(variantOf(T, B), { minLength: 1, maxLength: 3 }),
      args: fc
        .record<Record<string, ArgCase>>({
          x: tensorCase(T, [A, B], 1),
          w: tensorCase('f32', [B], 2),
          h: floats.map((scalar) => ({ scalar })),
          p: floats.map((scalar) => ({ scalar })),
          s: floats.map((scalar) => ({ scalar })),
          n: often(5, fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 2 ** 31, 0.5, -1)).map((scalar) => ({ scalar })),
          y: tensorCase(T, [A, B], 3),
          z: fc.oneof<fc.Arbitrary<ArgCase>[]>(tensorCase('f32', [A, Z], 4), fc.constant(null)),
        })
        .chain((all) => {
          const { w: _missing, ...fewer } = all;
          return often(all, fc.constant(fewer), fc.constant({ ...all, extra: null }));
        }),
      sm: fc.constantFrom(90, 90, 90, 80, 75),
      sharedBytes: fc.constantFrom(232_448, 101_376),
    }),
  );

const SPEC: LaunchSpec = {
  kernel: 'k',
  args: ARGS,
  dtypes: { T: ['f32', 'f16', 'bf16'] },
  grid: [
    ['m', ['cdiv', 'A', 'BM']],
    ['b', ['+', 'Z', 1]],
  ],
};

/** As much of a CUDA device as binding a launch looks at. */
const deviceOf = ({ sm, sharedBytes }: LaunchCase): Device =>
  ({
    backend: 'cuda',
    name: 'fake GPU',
    info: { sm },
    limits: {
      maxWorkgroupBytes: sharedBytes,
      maxInvocations: 1024,
      maxStorageBindings: Number.POSITIVE_INFINITY,
      maxBindingBytes: Number.POSITIVE_INFINITY,
      maxGridAxis: 2 ** 31 - 1,
    },
  }) as unknown as Device;

/** Variant, grid and bytes of the first variant that TypeScript binds, or every code that it refused one with. */
function boundHere(c: LaunchCase): { variant: number; programs: number; grid: object; bytes: string } | Set<string> {
  const device = deviceOf(c);
  const storages = new Map<string, Storage>();
  const args = Object.fromEntries(
    Object.entries(c.args).map(([name, a]) => [name, a === null ? null : 'scalar' in a ? a.scalar : tensor(a)]),
  );
  function tensor({ dtype, shape, strides, offset, storage: number }: TensorCase): Tensor {
    const key = `${number} ${dtype}`;
    const storage = storages.get(key) ?? ({ freed: false, elements: 0, dtype } as unknown as Storage);
    storages.set(key, storage);
    const allocation = { storage, begin: 0, end: offset + extentOf(shape, strides), poisoned: false };
    return new Tensor(device, dtype as Tensor['dtype'], shape, strides, offset, allocation);
  }
  const codes = new Set<string>();
  for (const [index, variant] of c.variants.entries()) {
    try {
      const { programs, grid, paramBytes } = bindLaunch(device, SPEC, variant, args);
      return { variant: index, programs, grid, bytes: Buffer.from(paramBytes).toString('hex') };
    } catch (error) {
      if (!(error instanceof LacError)) throw error;
      for (const { code } of error.diagnostics) codes.add(code);
    }
  }
  return codes;
}

/** The same tensors at addresses: each memory has a terabyte of its own for each dtype. */
function forPython({ variants, args, sm, sharedBytes }: LaunchCase): unknown {
  const spans: Record<string, number> = { f32: 0, f16: 1, bf16: 2, i32: 3, f64: 4 };
  const shown = Object.entries(args).map(([name, a]) => {
    if (a === null) return [name, null];
    if ('scalar' in a) return [name, { bits: bitsOf(a.scalar) }];
    const address = (a.storage * 8 + (spans[a.dtype] ?? 7) + 1) * 2 ** 44 + a.offset * bytesOf(a.dtype);
    return [name, { dtype: a.dtype, shape: a.shape, strides: a.strides, address }];
  });
  return { manifest: { ...SPEC, variants }, args: Object.fromEntries(shown), sm, sharedBytes };
}

describe.skipIf(!hasPython)('lac_torch.py', () => {
  test('expressions have the values that TypeScript gives them', () => {
    const expressions = [...fc.sample(expression, { numRuns: 1500, seed: 1 }), ...EXACT];
    const names = Object.fromEntries(Object.entries(NAMES).map(([name, x]) => [name, bitsOf(x)]));
    const { evaluated } = runPython({ evaluated: expressions.map((e) => ({ expression: e, names })) });
    const here = expressions.map((e) => [e, spelled(evaluateExpr(e, NAMES))]);
    expect(expressions.map((e, i) => [e, canonical(evaluated[i] as string)])).toEqual(here);
  });

  test('launches get the same variant, grid and parameter bytes, or are refused for the same reason', () => {
    const cases = fc.sample(launchCase, { numRuns: 1500, seed: 2 });
    const { bound } = runPython({ bound: cases.map(forPython) });
    const seen = new Set<string>();
    for (const [i, c] of cases.entries()) {
      const here = boundHere(c);
      const there = bound[i];
      const story = JSON.stringify([c, there, here instanceof Set ? [...here] : here]);
      if (here instanceof Set) expect([...here], story).toContain(there?.code);
      else expect(there, story).toEqual(here);
      seen.add(there?.code ?? `variant ${there?.variant}`);
    }
    // Each refusal was provoked, and each place of a variant was taken.
    const provoked = [
      'LAC0601',
      'LAC0602',
      'LAC0603',
      'LAC0604',
      'LAC0605',
      'LAC0606',
      'LAC0607',
      'LAC0608',
      'LAC0611',
    ];
    expect([...seen]).toEqual(expect.arrayContaining([...provoked, 'LAC0612', 'LAC0613', 'LAC0617', 'LAC0619']));
    expect([...seen]).toEqual(expect.arrayContaining(['variant 0', 'variant 1', 'variant 2']));
  });

  test.skipIf(!hasCompiler)('a launch gives the driver what the program takes, and its errors get their names', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'lac-torch-'));
    try {
      const cc = ['-shared', '-fPIC', '-o', path.join(folder, 'libcuda.so.1'), beside('fake_libcuda.c')];
      expect(spawnSync('cc', cc, { encoding: 'utf8' }).stderr).toBe('');
      const manifests = [
        writeAxpy(folder, 'good', '.entry axpy'),
        writeAxpy(folder, 'bad', 'nonsense'),
        writePlan(folder),
      ];
      const env = { ...process.env, LD_LIBRARY_PATH: folder };
      const { stdout, stderr } = spawnSync('python3', [beside('launch_cases.py'), ...manifests], {
        encoding: 'utf8',
        env,
      });
      expect(stderr).toBe('');
      const { y, z, ...rest } = JSON.parse(stdout) as { y: number[]; z: number[] };
      expect(z).toEqual(Array.from({ length: 100 }, (_, i) => 1 + 2 * 3 * (1 + 2 * i)));
      expect(y).toEqual(Array.from({ length: 100 }, (_, i) => 1 + 4.5 * i));
      expect(rest).toEqual({
        attributes: {
          ...{ registers: 104, local_bytes: 103, shared_bytes: 101, max_threads: 100, dynamic_shared_bytes: 65536 },
          ...{ file: 'good.ptx', grid: { n: 2 } },
        },
        log: "CudaError [LAC0709] cuModuleLoadDataEx: CUDA_ERROR_INVALID_PTX: line 3: parsing error near 'nonsense'",
        devices: 'DeviceError [LAC0610] the tensors have to be on one CUDA device; they are on cuda:0, cuda:1',
        made: [...Array(2).fill([[100], 1, 'torch.float32', 'cuda:0']), [[1], 1, 'torch.float32', 'cuda:0']],
        planned: 'LayoutError [LAC0608] the bytes of x and z overlap, and one of them is written',
        overlap: 'LayoutError [LAC0608] the bytes of x and y overlap, and one of them is written',
        host: 'ArgumentError [LAC0623] x takes a tensor, not list',
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});

/** t = 1 + 2 x; z += f t where N > 1, else not; a temporary that no step takes is not made. */
function writePlan(folder: string): string {
  const kernel = JSON.parse(readFileSync(writeAxpy(folder, 'step', '.entry axpy'), 'utf8')) as Manifest;
  const args: ArgSpec[] = [
    { name: 'x', dir: 'in', dtype: 'f32', dims: ['N'] },
    { name: 'f', dir: 'scalar', dtype: 'f32' },
    { name: 'z', dir: 'inout', dtype: 'f32', dims: ['N'] },
  ];
  const manifest = path.join(folder, 'plan.json');
  const plan: PlanSpec & Partial<PlanManifest> = {
    ...{ lac: 1, kernel: 'plan', args, dtypes: {}, config: { G: 2 }, kernels: { step: kernel } },
    temps: [
      { name: 't', dtype: 'f32', shape: ['N'], fill: 1 },
      { name: 'idle', dtype: 'f32', shape: [['*', 'N', 'G']], fill: null },
    ],
    steps: [
      { kernel: 'step', when: null, args: { x: { tensor: 'x' }, y: { tensor: 't' }, a: { number: 'G' } }, config: {} },
      {
        ...{ kernel: 'step', when: ['>', 'N', 1], config: {} },
        args: { x: { tensor: 't' }, y: { tensor: 'z' }, a: { number: 'f' } },
      },
    ],
  };
  writeFileSync(manifest, JSON.stringify(plan));
  return manifest;
}

/** A manifest of y += a x, as `lac compile` would write it, with this program beside it. */
function writeAxpy(folder: string, name: string, text: string): string {
  const variant: Omit<CudaVariant, 'text'> = {
    ...{ target: 'cuda', sm: 80, file: `${name}.ptx`, entry: 'axpy', config: { BM: 64 }, block: [64, 1, 1] },
    ...{ sharedBytes: 65536, unused: [], when: { dtypes: {}, comptime: {}, facts: {} } },
    params: [{ dim: 'N' }, { scalar: 'a', dtype: 'f32' }],
    bindings: ['x', 'y'].map((arg, index) => ({ arg, index, access: index === 0 ? 'read' : 'read_write' })),
  };
  const args: ArgSpec[] = [
    { name: 'x', dir: 'in', dtype: 'f32', dims: ['N'] },
    { name: 'y', dir: 'inout', dtype: 'f32', dims: ['N'] },
    { name: 'a', dir: 'scalar', dtype: 'f32' },
  ];
  const grid = [['n', ['cdiv', 'N', 'BM']]];
  const manifest = path.join(folder, `${name}.json`);
  writeFileSync(path.join(folder, `${name}.ptx`), text);
  writeFileSync(manifest, JSON.stringify({ lac: 1, kernel: 'axpy', args, dtypes: {}, grid, variants: [variant] }));
  return manifest;
}
