import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Builder } from '../../compiler/ir/builder.js';
import { type Block, type Kernel, newBlock, type Op, type Value, walk } from '../../compiler/ir/module.js';
import { parseModule } from '../../compiler/ir/parse.js';
import { type TileType, tileType } from '../../compiler/ir/types.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import { markZeros } from '../../compiler/passes/mark-zeros.js';
import { launch } from '../ir/launch.js';
import { CONTEXT, textCases } from './text-cases.js';

textCases(markZeros);

interface Choice {
  readonly rule: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
}
type Recipe = (name: string, pick: (dtype: string, i: number) => string, s: Choice) => [dtype: string, text: string];

const PREDICATES = ['lt', 'le', 'gt', 'ge', 'eq', 'ne'];
const at = <T>(items: readonly T[], i: number): T => items[i % items.length] as T;
const unary =
  (dtype: string, op: string): Recipe =>
  (name, pick, s) => [dtype, `${name} = ${op} ${pick(dtype, s.a)} : tile<8x8x${dtype}>`];
const binary =
  (dtype: string, op: string): Recipe =>
  (name, pick, s) => [dtype, `${name} = ${op} ${pick(dtype, s.a)}, ${pick(dtype, s.b)} : tile<8x8x${dtype}>`];
const dot: Recipe = (name, pick, s) => [
  'f32',
  `${name} = dot ${pick('f32', s.a)}, ${pick('f32', s.b)}${s.c % 2 ? `, ${pick('f32', s.c)}` : ''} : tile<8x8xf32>`,
];
const select: Recipe = (name, pick, s) => [
  'f32',
  `${name} = select ${pick('i1', s.c)}, ${pick('f32', s.a)}, ${s.c % 3 ? '%none' : pick('f32', s.b)} : tile<8x8xf32>`,
];

/** Arithmetic of indices, masks of it, floats under masks, products. */
const RECIPES: readonly Recipe[] = [
  unary('i32', 'neg'),
  unary('i32', 'trans'),
  binary('i32', 'add'),
  binary('i32', 'sub'),
  binary('i32', 'mul'),
  (name, pick, s) => [
    'i1',
    `${name} = cmp ${pick('i32', s.a)}, ${pick('i32', s.b)} {pred = "${at(PREDICATES, s.c)}"} : tile<8x8xi1>`,
  ],
  (name, pick, s) => [
    'i1',
    `${name} = cmp ${pick('i32', s.a)}, ${pick('i32', s.b)} {pred = "${at(PREDICATES, s.c)}"} : tile<8x8xi1>`,
  ],
  binary('i1', 'and'),
  binary('i1', 'or'),
  unary('i1', 'not'),
  unary('i1', 'trans'),
  unary('f32', 'neg'),
  unary('f32', 'abs'),
  unary('f32', 'trans'),
  binary('f32', 'add'),
  binary('f32', 'mul'),
  binary('f32', 'max'),
  select,
  select,
  select,
  dot,
  dot,
  (name, pick, s) => ['f32', `${name} = cast ${pick('i1', s.a)} {to = f32} : tile<8x8xf32>`],
  (name, pick, s) => ['f32', `${name} = cast ${pick('i32', s.a)} {to = f32} : tile<8x8xf32>`],
];

const HEAD = `%zero = const {value = 0} : i32
  %a = load %x, %zero, %zero {pad = 0, valid = [8, 6]} : tile<8x8xf32>
  %i = iota : tile<8xi32>
  %ri = expand %i {axis = 1} : tile<8x1xi32>
  %ci = expand %i {axis = 0} : tile<1x8xi32>
  %r = broadcast %ri : tile<8x8xi32>
  %c = broadcast %ci : tile<8x8xi32>
  %two = const {value = 2} : tile<8x8xi32>
  %t = splat %n : tile<8x8xi32>
  %m = cmp %r, %c {pred = "ge"} : tile<8x8xi1>
  %none = const {value = 0} : tile<8x8xf32>`;

function kernelText(choices: readonly Choice[]): string {
  const pools: Record<string, string[]> = { i32: ['%r', '%c', '%two', '%t'], i1: ['%m'], f32: ['%a', '%none'] };
  const newest = (dtype: string, i: number): string => {
    const pool = pools[dtype] ?? [];
    return pool[pool.length - 1 - (i % pool.length)] as string;
  };
  const lines = choices.map((s, i) => {
    const [dtype, text] = at(RECIPES, s.rule)(`%v${i}`, newest, s);
    pools[dtype]?.push(`%v${i}`);
    return text;
  });
  return `kernel k(%y: view<out 8x8xf32> [Y0, Y1], %x: view<in ?x?xf32> [R, K], %n: i32) axes [] {
  ${HEAD}
  ${lines.join('\n  ')}
  %p = dot ${newest('f32', 0)}, %a : tile<8x8xf32>
  %out = select ${newest('i1', 0)}, %p, ${newest('f32', 1)} : tile<8x8xf32>
  store %y, %out, %zero, %zero {valid = [7, 8]}
}`;
}

/** Puts `value` where a fact says that lanes are zero or unused: behind the definition of a tile, or before its use. */
function overwrite(b: Builder, x: Value, triples: readonly number[], value: number): Value {
  const type = x.type as TileType;
  const ints = tileType('i32', type.shape);
  const index = (axis: number): Value => {
    const iota = b.value('iota', [], {}, tileType('i32', [type.shape[axis] as number]));
    return b.value('broadcast', [b.value('expand', [iota], { axis: 1 - axis })], {}, ints);
  };
  const constant = (n: number): Value => b.value('const', [], { value: n }, ints);
  let result = x;
  for (let i = 0; i < triples.length; i += 3) {
    const [p, q, s] = triples.slice(i, i + 3) as [number, number, number];
    const rows = b.value('mul', [index(0), constant(p)], {});
    const sum = b.value('add', [rows, b.value('mul', [index(1), constant(q)], {})], {});
    const mask = b.value('cmp', [sum, constant(-s)], { pred: 'lt' });
    result = b.value('select', [mask, b.value('const', [], { value }, type), result], {});
  }
  return result;
}

/** The kernel with zeros written where operands are said to be zero, NaN where results are said to be unused. */
function trustFacts(kernel: Kernel): number {
  let facts = 0;
  const old: Block = kernel.body;
  const b = new Builder(newBlock([]));
  for (const op of old.ops) {
    if (op.name !== 'dot') {
      b.block.ops.push(op);
      continue;
    }
    const { zero_a = [], zero_out = [] } = (op as Op<'dot'>).attrs;
    facts += zero_a.length + zero_out.length;
    op.operands[0] = overwrite(b, op.operands[0] as Value, zero_a, 0);
    b.block.ops.push(op);
    const [result] = op.results;
    const replaced = overwrite(b, result as Value, zero_out, NaN);
    const after = old.ops.slice(old.ops.indexOf(op) + 1);
    for (const user of after) user.operands = user.operands.map((v) => (v === result ? replaced : v));
  }
  old.ops = b.block.ops;
  return facts / 3;
}

describe('mark-zeros', () => {
  it('claims only what holds: writing zeros and NaN into what is claimed changes no result', () => {
    const nat = fc.nat({ max: 100 });
    const choice = fc.record({ rule: nat, a: nat, b: nat, c: nat });
    let claims = 0;
    fc.assert(
      fc.property(fc.array(choice, { minLength: 4, maxLength: 24, size: 'max' }), (choices) => {
        const { module } = parseModule(kernelText(choices));
        const kernel = module?.kernels[0] as Kernel;
        const before = launch(kernel, 'f64', true);
        markZeros.run(kernel, CONTEXT);
        expect(verifyModule({ kernels: [kernel] })).toEqual([]);
        claims += trustFacts(kernel);
        expect(plain(launch(kernel, 'f64', true))).toEqual(plain(before));
      }),
      { numRuns: 300 },
    );
    expect(claims).toBeGreaterThan(100);
  });

  it('replaces what it noted before', () => {
    const kernel = parseModule(kernelText([])).module?.kernels[0] as Kernel;
    markZeros.run(kernel, CONTEXT);
    const facts = (): unknown =>
      [...walk(kernel.body)].filter((op) => op.name === 'dot').map((op) => ({ ...op.attrs }));
    const once = facts();
    markZeros.run(kernel, CONTEXT);
    expect(facts()).toEqual(once);
  });
});

/** +0 and -0 are one number. */
const plain = (results: Record<string, number[]>): Record<string, number[]> =>
  Object.fromEntries(Object.entries(results).map(([name, x]) => [name, x.map((v) => v + 0)]));
