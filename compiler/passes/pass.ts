import type { Expr } from '../expr.js';
import type { Kernel } from '../ir/module.js';

/** What a pass may know beside the kernel. */
export interface PassContext {
  readonly target: 'webgpu' | 'interpret' | (string & {});
  /** Most elements that one tensor may hold on the target: what offset widths are proven against. */
  readonly maxStorageElements: number;
  /** Number of programs on each axis, over dimensions and knobs: what bounds on `program_id` are proven from. */
  readonly grid?: Readonly<Record<string, Expr>>;
  /** Divisors that the launch promises of run-time dimensions: { N: 64 } is N % 64 === 0. */
  readonly divisible?: Readonly<Record<string, number>>;
}

/** One step of the pipeline. `run` changes the kernel in place and leaves it well-formed, or throws a LacError. */
export interface Pass {
  /** The verb-phrase of its file name. */
  readonly name: string;
  /** One line, for `lac ir --list` and the documentation. */
  readonly summary: string;
  /** Names of passes that must have run before. */
  readonly requires: readonly string[];
  run(kernel: Kernel, ctx: PassContext): void;
}
