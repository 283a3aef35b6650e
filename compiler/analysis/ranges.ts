/** Linear forms of the i32 scalars of a kernel, and bounds of its views: what `prove-bounds` proves from. */
import { type Expr, evaluateExpr, namesOf } from '../expr.js';
import type { Kernel, Op, Value } from '../ir/module.js';
import {
  dividedBy,
  divides,
  divisorOf,
  gcd,
  I32_MAX,
  I32_MIN,
  isNumber,
  type Linear,
  minus,
  number,
  plus,
  proveNonNegative,
  type Sym,
  symbol,
  times,
  type UpperBound,
} from './linear.js';

/** Index i of an axis exists where it is >= every `lo` and < every `hi`. */
export interface AxisBounds {
  readonly lo: readonly Linear[];
  readonly hi: readonly Linear[];
}

/** null: nothing is known. Of a view that an index of `at` left empty, what it would be bounded by. */
export type ViewBounds = readonly AxisBounds[] | null;

export interface LaunchFacts {
  readonly grid: Readonly<Record<string, Expr>>;
  readonly divisible: Readonly<Record<string, number>>;
}

export class Ranges {
  readonly #forms = new Map<Value, Linear>();
  readonly #views = new Map<Value, ViewBounds>();
  readonly #dims = new Map<string, Linear>();
  readonly #axes = new Map<string, Linear>();
  readonly #kernel: Kernel;
  readonly #facts: LaunchFacts;
  #age = 0;

  constructor(kernel: Kernel, facts: LaunchFacts) {
    this.#kernel = kernel;
    this.#facts = facts;
    for (const p of kernel.params)
      if (p.kind === 'view')
        this.#views.set(
          p.value,
          p.dims.map((name) => ({ lo: [number(0)], hi: [this.dim(name)] })),
        );
  }

  /** Form of a scalar; values that nothing is known about are symbols of the whole i32 range. */
  form(v: Value): Linear {
    let form = this.#forms.get(v);
    if (form === undefined) {
      form = this.#opaque();
      this.#forms.set(v, form);
    }
    return form;
  }

  view(v: Value): ViewBounds {
    return this.#views.get(v) ?? null;
  }

  setView(v: Value, bounds: ViewBounds): void {
    this.#views.set(v, bounds);
  }

  /** Both values are the same at run time. */
  alias(result: Value, source: Value): void {
    if (result.type.kind === 'view') this.#views.set(result, this.view(source));
    else if (isIndex(result)) this.#forms.set(result, this.form(source));
  }

  /** An argument dimension: its size in this variant, or a symbol. */
  dim(name: string): Linear {
    let form = this.#dims.get(name);
    if (form === undefined) {
      const size = this.#kernel.comptime[name];
      form = size !== undefined ? number(size) : this.#symbol([number(0)], [], this.#facts.divisible[name] ?? 1);
      this.#dims.set(name, form);
    }
    return form;
  }

  /** The results of a scalar op without regions. */
  define(op: Op): void {
    const [result] = op.results;
    if (result === undefined || !isIndex(result)) return;
    const form = this.#result(op);
    if (form !== null) this.#forms.set(result, form);
  }

  #result(op: Op): Linear | null {
    const [a, b] = op.operands.map((v) => (isIndex(v) ? this.form(v) : null));
    switch (op.name) {
      case 'const':
        return number((op as Op<'const'>).attrs.value);
      case 'dim':
        return this.dim((op as Op<'dim'>).attrs.name);
      case 'program_id':
        return this.#programId((op as Op<'program_id'>).attrs.axis);
      case 'neg':
        return a ? this.#unwrapped(times(a, -1)) : null;
      default:
        return a && b ? this.#binary(op, a, b) : null;
    }
  }

  #binary(op: Op, a: Linear, b: Linear): Linear | null {
    switch (op.name) {
      case 'add':
        return this.#unwrapped(plus(a, b));
      case 'sub':
        return this.#unwrapped(minus(a, b));
      case 'mul':
        if (isNumber(b)) return this.#unwrapped(times(a, b.constant));
        return isNumber(a) ? this.#unwrapped(times(b, a.constant)) : null;
      case 'min':
        return this.#minimum(a, b);
      case 'max':
        return this.#symbol([a, b], [], gcd(divisorOf(a), divisorOf(b)) || 1);
      case 'idiv':
        return this.#quotient(a, b);
      case 'rem':
        return isPositive(b) && proveNonNegative(a)
          ? this.#symbol([number(0)], [{ scale: 1, form: number(b.constant - 1) }])
          : null;
      default:
        return null;
    }
  }

  /** The form if i32 arithmetic cannot wrap there. */
  #unwrapped(x: Linear): Linear | null {
    const fits = proveNonNegative(minus(number(I32_MAX), x)) && proveNonNegative(minus(x, number(I32_MIN)));
    return fits ? x : null;
  }

  #minimum(a: Linear, b: Linear): Linear {
    const positive = proveNonNegative(a) && proveNonNegative(b);
    const upper = [a, b].map((form) => ({ scale: 1, form }));
    return this.#symbol(positive ? [number(0)] : [], upper, gcd(divisorOf(a), divisorOf(b)) || 1);
  }

  #quotient(a: Linear, b: Linear): Linear | null {
    if (!isPositive(b)) return null;
    const n = b.constant;
    const exact = dividedBy(a, n);
    if (exact !== null) return exact;
    return proveNonNegative(a) ? this.#symbol([number(0)], [{ scale: n, form: a }]) : null;
  }

  #programId(axis: string): Linear {
    let form = this.#axes.get(axis);
    if (form === undefined) {
      const extent = this.#facts.grid[axis];
      form = this.#symbol([number(0)], extent === undefined ? [] : this.#belowExtent(extent));
      this.#axes.set(axis, form);
    }
    return form;
  }

  /** Bounds of an integer in 0 <= i < extent. */
  #belowExtent(extent: Expr): UpperBound[] {
    const whole = this.#linear(extent);
    if (whole !== null) return [{ scale: 1, form: plus(whole, number(-1)) }];
    if (typeof extent === 'number' || typeof extent === 'string') return [];
    const [op, x, y] = extent;
    const a = x === undefined ? null : this.#linear(x);
    const b = y === undefined ? null : this.#linear(y);
    if (a === null || b === null || !isPositive(b) || (op !== 'cdiv' && op !== 'idiv')) return [];
    // i <= ceil(a / n) - 1 gives n i <= a - 1; floor, or n dividing a: n i <= a - n.
    const n = b.constant;
    const less = op === 'idiv' || divides(n, a) ? n : 1;
    return [{ scale: n, form: plus(a, number(-less)) }];
  }

  /** An expression over dimensions and knobs as a linear form, if it is one. */
  #linear(e: Expr): Linear | null {
    const sizes = { ...this.#kernel.comptime, ...this.#kernel.config };
    if ([...namesOf(e)].every((name) => sizes[name] !== undefined)) {
      const value = evaluateExpr(e, sizes);
      return Number.isSafeInteger(value) ? number(value) : null;
    }
    if (typeof e === 'string') return this.dim(e);
    if (typeof e === 'number') return null;
    const [op, x, y] = e;
    const a = x === undefined ? null : this.#linear(x);
    const b = y === undefined ? null : this.#linear(y);
    if (a === null || b === null) return null;
    if (op === '+') return plus(a, b);
    if (op === '-') return minus(a, b);
    if (op !== '*') return null;
    return isNumber(b) ? times(a, b.constant) : isNumber(a) ? times(b, a.constant) : null;
  }

  /** The index of a loop inside its body: begin <= i < end, in steps from begin. */
  defineIndex(index: Value, begin: Value, end: Value, step: Value): void {
    const [from, to, by] = [this.form(begin), this.form(end), this.form(step)];
    const distance = minus(to, from);
    const known = isPositive(by) ? by.constant : 1;
    const last = isNumber(distance)
      ? plus(from, number(Math.max(0, Math.ceil(distance.constant / known) - 1) * known))
      : plus(to, number(divides(known, distance) ? -known : -1));
    const divisor = gcd(divisorOf(from), isPositive(by) ? known : 1) || 1;
    this.#forms.set(index, this.#symbol([from], [{ scale: 1, form: last }], divisor));
  }

  #opaque(): Linear {
    return this.#symbol([], []);
  }

  #symbol(lower: readonly Linear[], upper: readonly UpperBound[], divisor = 1): Linear {
    const s: Sym = {
      age: this.#age++,
      lower: [...lower, number(I32_MIN)],
      upper: [...upper, { scale: 1, form: number(I32_MAX) }],
      divisor,
    };
    return symbol(s);
  }
}

const isPositive = (x: Linear): boolean => isNumber(x) && x.constant > 0;
const isIndex = (v: Value): boolean => v.type.kind === 'tile' && v.type.dtype === 'i32' && v.type.shape.length === 0;
