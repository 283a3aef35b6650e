import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FLOAT_BINARY, FLOAT_UNARY } from '../../compiler/interp/elementwise.js';
import type { Mode } from '../../compiler/interp/machine.js';
import type { Builder } from '../../compiler/ir/builder.js';
import type { Value } from '../../compiler/ir/module.js';
import type { DType, TileType } from '../../compiler/ir/types.js';
import { roundResult, roundTo } from '../../compiler/ops/round.js';
import { OP_NAMES, type OpName, opRow } from '../../compiler/ops/table.js';
import { makeKernel, run, tensor, tile } from './make.js';

const SPECIAL = [0, -0, 1, -1, 0.5, 2.5, 1e-40, 70000, 3e38, -3e38, NaN, Infinity, -Infinity];

/** Result lanes of `body` on inputs `a` and `b` of one dtype; the result must have rank 0 to 3. */
function evaluateTile(
  dtype: DType,
  a: number[],
  b: number[],
  mode: Mode,
  body: (k: Builder, a: Value, b: Value) => Value,
): number[] {
  const n = a.length;
  let out = tensor([1]);
  const kernel = makeKernel({ a: ['in', dtype, 'N'], b: ['in', dtype, 'N'], y: ['out', 'f32', 'M'] }, [], (k, v) => {
    const zero = k.constant(0, 'i32');
    const [x, y] = ['a', 'b'].map((name) => k.value('load', [v[name] as Value, zero], { pad: 0 }, tile(dtype, n)));
    const r = body(k, x as Value, y as Value);
    const type = r.type as TileType;
    const size = type.shape.reduce((p, e) => p * e, 1);
    const flat = type.shape.length === 1 ? r : k.value('reshape', [r], {}, tile(type.dtype, size));
    const target = v.y as Value;
    target.type = { kind: 'view', dtype: type.dtype, access: 'out', extents: [null] };
    out = tensor([size], NaN, type.dtype);
    k.op('store', [target, flat, zero], {});
  });
  run(kernel, { a: tensor([n], a, dtype), b: tensor([n], b, dtype), y: out }, {}, mode);
  return [...out.data];
}

const pairs = SPECIAL.flatMap((x) => SPECIAL.map((y) => [x, y] as const));
const same = (got: number[], want: number[]): void => {
  const wrong = got.findIndex((x, i) => !Object.is(x, want[i]));
  expect(wrong === -1 ? 'equal' : `lane ${wrong}: ${got[wrong]} instead of ${want[wrong]}`).toBe('equal');
};

describe('elementwise ops', () => {
  const attrsOf: Partial<Record<OpName, Record<string, string>>> = { cmp: { pred: 'lt' }, cast: { to: 'f32' } };
  const floatOps = OP_NAMES.filter((name) => {
    const row = opRow(name);
    if (row.evaluate === undefined || row.operands.length > 2) return false;
    const type = tile('f32', 1);
    try {
      row.rule({ operands: row.operands.map(() => type), attrs: attrsOf[name] ?? {}, declared: undefined });
      return true;
    } catch {
      return false;
    }
  });

  it.each(floatOps)('%s: every dtype and mode gives what the table says, rounded where the mode says', (name) => {
    const row = opRow(name);
    for (const dtype of ['f32', 'f16', 'bf16'] as const)
      for (const mode of ['f64', 'round'] as const) {
        const a = pairs.map(([x]) => roundTo(dtype, x));
        const b = pairs.map(([, y]) => roundTo(dtype, y));
        const attrs = attrsOf[name] ?? {};
        const got = evaluateTile(dtype, a, b, mode, (k, x, y) =>
          k.value(name as 'add', row.operands.length === 1 ? [x] : [x, y], attrs),
        );
        const want = a.map((x, i) => {
          const exact = row.evaluate?.(row.operands.length === 1 ? [x] : [x, b[i] as number], dtype, attrs) as number;
          const rounds = mode === 'round' && name !== 'cmp' && name !== 'cast';
          return rounds ? roundResult(dtype, exact) : exact;
        });
        same(got, want);
      }
  });

  it('the shortcuts are the table', () => {
    const lanes = (name: string): ((...x: number[]) => number) => {
      const { evaluate } = opRow(name as OpName);
      return (...x) => evaluate?.(x, 'f32', {}) as number;
    };
    fc.assert(
      fc.property(fc.double(), fc.double(), (x, y) => {
        for (const [name, f] of Object.entries(FLOAT_UNARY)) expect(f(x)).toBe(lanes(name)(x));
        for (const [name, f] of Object.entries(FLOAT_BINARY)) expect(f(x, y)).toBe(lanes(name)(x, y));
      }),
    );
  });

  it('casts: f64 mode keeps floats, round mode rounds, both truncate and saturate to integers', () => {
    const cast = (mode: Mode, from: DType, to: DType, x: number): number =>
      evaluateTile(from, [x], [0], mode, (k, a) => k.value('cast', [a], { to }))[0] as number;
    expect(cast('f64', 'f32', 'f16', 0.1)).toBe(0.1);
    expect(cast('round', 'f32', 'f16', 0.1)).toBe(roundTo('f16', 0.1));
    expect(cast('round', 'f32', 'f16', 65520)).toBe(Infinity);
    expect(cast('f64', 'f32', 'i32', -2.7)).toBe(-2);
    expect(cast('round', 'f32', 'i32', 3e9)).toBe(2 ** 31 - 1);
    expect(cast('f64', 'f32', 'u32', -5)).toBe(0);
    expect(cast('f64', 'f32', 'i32', NaN)).toBe(0);
    expect(cast('round', 'i32', 'f32', 16777217)).toBe(16777216);
    expect(cast('f64', 'i32', 'u32', -1)).toBe(2 ** 32 - 1);
  });

  it('select takes a lane, whatever the other one holds', () => {
    const got = evaluateTile('f32', [1, NaN, 3], [NaN, 2, Infinity], 'f64', (k, a, b) =>
      k.value('select', [k.value('cmp', [a, a], { pred: 'eq' }), a, b], {}),
    );
    expect(got).toEqual([1, 2, 3]);
  });

  it('integers wrap', () => {
    const got = evaluateTile('i32', [2 ** 31 - 1, -(2 ** 31)], [1, 1], 'f64', (k, a, b) => k.value('add', [a, b], {}));
    expect(got).toEqual([-(2 ** 31), -(2 ** 31) + 1]);
    const product = evaluateTile('u32', [2 ** 32 - 1], [2 ** 32 - 1], 'round', (k, a, b) => k.value('mul', [a, b], {}));
    expect(product).toEqual([1]);
  });
});

describe('folds', () => {
  const fold = (op: string, x: number[], dtype: DType = 'f32', mode: Mode = 'f64'): number =>
    evaluateTile(dtype, x, x, mode, (k, a) => k.value('reduce', [a], { op, axis: 0 }))[0] as number;

  it('NaN loses in max and min, and never wins in argmax; ties go to the lowest position', () => {
    expect(fold('max', [NaN, 2, 1])).toBe(2);
    expect(fold('min', [2, NaN, 1])).toBe(1);
    expect(fold('max', [NaN, NaN])).toBeNaN();
    expect(fold('argmax', [NaN, 1, 3, 3])).toBe(2);
    expect(fold('argmax', [NaN, NaN])).toBe(0);
    expect(fold('argmax', [NaN, -Infinity, -Infinity])).toBe(1);
    expect(fold('argmin', [5, NaN, -1, -1])).toBe(2);
  });

  it('sums of 16-bit floats are rounded once, at the end; integer sums wrap', () => {
    const x = [2048, ...new Array<number>(8).fill(1)];
    expect(fold('sum', x, 'f16', 'round')).toBe(2056);
    expect(fold('sum', [2 ** 31 - 1, 1], 'i32')).toBe(-(2 ** 31));
    expect(fold('sum', [2 ** 32 - 1, 2], 'u32')).toBe(1);
    expect(fold('sum', [Infinity, -Infinity])).toBeNaN();
  });

  it('scans run from either end', () => {
    const scan = (reverse: boolean): number[] =>
      evaluateTile('f32', [1, 2, 3, 4, 5, 6], [0], 'f64', (k, a) => {
        const square = k.value('reshape', [a], {}, tile('f32', 2, 3));
        return k.value('scan', [square], { op: 'sum', axis: 1, reverse });
      });
    expect(scan(false)).toEqual([1, 3, 6, 4, 9, 15]);
    expect(scan(true)).toEqual([6, 5, 3, 15, 11, 6]);
  });

  it('dot: 0 * NaN is NaN, products of 16-bit operands are exact', () => {
    const dot = (a: number[], b: number[], dtype: DType, mode: Mode): number =>
      evaluateTile(dtype, a, b, mode, (k, x, y) =>
        k.value('dot', [k.value('expand', [x], { axis: 0 }), k.value('expand', [y], { axis: 1 })], {}),
      )[0] as number;
    expect(dot([0, 1], [NaN, 1], 'f32', 'f64')).toBeNaN();
    const x = roundTo('bf16', 1.0078125);
    expect(dot([x, x], [x, 0], 'bf16', 'round')).toBe(x * x);
  });
});

describe('shape', () => {
  it('broadcast, trans, reshape and expand agree with index arithmetic', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 5 }), (m, n) => {
        const x = Array.from({ length: m * n }, (_, i) => i);
        const t = evaluateTile('f32', x, x, 'f64', (k, a) =>
          k.value('trans', [k.value('reshape', [a], {}, tile('f32', m, n))], {}),
        );
        expect(t).toEqual(Array.from({ length: m * n }, (_, i) => (i % m) * n + Math.floor(i / m)));
        const wide = evaluateTile('f32', x, x, 'f64', (k, a) =>
          k.value('broadcast', [k.value('expand', [a], { axis: 0 })], {}, tile('f32', 3, m * n)),
        );
        expect(wide).toEqual([...x, ...x, ...x]);
      }),
      { numRuns: 25 },
    );
  });
});

it('constants are rounded in round mode only', () => {
  const one = (mode: Mode): number =>
    evaluateTile('bf16', [0], [0], mode, (k) => k.value('const', [], { value: 0.1 }, tile('bf16', 1)))[0] as number;
  expect(one('f64')).toBe(0.1);
  expect(one('round')).toBe(roundTo('bf16', 0.1));
});
