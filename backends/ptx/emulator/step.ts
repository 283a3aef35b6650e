import type { Execute } from './loops.js';
import type { Instruction } from './program.js';

/**
 * How the scheduler of a warp treats an instruction. `aligned`: all 32 lanes execute it together (mma, ldmatrix).
 * `collective`: the lanes of a mask do (shuffles). `barrier`: all lanes that have not ended, and the warp may have to wait.
 */
export type StepKind = 'plain' | 'branch' | 'exit' | 'aligned' | 'collective' | 'barrier';

/** One instruction, decoded. */
export interface Step {
  readonly kind: StepKind;
  readonly execute: Execute;
  /** Index of the instruction that a branch goes to. */
  readonly target: number;
  /** Base of the guard in the register file, -1 without one, and the value at which the instruction is executed. */
  readonly guard: number;
  readonly guardValue: 0 | 1;
  /** Base of the mask of lanes of a collective. */
  readonly mask: number;
  readonly instruction: Instruction;
}
