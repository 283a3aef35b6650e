import { emitWgsl } from '../../backends/wgsl/emit.js';
import { invocationsOf } from '../../backends/wgsl/pipeline.js';
import type { WgslLimits } from '../../backends/wgsl/target.js';
import type { ArgFacts } from '../../compiler/artifact.js';
import { type Kernel, type Op, walk } from '../../compiler/ir/module.js';
import { isLoop } from '../../compiler/ir/rewrite.js';
import type { ModelledProgram } from './modelled-program.js';
import { wgslCounts } from './wgsl-text.js';
import { NO_WORK, type Work, WorkSum } from './work.js';

const WARP = 32;
/** Registers of an invocation, and what addresses take beside the values that the text names. */
const REGISTERS = 255;
const OTHERS = 16;

/** What the model reads of a kernel after the common pipeline. Throws LacError LAC05xx as `emitWgsl` does. */
export function wgslProgram(
  kernel: Kernel,
  limits: WgslLimits,
  facts: Readonly<Record<string, ArgFacts>>,
): ModelledProgram {
  const { text, sharedBytes } = emitWgsl(kernel, { limits, facts });
  const threads = invocationsOf(kernel);
  const counts = wgslCounts(text);
  const loops = [...walk(kernel.body)].filter(isLoop);
  const byLoop = new Map(counts.stretches.map(({ loop, work }) => [loop, ofWarps(work, threads / WARP)]));
  const works = new Map<Op, WorkSum>();
  const put = (op: Op | undefined, work: Work | undefined): void => {
    if (op === undefined || work === undefined) return;
    const sum = works.get(op) ?? new WorkSum();
    sum.add(work);
    works.set(op, sum);
  };
  put(kernel.body.ops[0], byLoop.get(null));
  loops.forEach((loop, i) => {
    put(loop.regions.at(-1)?.ops[0], byLoop.get(i));
  });
  const exposed = exposedLoads(kernel);
  return {
    kernel,
    text,
    threads,
    sharedBytes,
    registers: Math.min(REGISTERS, counts.registers + OTHERS),
    spilled: Math.max(0, counts.registers + OTHERS - REGISTERS),
    isTight: false,
    loopInstructions: 0,
    workOf: (op) => {
      const known = works.get(op)?.total;
      return exposed.has(op) ? { ...(known ?? NO_WORK), exposedLoads: 1 } : (known ?? NO_WORK);
    },
  };
}

/** Of one invocation to a program's; waiting is every warp's own. */
const ofWarps = (w: Work, warps: number): Work => ({
  ...w,
  issued: w.issued * warps,
  special: w.special * warps,
  productFlops: w.productFlops * WARP * warps,
  wavefronts: w.wavefronts * warps,
});

/** First loads of a block that waits for them: in loops of two stages and more they come a trip ahead. */
function exposedLoads(kernel: Kernel): ReadonlySet<Op> {
  const found = new Set<Op>();
  const ahead = (kernel.config.stages ?? 1) >= 2;
  const visit = (ops: readonly Op[], inLoop: boolean): void => {
    const load = ops.find((op) => op.name === 'load' || op.name === 'gather');
    if (load !== undefined && !(inLoop && ahead)) found.add(load);
    for (const op of ops) for (const region of op.regions) visit(region.ops, isLoop(op));
  };
  visit(kernel.body.ops, false);
  return found;
}
