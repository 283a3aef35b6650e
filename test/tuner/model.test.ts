import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bindKernel } from '../../driver/bind.js';
import { SourceProject, withOptions } from '../../driver/source.js';
import { EmulateDevice } from '../../runtime/emulate/device.js';
import { openDevice } from '../../runtime/open.js';
import { estimator } from '../../tuner/model/estimate.js';
import { gpuTime, type Launch } from '../../tuner/model/gpu-time.js';
import { machineOf } from '../../tuner/model/machine.js';
import { occupancy } from '../../tuner/model/occupancy.js';
import { work } from '../../tuner/model/work.js';
import { type Case, CUDA, DESKTOP, estimatorOf, H100, kernelNamed, modelOf, WEBGPU, workOf } from './model-kernels.js';

const GEMM = kernelNamed('gemm', 'kernels/gemm/gemm.ts');
const LIGHTNING = kernelNamed('lightningFwd', 'kernels/lightning/forward.ts');
const heads = (H: number, N: number, D: number) => ({ B: 1, H, HK: H, N, D, E: D });
const lightning = (dims: Case['dims'], target = CUDA) => ({ kernel: LIGHTNING, dims, target });

describe('what is counted', () => {
  test('bytes of a copy are those of its tensors, whatever is ragged', () => {
    const copies = [
      [kernelNamed('copy'), { C: 16, warps: 2, stages: 2 }],
      [kernelNamed('copyInOne'), { C: 8, warps: 2, stages: 3 }],
      [kernelNamed('copyInOne'), { C: 16, warps: 2, stages: 1 }],
    ] as const;
    for (const [kernel, config] of copies)
      for (const N of [0, 1, 15, 16, 17, 100, 160])
        for (const target of [CUDA, WEBGPU]) {
          const { readBytes, writtenBytes } = workOf({ kernel, dims: { N, D: 24 }, target }, config);
          expect([readBytes, writtenBytes].map(Math.round)).toEqual([N * 48, N * 48]);
        }
  });

  test('a product of M x N x K is 2 M N K operations, on tensor cores and in multiply-adds', () => {
    const config = { BM: 32, BN: 64, BK: 32, warps: 4, stages: 2 };
    const dims = { M: 64, N: 128, K: 96 };
    const flops = 2 * 64 * 128 * 96;
    const of = (T: 'bf16' | 'f32', target = CUDA) => workOf({ kernel: GEMM, dims, T, target }, config);
    expect(of('bf16')).toMatchObject({ tensorFlops: flops, tf32Flops: 0, productFlops: 0, writtenBytes: 64 * 128 * 2 });
    // f32 operands are three products in tf32.
    expect(of('f32')).toMatchObject({ tensorFlops: 0, tf32Flops: 3 * flops });
    expect(of('f32').halfRate).toBeGreaterThan(of('bf16').halfRate);
    expect(of('bf16', WEBGPU)).toMatchObject({ tensorFlops: 0, productFlops: flops });
  });

  test('what masks leave out of a product is not counted', () => {
    const one = (C: number) => workOf(lightning(heads(1, 128, 32)), { C, BE: 32, warps: 4, stages: 2, G: 1 });
    // Chunks of 128: of q k^T and of its product with v, the blocks of 32 columns above the diagonal: 6 of 16.
    const whole = 2 * (2 * 128 * 128 * 32) * (10 / 16) + 2 * (2 * 128 * 32 * 32);
    expect(one(128).tensorFlops).toBe(whole);
  });

  test('more tokens are more work and more time; more heads too', () => {
    const config = { C: 32, BE: 32, warps: 4, stages: 2, G: 1 };
    const at = (H: number, N: number): number => {
      const made = estimatorOf(lightning(heads(H, N, 32)))(config);
      return 'estimateMs' in made ? made.estimateMs : Number.NaN;
    };
    const times = [at(8, 256), at(8, 1024), at(8, 4096), at(512, 4096), at(4096, 4096)];
    expect(times).toEqual([...times].sort((a, b) => a - b));
    expect(new Set(times).size).toBe(times.length);
  });
});

describe('against the emulator, which counts as it runs', () => {
  const cases: readonly (readonly [name: string, of: Parameters<typeof workOf>[0], config: Record<string, number>])[] =
    [
      ['gemm', { kernel: GEMM, dims: { M: 64, N: 64, K: 128 } }, { BM: 64, BN: 64, BK: 32, warps: 4, stages: 2 }],
      ['lightning', lightning(heads(2, 128, 32)), { C: 64, BE: 32, warps: 8, stages: 2, G: 1 }],
      ['copy', { kernel: kernelNamed('copy'), dims: { N: 64, D: 64 } }, { C: 16, warps: 2, stages: 2 }],
    ];

  test.each(cases)('%s: products exactly, memory and instructions nearly', async (_name, of, config) => {
    const device = await openDevice('emulate:sm_90');
    if (!(device instanceof EmulateDevice)) throw new Error('no emulator');
    const tensors = of.kernel.args.flatMap((arg) => {
      if (arg.dir === 'scalar' || arg.optional === true ? !['q', 'o', 'slope'].includes(arg.name) : false) return [];
      if (arg.dir === 'scalar') return [];
      const shape = arg.dims.map((d) => of.dims[d] ?? 0);
      return [[arg.name, device.empty(arg.dtype === 'f32' ? 'f32' : 'bf16', shape).fill(0)] as const];
    });
    const none = of.kernel.args.map((arg) => [arg.name, null] as const);
    const { plan } = bindKernel(of.kernel, device, Object.fromEntries([...none, ...tensors]), config);
    const counted = await device.count(plan);
    device.destroy();
    if (counted === null) throw new Error('nothing was counted');
    const sum = (of: Readonly<Record<string, number | undefined>>): number =>
      Object.values(of).reduce<number>((n, x) => n + (x ?? 0), 0);
    const model = workOf(of, config);
    expect(model.tensorFlops / 4096).toBe(counted.instructions.mma);
    const near = (ours: number, theirs: number, by: number): void => {
      expect(ours).toBeGreaterThanOrEqual(theirs / by);
      expect(ours).toBeLessThanOrEqual(theirs * by);
    };
    near(model.sectorBytes, sum(counted.globalSectors) * 32, 1.02);
    // Shuffles go the same way as shared memory.
    near(model.wavefronts, sum(counted.sharedWavefronts) + counted.instructions.shuffle, 1.05);
    near(model.special, counted.instructions.mufu, 1.25);
    // ptxas removes the moves.
    near(model.issued, sum(counted.instructions) - counted.instructions.move, 2);
  });
});

describe('how many programs a multiprocessor holds', () => {
  const most = (threads: number, registers: number, sharedBytes: number) =>
    occupancy({ threads, registers, sharedBytes, programs: 1 }, H100);

  test('is what the programming guide says', () => {
    expect(most(128, 168, 73728)).toMatchObject({ programs: 3, limitedBy: 'registers' });
    expect(most(256, 246, 180224)).toMatchObject({ programs: 1, warps: 8, share: 8 / 64 });
    expect(most(256, 64, 100 * 1024)).toMatchObject({ programs: 2, limitedBy: 'shared memory' });
    expect(most(1024, 32, 0)).toMatchObject({ programs: 2, limitedBy: 'registers' });
    expect(most(64, 16, 0)).toMatchObject({ programs: 32, limitedBy: 'warps' });
    expect(most(32, 16, 0)).toMatchObject({ programs: 32, limitedBy: 'programs' });
  });

  test('more of anything never means more programs', () => {
    const thing = fc.tuple(fc.integer({ min: 1, max: 32 }), fc.integer({ min: 1, max: 255 }), fc.nat(230000));
    fc.assert(
      fc.property(thing, thing, ([w, r, s], [dw, dr, ds]) => {
        const [few, many] = [most(w * 32, r, s), most((w + dw) * 32, r + dr, s + ds)];
        expect(many.programs).toBeLessThanOrEqual(few.programs);
      }),
    );
  });
});

describe('the time of a launch', () => {
  const launch = (programs: number, parts: Parameters<typeof work>[0]): Launch => ({
    ...{ work: work(parts), longest: 1, programs, threads: 256, sharedBytes: 200000, registers: 64, spilled: 0 },
    ...{ uniqueBytes: 0, loopInstructions: 0 },
  });

  test('comes in waves of as many programs as there is room for', () => {
    const at = (programs: number): number => gpuTime(launch(programs, { tensorCycles: 1e6 }), H100);
    expect(at(132)).toBeCloseTo(at(1), 10);
    expect(at(133)).toBeGreaterThan(1.9 * at(132));
    expect(at(264)).toBeCloseTo(at(133), 10);
  });

  test('is never below what memory, tensor cores and shared memory allow', () => {
    const least = (parts: Parameters<typeof work>[0], uniqueBytes: number): number =>
      gpuTime({ ...launch(132, parts), uniqueBytes }, H100);
    expect(least({}, 3e9)).toBeGreaterThanOrEqual(1);
    expect(least({ wavefronts: H100.clocksPerMs }, 0)).toBeGreaterThanOrEqual(1);
    expect(least({ tensorCycles: H100.clocksPerMs }, 0)).toBeGreaterThanOrEqual(1);
    expect(least({ issued: 4 * H100.clocksPerMs }, 0)).toBeGreaterThanOrEqual(1);
    expect(least({ halfRate: 2 * H100.clocksPerMs }, 0)).toBeGreaterThanOrEqual(1);
  });

  test('warps of small programs are spread over the sub-cores of a multiprocessor', () => {
    const small = { threads: 64, sharedBytes: 1000 };
    const at = (programs: number): number => gpuTime({ ...launch(programs, { tensorCycles: 1e6 }), ...small }, H100);
    // Two warps, alone: as long as each takes. Two programs: on four sub-cores, nearly the same.
    expect(at(2 * 132)).toBeLessThan(1.3 * at(132));
    expect(at(8 * 132)).toBeGreaterThan(2.5 * at(132));
  });

  test('a loop beyond the cache for instructions takes longer by what it is longer', () => {
    const at = (loopInstructions: number): number =>
      gpuTime({ ...launch(132, { issued: 1e7 }), loopInstructions }, H100);
    expect(at(4000)).toBe(at(100));
    expect(at(16384) / at(4096)).toBeCloseTo(4, 1);
  });

  test('where programs differ, the longest has its say', () => {
    const even = launch(132, { issued: 1e6 });
    expect(gpuTime({ ...even, longest: 2 }, H100)).toBeGreaterThan(1.9 * gpuTime(even, H100));
  });
});

describe('the estimator', () => {
  test('says what a configuration exceeds, and foretells it of larger ones', () => {
    const estimate = estimatorOf(lightning(heads(4, 256, 256), WEBGPU));
    const first = estimate({ C: 64, BE: 64, warps: 8, stages: 2, G: 1 });
    expect(first).toMatchObject({
      state: 'limit',
      code: 'LAC0501',
      why: expect.stringContaining('the device has 32768'),
    });
    const larger = estimate({ C: 128, BE: 128, warps: 8, stages: 2, G: 1 });
    expect(larger).toMatchObject({ state: 'limit', code: 'LAC0501', why: expect.stringMatching(/^as of C=64 BE=64/) });
  });

  test('registers, and invocations', () => {
    const estimate = estimatorOf(lightning(heads(4, 256, 128)));
    const wide = estimate({ C: 128, BE: 128, warps: 2, stages: 1, G: 1 });
    expect(wide).toMatchObject({ state: 'limit', code: 'LAC0503', why: expect.stringContaining('a thread has 255') });
    const copy = { kernel: kernelNamed('copy'), dims: { N: 512, D: 8 }, target: WEBGPU };
    expect(estimatorOf(copy)({ C: 8, warps: 16, stages: 2 })).toMatchObject({ state: 'limit', code: 'LAC0502' });
  });

  test('registers that may suffice are no limit, whatever is too large; that some spill counts', () => {
    const estimate = estimatorOf(lightning(heads(4, 256, 128)));
    const msOf = (BE: number, warps: number, isTight: boolean): number => {
      const made = estimate({ C: 64, BE, warps, stages: 2, G: 1 });
      if ('state' in made) throw new Error(made.why);
      expect(made.isTight).toBe(isTight);
      return made.estimateMs;
    };
    expect(estimate({ C: 128, BE: 128, warps: 2, stages: 1, G: 1 })).toMatchObject({ code: 'LAC0503' });
    expect(msOf(128, 2, true)).toBeGreaterThan(2 * msOf(128, 8, false));
    expect(msOf(64, 2, true)).toBeGreaterThan(1.5 * msOf(64, 4, false));
  });

  test('configurations with one program are one', () => {
    const config = { C: 8, warps: 2 };
    const whole = estimatorOf({ kernel: kernelNamed('copy'), dims: { N: 64, D: 32 } });
    expect(whole({ ...config, stages: 2 })).toHaveProperty('estimateMs');
    expect(whole({ ...config, stages: 3 })).toEqual({ state: 'same', why: 'the program of C=8 warps=2 stages=2' });
    expect(whole({ ...config, C: 16, stages: 3 })).toHaveProperty('estimateMs');
    // The same answer when asked again.
    expect(whole({ ...config, stages: 2 })).toHaveProperty('estimateMs');
    // A pipeline in WebGPU is one trip deep, or none.
    const web = estimatorOf({ kernel: kernelNamed('copyInOne'), dims: { N: 64, D: 32 }, target: WEBGPU });
    expect([2, 3, 1].map((stages) => 'state' in web({ ...config, stages }))).toEqual([false, true, false]);
  });

  test('a plan takes as long as its launches, and as much as the largest', () => {
    const [plan] = new SourceProject().read('kernels/lightning/segments.ts').plans;
    if (plan === undefined) throw new Error('no plan');
    const of = { kernel: plan, dims: heads(16, 4096, 32) };
    const made = estimatorOf(of)({ G: 2, pieces: 1 });
    if ('state' in made) throw new Error(made.why);
    expect(made.estimateMs).toBeGreaterThan(3 * H100.launchMs);
    expect(made.resources.programs).toBeGreaterThanOrEqual(3 * 16);
  });

  test('says the same for the same, in another process too', () => {
    const [a, b] = [1, 2].map(() => estimatorOf(lightning(heads(16, 1024, 64))));
    const config = { C: 64, BE: 64, warps: 4, stages: 2, G: 1 };
    expect(a?.(config)).toEqual(b?.(config));
  });
});

/** Milliseconds on an H100, 2026-11-22 (docs/performance.md, docs/reports/blocks.md); best first. */
type Measured = readonly (readonly [config: string, ms: number])[];
const MEASURED: readonly (readonly [name: string, of: Case, rows: Measured])[] = [
  [
    'lightning',
    lightning(heads(128, 8192, 64)),
    [
      ['C=128 BE=64 warps=8 stages=2 G=1', 0.188],
      ['C=64 BE=64 warps=4 stages=2 G=1', 0.212],
      ['C=32 BE=64 warps=4 stages=2 G=1', 0.256],
      ['C=32 BE=32 warps=8 stages=2 G=1', 0.327],
      ['C=16 BE=64 warps=8 stages=2 G=1', 0.393],
      ['C=128 BE=16 warps=8 stages=2 G=1', 0.502],
      ['C=32 BE=16 warps=8 stages=2 G=1', 0.614],
    ],
  ],
  [
    'lightning, few heads',
    lightning(heads(16, 1024, 128)),
    [
      ['C=64 BE=32 warps=4 stages=2 G=1', 0.0264],
      ['C=64 BE=64 warps=4 stages=2 G=1', 0.0315],
      ['C=32 BE=64 warps=8 stages=2 G=1', 0.043],
      ['C=16 BE=64 warps=8 stages=2 G=1', 0.0531],
      ['C=16 BE=128 warps=8 stages=2 G=1', 0.0658],
    ],
  ],
  [
    'flash attention',
    {
      kernel: withOptions(kernelNamed('flashFwd', 'kernels/flash/forward.ts'), { causal: true }),
      dims: { B: 4, H: 32, M: 4096, N: 4096, D: 128 },
    },
    [
      ['BM=128 BN=64 warps=4 stages=2', 1.409],
      ['BM=64 BN=64 warps=4 stages=2', 1.752],
      ['BM=128 BN=64 warps=8 stages=2', 2.065],
      ['BM=128 BN=32 warps=8 stages=3', 2.377],
    ],
  ],
  [
    'a product',
    { kernel: GEMM, dims: { M: 4096, N: 4096, K: 4096 } },
    [
      ['BM=128 BN=256 BK=128 warps=8 stages=2', 0.296],
      ['BM=128 BN=128 BK=64 warps=4 stages=3', 0.322],
    ],
  ],
  [
    'lightning through WebGPU',
    { ...lightning(heads(128, 8192, 64), DESKTOP), T: 'f32' },
    [
      ['C=32 BE=64 warps=8 stages=2 G=1', 1.6],
      ['C=16 BE=64 warps=8 stages=2 G=1', 2.41],
      ['C=64 BE=64 warps=4 stages=2 G=1', 3.41],
      ['C=64 BE=16 warps=4 stages=2 G=1', 7.25],
    ],
  ],
];

describe('ranks as an H100 does', () => {
  test.each(MEASURED)('%s', (_name, of, rows) => {
    const estimate = estimatorOf(of);
    const found = rows.map(([text, ms]) => {
      const config = Object.fromEntries(
        text.split(' ').map((pair) => [pair.split('=')[0], Number(pair.split('=')[1])]),
      );
      const made = estimate(config as Record<string, number>);
      if ('state' in made) throw new Error(made.why);
      return { ms, estimateMs: made.estimateMs };
    });
    const best = Math.min(...found.map((x) => x.ms));
    const [first] = [...found].sort((a, b) => a.estimateMs - b.estimateMs);
    expect(first?.ms).toBeLessThanOrEqual(1.07 * best);
    // Of two that are a quarter apart, the model knows which is better.
    const apart = found.flatMap((a) => found.filter((b) => b.ms > 1.25 * a.ms).map((b) => [a, b] as const));
    const wrong = apart.filter(([a, b]) => a.estimateMs >= b.estimateMs);
    expect(wrong.length).toBeLessThanOrEqual(apart.length / 10);
    for (const { ms, estimateMs } of found) expect(Math.abs(Math.log2(estimateMs / ms))).toBeLessThan(1);
  });
});

describe('a CPU', () => {
  const swift = machineOf({
    ...{ backend: 'webgpu', name: 'SwiftShader (CPU)' },
    info: { kind: 'software', vendor: '', architecture: '', driver: '', subgroup: [4, 4] },
  });
  const estimate = estimator(LIGHTNING, {
    ...{ dims: heads(4, 512, 32), dtypes: { T: 'f32' as const }, target: WEBGPU },
    machine: { ...swift, multiprocessors: 2 },
  });
  /** Milliseconds of two cores' processor time, 2026-11-22. */
  const measured = [
    [{ C: 32, BE: 32, warps: 2 }, 23],
    [{ C: 16, BE: 32, warps: 4 }, 55],
    [{ C: 32, BE: 16, warps: 4 }, 82],
  ] as const;

  test('takes as long as SwiftShader did, or half or twice that', () => {
    const found = measured.map(([config, ms]) => {
      const made = estimate({ ...config, stages: 2, G: 1 });
      if ('state' in made) throw new Error(made.why);
      return made.estimateMs / (ms / 2);
    });
    for (const ratio of found) expect(Math.abs(Math.log2(ratio))).toBeLessThan(1);
    const times = found.map((ratio, i) => ratio * (measured[i]?.[1] ?? 0));
    expect(times).toEqual([...times].sort((a, b) => a - b));
  });
});

describe('machines', () => {
  const info = { vendor: '', architecture: '', driver: '', subgroup: [32, 32] as const };

  test('a GPU is known by its generation, through WebGPU by its name', () => {
    const named = machineOf({
      backend: 'webgpu',
      name: 'nvidia nvidia-h100-80gb-hbm3',
      info: { ...info, kind: 'gpu' },
    });
    expect(named).toMatchObject({ kind: 'gpu', bytesPerMs: H100.bytesPerMs, multiprocessors: 132 });
    const newer = machineOf({
      backend: 'cuda',
      name: 'x',
      info: { ...info, kind: 'gpu', sm: 103, multiprocessors: 160 },
    });
    expect(newer).toMatchObject({ multiprocessors: 160, registers: 65536 });
  });

  test('what was measured is believed', () => {
    const device = { backend: 'cuda', name: 'x', info: { ...info, kind: 'gpu', sm: 90 } } as const;
    expect(machineOf(device, { bytesPerMs: 5 }).bytesPerMs).toBe(5);
  });

  test('SwiftShader is a CPU', () => {
    const device = { backend: 'webgpu', name: 'SwiftShader (CPU)', info: { ...info, kind: 'software' } } as const;
    expect(machineOf(device)).toMatchObject({ kind: 'software', programs: 1 });
  });
});

test('what another process has found out is as good as what is found out here', () => {
  const of = { kernel: kernelNamed('copy'), dims: { N: 64, D: 32 } };
  const [here, there] = [estimatorOf(of), estimatorOf(of)];
  const configs = [8, 16].flatMap((C) => [1, 2, 3].map((stages) => ({ C, warps: 2, stages })));
  for (const config of [...configs, { C: 8, warps: 16, stages: 2 }]) {
    const sent = structuredClone(modelOf(of).of(config));
    expect(there(config, sent)).toEqual(here(config));
  }
  // It is taken, and not found out again.
  const other = modelOf(of).of({ C: 16, warps: 2, stages: 1 });
  expect(estimatorOf(of)({ C: 8, warps: 2, stages: 1 }, other)).toEqual(
    estimatorOf(of)({ C: 16, warps: 2, stages: 1 }),
  );
});
