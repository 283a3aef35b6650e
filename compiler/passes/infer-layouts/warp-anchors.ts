import { Bug } from '../../diag/diagnostic.js';
import type { Kernel, Op, Value } from '../../ir/module.js';
import { bytesOf } from '../../ir/types.js';
import { coalescedLayout, foldLayout, readsWell, storeLayout } from '../../layout/global-access.js';
import type { Layout } from '../../layout/layout.js';
import { DOT_INSTRUCTIONS, operandLayout } from '../../layout/mma.js';
import { type LayoutAnchors, tileOf } from './opinions.js';

/** What lanes and warps ask for, once `arrange-warps` has given every dot its instruction and accumulator. */
export function warpAnchors(kernel: Kernel, warpsOf: (kernel: Kernel) => number): LayoutAnchors {
  const warps = warpsOf(kernel);
  return {
    dot: accumulatorOf,
    blocked: (type) => coalescedLayout(type.shape, bytesOf(type.dtype), warps),
    warps: {
      operand: (op, i) => {
        const K = tileOf(op.operands[0] as Value).shape[1] ?? 1;
        const instr = DOT_INSTRUCTIONS.find((name) => name === op.attrs.instr);
        if (instr === undefined) throw new Bug('infer-layouts: a dot without an instruction');
        return operandLayout(instr, accumulatorOf(op), K, i === 0 ? 'a' : 'b');
      },
      store: (type, layout) => storeLayout(layout, bytesOf(type.dtype)),
      fold: (type, axis) => foldLayout(type.shape, axis, bytesOf(type.dtype), warps),
      reads: (type, layout) => readsWell(layout, bytesOf(type.dtype)),
    },
  };
}

function accumulatorOf(op: Op<'dot'>): Layout {
  const layout = op.results[0]?.layout;
  if (layout === undefined) throw new Bug('infer-layouts: a dot without an arrangement');
  return layout;
}
