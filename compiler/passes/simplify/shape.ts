import { constantOf, definedBy } from '../../ir/rewrite.js';
import { sameType } from '../../ir/types.js';
import { type Rule, resultTile } from './rewriter.js';

const SHAPE_OPS = new Set(['splat', 'broadcast', 'expand', 'reshape', 'trans']);

/** Every lane of a constant or splat is the same, so it is one under any shape. */
export const uniformShape: Rule = (op, r) => {
  const type = resultTile(op);
  const [x] = op.operands;
  if (!SHAPE_OPS.has(op.name) || type === null || x === undefined) return null;
  const c = constantOf(x);
  if (c !== null) return r.constant(c, type);
  const lane = op.name === 'splat' ? undefined : definedBy(x, 'splat')?.operands[0];
  return lane === undefined ? null : r.make('splat', [lane], {}, type);
};

/** Ops that leave the shape as it is: splat to a scalar, broadcast and reshape to the shape of the operand. */
export const idleShape: Rule = (op) => {
  const type = resultTile(op);
  const [x] = op.operands;
  const may = op.name === 'splat' || op.name === 'broadcast' || op.name === 'reshape';
  return may && x !== undefined && type !== null && sameType(x.type, type) ? x : null;
};

/** trans trans x = x; a broadcast of a broadcast, and a reshape of a reshape or expand, are one. */
export const mergeShape: Rule = (op, r) => {
  const type = resultTile(op);
  const [x] = op.operands;
  if (x === undefined || type === null) return null;
  if (op.name === 'trans') return definedBy(x, 'trans')?.operands[0] ?? null;
  if (op.name !== 'broadcast' && op.name !== 'reshape') return null;
  const inner = (definedBy(x, op.name) ?? (op.name === 'reshape' ? definedBy(x, 'expand') : null))?.operands[0];
  return inner === undefined ? null : r.make(op.name, [inner], {}, type);
};

/** view_at that fixes no axis. */
export const idleView: Rule = (op) => {
  const [view] = op.operands;
  if (op.name !== 'view_at' || view === undefined) return null;
  return (op.attrs as { keep: readonly boolean[] }).keep.every((k) => k) ? view : null;
};
