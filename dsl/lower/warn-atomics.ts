import { type Diagnostic, diagnostic } from '../../compiler/diag/diagnostic.js';
import { type AnyOp, type Kernel, walk } from '../../compiler/ir/module.js';

/** Atomic additions of floats: their order, and so the last bits of the sums, vary from run to run (semantics.md, "atomics"). */
export function atomicWarnings(kernel: Kernel): Diagnostic[] {
  const found: Diagnostic[] = [];
  for (const op of walk(kernel.body) as Generator<AnyOp>) {
    if (op.name !== 'atomic_add' && op.name !== 'scatter_add') continue;
    const type = op.operands[0]?.type;
    if (type?.kind !== 'view' || type.dtype !== 'f32') continue;
    found.push(
      diagnostic('LAC0229', 'atomic sums of f32 vary in their last bits from run to run', op.loc?.span ?? null, {
        severity: 'warning',
        help: ['for the same bits every time: sum in i32 or u32, or store parts and add them in a second launch'],
      }),
    );
  }
  return found;
}
