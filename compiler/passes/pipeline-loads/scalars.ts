import { Builder } from '../../ir/builder.js';
import { type Block, type Loc, newBlock, type Op, type Value } from '../../ir/module.js';
import { constantOf } from '../../ir/rewrite.js';

/** Appends arithmetic on i32 scalars; what is known is computed now. */
export class Scalars {
  readonly block: Block;
  readonly #builder: Builder;

  constructor(block: Block, loc: Loc | null) {
    this.block = block;
    this.#builder = new Builder(block, loc);
  }

  constant(value: number): Value {
    return this.#builder.constant(value, 'i32');
  }

  add(a: Value, b: Value): Value {
    if (constantOf(a) === 0) return b;
    return constantOf(b) === 0 ? a : this.#fold('add', a, b, (x, y) => x + y);
  }

  sub(a: Value, b: Value): Value {
    return constantOf(b) === 0 ? a : this.#fold('sub', a, b, (x, y) => x - y);
  }

  times(a: Value, factor: number): Value {
    return factor === 1 ? a : this.#fold('mul', a, this.constant(factor), (x, y) => x * y);
  }

  mul(a: Value, b: Value): Value {
    return this.#fold('mul', a, b, (x, y) => x * y);
  }

  /** Quotient of numbers that are not negative. */
  quotient(a: Value, b: Value): Value {
    return constantOf(b) === 1 ? a : this.#fold('idiv', a, b, (x, y) => Math.trunc(x / y));
  }

  /** a > b, or what is known of it. */
  greater(a: Value, b: Value): Value | boolean {
    const [x, y] = [constantOf(a), constantOf(b)];
    return x !== null && y !== null ? x > y : this.#builder.value('cmp', [a, b], { pred: 'gt' });
  }

  select(condition: Value | boolean, a: Value, b: Value): Value {
    if (typeof condition === 'boolean') return condition ? a : b;
    return this.#builder.value('select', [condition, a, b], {});
  }

  /** What `fill` appends, run only where the condition holds. */
  when(condition: Value | boolean, fill: (inside: Scalars) => void): void {
    if (condition === false) return;
    if (condition === true) {
      fill(this);
      return;
    }
    const [yes, no] = [newBlock([]), newBlock([])];
    const { loc } = this.#builder;
    fill(new Scalars(yes, loc));
    for (const side of [yes, no]) new Builder(side, loc).op('yield', [], {});
    this.#builder.op('if', [condition], {}, undefined, [yes, no]);
  }

  push(op: Op): void {
    this.block.ops.push(op);
  }

  commit(): void {
    this.#builder.op('smem_commit', [], {});
  }

  wait(left: number): void {
    this.#builder.op('smem_wait', [], { left });
  }

  #fold(name: 'add' | 'sub' | 'mul' | 'idiv', a: Value, b: Value, f: (x: number, y: number) => number): Value {
    const [x, y] = [constantOf(a), constantOf(b)];
    const known = x === null || y === null ? null : f(x, y);
    const fits = known !== null && Number.isInteger(known) && known === (known | 0);
    return fits ? this.constant(known) : this.#builder.value(name, [a, b], {});
  }
}
