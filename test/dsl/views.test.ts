import { describe, expect, test } from 'vitest';
import type { TensorArg } from '../../compiler/interp/machine.js';
import { tensor, unwritten } from '../interp/make.js';
import { filled, launchText } from './launch-text.js';

const at = (x: TensorArg, ...index: number[]): number =>
  index.every((i, axis) => i >= 0 && i < (x.shape[axis] as number))
    ? (x.data[index.reduce((a, i, axis) => a + i * (x.strides[axis] as number), 0)] as number)
    : 0;
const rows = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

describe('windows', () => {
  const x = filled([2, 5, 3, 4]);

  test('at keeps the axes given as all, in any place', () => {
    const y = unwritten([5, 4]);
    const z = unwritten([2, 3]);
    launchText(
      {
        args: "x: input(f32, ['B', 'N', 'H', 'D']), y: output(f32, ['N', 'D']), z: output(f32, ['B', 'H'])",
        body: `y.store([0, 0], x.at(1, all, 2).load([0, 0], [5, 4]));
               z.store([0, 0], x.at(all, 3, all, 1).load([0, 0], [2, 3]));`,
      },
      { x, y, z },
    );
    for (const n of rows(5)) for (const d of rows(4)) expect(at(y, n, d)).toBe(at(x, 1, n, 2, d));
    for (const b of rows(2)) for (const h of rows(3)) expect(at(z, b, h)).toBe(at(x, b, 3, h, 1));
  });

  test('slice after slice is cut to both, and coordinate 0 stays at its begin, also where that is negative', () => {
    const y = unwritten([4, 8]);
    launchText(
      {
        args: "x: input(f32, ['N']), y: output(f32, ['R', 'C'])",
        body: `y.at(0).store([0], x.slice(2, 7).load([-1], [8]));
               y.at(1).store([0], x.slice(2, 7).slice(1, 3).load([-1], [8]));
               y.at(2).store([0], x.slice(-2, 3).load([0], [8]));
               y.at(3).store([0], x.slice(5, 5).load([0], [8], { pad: -1 }));`,
      },
      { x: filled([10]), y },
    );
    const x1 = (n: number): number => n + 1;
    const want = [
      (i: number) => (i - 1 >= 0 && i - 1 < 5 ? x1(2 + i - 1) : 0),
      (i: number) => (i - 1 >= 0 && i - 1 < 2 ? x1(3 + i - 1) : 0),
      (i: number) => (i >= 2 && i < 5 ? x1(i - 2) : 0),
      () => -1,
    ];
    for (const r of rows(4)) for (const i of rows(8)) expect(at(y, r, i), `${r}, ${i}`).toBe(want[r]?.(i));
  });

  test('an index of at outside gives an empty view: loads pad, get is 0, stores and sums drop', () => {
    const y = filled([3, 4]);
    const seen = unwritten([6]);
    launchText(
      {
        args: "y: inout(f32, ['M', 'N']), seen: output(f32, ['S'])",
        body: `for (const r of range(-1, 5, 4)) {
                 const R = y.at(r);
                 R.store([0], full([4], 7, f32));
                 R.atomicAdd([0], full([4], 7, f32));
                 R.scatter([iota(4)], 7);
                 R.scatterAdd([0], 7);
                 seen.scatter([0], R.get(1));
                 seen.store([1], R.load([0], [4], { pad: 5 }));
                 seen.scatter([5], R.gather([1], { pad: 6 }));
               }`,
      },
      { y, seen },
    );
    expect([...y.data]).toEqual(rows(12).map((i) => i + 1));
    expect([...seen.data]).toEqual([0, 5, 5, 5, 5, 6]);
  });
});

describe('addresses for each lane', () => {
  const x = filled([4, 5]);

  test('gather: tiles, scalars and literals broadcast; lanes outside or masked off are pad', () => {
    const y = unwritten([6, 7]);
    launchText(
      {
        args: "x: input(f32, ['M', 'N']), y: output(f32, ['R', 'C'])",
        body: `const r = iota(6) - 1, c = iota(7) - 1;
               y.store([0, 0], x.gather([col(r), row(c)], { pad: -5, mask: col(r) !== 2 }));`,
      },
      { x, y },
    );
    for (const i of rows(6))
      for (const j of rows(7)) {
        const inside = i >= 1 && i < 5 && j >= 1 && j < 6 && i - 1 !== 2;
        expect(at(y, i, j)).toBe(inside ? at(x, i - 1, j - 1) : -5);
      }
  });

  test('gather with scalars gives a scalar; a u32 beyond 2^31 is outside', () => {
    const y = unwritten([4]);
    launchText(
      {
        args: "x: input(f32, ['M', 'N']), y: output(f32, ['R']), big: scalar(u32)",
        body: `y.scatter([0], x.gather([p + 1, 2]));
               y.scatter([1], x.gather([big, 2], { pad: 9 }));
               y.scatter([2], x.at(3).gather([cast(4, u32)]));
               y.scatter([3], x.at(1, 2).gather([]));`,
      },
      { x, y, big: 2 ** 32 - 1 },
    );
    expect([...y.data]).toEqual([at(x, 1, 2), 9, at(x, 3, 4), at(x, 1, 2)]);
  });

  test('gather of rank 3, of an index loaded from memory', () => {
    const index = filled([2, 3], (i) => [4, 0, 7, 3, 3, 1][i] as number, 'i32');
    const table = filled([8, 4]);
    const y = unwritten([2, 3, 4]);
    launchText(
      {
        args: "table: input(f32, ['V', 'D']), index: input(i32, ['B', 'N']), y: output(f32, ['B', 'N', 'D'])",
        body: `const i = index.load([0, 0], [2, 3]);
               y.store([0, 0, 0], table.gather([expand(i, 2), expand(row(iota(4)), 0)]));`,
      },
      { table, index, y },
    );
    for (const b of rows(2))
      for (const n of rows(3)) for (const d of rows(4)) expect(at(y, b, n, d)).toBe(at(table, at(index, b, n), d));
  });

  test('scatter: a permutation; lanes outside or masked off are dropped; values convert to the dtype of the view', () => {
    const y = filled([8], () => -1, 'i32');
    launchText(
      {
        args: "y: inout(i32, ['N'])",
        body: `const i = iota(8);
               y.scatter([(i * 3) % 8 + 2], cast(i, f32) + 0.75, { mask: i !== 4 });`,
      },
      { y },
    );
    const want = new Array<number>(8).fill(-1);
    for (const i of rows(8)) if (i !== 4 && ((i * 3) % 8) + 2 < 8) want[((i * 3) % 8) + 2] = i;
    expect([...y.data]).toEqual(want);
  });

  test('scatter of one element into a view of rank 5, and of a mask', () => {
    const y = filled([1, 2, 1, 2, 2], () => 0);
    launchText(
      {
        args: "y: inout(f32, ['A', 'B', 'C', 'D', 'E'])",
        body: 'y.scatter([0, 1, 0, 1, p], 3); y.at(0, 0, 0).scatter([0, iota(2)], iota(2) > 0);',
      },
      { y },
    );
    expect([...y.data]).toEqual([0, 1, 0, 0, 0, 0, 3, 0]);
  });

  test('scatterAdd: equal addresses all count, in i32 and u32 modulo 2^32, and values broadcast against indices', () => {
    const count = filled([4], () => 0, 'u32');
    const sums = filled([3, 2], () => 1);
    launchText(
      {
        args: "x: input(i32, ['N']), count: inout(u32, ['K']), sums: inout(f32, ['M', 'D'])",
        grid: 'cdiv(size.N, 8)',
        body: `const v = x.load([p * 8], [8], { pad: 9 });
               count.scatterAdd([v], 2 ** 31 + 1);
               sums.scatterAdd([col(v), row(iota(2))], row(cast(iota(2), f32)) + 1);`,
      },
      { x: filled([20], (i) => (i * i) % 5, 'i32'), count, sums },
    );
    const values = rows(20).map((i) => (i * i) % 5);
    const times = (k: number): number => values.filter((v) => v === k).length;
    expect([...count.data]).toEqual(rows(4).map((k) => (times(k) * (2 ** 31 + 1)) % 2 ** 32));
    expect([...sums.data]).toEqual(rows(6).map((i) => 1 + times(Math.floor(i / 2)) * ((i % 2) + 1)));
  });

  test('atomicAdd: boxes of several programs add up; masks and edges drop', () => {
    const total = filled([5, 4], (i) => i, 'i32');
    launchText(
      {
        args: "total: inout(i32, ['M', 'N'])",
        grid: '6',
        body: 'total.atomicAdd([p - 1, 1], full([3, 8], 10, i32), { mask: row(iota(8)) !== 1 });',
      },
      { total },
    );
    for (const m of rows(5))
      for (const n of rows(4)) {
        const programs = rows(6).filter((p) => m - (p - 1) >= 0 && m - (p - 1) < 3).length;
        expect(at(total, m, n)).toBe(m * 4 + n + (n === 1 || n === 3 ? 10 * programs : 0));
      }
  });
});

describe('masks broadcast to the tile', () => {
  test.each([
    ['a mask of its shape', 'col(i) + row(i) > 3', (r: number, c: number) => r + c > 3],
    ['a column', 'col(i) > 1', (r: number) => r > 1],
    ['a row', 'row(i) > 1', (_: number, c: number) => c > 1],
    ['a scalar', 'p > 0', () => false],
    ['true', 'true', () => true],
    ['false', 'false', () => false],
  ])('%s', (_, mask, holds) => {
    const [x, y, z] = [filled([4, 4]), filled([4, 4], () => 0), filled([4, 4], () => 100)];
    launchText(
      {
        args: "x: input(f32, ['M', 'N']), y: output(f32, ['M', 'N']), z: inout(f32, ['M', 'N'])",
        body: `const i = iota(4);
               y.store([0, 0], x.load([0, 0], [4, 4], { mask: ${mask}, pad: -1 }));
               z.atomicAdd([0, 0], x.load([0, 0], [4, 4]), { mask: ${mask} });
               z.store([0, 0], full([4, 4], 5, f32), { mask: ${mask} });`,
      },
      { x, y, z },
    );
    for (const r of rows(4))
      for (const c of rows(4)) {
        expect(at(y, r, c)).toBe(holds(r, c) ? at(x, r, c) : -1);
        expect(at(z, r, c)).toBe(holds(r, c) ? 5 : 100);
      }
  });
});

describe('inout', () => {
  test('a program sees its own earlier stores', () => {
    const y = filled([6]);
    launchText(
      {
        args: "y: inout(f32, ['N'])",
        body: `for (const n of range(1, 6)) y.scatter([n], y.get(n) + y.get(n - 1));
               y.store([0], y.load([0], [6]) * 2);`,
      },
      { y },
    );
    expect([...y.data]).toEqual([1, 3, 6, 10, 15, 21].map((v) => v * 2));
  });
});

test('inputs with stride 0 repeat; a dimension of extent 0 stores nothing', () => {
  const y = filled([2, 3], () => 9);
  const x: TensorArg = { ...tensor([2, 3], 0), strides: [0, 1] };
  x.data.set([4, 5, 6]);
  launchText(
    {
      args: "x: input(f32, ['M', 'N']), none: input(f32, ['K', 'N']), y: output(f32, ['M', 'N'])",
      env: 'K',
      body: `let s = x.load([0, 0], [2, 3]) + none.load([0, 0], [1, 1]);
             for (const k of range(K)) s = s * k;
             y.store([0, 0], s);`,
    },
    { x, none: tensor([0, 3], 0), y },
  );
  expect([...y.data]).toEqual([4, 5, 6, 4, 5, 6]);
});

test('a name that stands for two axes of one argument means equal extents', () => {
  const y = filled([3, 3], () => 0);
  launchText(
    {
      args: "x: input(f32, ['N', 'N']), y: output(f32, ['N', 'N'])",
      comptime: "'N'",
      env: 'N',
      body: 'y.store([0, 0], trans(x.load([0, 0], [N, N])));',
    },
    { x: filled([3, 3]), y },
  );
  expect([...y.data]).toEqual([1, 4, 7, 2, 5, 8, 3, 6, 9]);
});
