import { describe, expect, test } from 'vitest';
import { unwritten } from '../interp/make.js';
import { filled, launchText } from './launch-text.js';

/** Rows of semantics.md, "Types and literals", as far as the front end decides them. */

type DT = 'f32' | 'f16' | 'bf16' | 'i32' | 'u32';

/** Value and dtype of an expression over scalars named after their dtypes; the dtype is asked of a carried variable. */
function resultOf(expression: string, dtype: DT, mode: 'f64' | 'round' = 'f64', before = ''): number {
  const y = unwritten([1], dtype);
  launchText(
    {
      args: `xf: input(f32, ['N']), xh: input(f16, ['N']), xb: input(bf16, ['N']), xi: input(i32, ['N']), xu: input(u32, ['N']), y: output(${dtype}, ['N'])`,
      env: 'N',
      body: `const f = xf.get(0), h = xh.get(0), b = xb.get(0), i = xi.get(0), u = xu.get(0);
             ${before}
             let r = cast(0, ${dtype});
             if (N > 0) r = ${expression};
             y.scatter([0], r);`,
    },
    {
      xf: filled([1], () => 2.5),
      xh: filled([1], () => 1.5, 'f16'),
      xb: filled([1], () => 3, 'bf16'),
      xi: filled([1], () => -7, 'i32'),
      xu: filled([1], () => 9, 'u32'),
      y,
    },
    mode,
  );
  return y.data[0] as number;
}

describe('mixing: the dtype of a result', () => {
  test.each<[string, DT, number]>([
    ['f + i', 'f32', -4.5],
    ['i * f', 'f32', -17.5],
    ['h + b', 'f32', 4.5],
    ['h * h', 'f16', 2.25],
    ['b + f', 'f32', 5.5],
    ['i + h', 'f32', -5.5],
    ['u - b', 'f32', 6],
    ['h + 1', 'f16', 2.5],
    ['i + 1', 'i32', -6],
    ['u + 1', 'u32', 10],
    ['maximum(h, b)', 'f32', 3],
    ['where(i > 0, h, f)', 'f32', 2.5],
    ['cast(i, u32)', 'u32', 2 ** 32 - 7],
    ['cast(u, i32) - 10', 'i32', -1],
    ['cast(f > 2, i32)', 'i32', 1],
    ['bitcast(cast(1, f32), u32)', 'u32', 0x3f800000],
  ])('%s is %s', (expression, dtype, want) => {
    expect(resultOf(expression, dtype)).toBe(want);
    const other = dtype === 'f32' ? 'i32' : 'f32';
    expect(() => resultOf(expression, other)).toThrow(/LAC0210/);
  });

  test.each([
    ['i + u', 'LAC0205'],
    ['(f > 0) + 1', 'LAC0205'],
    ['where(f > 0, f > 1, f)', 'LAC0205'],
    ['i & f', 'LAC0226'],
    ['i / 2', 'LAC0204'],
    ['(f > 0) < (f > 1)', 'LAC0225'],
    ['where(f > 0, 1, 0)', 'LAC0207'],
    ['exp(i)', 'LAC0212'],
    ['mulhi(i, i)', 'LAC0212'],
    ['idiv(f, 2)', 'LAC0212'],
    ['idiv(i, 0)', 'LAC0223'],
    ['i % 0', 'LAC0223'],
    ['cdiv(-7, 2)', 'LAC0212'],
    ['bitcast(h, i32)', 'LAC0212'],
    ['i ** -1', 'LAC0212'],
  ])('%s is an error', (expression, code) => {
    expect(() => resultOf(expression, 'f32')).toThrow(code);
  });
});

describe('literals take the dtype of the other operand, or are an error', () => {
  test.each<[string, DT]>([
    ['i + 0.5', 'i32'],
    ['i + 2 ** 31', 'i32'],
    ['u - -1', 'u32'],
    ['u + 2 ** 32', 'u32'],
    ['u & (255 << 24)', 'u32'],
    ['i + Infinity', 'i32'],
    ['h + 65505', 'f16'],
    ['b + 3.4e38', 'bf16'],
    ['f + 1e39', 'f32'],
  ])('%s', (expression, dtype) => {
    expect(() => resultOf(expression, dtype)).toThrow('LAC0206');
  });

  test.each<[string, DT, number]>([
    ['h * 0 + 65504', 'f16', 65504],
    ['h * Infinity', 'f16', Infinity],
    ['u & (255 << 24) >>> 0', 'u32', 0],
    ['u + (2 ** 32 - 1)', 'u32', 8],
    ['i + (2 ** 31 - 1) + 8', 'i32', -(2 ** 31)],
    ['i * (1 / 3 * 3)', 'i32', -7],
    ['f * (1 / 3)', 'f32', 2.5 * (1 / 3)],
    ['cast(1e10, i32)', 'i32', 2 ** 31 - 1],
    ['cast(-1.5, u32)', 'u32', 0],
    ['cast(NaN, i32)', 'i32', 0],
    ['cast(true, f32)', 'f32', 1],
  ])('%s is %s %d', (expression, dtype, want) => {
    expect(resultOf(expression, dtype)).toBe(want);
  });

  test('0.1 is the nearest f16, bf16 or f32', () => {
    expect(resultOf('h * 0 + 0.1', 'f16', 'round')).toBe(0.0999755859375);
    expect(resultOf('b * 0 + 0.1', 'bf16', 'round')).toBe(0.10009765625);
    expect(resultOf('f * 0 + 0.1', 'f32', 'round')).toBe(Math.fround(0.1));
  });

  test('a let takes the dtype of its first assignment that has one', () => {
    expect(resultOf('s', 'f16', 'f64', 'let s = 0; if (i < 0) s = h;')).toBe(1.5);
    expect(() => resultOf('f', 'f32', 'f64', 'let s = 0; if (i < 0) s = 1; void (s + 1);')).toThrow('LAC0207');
  });
});

describe('integers', () => {
  test.each<[string, DT, number]>([
    ['idiv(i, 2)', 'i32', -3],
    ['i % 2', 'i32', -1],
    ['i % -4', 'i32', -3],
    ['idiv(u, 4)', 'u32', 2],
    ['cdiv(u, 4)', 'u32', 3],
    ['cdiv(cast(2 ** 31 - 1, i32), 2)', 'i32', 2 ** 30],
    ['i >> 1', 'i32', -4],
    ['i >>> 1', 'i32', 2 ** 31 - 4],
    ['i >>> 33', 'i32', 2 ** 31 - 4],
    ['u << 32', 'u32', 9],
    ['cast(i, u32) >> 28', 'u32', 15],
    ['~u', 'u32', 2 ** 32 - 10],
    ['~i', 'i32', 6],
    ['-u', 'u32', 2 ** 32 - 9],
    ['u ^ 0xffffffff', 'u32', 2 ** 32 - 10],
    ['(u | 6) & 14', 'u32', 14],
    ['i ** 3', 'i32', -343],
    ['i ** 0', 'i32', 1],
    ['u ** 11', 'u32', 9 ** 11 % 2 ** 32],
    ['abs(i)', 'i32', 7],
    ['abs(u)', 'u32', 9],
    ['abs(cast(-(2 ** 31), i32))', 'i32', -(2 ** 31)],
    ['mulhi(u, 0xd2511f53)', 'u32', 7],
    ['min(full([2], 9, u32) - cast(iota(2), u32) * 10, 0)', 'u32', 9],
  ])('%s is %s %d', (expression, dtype, want) => {
    expect(resultOf(expression, dtype)).toBe(want);
  });

  test.each(['+=', '-=', '*=', '%=', '&=', '|=', '^=', '<<=', '>>=', '>>>=', '**='])('x %s 3 is x = x op 3', (op) => {
    const plain = op.slice(0, -1);
    expect(resultOf('v', 'i32', 'f64', `let v = i; v ${op} 3;`)).toBe(resultOf(`i ${plain} 3`, 'i32'));
  });
  test('/= divides floats', () => {
    expect(resultOf('v', 'f32', 'f64', 'let v = f; v /= 2;')).toBe(1.25);
  });
});

describe('comparisons and masks', () => {
  test.each([
    ['NaN === NaN', 'f * NaN === f * NaN', 0],
    ['NaN !== NaN', 'f * NaN !== f * NaN', 1],
    ['NaN < 1', 'f * NaN < 1', 0],
    ['-0 === 0', '-(f * 0) === 0', 1],
    ['masks are equal', '(f > 0) === (i < 0)', 1],
    ['masks differ', '(f > 0) !== (i > 0)', 1],
    ['and, or, not', '!(f > 9) && (i > 0 || u > 0)', 1],
    ['i32 with f32', 'i < f', 1],
  ])('%s', (_, mask, want) => {
    expect(resultOf(`cast(${mask}, i32)`, 'i32')).toBe(want);
  });

  test('a lane that where does not choose contributes nothing', () => {
    expect(resultOf('where(f > 0, f, f / 0)', 'f32')).toBe(2.5);
    expect(resultOf('where(f < 0, log(-f), f)', 'f32')).toBe(2.5);
  });
});
