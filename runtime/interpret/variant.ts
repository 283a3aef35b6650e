import type { Variant } from '../../compiler/artifact.js';
import type { Kernel } from '../../compiler/ir/module.js';

/** A kernel for the interpreter: tile IR in the place of program text. Its facts are empty: nothing is assumed. */
export interface InterpretVariant extends Pick<Variant, 'when' | 'config' | 'unused'> {
  readonly target: 'interpret';
  readonly ir: Kernel;
  /** Dimensions whose sizes it reads. */
  readonly dims: readonly string[];
}
