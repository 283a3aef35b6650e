import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Builder } from '../../compiler/ir/builder.js';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import type { DType } from '../../compiler/ir/types.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { type Outcome, ROOMY, runBoth } from './run.js';

/** What nobody stores is NaN in the interpreter; integers have another value there on the device. */
const same = (o: Outcome, unwritten = NaN): void => {
  for (const [name, want] of Object.entries(o.want))
    expect([...(o.got[name] ?? [])], o.text).toEqual([...want].map((x) => (Number.isNaN(x) ? unwritten : x)));
};
const value = (_arg: string, i: number): number => (i * 7) % 113;

/** Stores a tile of rank 2 as row k of z, which is [K, 16, 16] and zero elsewhere. */
function show(b: Builder, z: Value, k: number, x: Value): void {
  const zero = b.constant(0, 'i32');
  const row = b.value('view_at', [z, b.constant(k, 'i32')], { keep: [false, true, true] });
  b.op('store', [row, x, zero, zero], {});
}

const kernel = (T: DType, body: (b: Builder, x: Value, at: Value[], z: Value) => void): Kernel =>
  makeKernel(
    { x: ['in', T, 'M', 'N'], i: ['scalar', 'i32'], j: ['scalar', 'i32'], z: ['out', T, 'K', 'R', 'C'] },
    [],
    (b, args) => {
      const zero = b.constant(0, 'i32');
      const x = b.value('load', [args.x as Value, zero, zero], { pad: 0 }, tile(T, 12, 10));
      body(b, x, [args.i as Value, args.j as Value], args.z as Value);
    },
  );

const runs = (build: () => Kernel, scalars: Record<string, number>) =>
  runBoth({ build, shapes: { x: [12, 10], z: [4, 12, 10] }, scalars, grid: {}, value });

describe('slice, insert and take of tiles whose extents are no powers of two', () => {
  const slices = (T: DType) => () =>
    kernel(T, (b, x, at, z) => {
      const fixed = [b.constant(3, 'i32'), b.constant(4, 'i32')];
      show(b, z, 0, b.value('slice', [x, ...at], {}, tile(T, 5, 3)));
      show(b, z, 1, b.value('slice', [x, ...fixed], {}, tile(T, 9, 6)));
      show(b, z, 2, b.value('slice', [b.value('trans', [x], {}), at[1] as Value, at[0] as Value], {}, tile(T, 1, 8)));
      const cube = b.value('expand', [x], { axis: 1 });
      const some = b.value('slice', [cube, at[0] as Value, b.constant(0, 'i32'), at[1] as Value], {}, tile(T, 3, 1, 4));
      show(b, z, 3, b.value('reshape', [some], {}, tile(T, 3, 4)));
    });
  it.each(['f32', 'bf16', 'i32'] as const)('slice of %s', async (T) => {
    const cases = fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 6 }));
    await fc.assert(
      fc.asyncProperty(cases, async ([i, j]) => {
        const o = await runs(slices(T), { i, j });
        // The last element is in none of the slices.
        same(o, o.got.z?.at(-1));
      }),
      { numRuns: 4, endOnFailure: true },
    );
  });

  const inserts = (T: DType) => () =>
    kernel(T, (b, x, at, z) => {
      const none = b.value('const', [], { value: 0 }, tile(T, 12, 10));
      const part = b.value('slice', [x, b.constant(1, 'i32'), b.constant(2, 'i32')], {}, tile(T, 5, 3));
      show(b, z, 0, b.value('insert', [x, part, ...at], {}));
      show(b, z, 1, b.value('insert', [none, part, ...at], {}));
      const [top, left] = [b.constant(7, 'i32'), b.constant(0, 'i32')];
      show(b, z, 2, b.value('insert', [b.value('insert', [none, part, left, left], {}), part, top, left], {}));
      const scalar = b.value('const', [], { value: 5 }, tile(T, 1, 1));
      show(b, z, 3, b.value('insert', [x, scalar, ...at], {}));
    });
  it.each(['f32', 'f16', 'u32'] as const)('insert into %s', async (T) => {
    const cases = fc.tuple(fc.integer({ min: 0, max: 7 }), fc.integer({ min: 0, max: 7 }));
    await fc.assert(
      fc.asyncProperty(cases, async ([i, j]) => same(await runs(inserts(T), { i, j }))),
      { numRuns: 4, endOnFailure: true },
    );
  });

  it.each(['f32', 'bf16'] as const)(
    'take from %s, with an index of its own for each lane, in a loop and a branch',
    async (T) => {
      const build = (): Kernel =>
        kernel(T, (b, x, [i, j], z) => {
          const rows = b.value(
            'broadcast',
            [b.value('expand', [b.value('iota', [], {}, tile('i32', 12))], { axis: 1 })],
            {},
            tile('i32', 12, 10),
          );
          const cols = b.value(
            'broadcast',
            [b.value('expand', [b.value('iota', [], {}, tile('i32', 10))], { axis: 0 })],
            {},
            tile('i32', 12, 10),
          );
          const all = (v: Value): Value => b.value('splat', [v], {}, tile('i32', 12, 10));
          const mod = (v: Value, n: number): Value =>
            b.value('rem', [v, b.value('const', [], { value: n }, tile('i32', 12, 10))], {});
          const at = [
            mod(b.value('add', [b.value('mul', [rows, cols], {}), all(i as Value)], {}), 12),
            mod(b.value('add', [cols, all(j as Value)], {}), 10),
          ];
          show(b, z, 0, b.value('take', [x, ...at], {}, tile(T, 12, 10)));
          const one = b.value('take', [x, i as Value, j as Value], {}, tile(T));
          show(b, z, 1, b.value('splat', [one], {}, tile(T, 12, 10)));
          const back = b.value('reduce', [x], { op: 'max', axis: 0 });
          const flipped = b.value(
            'sub',
            [b.value('const', [], { value: 9 }, tile('i32', 10)), b.value('iota', [], {}, tile('i32', 10))],
            {},
          );
          show(b, z, 2, b.value('expand', [b.value('take', [back, flipped], {}, tile(T, 10))], { axis: 0 }));
          const body = region([tile('i32'), tile(T, 12, 10)], (r, [n, y]) => {
            const yes = region([], (c) => [c.value('take', [y as Value, ...at], {}, tile(T, 12, 10))]);
            const no = region([], (c) => [c.value('add', [y as Value, x], {})]);
            const c = r.value('cmp', [n as Value, i as Value], { pred: 'lt' });
            return r.op('if', [c], {}, [tile(T, 12, 10)], [yes, no]).results;
          });
          const [zero, three, step] = [0, 3, 1].map((k) => b.constant(k, 'i32')) as [Value, Value, Value];
          show(b, z, 3, b.op('for', [zero, three, step, x], {}, undefined, [body]).results[0] as Value);
        });
      for (const scalars of [
        { i: 2, j: 9 },
        { i: 11, j: 0 },
      ]) {
        const o = await runBoth({
          build,
          shapes: { x: [12, 10], z: [4, 12, 10] },
          scalars,
          grid: {},
          value: (_a, k) => k % 60,
        });
        same(o);
      }
    },
  );

  it('they run on a device with little workgroup memory', async () => {
    const o = await runBoth({
      build: inserts('f16'),
      shapes: { x: [12, 10], z: [4, 12, 10] },
      scalars: { i: 3, j: 2 },
      grid: {},
      value,
      limits: { ...ROOMY, workgroupBytes: 2048 },
    });
    same(o);
  });
});
