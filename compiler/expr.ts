import { Bug } from './diag/diagnostic.js';

/**
 * Restricted arithmetic kept as data: grids, prunes, tune keys, shapes of temporaries. Python, C and a browser can
 * evaluate the same thing. A string is a name; true and false come out of comparisons as 1 and 0.
 */
export type Expr = number | string | readonly [op: ExprOp, ...args: Expr[]];

const truth = (b: boolean): number => (b ? 1 : 0);

/** Operators by name; arithmetic is that of f64, `idiv` and `%` go toward 0, `cdiv` is the ceiling of a / b. */
const EXPR_OPS = {
  '+': (a: number, b: number) => a + b,
  '-': (a: number, b: number) => a - b,
  '*': (a: number, b: number) => a * b,
  '/': (a: number, b: number) => a / b,
  '%': (a: number, b: number) => a % b,
  '**': (a: number, b: number) => a ** b,
  idiv: (a: number, b: number) => Math.trunc(a / b),
  cdiv: (a: number, b: number) => Math.ceil(a / b),
  min: (a: number, b: number) => Math.min(a, b),
  max: (a: number, b: number) => Math.max(a, b),
  '<': (a: number, b: number) => truth(a < b),
  '<=': (a: number, b: number) => truth(a <= b),
  '>': (a: number, b: number) => truth(a > b),
  '>=': (a: number, b: number) => truth(a >= b),
  '==': (a: number, b: number) => truth(a === b),
  '!=': (a: number, b: number) => truth(a !== b),
  '&&': (a: number, b: number) => truth(a !== 0 && b !== 0),
  '||': (a: number, b: number) => truth(a !== 0 || b !== 0),
  '!': (a: number) => truth(a === 0),
  neg: (a: number) => -a,
  '?:': (c: number, a: number, b: number) => (c !== 0 ? a : b),
  floor: (a: number) => Math.floor(a),
  ceil: (a: number) => Math.ceil(a),
  sqrt: (a: number) => Math.sqrt(a),
  log2: (a: number) => Math.log2(a),
  abs: (a: number) => Math.abs(a),
} as const satisfies Record<string, (...x: number[]) => number>;
export type ExprOp = keyof typeof EXPR_OPS;

/** Value of an expression; a name without a value is a bug of the caller, who checks names when the kernel is read. */
export function evaluateExpr(e: Expr, names: Readonly<Record<string, number>>): number {
  if (typeof e === 'number') return e;
  if (typeof e === 'string') {
    const value = names[e];
    if (value === undefined) throw new Bug(`expression names ${e}, which has no value here`);
    return value;
  }
  const [op, ...args] = e;
  const f: (...x: number[]) => number = EXPR_OPS[op];
  return f(...args.map((a) => evaluateExpr(a, names)));
}

/** What is left of an expression where these names have values: who evaluates it for many others does so once. */
export function reduced(e: Expr, names: Readonly<Record<string, number>>): Expr {
  if (typeof e === 'number') return e;
  if (typeof e === 'string') return names[e] ?? e;
  const [op, ...args] = e;
  const left = args.map((a) => reduced(a, names));
  const [condition, yes, no] = left;
  if (op === '?:' && typeof condition === 'number') return (condition !== 0 ? yes : no) as Expr;
  return left.every((x) => typeof x === 'number') ? evaluateExpr([op, ...left], {}) : [op, ...left];
}

/** Names that an expression reads. */
export function namesOf(e: Expr, into = new Set<string>()): Set<string> {
  if (typeof e === 'string') into.add(e);
  else if (typeof e !== 'number') for (const a of e.slice(1) as readonly Expr[]) namesOf(a, into);
  return into;
}

/** The expression with names replaced by expressions; others stay. */
export function substitute(e: Expr, names: ReadonlyMap<string, Expr>): Expr {
  if (typeof e === 'string') return names.get(e) ?? e;
  if (typeof e === 'number') return e;
  const [op, ...args] = e;
  return [op, ...args.map((a) => substitute(a, names))];
}

/** The same value without numbers that JSON cannot hold: Infinity is 1 / 0. */
export function storable(e: Expr): Expr {
  if (typeof e === 'string') return e;
  if (typeof e !== 'number') {
    const [op, ...args] = e;
    return [op, ...args.map(storable)];
  }
  return Number.isFinite(e) ? e : ['/', Math.sign(e) || 0, 0];
}

/** Levels of nesting that an expression from outside may have. */
const MAX_DEPTH = 64;

/** Whether data from outside is an expression: known operators, as many operands as each takes, not nested without end. */
export function isExpr(x: unknown, depth = 0): x is Expr {
  if (typeof x === 'number' || typeof x === 'string') return true;
  if (!Array.isArray(x) || depth >= MAX_DEPTH) return false;
  const [op, ...args]: unknown[] = x;
  if (typeof op !== 'string' || !Object.hasOwn(EXPR_OPS, op)) return false;
  return args.length === EXPR_OPS[op as ExprOp].length && args.every((a) => isExpr(a, depth + 1));
}
