import { type AnyOp, type Kernel, type Value, walk } from '../ir/module.js';

const BIG = 2 ** 20;
const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));

/** For i32 scalars, a number that divides them in every execution; 2^20 stands for "everything" (zero). Default: 1. */
export type Multiples = (v: Value) => number;

/** One walk: what an op takes stands before it. Sums and products wrap, so that only the powers of two in a number count. */
export function multiplesIn(kernel: Kernel): Multiples {
  const known = new Map<Value, number>();
  const of = (v: Value): number => known.get(v) ?? 1;
  for (const op of walk(kernel.body) as Generator<AnyOp>) {
    const x = (i: number): number => of(op.operands[i] as Value);
    const [result] = op.results;
    const index = op.name === 'for' ? op.regions[0]?.args[0] : undefined;
    if (index !== undefined) known.set(index, gcd(x(0), x(2)));
    else if (result !== undefined) known.set(result, multipleOf(op, x));
  }
  return of;
}

function multipleOf(op: AnyOp, x: (operand: number) => number): number {
  switch (op.name) {
    case 'const':
      // Constants of floats (1/2, NaN, -Infinity) say nothing.
      if (!Number.isInteger(op.attrs.value)) return 1;
      return op.attrs.value === 0 ? BIG : Math.min(BIG, Math.abs(op.attrs.value));
    case 'mul':
      return Math.min(BIG, x(0) * x(1));
    case 'add':
    case 'sub':
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
