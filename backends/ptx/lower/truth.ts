import type { PtxBuilder } from '../isa/builder.js';
import { imm, type Operand, type Reg } from '../isa/operand.js';
import { known } from './integers.js';

/** A condition: known while emitting, or a predicate register. */
export type Truth = boolean | Reg;

export function and(b: PtxBuilder, ...terms: readonly Truth[]): Truth {
  if (terms.includes(false)) return false;
  const unknown = terms.filter((t): t is Reg => typeof t === 'object');
  return unknown.length === 0 ? true : unknown.reduce((p, q) => b.op('and.pred', p, q));
}

/** A mask's lane as a condition. */
export function truthOf(x: Operand): Truth {
  const n = known(x);
  return n === null ? (x as Reg) : n !== 0;
}

/** x < y, both signed. */
export function below(b: PtxBuilder, x: Operand, y: Operand): Truth {
  const [m, n] = [known(x), known(y)];
  if (m !== null && n !== null) return m < n;
  return m === null ? b.op('setp.lt.s32', x, y) : b.op('setp.gt.s32', y, x);
}

/** x = y. */
export function equal(b: PtxBuilder, x: Operand, y: Operand): Truth {
  const [m, n] = [known(x), known(y)];
  if (m !== null && n !== null) return m === n;
  return m === null ? b.op('setp.eq.s32', x, y) : b.op('setp.eq.s32', y, x);
}

/** lo <= x < hi, signed; `lo` null is 0, and `hi` is never below 0 then, so that one unsigned comparison does. */
export function within(b: PtxBuilder, x: Operand, lo: Operand | null, hi: Operand): Truth {
  if (lo !== null) return and(b, below(b, x, hi), atLeast(b, x, lo));
  const [m, n] = [known(x), known(hi)];
  if (m !== null && n !== null) return m >= 0 && m < n;
  if (m !== null) return m < 0 ? false : b.op('setp.gt.u32', hi, x);
  return b.op('setp.lt.u32', x, hi);
}

/** x >= y, both signed. */
function atLeast(b: PtxBuilder, x: Operand, y: Operand): Truth {
  const [m, n] = [known(x), known(y)];
  if (m !== null && n !== null) return m >= n;
  return m === null ? b.op('setp.ge.s32', x, y) : b.op('setp.le.s32', y, x);
}

/** x & mask has no bit set. */
export const clear = (b: PtxBuilder, x: Reg, mask: number): Truth =>
  mask === 0 ? true : b.op('setp.eq.u32', b.op('and.b32', x, imm(mask)), imm(0));

/** Emits `body` for the threads in which the condition holds. */
export function when(b: PtxBuilder, condition: Truth, body: () => void): void {
  if (typeof condition === 'object') b.when(condition, false, body);
  else if (condition) body();
}
