import { diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import type { Kernel } from '../../compiler/ir/module.js';
import { blockedLayout } from '../../compiler/layout/blocked.js';
import { inferLayouts } from '../../compiler/passes/infer-layouts.js';
import type { Pass } from '../../compiler/passes/pass.js';
import { prefetchLoads } from '../../compiler/passes/prefetch-loads.js';
import { raiseOperands } from '../../compiler/passes/raise-operands.js';
import { dotAnchor } from './dot.js';
import { WARP } from './target.js';

const DEFAULT_WARPS = 4;
/** More than any device has. */
const MAX_WARPS = 64;

/** Invocations of a workgroup: the knob `warps` times 32. Throws LacError LAC0502 where layouts cannot deal them out. */
export function invocationsOf(kernel: Kernel): number {
  const warps = kernel.config.warps ?? DEFAULT_WARPS;
  if (Number.isInteger(Math.log2(warps)) && warps >= 1 && warps <= MAX_WARPS) return warps * WARP;
  const what = warps > MAX_WARPS ? 'more than any device has' : 'which is no power of two';
  throw tooLarge(`a workgroup of ${warps * WARP} invocations, ${what}`);
}

export const tooLarge = (message: string): LacError =>
  new LacError(diagnostic('LAC0502', message, null, { help: ['choose fewer warps (--config warps=...)'] }));

/** From the IR that every backend takes to the IR that `emitWgsl` prints, in order. */
export const WGSL_PIPELINE: readonly Pass[] = [
  prefetchLoads(),
  raiseOperands,
  inferLayouts((kernel) => {
    const threads = invocationsOf(kernel);
    return {
      dot: (op) => dotAnchor(op, threads),
      blocked: (type) => blockedLayout({ shape: type.shape, vector: 4, threads }),
    };
  }),
];

/** Operands that are staged later live shorter in workgroup memory. */
export const LATE_OPERANDS: readonly Pass[] = WGSL_PIPELINE.filter((pass) => pass !== raiseOperands);
