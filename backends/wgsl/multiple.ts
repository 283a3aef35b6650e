import type { AnyOp, Block, Op, Value } from '../../compiler/ir/module.js';

const BIG = 2 ** 20;
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** A number that divides the i32 scalar in every execution; 2^20 stands for "everything" (zero). */
export function multipleOf(v: Value, depth = 0): number {
  if (depth > 32) return 1;
  if (v.def.kind === 'block') return inductionMultiple(v, v.def, depth);
  const op = v.def as AnyOp;
  const x = (i: number): number => multipleOf(op.operands[i] as Value, depth + 1);
  switch (op.name) {
    case 'const':
      return op.attrs.value === 0 ? BIG : Math.min(BIG, Math.abs(Math.trunc(op.attrs.value)));
    case 'mul':
      return Math.min(BIG, x(0) * x(1));
    case 'add':
    case 'sub':
      return gcd(x(0), x(1));
    case 'min':
    case 'max':
      return gcd(x(0), x(1));
    case 'select':
      return gcd(x(1), x(2));
    case 'neg':
      return x(0);
    default:
      return 1;
  }
}

const loopOf = new WeakMap<Block, Op<'for'>>();

/** Remembers which loop a block is the body of: blocks do not know their ops. */
export function recordLoop(op: Op<'for'>): void {
  const body = op.regions[0];
  if (body !== undefined) loopOf.set(body, op);
}

function inductionMultiple(v: Value, block: Block, depth: number): number {
  const loop = loopOf.get(block);
  if (loop === undefined || block.args[0] !== v) return 1;
  return gcd(multipleOf(loop.operands[0] as Value, depth + 1), multipleOf(loop.operands[2] as Value, depth + 1));
}
