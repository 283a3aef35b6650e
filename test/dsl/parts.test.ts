import { describe, expect, test } from 'vitest';
import { unwritten } from '../interp/make.js';
import { filled, launchText } from './launch-text.js';

const XY = (x: string, y: string): string => `x: input(f32, [${x}]), y: output(f32, [${y}])`;

/** Runs a body that makes `r` of x's tile `t`, and gives r's values. */
function partOf(shape: number[], result: number[], body: string): number[] {
  const [x, y] = [filled(shape, (i) => i), unwritten(result)];
  const names = (n: number, prefix: string): string =>
    Array.from({ length: n }, (_, i) => `'${prefix}${i}'`).join(', ');
  const zeros = (n: number): string => `[${new Array(n).fill(0).join(', ')}]`;
  launchText(
    {
      args: XY(names(shape.length, 'A'), names(result.length, 'B')),
      body: `const t = x.load(${zeros(shape.length)}, [${shape.join(', ')}]);
             ${body}
             y.store(${zeros(result.length)}, r);`,
    },
    { x, y },
  );
  return [...y.data];
}

describe('parts of tiles, of extents that are no powers of two', () => {
  test.each([
    ['rank 1', [7], [3], 'const r = slice(t, [2], [3]);', [2, 3, 4]],
    [
      'rank 2, at a scalar known at run time',
      [3, 5],
      [2, 2],
      'const r = slice(t, [p + 1, 3], [2, 2]);',
      [8, 9, 13, 14],
    ],
    ['rank 3', [2, 3, 4], [1, 2, 1], 'const r = slice(t, [1, p, 3], [1, 2, 1]);', [15, 19]],
    ['of all', [2, 2], [2, 2], 'const r = slice(t, [0, 0], [2, 2]);', [0, 1, 2, 3]],
  ])('slice: %s', (_, shape, result, body, want) => {
    expect(partOf(shape, result, body)).toEqual(want);
  });

  test('slice of a row, its axis taken away, as the state after a scan', () => {
    expect(partOf([3, 2, 2], [2, 2], 'const r = reshape(slice(t, [2, 0, 0], [1, 2, 2]), [2, 2]);')).toEqual([
      8, 9, 10, 11,
    ]);
  });

  test.each([
    ['rank 1', [5], 'const r = insert(t, [p + 2], full([2], -1, f32));', [0, 1, -1, -1, 4]],
    [
      'rank 2',
      [2, 3],
      'const r = insert(t, [1, 0], row(slice(reshape(t, [6]), [0], [2])) * -1);',
      [0, 1, 2, -0, -1, 5],
    ],
    ['a part of another dtype', [3], 'const r = insert(t, [1], cast(iota(2), i32) + 7);', [0, 7, 8]],
    ['x itself stays', [3], 'const u = insert(t, [1], full([1], 9, f32)); const r = t + u;', [0, 10, 4]],
  ])('insert: %s', (_, shape, body, want) => {
    expect(partOf(shape, shape, body)).toEqual(want);
  });

  test.each([
    ['rank 1', [3], [7], 'const r = concat([t, full([1], 9, f32), t], 0);', [0, 1, 2, 9, 0, 1, 2]],
    ['columns', [2, 2], [2, 3], 'const r = concat([col(sum(t, 1)), t], 1);', [1, 0, 1, 5, 2, 3]],
    ['rows', [1, 2], [2, 2], 'const r = concat([t, t + 5], 0);', [0, 1, 5, 6]],
    ['rank 3', [1, 2, 1], [1, 2, 2], 'const r = concat([t, t * 10], 2);', [0, 0, 1, 10]],
    ['one part', [2], [2], 'const r = concat([t], 0);', [0, 1]],
    ['NaN and Infinity stay', [1], [2], 'const r = concat([t / 0, 1 / t], 0);', [Number.NaN, Number.POSITIVE_INFINITY]],
    ['masks', [3], [6], 'const r = cast(concat([t > 1, t < 1], 0), f32);', [0, 0, 1, 1, 0, 0]],
  ])('concat: %s', (_, shape, result, body, want) => {
    expect(partOf(shape, result, body)).toEqual(want);
  });

  test.each([
    ['rank 1, reversed', [5], [5], 'const r = take(t, 4 - iota(5), 0);', [4, 3, 2, 1, 0]],
    ['more elements than there are', [2], [5], 'const r = take(t, iota(5) % 2, 0);', [0, 1, 0, 1, 0]],
    ['one for each column', [3, 2], [1, 2], 'const r = take(t, row(2 - iota(2)), 0);', [4, 3]],
    ['of each row, the same columns', [2, 3], [2, 2], 'const r = take(t, row(iota(2) * 2), 1);', [0, 2, 3, 5]],
    [
      'along rows, by a tile',
      [2, 3],
      [2, 3],
      'const r = take(t, (col(iota(2)) + row(iota(3))) % 3, 1);',
      [0, 1, 2, 4, 5, 3],
    ],
    ['rank 3, in the middle', [2, 2, 2], [2, 1, 2], 'const r = take(t, full([2, 1, 2], p + 1, i32), 1);', [2, 3, 6, 7]],
    ['u32 indices', [3], [2], 'const r = take(t, cast(iota(2), u32) + 1, 0);', [1, 2]],
    ['what argmax found', [2, 3], [2, 1], 'const r = take(t, col(argmax(t, 1)), 1);', [2, 5]],
  ])('take: %s', (_, shape, result, body, want) => {
    expect(partOf(shape, result, body)).toEqual(want);
  });

  test.each([
    ['slice', 'const r = slice(t, [p + 3], [2]);'],
    ['insert', 'const r = slice(insert(t, [p - 1], full([2], 9, f32)), [0], [2]);'],
    ['take', 'const r = take(t, iota(2) + 3, 0);'],
  ])('%s that leaves its tile at run time traps', (_, body) => {
    expect(() => partOf([4], [2], body)).toThrow(/LAC0810|leaves the tile|index 4 on axis 0/);
  });
});

describe('products of batches', () => {
  test.each([
    ['dot(a, b)', 0],
    ['dot(a, b, acc)', 1],
    ['acc + dot(a, b)', 1],
    ["dot(a, b, acc, { precision: 'ieee' })", 1],
  ])('%s', (product, plus) => {
    const [B, M, K, N] = [2, 3, 5, 4];
    const [a, b, y] = [filled([B, M, K]), filled([B, K, N], (i) => (i % 7) - 3), unwritten([B, M, N])];
    launchText(
      {
        args: "x: input(f32, ['B', 'M', 'K']), w: input(f32, ['B', 'K', 'N']), y: output(f32, ['B', 'M', 'N'])",
        body: `const a = x.load([0, 0, 0], [2, 3, 5]), b = w.load([0, 0, 0], [2, 5, 4]), acc = full([2, 3, 4], 1, f32);
               y.store([0, 0, 0], ${product});`,
      },
      { x: a, w: b, y },
    );
    const want = Array.from({ length: B * M * N }, (_, l) => {
      const [g, m, n] = [Math.floor(l / (M * N)), Math.floor(l / N) % M, l % N];
      let s = plus;
      for (let k = 0; k < K; k++)
        s += (a.data[(g * M + m) * K + k] as number) * (b.data[(g * K + k) * N + n] as number);
      return s;
    });
    expect([...y.data]).toEqual(want);
  });
});

describe('folds of every rank, axis and dtype', () => {
  const FOLDS: Readonly<Record<string, (x: readonly number[]) => number>> = {
    sum: (x) => x.reduce((a, b) => a + b, 0),
    max: (x) => Math.max(...x),
    min: (x) => Math.min(...x),
    argmax: (x) => x.indexOf(Math.max(...x)),
    argmin: (x) => x.indexOf(Math.min(...x)),
  };
  const SHAPES = [[5], [3, 5], [2, 3, 5]];
  const cases = (['f32', 'f16', 'bf16', 'i32', 'u32'] as const).flatMap((dtype) =>
    SHAPES.flatMap((shape) => shape.map((_, axis) => [dtype, shape, axis] as const)),
  );

  test.each(cases)('%s %j along %i', (dtype, shape, axis) => {
    const size = shape.reduce((n, e) => n * e, 1);
    const x = filled([...shape], (i) => ((i * 7) % 11) - (dtype === 'u32' ? 0 : 4), dtype);
    const folded = shape.filter((_, i) => i !== axis);
    const names = shape.map((_, i) => `'D${i}'`);
    const kept = names.filter((_, i) => i !== axis).join(', ');
    const outs = Object.fromEntries(Object.keys(FOLDS).map((f) => [f, unwritten([...folded])]));
    const zeros = (n: number): string => `[${new Array(n).fill(0).join(', ')}]`;
    const dtypeOf = (f: string): string => (f.startsWith('arg') ? 'i32' : dtype);
    launchText(
      {
        args: `x: input(${dtype}, [${names.join(', ')}]), ${Object.keys(FOLDS)
          .map((f) => `y${f}: output(${dtypeOf(f)}, [${kept}])`)
          .join(', ')}`,
        body: `const t = x.load(${zeros(shape.length)}, [${shape.join(', ')}]);
               ${Object.keys(FOLDS)
                 .map((f) => `y${f}.store(${zeros(folded.length)}, ${f}(t, ${axis}));`)
                 .join('\n')}`,
      },
      { x, ...Object.fromEntries(Object.entries(outs).map(([f, y]) => [`y${f}`, y])) },
      'round',
    );
    const below = shape.slice(axis + 1).reduce((n, e) => n * e, 1);
    const extent = shape[axis] as number;
    for (const [f, fold] of Object.entries(FOLDS))
      for (let l = 0; l < size / extent; l++) {
        const base = Math.floor(l / below) * below * extent + (l % below);
        const line = Array.from({ length: extent }, (_, i) => x.data[base + i * below] as number);
        expect(outs[f]?.data[l], `${f} of ${line}`).toBe(fold(line));
      }
  });
});
