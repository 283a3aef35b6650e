import { multiplesIn } from '../../compiler/analysis/multiple.js';
import type { ArgFacts } from '../../compiler/artifact.js';
import { diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import type { Kernel, Op, Value } from '../../compiler/ir/module.js';
import { bytesOf } from '../../compiler/ir/types.js';
import { registerCount } from '../../compiler/layout/layout.js';
import { arrangeWarps } from '../../compiler/passes/arrange-warps.js';
import { branchFullMasks } from '../../compiler/passes/branch-full-masks.js';
import { cse } from '../../compiler/passes/cse.js';
import { dce } from '../../compiler/passes/dce.js';
import { expBase } from '../../compiler/passes/exp-base.js';
import { hoistInvariants } from '../../compiler/passes/hoist-invariants.js';
import { inferFragments } from '../../compiler/passes/infer-layouts.js';
import { markZeros } from '../../compiler/passes/mark-zeros.js';
import type { Pass } from '../../compiler/passes/pass.js';
import { pipelineLoads } from '../../compiler/passes/pipeline-loads.js';
import { placeBarriers } from '../../compiler/passes/place-barriers.js';
import { planConversions } from '../../compiler/passes/plan-conversions.js';
import { planShared } from '../../compiler/passes/plan-shared.js';
import { prefetchLoads } from '../../compiler/passes/prefetch-loads.js';
import { rotateRoundTrips } from '../../compiler/passes/rotate-round-trips.js';
import { simplify } from '../../compiler/passes/simplify.js';
import { sinkSelects } from '../../compiler/passes/sink-selects.js';
import type { PtxTarget } from './target.js';
import { REGISTERS_PER_SM, THREADS_PER_BLOCK, WARP } from './target.js';

const DEFAULT_WARPS = 4;

/** Warps of a block: the knob `warps`. Throws LacError LAC0502 where layouts cannot deal them out. */
export function warpsOf(kernel: Kernel): number {
  const warps = kernel.config.warps ?? DEFAULT_WARPS;
  if (Number.isInteger(Math.log2(warps)) && warps >= 1 && warps * WARP <= THREADS_PER_BLOCK) return warps;
  const why = warps * WARP > THREADS_PER_BLOCK ? `a block has at most ${THREADS_PER_BLOCK} threads` : 'no power of two';
  throw new LacError(
    diagnostic('LAC0502', `${warps} warps: ${why}`, null, { help: ['choose other warps (--config warps=...)'] }),
  );
}

export interface PtxOptions {
  readonly target: PtxTarget;
  readonly facts: Readonly<Record<string, ArgFacts>>;
}

/** From the IR that every backend takes to the IR that `emitPtx` prints, in order. */
export function ptxPipeline({ target, facts }: PtxOptions): readonly Pass[] {
  return [
    sinkSelects,
    expBase,
    late(simplify),
    late(cse),
    late(hoistInvariants),
    late(dce),
    markZeros,
    arrangeWarps({ warps: warpsOf, sm: target.sm }),
    inferFragments({ warps: warpsOf, sm: target.sm }),
    planConversions({ stmatrix: target.sm >= 90 }),
    pipelined(facts, target),
    prefetchLoads({ takes: isSmallVector }),
    rotateRoundTrips({}),
    planShared({ limitBytes: target.sharedBytesPerBlock, residentBlocks: residentBlocks(target) }),
    placeBarriers,
    branchFullMasks({ leastElements: (kernel) => warpsOf(kernel) * WARP * MASKED_REGISTERS }),
  ];
}

/** Registers of a masked tile from which on a branch costs less than their comparisons and selects. */
const MASKED_REGISTERS = 8;

/** A later turn of a pass of the common pipeline, under a name of its own. */
const late = (pass: Pass): Pass => ({ ...pass, name: `${pass.name}-late` });

/** Registers a thread that a kernel is expected to take, before ptxas has counted them. */
const EXPECTED_REGISTERS = 168;
/** What the driver takes of shared memory for each block. */
const RESERVED_BYTES = 1024;

/** Blocks that a multiprocessor holds at one time, by shared memory and registers. */
const residentBlocks =
  (target: PtxTarget) =>
  (kernel: Kernel, sharedBytes: number): number =>
    Math.min(
      Math.floor(target.sharedBytesPerSm / (sharedBytes + RESERVED_BYTES)),
      Math.floor(REGISTERS_PER_SM / (warpsOf(kernel) * WARP * EXPECTED_REGISTERS)),
    );

/** 32-bit registers of a thread that may carry what a loop loads a trip ahead. */
const PREFETCHED_REGISTERS = 8;

/** Vectors that no asynchronous copy has taken are held in registers over the latency of memory. */
function isSmallVector(load: Op<'load'>): boolean {
  const [tile] = load.results;
  if (tile?.layout === undefined || tile.layout.shape.length > 1) return false;
  return (registerCount(tile.layout) * bytesOf(tile.type.dtype)) / 4 <= PREFETCHED_REGISTERS;
}

/** Least bytes that an asynchronous copy moves. */
const LEAST_COPY = 4;

/** pipeline-loads, for copies that the facts about the arguments allow. */
function pipelined(facts: PtxOptions['facts'], { sharedBytesPerBlock: limitBytes }: PtxTarget): Pass {
  const pass = pipelineLoads({ canCopy: () => true });
  return {
    ...pass,
    run: (kernel, ctx) => pipelineLoads({ canCopy: canCopy(kernel, facts), limitBytes }).run(kernel, ctx),
  };
}

/** Whether the runs of a box are long and aligned enough for asynchronous copies, by what is assumed of its argument. */
function canCopy(kernel: Kernel, facts: PtxOptions['facts']) {
  const multiple = multiplesIn(kernel);
  return (load: Op<'load'>): boolean => {
    const [view, ...origins] = load.operands;
    const type = load.results[0]?.type;
    const last = type?.kind === 'tile' ? type.shape.at(-1) : undefined;
    if (view === undefined || last === undefined) return false;
    const fact = facts[argumentOf(view, kernel) ?? ''];
    const origin = origins[(type?.kind === 'tile' ? type.shape.length : 0) - 1];
    if (fact?.contiguous !== true || origin === undefined) return false;
    const run = [last, load.attrs.valid?.at(-1) ?? last, multiple(origin)].reduce(powerOfTwoIn, fact.align);
    return run * bytesOf(type?.dtype ?? 'f32') >= LEAST_COPY;
  };
}

const lowBit = (n: number): number => n & -n;
const powerOfTwoIn = (a: number, b: number): number => Math.min(lowBit(a), lowBit(b));

/** Name of the tensor argument that a view is a window on. */
function argumentOf(view: Value, kernel: Kernel): string | null {
  let root = view;
  while (root.def.kind === 'op' && root.def.operands[0] !== undefined) root = root.def.operands[0];
  return kernel.params.find((p) => p.value === root)?.name ?? null;
}
