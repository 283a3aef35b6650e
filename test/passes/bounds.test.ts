import fc from 'fast-check';
import { expect, it } from 'vitest';
import type { Expr } from '../../compiler/expr.js';
import { Builder } from '../../compiler/ir/builder.js';
import { type Kernel, newBlock, type Op, type Value, walk } from '../../compiler/ir/module.js';
import { tileType } from '../../compiler/ir/types.js';
import { proveBounds } from '../../compiler/passes/prove-bounds.js';
import { makeKernel, run, tensor } from '../interp/make.js';
import { CONTEXT } from './text-cases.js';

interface Step {
  readonly kind: number;
  readonly a: number;
  readonly b: number;
  readonly body: readonly Step[];
}

const steps = (depth: number): fc.Arbitrary<readonly Step[]> => {
  const body = depth === 0 ? fc.constant([]) : steps(depth - 1);
  return fc.array(fc.record({ kind: fc.nat(100), a: fc.nat(100), b: fc.nat(100), body }), { maxLength: 10 });
};

const CONSTANTS = [0, 1, 2, 3, 4, 6, 8, -1, -4];
const pick = <T>(list: readonly T[], i: number): T => list[i % list.length] as T;

/** Scalars computed from constants, sizes, program ids, loop indices and a parameter; views of x [N] and y [R, 8]. */
class Grower {
  #b: Builder;
  #ints: Value[];
  #views: { one: Value[]; two: Value[] };

  constructor(b: Builder, v: Record<string, Value>) {
    this.#b = b;
    const dims = ['N', 'R'].map((name) => b.value('dim', [], { name }));
    const pids = ['p', 'r'].map((axis) => b.value('program_id', [], { axis }));
    this.#ints = [...dims, ...pids, v.s as Value];
    this.#views = { one: [v.x as Value], two: [v.y as Value] };
  }

  grow(list: readonly Step[]): void {
    for (const s of list) this.#step(s);
  }

  #int(i: number): Value {
    return i % 3 === 0 ? this.#b.constant(pick(CONSTANTS, i), 'i32') : pick(this.#ints, i);
  }

  #step(s: Step): void {
    const b = this.#b;
    const [x, y] = [this.#int(s.a), this.#int(s.b)];
    const small = b.constant(1 + (s.b % 8), 'i32');
    const extent = 1 + (s.kind % 4);
    const one = pick(this.#views.one, s.b);
    const two = pick(this.#views.two, s.b);
    const binary = (name: 'add' | 'sub' | 'mul' | 'min' | 'max' | 'idiv' | 'rem', other: Value) => (): void => {
      this.#ints.push(b.value(name, [x, other], {}));
    };
    const load = (): void => {
      b.value('load', [one, x], { pad: 0 }, tileType('f32', [extent]));
    };
    const makers: readonly (() => void)[] = [
      binary('add', y),
      binary('sub', y),
      binary('mul', small),
      binary('min', y),
      binary('max', y),
      binary('idiv', small),
      binary('rem', small),
      () => {
        this.#views.one.push(b.value('view_at', [two, x], { keep: [false, true] }));
      },
      () => {
        this.#views.one.push(b.value('view_slice', [one, x, y], {}));
      },
      () => this.#loop(s, x, y),
      () => {
        b.value('get', [one, x], {});
      },
      () => {
        b.value('load', [two, x, y], { pad: 0 }, tileType('f32', [1, extent]));
      },
      load,
      load,
    ];
    pick(makers, s.kind)();
  }

  #loop(s: Step, begin: Value, end: Value): void {
    const body = newBlock([tileType('i32', [])]);
    const step = this.#b.constant(1 + (s.kind % 5), 'i32');
    this.#b.op('for', [begin, end, step], s.a % 4 === 0 ? { reverse: true } : {}, undefined, [body]);
    const saved = [this.#b, this.#ints, this.#views] as const;
    this.#b = new Builder(body);
    this.#ints = [...this.#ints, ...new Array<Value>(3).fill(body.args[0] as Value)];
    this.#views = { one: [...this.#views.one], two: [...this.#views.two] };
    this.grow(s.body);
    this.#b.op('yield', [], {});
    [this.#b, this.#ints, this.#views] = saved;
  }
}

const build = (list: readonly Step[], comptime: Record<string, number>): Kernel =>
  makeKernel(
    { x: ['in', 'f32', 'N'], y: ['in', 'f32', 'R', 'K'], s: ['scalar', 'i32'] },
    ['p', 'r'],
    (b, v) => new Grower(b, v).grow(list),
    comptime,
  );

const GRIDS: readonly Record<string, Expr>[] = [
  { p: ['cdiv', 'N', 'C'], r: 'R' },
  { p: ['idiv', 'N', 'C'], r: ['*', 2, 'R'] },
  { p: 3, r: ['-', 'R', 1] },
];

/** Programs on each axis, by the same formulas. */
function programs(grid: Record<string, Expr>, N: number, R: number, C: number): { p: number; r: number } {
  const p = grid === GRIDS[0] ? Math.ceil(N / C) : grid === GRIDS[1] ? Math.floor(N / C) : 3;
  return { p, r: grid === GRIDS[0] ? R : grid === GRIDS[1] ? 2 * R : Math.max(R - 1, 0) };
}

const isProven = (op: Op): boolean =>
  (op as Op<'load'>).attrs.guard?.includes(false) === true || (op as Op<'get'>).attrs.inside === true;

it('no proof is wrong: the interpreter checks every one, and many are found', () => {
  let [proven, all] = [0, 0];
  fc.assert(
    fc.property(
      steps(2),
      fc.record({ N: fc.nat(9), R: fc.nat(4), C: fc.integer({ min: 1, max: 4 }), s: fc.integer({ min: -9, max: 9 }) }),
      fc.constantFrom(...GRIDS),
      fc.constantFrom('comptime', 'promised', 'unknown'),
      (list, { N, R, C, s }, grid, sizes) => {
        const kernel = build(list, sizes === 'comptime' ? { N, R, K: 8 } : { K: 8 });
        kernel.config = { C };
        const divisible: Record<string, number> = sizes === 'promised' && N > 0 && R > 0 ? { N, R } : {};
        proveBounds.run(kernel, { ...CONTEXT, grid, divisible });
        for (const op of walk(kernel.body)) {
          if (op.name !== 'load' && op.name !== 'get' && op.name !== 'view_at') continue;
          all++;
          if (isProven(op)) proven++;
        }
        run(kernel, { x: tensor([N]), y: tensor([R, 8]), s }, programs(grid, N, R, C), 'f64', 2000000);
      },
    ),
    { numRuns: 400 },
  );
  expect(proven / all).toBeGreaterThan(0.1);
});
