import { Bug } from '../diag/diagnostic.js';
import type { AnyOp, Value } from '../ir/module.js';

/** The parameter that a view value is a part of, and which of its axes are left. */
export function rootOf(v: Value): { readonly root: Value; readonly keptLast: boolean } {
  let keptLast = true;
  let at = v;
  while (at.def.kind === 'op') {
    const op = at.def as AnyOp;
    if (op.name === 'view_at') keptLast &&= op.attrs.keep.at(-1) === true;
    else if (op.name !== 'view_slice') throw new Bug(`${op.name} makes no view`);
    at = op.operands[0] as Value;
  }
  return { root: at, keptLast };
}
