import { Bug } from '../../../compiler/diag/diagnostic.js';
import { type DType, isFloat } from '../../../compiler/ir/types.js';
import { f32, imm, type Operand } from '../isa/operand.js';
import type { Emitter } from './emitter.js';
import { known, max32, min32 } from './integers.js';

/** A partial result: a word, and for argmax and argmin the position at which it stands as a second. */
export type Partial = readonly Operand[];

/** How partial results become one, in any order and any grouping. */
export interface Fold {
  /** Words of a partial result. */
  readonly words: 1 | 2;
  /** The partial result of one element. */
  start(e: Emitter, x: Operand, position: () => Operand): Partial;
  combine(e: Emitter, a: Partial, b: Partial): Partial;
  /** The result of the whole fold. */
  finish(e: Emitter, x: Partial): Operand;
}

const PLAIN = {
  sum: { f32: 'add.f32', i32: 'add.s32', u32: 'add.s32' },
  max: { f32: 'max.f32', i32: max32, u32: 'max.u32' },
  min: { f32: 'min.f32', i32: min32, u32: 'min.u32' },
} as const;

const AFTER = {
  argmax: { f32: 'setp.gt.f32', i32: 'setp.gt.s32', u32: 'setp.gt.u32' },
  argmin: { f32: 'setp.lt.f32', i32: 'setp.lt.s32', u32: 'setp.lt.u32' },
} as const;

/** The kind in which values of a dtype are held: 16-bit floats as f32. */
const kindOf = (d: DType): 'f32' | 'i32' | 'u32' => (isFloat(d) ? 'f32' : d === 'u32' ? 'u32' : 'i32');

/** @param op sum, max, min, argmax or argmin. PTX's max and min take the number where one is NaN, as ours do. */
export function foldOf(op: string, d: DType): Fold {
  const kind = kindOf(d);
  switch (op) {
    case 'sum':
    case 'max':
    case 'min':
      return plain(PLAIN[op][kind]);
    case 'argmax':
    case 'argmin':
      return positioned(op, kind);
    default:
      throw new Bug(`reduction ${op} of ${d}`);
  }
}

function plain(how: (typeof PLAIN)[keyof typeof PLAIN]['f32' | 'i32' | 'u32']): Fold {
  return {
    words: 1,
    start: (_e, x) => [x],
    combine: ({ b }, [x], [y]) => [
      typeof how === 'function' ? how(b, x as Operand, y as Operand) : b.op(how, x as Operand, y as Operand),
    ],
    finish: (_e, [x]) => x as Operand,
  };
}

/** Above all positions; what stands there is a NaN. */
const NAN_POSITION = 2 ** 30;

/**
 * The better value, and of equal ones the lower position. NaN never wins: it becomes the worst number, at a position
 * behind all others, so that it loses against that number too; if there is nothing else, the lowest NaN is left.
 */
function positioned(op: 'argmax' | 'argmin', kind: 'f32' | 'i32' | 'u32'): Fold {
  const worst = f32(op === 'argmax' ? -Infinity : Infinity);
  const equal = kind === 'f32' ? 'setp.eq.f32' : 'setp.eq.s32';
  return {
    words: 2,
    start: ({ b }, x, position) => {
      if (kind !== 'f32') return [x, position()];
      const nan = b.op('setp.nan.f32', x, x);
      const at = position();
      const n = known(at);
      const last = n === null ? b.op('or.b32', at, imm(NAN_POSITION)) : imm(n + NAN_POSITION);
      return [b.op('selp.f32', worst, x, nan), b.op('selp.b32', last, at, nan)];
    },
    combine: ({ b }, [x, p], [y, q]) => {
      const [a, c] = [x as Operand, y as Operand];
      const [at, to] = [p as Operand, q as Operand];
      const tie = b.op('and.pred', b.op(equal, c, a), b.op('setp.lt.s32', to, at));
      const takes = b.op('or.pred', b.op(AFTER[op][kind], c, a), tie);
      return [b.op('selp.b32', c, a, takes), b.op('selp.b32', to, at, takes)];
    },
    finish: ({ b }, [, p]) => (kind === 'f32' ? b.op('and.b32', p as Operand, imm(NAN_POSITION - 1)) : (p as Operand)),
  };
}

/** All of them, two by two: short chains of dependent instructions. */
export function foldAll(e: Emitter, fold: Fold, parts: readonly Partial[]): Partial {
  if (parts.length < 2) return parts[0] ?? [];
  const half = parts.length >> 1;
  return fold.combine(e, foldAll(e, fold, parts.slice(0, half)), foldAll(e, fold, parts.slice(half)));
}
