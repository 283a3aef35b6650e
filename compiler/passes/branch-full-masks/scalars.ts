/** Conditions as ops on scalars. */
import type { AffineTiles } from '../../analysis/affine-tiles.js';
import { I32_MAX, I32_MIN, type Linear, minus, number, plus, proveNonNegative } from '../../analysis/linear.js';
import type { Builder } from '../../ir/builder.js';
import type { Value } from '../../ir/module.js';
import type { Corner } from './corners.js';
import type { Condition } from './full.js';

export class ConditionOps {
  readonly #b: Builder;
  readonly #affine: AffineTiles;

  constructor(b: Builder, affine: AffineTiles) {
    this.#b = b;
    this.#affine = affine;
  }

  emit(c: Condition): Value {
    return this.#joined('and', this.#terms(c));
  }

  /** What must hold together. */
  #terms(c: Condition): readonly Value[] {
    switch (c.kind) {
      case 'mask':
        return [c.holds ? c.value : this.#b.value('not', [c.value], {})];
      case 'below':
        return [this.#compare('lt', this.#sum(c.a, c.shift), this.#sum(c.b))];
      case 'within':
        return this.#within(c.corner, c.least, c.most);
      case 'all':
        return c.of.flatMap((x) => this.#terms(x));
      case 'any':
        return [
          this.#joined(
            'or',
            c.of.map((x) => this.emit(x)),
          ),
        ];
    }
  }

  #joined(op: 'and' | 'or', terms: readonly Value[]): Value {
    return terms.length === 0 ? this.#b.constant(1, 'i1') : terms.reduce((a, b) => this.#b.value(op, [a, b], {}));
  }

  #compare(pred: 'lt' | 'le' | 'ge', a: Value, b: Value): Value {
    return this.#b.value('cmp', [a, b], { pred });
  }

  #within(corner: Corner, least: number, most: number): readonly Value[] {
    if (this.#proves(corner, least, most)) return [];
    const x = this.#sum(corner);
    return [
      ...(least > I32_MIN ? [this.#compare('ge', x, this.#b.constant(least, 'i32'))] : []),
      ...(most < I32_MAX ? [this.#compare('le', x, this.#b.constant(most, 'i32'))] : []),
    ];
  }

  /** Bounds of the exact sum; they hold of what is computed, because in i32 nothing has wrapped. */
  #proves(corner: Corner, least: number, most: number): boolean {
    let form: Linear | null = number(corner.constant);
    for (const [v, factor] of corner.terms) {
      const term = this.#affine.of(v);
      form = form !== null && term !== null ? plus(form, term.rest, factor) : null;
    }
    if (form === null) return false;
    return proveNonNegative(minus(form, number(least))) && proveNonNegative(minus(number(most), form));
  }

  #sum(corner: Corner, shift = 0): Value {
    const b = this.#b;
    const terms = [...corner.terms].map(([v, n]) => (n === 1 ? v : b.value('mul', [v, b.constant(n, 'i32')], {})));
    const [first, ...rest] = terms;
    if (first === undefined) return b.constant((corner.constant + shift) | 0, 'i32');
    const sum = rest.reduce((x, y) => b.value('add', [x, y], {}), first);
    return [corner.constant, shift].reduce(
      (x, n) => (n === 0 ? x : b.value('add', [x, b.constant(n, 'i32')], {})),
      sum,
    );
  }
}
