import type { Kernel } from '../../compiler/ir/module.js';
import { blockedLayout } from '../../compiler/layout/blocked.js';
import { inferLayouts } from '../../compiler/passes/infer-layouts.js';
import type { Pass } from '../../compiler/passes/pass.js';
import { prefetchLoads } from '../../compiler/passes/prefetch-loads.js';
import { raiseOperands } from '../../compiler/passes/raise-operands.js';
import { dotAnchor } from './dot.js';
import { WARP } from './target.js';

const DEFAULT_WARPS = 4;

/** Invocations of a workgroup: the knob `warps` times 32. */
export const invocationsOf = (kernel: Kernel): number => (kernel.config.warps ?? DEFAULT_WARPS) * WARP;

/** From the IR that every backend takes to the IR that `emitWgsl` prints, in order. */
export const WGSL_PIPELINE: readonly Pass[] = [
  prefetchLoads,
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
