import type { Kernel } from '../../compiler/ir/module.js';
import type { WorkOf } from './program-work.js';

/** A program as the model sees it, whatever it is for. */
export interface ModelledProgram {
  /** The IR after the passes of the target. */
  readonly kernel: Kernel;
  /** Programs with one text, launched on one grid, are one. */
  readonly text: string;
  readonly threads: number;
  readonly sharedBytes: number;
  /** Of a thread, as predicted. */
  readonly registers: number;
  /** Registers of a thread that lie in memory. */
  readonly spilled: number;
  /** A call that nothing was measured for passes it over for want of registers. */
  readonly isTight: boolean;
  /** Instructions of a warp in one trip of the longest loop, as far as they are known. */
  readonly loopInstructions: number;
  readonly workOf: WorkOf;
}
