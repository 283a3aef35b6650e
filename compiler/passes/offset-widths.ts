/**
 * Enters: any kernel. Leaves: every access with `offset_bits`. 32 is sound where no tensor of the target
 * holds 2^31 elements or more, because the launch is refused beyond the limit and lanes outside the view compute no
 * address; elsewhere strides are run-time values, nothing is proven small, and offsets have 64 bits.
 */
import { type Kernel, type Op, walk } from '../ir/module.js';
import type { OpName } from '../ops/table.js';
import type { Pass, PassContext } from './pass.js';

export const offsetWidths: Pass = {
  name: 'offset-widths',
  summary: 'Gives every access 32-bit or 64-bit element offsets.',
  requires: [],
  run: setWidths,
};

const ACCESSES: ReadonlySet<OpName> = new Set<OpName>([
  'load',
  'store',
  'get',
  'atomic_add',
  'gather',
  'scatter',
  'scatter_add',
]);
const isAccess = (op: Op): op is Op<'load'> & Op => ACCESSES.has(op.name);

function setWidths(kernel: Kernel, ctx: PassContext): void {
  const bits = ctx.maxStorageElements <= 2 ** 31 ? 32 : 64;
  for (const op of walk(kernel.body)) if (isAccess(op)) op.attrs.offset_bits = bits;
}
