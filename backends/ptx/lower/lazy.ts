import type { Op } from '../../../compiler/ir/module.js';
import { isElementwise, type OpName } from '../../../compiler/ops/table.js';

const LAZY: ReadonlySet<OpName> = new Set<OpName>([
  'const',
  'iota',
  'splat',
  'expand',
  'broadcast',
  'reshape',
  'trans',
  'smem_read',
]);

/** Emitted where its registers are asked for, not where it stands. Shuffles are not: all lanes must take part. */
export const isLazy = (op: Op): boolean =>
  LAZY.has(op.name) ||
  isElementwise(op.name) ||
  (op.name === 'convert' && (op.attrs as { how?: string }).how === 'rename');
