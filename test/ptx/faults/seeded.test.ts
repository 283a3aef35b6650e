import { describe, expect, it } from 'vitest';
import { flashFwd } from '../../../kernels/flash/forward.ref.js';
import { gemm } from '../../../kernels/gemm/gemm.ref.js';
import { simpleGlaFwd } from '../../../kernels/gla/simple.ref.js';
import { lightningFwd } from '../../../kernels/lightning/forward.ref.js';
import { addRmsNorm } from '../../../kernels/norm/add-rms-norm.ref.js';
import { IR_FAULTS } from './laid-out.js';
import { Subject, type SubjectSpec, type Verdict } from './subject.js';
import { idleWaits, TEXT_FAULTS, waitsForAll } from './text.js';

/** Our own programs for real kernels with one thing broken: the emulator reports it, or the comparison does. */

const lightning = { file: 'kernels/lightning/forward.ts', kernel: 'lightningFwd', reference: lightningFwd };
const flash = { file: 'kernels/flash/forward.ts', kernel: 'flashFwd', reference: flashFwd };
const product = { file: 'kernels/gemm/gemm.ts', kernel: 'gemm', reference: gemm };
const gla = { file: 'kernels/gla/simple.ts', kernel: 'simpleGlaFwd', reference: simpleGlaFwd };
const norm = { file: 'kernels/norm/add-rms-norm.ts', kernel: 'addRmsNorm', reference: addRmsNorm };

/** Sizes end in the first half of a block, and the last one before the first block is full: every guard is needed. */
const sequence = (D: number, ...lengths: readonly [number, ...number[]]) => {
  const [first, ...rest] = lengths.map((N) => ({ B: 1, H: 1, HK: 1, M: 40, N, D, E: D }));
  return [first ?? {}, ...rest] as const;
};
const products = [
  { M: 40, N: 64, K: 138 },
  { M: 40, N: 64, K: 42 },
  { M: 40, N: 64, K: 10 },
] as const;

const SMALL: readonly SubjectSpec[] = [
  {
    ...lightning,
    launches: sequence(64, 140, 10),
    config: { C: 32, BE: 64, warps: 8, stages: 2, G: 1 },
    dtype: 'bf16',
    sm: 90,
  },
  {
    ...product,
    launches: products,
    config: { BM: 32, BN: 64, BK: 32, warps: 4, stages: 3 },
    dtype: 'f16',
    sm: 80,
  },
  {
    ...flash,
    launches: sequence(64, 140, 10),
    config: { BM: 32, BN: 32, warps: 4, stages: 2 },
    dtype: 'bf16',
    sm: 90,
  },
];

const TEXT_KINDS = Object.keys(TEXT_FAULTS) as (keyof typeof TEXT_FAULTS)[];
const IR_KINDS = Object.keys(IR_FAULTS) as (keyof typeof IR_FAULTS)[];

interface Outcome {
  readonly fault: string;
  readonly verdict: Verdict;
}

/** The faults of a kind that nobody notices, but for waits and groups that make no difference. */
async function unnoticed(s: Subject, kind: keyof typeof TEXT_FAULTS): Promise<Outcome[]> {
  const idle = idleWaits(s.text);
  const faults = TEXT_FAULTS[kind](s.text).filter((f) => !idle.has(f.line));
  const outcomes: Outcome[] = [];
  for (const { what, text } of kind === 'no commit' && waitsForAll(s.text) ? [] : faults)
    outcomes.push({ fault: what, verdict: await s.runText(text) });
  return outcomes.filter((o) => o.verdict.kind === 'right');
}

async function unnoticedInIr(s: Subject, kind: keyof typeof IR_FAULTS): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { what, kernel } of IR_FAULTS[kind](s.kernel))
    outcomes.push({ fault: what, verdict: await s.runKernel(kernel) });
  return outcomes.filter((o) => o.verdict.kind === 'right');
}

describe.each(SMALL)('$kernel for sm_$sm with one thing broken', (spec) => {
  const subject = new Subject(spec);

  it('has nothing to report as it is', async () => {
    expect(await subject.runSound()).toEqual({ kind: 'right', sameBits: true });
  });

  it.each(TEXT_KINDS)('in PTX, %s', async (kind) => {
    expect(await unnoticed(subject, kind)).toEqual([]);
  });

  it.each(IR_KINDS)('in the laid-out IR, %s', async (kind) => {
    expect(await unnoticedInIr(subject, kind)).toEqual([]);
  });

  it('is broken in many ways', () => {
    const faults = TEXT_KINDS.flatMap((kind) => TEXT_FAULTS[kind](subject.text));
    const inIr = IR_KINDS.flatMap((kind) => IR_FAULTS[kind](subject.kernel));
    expect(faults.length).toBeGreaterThan(40);
    expect(inIr.length).toBeGreaterThan(8);
  });
});

/** Barriers of warps and of parts of the block, exchanges through shared memory, reductions: tuned blocks, f32. */
interface Synchronised extends SubjectSpec {
  /** What the text has. */
  readonly barriers: RegExp;
  /**
   * Barriers that could go: a reduction over warps in a loop brings two of its own, whatever stands around it, and
   * place-barriers does not know of them. Default 0.
   */
  readonly spare?: number;
}

const SYNCHRONISED: readonly Synchronised[] = [
  {
    ...lightning,
    launches: sequence(128, 140),
    config: { C: 64, BE: 128, warps: 8, stages: 2, G: 1 },
    dtype: 'bf16',
    sm: 90,
    barriers: /bar\.sync 0;[\s\S]*bar\.warp\.sync/,
  },
  {
    ...lightning,
    launches: sequence(64, 100),
    config: { C: 32, BE: 64, warps: 8, stages: 1, G: 1 },
    dtype: 'f32',
    sm: 80,
    barriers: /bar\.sync %r\d+, 128;/,
  },
  {
    ...gla,
    launches: sequence(64, 100),
    config: { C: 32, BE: 64, warps: 8, stages: 2 },
    dtype: 'f32',
    sm: 90,
    barriers: /bar\.sync 0;/,
  },
  {
    ...flash,
    launches: sequence(128, 140),
    config: { BM: 128, BN: 64, warps: 8, stages: 2 },
    dtype: 'bf16',
    sm: 90,
    barriers: /bar\.sync 0;[\s\S]*bar\.warp\.sync/,
  },
  {
    ...flash,
    launches: sequence(64, 140),
    config: { BM: 32, BN: 64, warps: 8, stages: 2 },
    dtype: 'f32',
    sm: 80,
    barriers: /bar\.sync 0;[\s\S]*bar\.sync 0;/,
    spare: 3,
  },
  {
    ...product,
    launches: [
      { M: 130, N: 256, K: 330 },
      { M: 130, N: 256, K: 270 },
      { M: 130, N: 256, K: 200 },
    ],
    config: { BM: 128, BN: 256, BK: 64, warps: 8, stages: 3 },
    dtype: 'bf16',
    sm: 90,
    barriers: /bar\.sync 0;[\s\S]*bar\.warp\.sync/,
  },
  {
    ...norm,
    launches: [{ M: 9, K: 1024 }],
    config: { BM: 4, BK: 256, warps: 8 },
    dtype: 'f32',
    sm: 80,
    barriers: /bar\.sync 0;/,
  },
];

describe.each(SYNCHRONISED)('$kernel in $dtype with $config.warps warps', ({ barriers, spare = 0, ...spec }) => {
  const subject = new Subject(spec);

  it('has nothing to report as it is', async () => {
    expect(subject.text).toMatch(barriers);
    expect(await subject.runSound()).toEqual({ kind: 'right', sameBits: true });
  });

  it('in PTX, no barrier', async () => {
    const found = await unnoticed(subject, 'no barrier');
    expect(found.slice(spare)).toEqual([]);
  });

  it.each(['no wait', 'one group less', 'no commit'] as const)('in PTX, %s', async (kind) => {
    expect(await unnoticed(subject, kind)).toEqual([]);
  });

  it.each(['no write', 'wrong swizzle', 'a slot less'] as const)('in the laid-out IR, %s', async (kind) => {
    expect(await unnoticedInIr(subject, kind)).toEqual([]);
  });
});
