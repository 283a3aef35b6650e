import { expect, test } from 'vitest';
import { everyDevice, testLanes, testLaunch } from './lanes.js';
import { blank, checked, given, Program } from './program.js';
import { row } from './rows.js';

const device = everyDevice();

row('dtype of a literal or Const', () => {
  testLanes(device, 'a literal is rounded to the dtype of the other operand', {
    inputs: { f: ['f32', [1, -2]], h: ['f16', [0, 0]], b: ['bf16', [0, 0]], i: ['i32', [-7, 7]], u: ['u32', [9, 0]] },
    table: {
      'cast(h + 0.1, f32)': ['f32', { exact: [0.1, 0.1], others: [0.0999755859375, 0.0999755859375] }],
      'cast(b + 0.1, f32)': ['f32', { exact: [0.1, 0.1], others: [0.10009765625, 0.10009765625] }],
      'f * 0.1': ['f32', [Math.fround(0.1), -2 * Math.fround(0.1)]],
      'f * (1 / 3)': ['f32', [Math.fround(1 / 3), -2 * Math.fround(1 / 3)]],
      'f * (0.1 + 0.2 - 0.3)': ['f32', [0.1 + 0.2 - 0.3, -2 * (0.1 + 0.2 - 0.3)].map(Math.fround)],
      'h + 65504': ['f16', [65504, 65504]],
      'i * (1 / 3 * 3)': ['i32', [-7, 7]],
      'u + (2 ** 32 - 1)': ['u32', [8, 2 ** 32 - 1]],
      // In f64 2 ** 25 + 1 - 2 ** 25 is 1; in f32 it would be 0.
      'f + (2 ** 25 + 1 - 2 ** 25)': ['f32', [2, -1]],
    },
  });

  const weakDimension = new Program({
    args: "h: input(f16, ['M']), m: input(i32, ['M']), y: output(f32, ['M']), z: output(i32, ['M'])",
    spec: "comptime: ['M'],",
    env: 'M',
    body: `let t = h.load([0], [M]);
           if (m.get(0) > 0) t = t + M * 0.1;
           y.store([0], t);
           z.store([0], m.load([0], [M]) + M);`,
  });
  testLaunch(
    device,
    'a size that is known takes it too',
    weakDimension,
    { h: given('f16', [0, 0, 0]), m: given('i32', [1, 2, 3]), y: blank('f32', 3), z: blank('i32', 3) },
    { y: { exact: [0.3, 0.3, 0.3], others: Array(3).fill(0.300048828125) }, z: [4, 5, 6] },
  );

  test.each([
    ['cast(t, f16) + 65505', 'LAC0206'],
    ['t + 1e39', 'LAC0206'],
    ['n + 0.5', 'LAC0206'],
    ['n + 2 ** 31', 'LAC0206'],
    ['cast(n, u32) - -1', 'LAC0206'],
    ['n + Infinity', 'LAC0206'],
  ])('%s is an error', (expression, code) => {
    expect(checked(`y.store([p], t * cast(${expression}, f32));`)).toEqual([code]);
  });

  test('Infinity is no overflow', () => {
    expect(checked('y.store([p], cast(t, f16) + Infinity);')).toEqual([]);
  });
});

row('`where(m, 1, 0)`, `let x = 0`', () => {
  test.each([
    ['where(t > 0, 1, 0)', 'y.store([p], t + where(t > 0, 1, 0));', ['LAC0207']],
    ['cast(t > 0, f32)', 'y.store([p], t + cast(t > 0, f32));', []],
    ['a let without a dtype', 'let s = 0; if (n > 0) s = 1; y.store([p], t + s);', ['LAC0207']],
    ['a let of two dtypes', 'let s = 0; if (n > 0) s = n; else s = x.get(0); y.store([p], t + s);', ['LAC0210']],
  ])('%s', (_, body, codes) => {
    expect(checked(body)).toEqual(codes);
  });

  const first = new Program({
    args: "h: input(f16, ['N']), n: scalar(i32), y: output(f32, ['N']), z: output(i32, ['N'])",
    body: `let s = 0;
           let k = 0;
           for (const i of range(n)) { s = h.get(i) + 0.1; k = i + 1; }
           y.scatter([0], s);
           z.scatter([0], k);`,
  });
  testLaunch(
    device,
    'a let has the dtype of its first assignment that has one',
    first,
    { h: given('f16', [5, 0]), n: 2, y: blank('f32', 2), z: blank('i32', 2) },
    { y: { exact: [0.1, NaN], others: [0.0999755859375, NaN] }, z: [2, 0xa5a5a5a5 | 0] },
  );
});

row('i32 with f32; f16 with bf16; bf16 with f32', () => {
  testLanes(device, 'give f32', {
    inputs: {
      f: ['f32', [1 + 2 ** -20, 3]],
      h: ['f16', [1 + 2 ** -10, 65504]],
      b: ['bf16', [1 + 2 ** -7, 4]],
      i: ['i32', [-7, 2 ** 24]],
    },
    before: 'const s = in_f.get(0);',
    table: {
      'f + i': ['f32', [-6 + 2 ** -20, 2 ** 24 + 4]],
      'i * f': ['f32', [-7 * (1 + 2 ** -20), 3 * 2 ** 24]],
      'h * b': ['f32', [(1 + 2 ** -10) * (1 + 2 ** -7), 262016]],
      'b * f': ['f32', [Math.fround((1 + 2 ** -7) * (1 + 2 ** -20)), 12]],
      's * b': ['f32', [Math.fround((1 + 2 ** -7) * (1 + 2 ** -20)), 4 * (1 + 2 ** -20)]],
      'where(i < 0, b, f)': ['f32', [1 + 2 ** -7, 3]],
      'maximum(h, f)': ['f32', [1 + 2 ** -10, 65504]],
    },
  });
});

row('i32 with a 16-bit float', () => {
  testLanes(device, 'gives f32', {
    inputs: { h: ['f16', [1, 0.5]], b: ['bf16', [1, 0.5]], i: ['i32', [70001, -65537]] },
    table: {
      'h + i': ['f32', [70002, -65536.5]],
      'i * h': ['f32', [70001, -32768.5]],
      'b + i': ['f32', [70002, -65536.5]],
      'i - b': ['f32', [70000, -65537.5]],
    },
  });
});

row('i32 with u32; number with mask', () => {
  test.each([
    'n + cast(n, u32)',
    'cast(n, u32) * iota(16)',
    'cast(n, u32) === n',
    '(t > 0) + 1',
    't * (t > 0)',
    'where(n > 0, t > 0, t)',
  ])('%s is an error', (expression) => {
    expect(checked(`y.store([p], cast(${expression}, f32));`)).toEqual(['LAC0205']);
  });

  testLanes(device, 'cast', {
    inputs: { i: ['i32', [-1, 5]], u: ['u32', [7, 2 ** 31]], f: ['f32', [3, -3]] },
    table: {
      'cast(i, u32) + u': ['u32', [6, 2 ** 31 + 5]],
      'i + cast(u, i32)': ['i32', [6, -(2 ** 31) + 5]],
      'f * cast(f > 0, f32)': ['f32', [3, 0]],
      'i + cast(f > 0, i32)': ['i32', [0, 5]],
    },
  });
});
