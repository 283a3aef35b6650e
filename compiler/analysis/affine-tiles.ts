/**
 * Tiles whose lanes are integers linear in the lane's index: iotas, their sums and multiples, uniform integers, and
 * what casts and shape ops make of them. A form stands for a value only if no arithmetic on the way can wrap or round,
 * for every index and every run-time scalar; that is proven from the ranges of the scalars.
 */
import type { Block, Kernel, Op, Value } from '../ir/module.js';
import type { DType, TileType } from '../ir/types.js';
import { bounds } from './half-spaces.js';
import { I32_MAX, I32_MIN, isNumber, type Linear, minus, number, plus, proveNonNegative, times } from './linear.js';
import { type LaunchFacts, Ranges } from './ranges.js';
import { forward, renamesLanes, shapeOf } from './shape-maps.js';

/** Lane x is the sum of coefs[axis] * x[axis], plus a linear form of run-time scalars. */
export interface Affine {
  readonly coefs: readonly number[];
  readonly rest: Linear;
}

/** The integers that a dtype holds exactly, both ends included. */
const EXACT: { readonly [D in DType]: readonly [number, number] } = {
  i1: [0, 1],
  i32: [I32_MIN, I32_MAX],
  u32: [0, 2 ** 32 - 1],
  f32: [-(2 ** 24), 2 ** 24],
  f16: [-(2 ** 11), 2 ** 11],
  bf16: [-(2 ** 8), 2 ** 8],
};

export class AffineTiles {
  readonly #forms = new Map<Value, Affine | null>();
  readonly #ranges: Ranges;

  constructor(kernel: Kernel, facts: LaunchFacts) {
    this.#ranges = new Ranges(kernel, facts);
    this.#scalars(kernel.body);
  }

  /** Forms of scalars, in program order. */
  #scalars(block: Block): void {
    for (const op of block.ops) {
      const [begin, end, step] = op.operands;
      const index = op.regions[0]?.args[0];
      if (op.name === 'for' && begin && end && step && index) this.#ranges.defineIndex(index, begin, end, step);
      for (const region of op.regions) this.#scalars(region);
      if (op.regions.length === 0) this.#ranges.define(op);
    }
  }

  /** The form of a tile or scalar, or null. */
  of(v: Value): Affine | null {
    let form = this.#forms.get(v);
    if (form === undefined) {
      form = this.#proven(this.#form(v), v);
      this.#forms.set(v, form);
    }
    return form;
  }

  #form(v: Value): Affine | null {
    if (v.type.kind !== 'tile') return null;
    if (v.type.dtype === 'i32' && v.type.shape.length === 0) return { coefs: [], rest: this.#ranges.form(v) };
    return v.def.kind === 'op' ? this.#result(v.def, v.type) : null;
  }

  #result(op: Op, type: TileType): Affine | null {
    const [a, b] = op.operands.map((x) => this.of(x));
    if (renamesLanes(op)) {
      const coefs = a ? forward(op, a.coefs) : null;
      return a && coefs ? { coefs, rest: a.rest } : null;
    }
    switch (op.name) {
      case 'const':
        return uniform((op as Op<'const'>).attrs.value, type);
      case 'iota':
        return { coefs: [1], rest: number(0) };
      case 'cast':
        return a ?? null;
      case 'neg':
        return a ? scale(a, -1) : null;
      case 'add':
        return a && b ? combine(a, b, 1) : null;
      case 'sub':
        return a && b ? combine(a, b, -1) : null;
      case 'mul':
        return a && b ? product(a, b) : null;
      default:
        return null;
    }
  }

  /** The form, if the dtype of v holds all its values. */
  #proven(form: Affine | null, v: Value): Affine | null {
    if (form === null) return null;
    const [low, high] = bounds({ coefs: form.coefs, constant: 0 }, shapeOf(v));
    const [least, most] = EXACT[v.type.dtype];
    const fits =
      proveNonNegative(plus(form.rest, number(low - least))) && proveNonNegative(minus(number(most - high), form.rest));
    return fits ? form : null;
  }
}

function uniform(value: number, type: TileType): Affine | null {
  return Number.isInteger(value) ? { coefs: type.shape.map(() => 0), rest: number(value) } : null;
}

const scale = (a: Affine, k: number): Affine => ({ coefs: a.coefs.map((c) => c * k), rest: times(a.rest, k) });

function combine(a: Affine, b: Affine, factor: number): Affine {
  return { coefs: a.coefs.map((c, i) => c + factor * (b.coefs[i] ?? 0)), rest: plus(a.rest, b.rest, factor) };
}

/** The number that a form is for every index and launch. */
export const constantForm = (a: Affine): number | null =>
  isNumber(a.rest) && a.coefs.every((c) => c === 0) ? a.rest.constant : null;

function product(a: Affine, b: Affine): Affine | null {
  const [ka, kb] = [constantForm(a), constantForm(b)];
  return kb !== null ? scale(a, kb) : ka !== null ? scale(b, ka) : null;
}

/** a - b where that does not depend on run-time scalars. */
export function difference(a: Affine, b: Affine): { coefs: readonly number[]; constant: number } | null {
  const d = combine(a, b, -1);
  return isNumber(d.rest) ? { coefs: d.coefs, constant: d.rest.constant } : null;
}
