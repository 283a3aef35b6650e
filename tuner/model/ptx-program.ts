import { layOutPtx } from '../../backends/ptx/emit.js';
import { warpsOf } from '../../backends/ptx/pipeline.js';
import { missingRegisters, predictRegisters } from '../../backends/ptx/registers.js';
import { type PtxTarget, REGISTERS_PER_THREAD } from '../../backends/ptx/target.js';
import type { ArgFacts } from '../../compiler/artifact.js';
import { type Kernel, type Op, walk } from '../../compiler/ir/module.js';
import { printKernel } from '../../compiler/ir/print.js';
import { isLoop } from '../../compiler/ir/rewrite.js';
import { sharedBytesOf } from '../../compiler/passes/plan-shared.js';
import { workByOp } from './demand.js';
import type { ModelledProgram } from './modelled-program.js';

/**
 * Registers that ptxas takes beside those of the tiles: with products it holds fragments ahead, as many as there is room
 * for (seen on sm_90 in 100 kernels: 50 to 120 more); without, addresses (a fifth to a half more).
 */
const FRAGMENT_REGISTERS = 85;
const OTHERS = 1.4;
/** Registers that a kernel with products needs beside its tiles: with fewer it spills. */
const LEAST_BESIDE = 70;
const LEAST = 32;

/**
 * What the model reads of a kernel after the common pipeline. Throws LacError LAC05xx as `emitPtx` does, but where registers
 * may suffice though they are predicted not to.
 */
export function ptxProgram(
  kernel: Kernel,
  target: PtxTarget,
  facts: Readonly<Record<string, ArgFacts>>,
): ModelledProgram {
  const laidOut = layOutPtx(kernel, { target, facts, spills: 'some' });
  const warps = warpsOf(laidOut);
  const peak = predictRegisters(laidOut);
  const { need } = peak;
  const missing = missingRegisters(peak);
  const products = [...walk(laidOut.body)].some((op) => op.name === 'dot');
  const wanted = products ? need + FRAGMENT_REGISTERS : need * OTHERS;
  const workOf = workByOp(laidOut, { warps, features: { stmatrix: target.stmatrix } });
  const loops = [...walk(laidOut.body)].filter(isLoop);
  const inLoop = (loop: Op): number =>
    loop.regions.flatMap((r) => [...walk(r)]).reduce((n, op) => n + (workOf(op).issued ?? 0), 0);
  return {
    kernel: laidOut,
    text: printKernel({ ...laidOut, config: { warps } }),
    threads: warps * 32,
    sharedBytes: sharedBytesOf(laidOut),
    registers: Math.round(Math.min(REGISTERS_PER_THREAD, Math.max(LEAST, wanted))),
    spilled: products ? Math.max(0, need + LEAST_BESIDE - REGISTERS_PER_THREAD) : missing,
    isTight: missing > 0,
    loopInstructions: Math.max(0, ...loops.map(inLoop)) / warps,
    workOf,
  };
}
