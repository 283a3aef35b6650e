import { describe, expect, it } from 'vitest';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import type { DType } from '../../compiler/ir/types.js';
import { makeKernel, tile } from '../interp/make.js';
import { ROOMY, runBoth } from './run.js';

/** z += a b; `a` stored as [K, M] where ta, `b` as [N, K] where tb. */
const product = (T: DType, M: number, N: number, K: number, ta: boolean, tb: boolean): Kernel =>
  makeKernel({ a: ['in', T, 'A', 'B'], b: ['in', T, 'C', 'D'], z: ['inout', 'f32', 'M', 'N'] }, [], (b, args) => {
    const zero = b.constant(0, 'i32');
    const load = (name: string, t: DType, rows: number, columns: number): Value =>
      b.value('load', [args[name] as Value, zero, zero], { pad: 0 }, tile(t, rows, columns));
    const x = ta ? b.value('trans', [load('a', T, K, M)], {}) : load('a', T, M, K);
    const y = tb ? b.value('trans', [load('b', T, N, K)], {}) : load('b', T, K, N);
    b.op('store', [args.z as Value, b.value('dot', [x, y, load('z', 'f32', M, N)], {}), zero, zero], {});
  });

const ORIENTATIONS = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

async function check(T: DType, [M, N, K]: readonly number[], [ta, tb]: readonly boolean[], bytes: number | null) {
  const [m, n, k] = [M ?? 1, N ?? 1, K ?? 1];
  const o = await runBoth({
    build: () => product(T, m, n, k, ta === true, tb === true),
    shapes: { a: ta ? [k, m] : [m, k], b: tb ? [n, k] : [k, n], z: [m, n] },
    grid: {},
    value: (_a, i) => ((i * 7) % 11) - 5,
    ...(bytes === null ? {} : { limits: { ...ROOMY, workgroupBytes: bytes }, slabs: true }),
  });
  expect(
    [...(o.got.z ?? [])].map((x) => x + 0),
    o.text,
  ).toEqual([...(o.want.z ?? [])].map((x) => x + 0));
}

describe('products of whole numbers are exact', () => {
  it.each([
    [1, 1, 1],
    [3, 5, 7],
    [1, 256, 1],
    [256, 1, 2],
    [1, 1, 256],
    [17, 1, 33],
    [2, 100, 9],
  ])('of extents %i, %i, %i', async (...sizes) => {
    const turn = sizes.reduce((n, x) => n + x, 0) % 4;
    const T = (['f32', 'bf16', 'f16', 'f32'] as const)[turn] as DType;
    await check(T, sizes, ORIENTATIONS[turn] ?? [], null);
  });

  it.each(ORIENTATIONS)('of sums that go through workgroup memory in slabs, transposed %s, %s', async (ta, tb) => {
    await (ta === tb ? check('f32', [20, 17, 64], [ta, tb], 6144) : check('bf16', [9, 4, 34], [ta, tb], 600));
  });
});
