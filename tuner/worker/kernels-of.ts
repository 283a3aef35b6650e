import { isPlan, type KernelDecl, type PlanDecl } from '../../driver/source.js';

/** The kernels of a declaration, in an order that is the same in every process. */
export const kernelsOf = (decl: KernelDecl | PlanDecl): readonly KernelDecl[] =>
  isPlan(decl) ? [...new Set(decl.runs.flatMap((run) => kernelsOf(run.kernel)))] : [decl];
