import { describe, expect, it } from 'vitest';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import type { DType } from '../../compiler/ir/types.js';
import { OP_NAMES, type OpName, opRow } from '../../compiler/ops/table.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { runBoth, worst } from './run.js';

const N = 64;

/** z = op(x, y) over one tile of 64, or several ops in turn with one output row each. */
function rows(names: readonly OpName[], dtype: DType, arity: number, attrs: object = {}): Kernel {
  return makeKernel(
    { x: ['in', dtype, 'N'], y: ['in', dtype, 'N'], z: ['out', dtype, 'R', 'N'] },
    [],
    (b, { x, y, z }) => {
      const zero = b.constant(0, 'i32');
      const load = (v: Value | undefined): Value => b.value('load', [v as Value, zero], { pad: 0 }, tile(dtype, N));
      const operands = [load(x), load(y)].slice(0, arity);
      names.forEach((name, i) => {
        const made = b.value(name, operands, attrs as never);
        const kept = name === 'cmp' ? b.value('cast', [made], { to: dtype }) : made;
        b.op('store', [z as Value, b.value('expand', [kept], { axis: 0 }), b.constant(i, 'i32'), zero], {});
      });
    },
  );
}

const elementwise = (dtype: DType, arity: number): OpName[] =>
  OP_NAMES.filter((name) => {
    const row = opRow(name);
    if (
      row.evaluate === undefined ||
      row.operands.length !== arity ||
      ['select', 'cast', 'bitcast', 'cmp'].includes(name)
    )
      return false;
    try {
      row.rule({ operands: Array.from({ length: arity }, () => tile(dtype, N)), attrs: {}, declared: undefined });
      return true;
    } catch {
      return false;
    }
  });

const run = (
  names: readonly OpName[],
  dtype: DType,
  arity: number,
  value: (arg: string, i: number) => number,
  attrs?: object,
) =>
  runBoth({
    build: () => rows(names, dtype, arity, attrs),
    shapes: { x: [N], y: [N], z: [names.length, N] },
    grid: {},
    value,
  });

describe('every elementwise op of the table on WebGPU equals the interpreter', () => {
  it('f32, one operand', async () => {
    // Positive, from 0.02 to 3: inside the domain of all of them.
    const names = elementwise('f32', 1);
    expect(names.length).toBeGreaterThan(15);
    const o = await run(names, 'f32', 1, (_a, i) => 0.02 + i * 0.047);
    expect(worst(o)).toBeLessThan(1e-5);
  });
  it('f32, one operand, negative values', async () => {
    const names = elementwise('f32', 1).filter((n) => !['log', 'log2', 'sqrt', 'rsqrt', 'log1p'].includes(n));
    expect(worst(await run(names, 'f32', 1, (_a, i) => -0.05 - i * 0.06))).toBeLessThan(1e-5);
  });
  it('sigmoid, tanh, erf and log1p keep f32 accuracy from 1e-4 to 40', async () => {
    const o = await run(
      ['sigmoid', 'tanh', 'erf', 'log1p'],
      'f32',
      1,
      (_a, i) => (i % 2 ? -1 : 1) * 1e-4 * 1.22 ** (i / 2) * (i % 2 ? 1 : 1.5),
    );
    const log1pOnly = await run(['log1p'], 'f32', 1, (_a, i) => 1e-6 * 1.3 ** i);
    expect(worst(o)).toBeLessThan(2e-6);
    expect(worst(log1pOnly)).toBeLessThan(2e-6);
  });
  it('sin and cos keep f32 accuracy up to 131072: positions of rotary embeddings', async () => {
    const o = await run(['sin', 'cos'], 'f32', 1, (_a, i) => Math.fround((i % 2 ? -1 : 1) * 1e-3 * 1.34 ** i));
    expect(worst(o)).toBeLessThan(5e-7);
  });
  it('sin, cos, tanh, erf and sigmoid of NaN are NaN', async () => {
    const o = await run(['sin', 'cos', 'tanh', 'erf', 'sigmoid'], 'f32', 1, (_a, i) => (i % 2 ? NaN : i));
    expect(worst(o)).toBeLessThan(1e-5);
  });
  it('f32, two operands', async () => {
    const o = await run(elementwise('f32', 2), 'f32', 2, (a, i) => (a === 'x' ? 5.5 - i * 0.31 : 0.7 + (i % 7)));
    expect(worst(o)).toBeLessThan(1e-5);
  });
  it.each(['i32', 'u32'] as const)('%s, one and two operands, wrapping included', async (dtype) => {
    const big = (a: string, i: number): number => {
      const x = Math.imul(i + 1, a === 'x' ? 0x9e3779b1 : 0x85ebca6b) >> ((i % 5) * 3);
      return dtype === 'u32' ? x >>> 0 || 1 : x || 1;
    };
    expect(worst(await run(elementwise(dtype, 2), dtype, 2, big))).toBe(0);
    expect(worst(await run(elementwise(dtype, 1), dtype, 1, big))).toBe(0);
  });
  it.each(['lt', 'le', 'gt', 'ge', 'eq', 'ne'])('cmp %s', async (pred) => {
    const o = await run(['cmp'], 'f32', 2, (a, i) => (a === 'x' ? i % 5 : (i + (i % 2)) % 5), { pred });
    expect(worst(o)).toBe(0);
  });
});

describe('casts', () => {
  const cast = (from: DType, to: DType): Kernel =>
    makeKernel({ x: ['in', from, 'N'], z: ['out', to, 'N'] }, [], (b, { x, z }) => {
      const zero = b.constant(0, 'i32');
      const t = b.value('load', [x as Value, zero], { pad: 0 }, tile(from, N));
      b.op('store', [z as Value, b.value('cast', [t], { to }), zero], {});
    });
  const values = [
    0,
    -0,
    1,
    -1.5,
    2.5,
    1e10,
    -1e10,
    65504,
    65519,
    65520,
    7e4,
    1e-8,
    5.9e-8,
    6.1e-5,
    1 / 3,
    2147483520,
    -2147483648,
    4294967040,
  ];
  it.each([
    ['f32', 'i32'],
    ['f32', 'u32'],
    ['i32', 'f32'],
    ['u32', 'f32'],
    ['i32', 'u32'],
  ] as const)('%s to %s', async (from, to) => {
    const whole = from !== 'f32';
    const o = await runBoth({
      build: () => cast(from, to),
      shapes: { x: [N], z: [N] },
      grid: {},
      value: (_a, i) =>
        whole ? Math.imul(i, 0x9e3779b1) >> (i % 9) : (values[i % values.length] ?? 0) * (i > 32 ? 0.37 : 1),
    });
    expect(worst(o)).toBeLessThan(1e-7);
  });
  it.each(['f16', 'bf16'] as const)(
    'f32 to %s rounds to nearest even, overflows to Infinity, keeps subnormals',
    async (to) => {
      const { roundTo } = await import('../../compiler/ops/round.js');
      const o = await runBoth({
        build: () => cast('f32', to),
        shapes: { x: [N], z: [N] },
        grid: {},
        value: (_a, i) => (values[i % values.length] ?? 0) * (i > 40 ? -1.001 : 1),
      });
      const got = o.got.z as Float64Array;
      const want = (o.want.z as Float64Array).map((x) => roundTo(to, Math.fround(x)));
      expect([...got]).toEqual([...want]);
    },
  );
});

describe('reductions and scans', () => {
  const fold = (op: string, shape: [number, number], axis: number, dtype: DType = 'f32'): Kernel =>
    makeKernel(
      { x: ['in', dtype, 'M', 'N'], z: ['out', op.startsWith('arg') ? 'i32' : dtype, 'K'] },
      [],
      (b, { x, z }) => {
        const zero = b.constant(0, 'i32');
        const t = b.value('load', [x as Value, zero, zero], { pad: 0 }, tile(dtype, ...shape));
        b.op('store', [z as Value, b.value('reduce', [t], { op, axis }), zero], {});
      },
    );
  const shapes = [
    [16, 32],
    [1, 512],
    [512, 1],
    [4, 8],
    [32, 16],
  ] as const;
  it.each(shapes)('sum, max, min, argmax, argmin of a %i x %i tile along both axes', async (m, n) => {
    for (const op of ['sum', 'max', 'min', 'argmax', 'argmin'])
      for (const axis of [0, 1]) {
        const o = await runBoth({
          build: () => fold(op, [m, n], axis),
          shapes: { x: [m, n], z: [axis === 0 ? n : m] },
          grid: {},
          value: (_a, i) => Math.round(Math.sin(i * 1.7) * 8) / 4,
        });
        expect(worst(o), `${op} along ${axis}`).toBeLessThan(1e-5);
      }
  });
  it('sum to a scalar that bounds a loop around a barrier', async () => {
    const build = (): Kernel =>
      makeKernel({ x: ['in', 'i32', 'N'], z: ['out', 'f32', 'M', 'N'] }, [], (b, { x, z }) => {
        const zero = b.constant(0, 'i32');
        const t = b.value('load', [x as Value, zero], { pad: 0 }, tile('i32', 8));
        const n = b.value('reduce', [t], { op: 'sum', axis: 0 });
        const init = b.value('const', [], { value: 1 }, tile('f32', 8, 8));
        const body = region([tile('i32'), tile('f32', 8, 8)], (r, [, m]) => [
          r.value('dot', [m as Value, m as Value], {}),
        ]);
        const out = b.op('for', [zero, n, b.constant(1, 'i32'), init], {}, undefined, [body]).results[0] as Value;
        b.op('store', [z as Value, out, zero, zero], {});
      });
    const o = await runBoth({ build, shapes: { x: [8], z: [8, 8] }, grid: {}, value: (_a, i) => (i < 3 ? 1 : 0) });
    expect(worst(o)).toBe(0);
  });
  it.each([false, true])('running sums along both axes, reverse %s', async (reverse) => {
    for (const [m, n] of [
      [8, 32],
      [1, 128],
      [64, 4],
    ] as const)
      for (const axis of [0, 1]) {
        const build = (): Kernel =>
          makeKernel({ x: ['in', 'f32', 'M', 'N'], z: ['out', 'f32', 'M', 'N'] }, [], (b, { x, z }) => {
            const zero = b.constant(0, 'i32');
            const t = b.value('load', [x as Value, zero, zero], { pad: 0 }, tile('f32', m, n));
            b.op('store', [z as Value, b.value('scan', [t], { op: 'sum', axis, reverse }), zero, zero], {});
          });
        const o = await runBoth({ build, shapes: { x: [m, n], z: [m, n] }, grid: {} });
        expect(worst(o), `${m}x${n} along ${axis}`).toBeLessThan(1e-5);
      }
  });
});
