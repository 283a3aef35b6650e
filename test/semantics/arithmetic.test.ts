import { expect, test } from 'vitest';
import { everyDevice, testLanes, testLaunch } from './lanes.js';
import { blank, checked, given, Program } from './program.js';
import { row } from './rows.js';

const device = everyDevice();

row('arithmetic on f16/bf16', () => {
  const [h, b] = [1 + 2 ** -10, 1 + 2 ** -7];
  // (1 + e)^2 = 1 + 2e + e^2: the last term is half a unit of the result or less, and goes.
  testLanes(device, 'is rounded to the dtype, or more precise', {
    inputs: { h: ['f16', [h, 255.875]], b: ['bf16', [b, 1]], f: ['f32', [2 ** -20, 1 + 2 ** -20]] },
    table: {
      'cast(h * h, f32)': [
        'f32',
        {
          exact: [h ** 2, 255.875 ** 2],
          rounding: [1 + 2 ** -9, 65472],
          others: [
            [1 + 2 ** -9, h ** 2],
            [65472, 255.875 ** 2],
          ],
        },
      ],
      'cast(b * b - 1, f32)': [
        'f32',
        { exact: [b ** 2 - 1, 0], rounding: [2 ** -6, 0], others: [[2 ** -6, b ** 2 - 1], 0] },
      ],
      'cast(cast(f + 1, f16), f32)': ['f32', { exact: [1 + 2 ** -20, 2 + 2 ** -20], others: [1, 2] }],
      'cast(cast(f + 1, bf16), f32)': ['f32', { exact: [1 + 2 ** -20, 2 + 2 ** -20], others: [1, 2] }],
      'h * h': ['f16', [1 + 2 ** -9, 65472], 2 ** -11],
    },
  });

  const carried = new Program({
    args: "b: input(bf16, ['N']), n: scalar(i32), y: output(f32, ['N']), z: output(f32, ['A', 'B'])",
    body: `let t = b.load([0], [4]);
           for (const i of range(n)) t = t + 2 ** -9;
           y.store([0], t);
           const a = reshape(b.load([0], [4]), [1, 4]);
           z.store([0, 0], dot(a * a - 1, trans(cast(cast(a, f32) * 0 + 1, bf16))));`,
  });
  const [x, e] = [1 + 2 ** -7, 2 ** -6];
  testLaunch(
    device,
    'a carried let and an operand of dot are rounded',
    carried,
    { b: given('bf16', [1, x, 1, x]), n: 64, y: blank('f32', 4), z: blank('f32', 1, 1) },
    {
      y: { exact: [1.125, x + 0.125, 1.125, x + 0.125], others: [1, x, 1, x] },
      z: { exact: [2 * (x * x - 1)], rounding: [2 * e], others: [[2 * e, 2 * (e + 2 ** -14), 2 * (e + 2 ** -13)]] },
    },
  );
});

row('comparison', () => {
  testLanes(device, 'operands promote as in arithmetic', {
    inputs: {
      f: ['f32', [2 ** 24, -1, 3]],
      i: ['i32', [2 ** 24 + 1, -1, 2]],
      b: ['bf16', [1, -1, 3]],
      u: ['u32', [2 ** 31, 1, 3]],
    },
    table: {
      'cast(i > f, i32)': ['i32', { exact: [1, 0, 0], others: [0, 0, 0] }],
      'cast(i === f, i32)': ['i32', { exact: [0, 1, 0], others: [1, 1, 0] }],
      'cast(b <= f, i32)': ['i32', [1, 1, 1]],
      'cast(u > 2 ** 31 - 1, i32)': ['i32', [1, 0, 0]],
      'cast((f > 0) === (i > 2), i32)': ['i32', [1, 1, 0]],
      'cast((f > 0) !== (i > 2), i32)': ['i32', [0, 0, 1]],
    },
  });

  testLanes(device, '-0 is 0, infinities are the largest', {
    inputs: { f: ['f32', [-0, Infinity, -Infinity]], g: ['f32', [0, 3e38, -3e38]] },
    table: {
      'cast(f === g, i32)': ['i32', [1, 0, 0]],
      'cast(f < g, i32)': ['i32', [0, 0, 1]],
      'cast(f >= g, i32)': ['i32', [1, 1, 0]],
      'where(f !== g, 1, g)': ['f32', [0, 1, 1]],
    },
  });

  const others = ['<', '<=', '>', '>=', '==='].flatMap((op) => [`f ${op} g`, `g ${op} f`, `f ${op} f`]);
  testLanes(
    device,
    'of NaN only !== is true',
    {
      inputs: { f: ['f32', [NaN, NaN]], g: ['f32', [1, Infinity]] },
      table: Object.fromEntries([
        ...others.map((e) => [`cast(${e}, i32)`, ['i32', [0, 0]]] as const),
        ...['f !== g', 'g !== f', 'f !== f'].map((e) => [`cast(${e}, i32)`, ['i32', [1, 1]]] as const),
      ]),
    },
    ['exact', 'rounding', 'sm90'],
  );

  test.each(['<', '<=', '>', '>='])('masks have no %s', (op) => {
    expect(checked(`y.store([p], cast((t > 0) ${op} (t > 1), f32));`)).toEqual(['LAC0225']);
  });
});

row('fused multiply-add, re-association', () => {
  const e = 2 ** -13;
  testLanes(device, 'a * b + c may contract, written operators keep their order', {
    inputs: { a: ['f32', [1 + e, 1e8, 2 ** 24]], b: ['f32', [1 - e, -1e8, 1]], c: ['f32', [-1, 1, 1]] },
    table: {
      'a * b + c': [
        'f32',
        { exact: [-(e * e), -1e16, 2 ** 24 + 1], others: [[-(e * e), 0], Math.fround(-1e16), 2 ** 24] },
      ],
      '(a + b) + c': ['f32', { exact: [1, 1, 2 ** 24 + 2], others: [1, 1, 2 ** 24] }],
      'a + (b + c)': ['f32', { exact: [1, 1, 2 ** 24 + 2], others: [1, 0, 2 ** 24 + 2] }],
      'c + b + a': ['f32', { exact: [1, 1, 2 ** 24 + 2], others: [1, 0, 2 ** 24 + 2] }],
      '(a * c) * a': [
        'f32',
        {
          exact: [-(1 + e) * (1 + e), 1e16, 2 ** 48],
          others: [-Math.fround((1 + e) ** 2), Math.fround(1e16), 2 ** 48],
        },
      ],
    },
  });

  const sums = new Program({
    args: "x: input(f32, ['N']), y: output(f32, ['M'])",
    body: `const t = x.load([0], [3]);
           y.scatter([0], sum(t, 0));
           y.store([1], cumsum(t, 0));`,
  });
  const [x0, x1, x2] = [2 ** 24, 1, 1];
  testLaunch(
    device,
    'sum and cumsum use any order',
    sums,
    { x: given('f32', [x0, x1, x2]), y: blank('f32', 4) },
    {
      y: {
        exact: [x0 + 2, x0, x0 + 1, x0 + 2],
        others: [[x0, x0 + 2], x0, x0, [x0, x0 + 2]],
      },
    },
  );
});

row('denormals', () => {
  const tiny = 2 ** -140;
  testLanes(device, 'of f32 may be 0, those of f16 are not before they are widened', {
    inputs: { f: ['f32', [tiny, -tiny]], h: ['f16', [2 ** -24, -(2 ** -15)]] },
    table: {
      'f * 1.5 * 2 ** 30': [
        'f32',
        {
          exact: [tiny * 1.5 * 2 ** 30, tiny * -1.5 * 2 ** 30],
          others: [
            [0, tiny * 1.5 * 2 ** 30],
            [0, tiny * -1.5 * 2 ** 30],
          ],
        },
      ],
      'cast(h, f32)': ['f32', [2 ** -24, -(2 ** -15)]],
      'h * 2 ** 10': ['f16', [2 ** -14, -(2 ** -5)]],
      'cast(h, f32) * 2 ** 24': ['f32', [1, -512]],
      h: ['f16', [2 ** -24, -(2 ** -15)]],
    },
  });

  const product = new Program({
    args: "h: input(f16, ['M', 'N']), y: output(f32, ['A', 'B'])",
    body: 'const t = h.load([0, 0], [16, 16]); y.store([0, 0], slice(dot(t, t), [0, 0], [1, 1]));',
  });
  testLaunch(
    device,
    'nor where a product reads them',
    product,
    { h: given('f16', [2 ** -24, ...Array(255).fill(2 ** -14)], [16, 16]), y: blank('f32', 1, 1) },
    { y: [2 ** -48 + 15 * 2 ** -28] },
  );
});
