import { describe, expect, it } from 'vitest';
import type { Builder } from '../../compiler/ir/builder.js';
import type { Block, Kernel, Value } from '../../compiler/ir/module.js';
import { type DType, scalarType, tileType } from '../../compiler/ir/types.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { type Outcome, runBoth } from './run.js';

const same = (o: Outcome): void => {
  for (const [name, want] of Object.entries(o.want)) expect([...(o.got[name] ?? [])], o.text).toEqual([...want]);
};
const lanes = (...dtypes: DType[]) => [...dtypes, ...dtypes].map(scalarType);

/** Affine maps x -> a x + b modulo a prime, the right one after the left one: associative, and not commutative. */
const affine = (prime: Value): Block =>
  region(lanes('i32', 'i32'), (r, [a1, b1, a2, b2]) => {
    const mod = (x: Value): Value => r.value('rem', [x, prime], {});
    const times = (x: Value | undefined, y: Value | undefined): Value => r.value('mul', [x as Value, y as Value], {});
    return [mod(times(a2, a1)), mod(r.value('add', [times(a2, b1), b2 as Value], {}))];
  });

/** Tile of all elements of an i32 argument [L], cut to shape. */
function loaded(b: Builder, arg: Value, T: DType, shape: readonly number[]): Value {
  const zero = b.constant(0, 'i32');
  return b.value('load', [arg, ...shape.map(() => zero)], { pad: 0 }, tile(T, ...shape));
}

/** Folds and scans of affine maps along one axis; the results lie behind each other in z. */
function affineKernel(shape: readonly number[], axis: number): Kernel {
  const dims = ['A', 'B', 'C'].slice(0, shape.length);
  const kept = dims.filter((_, i) => i !== axis);
  return makeKernel(
    {
      a: ['in', 'i32', ...dims],
      b: ['in', 'i32', ...dims],
      f: ['out', 'i32', 'K', ...kept],
      s: ['out', 'i32', 'J', ...dims],
      prime: ['scalar', 'i32'],
    },
    [],
    (b, args) => {
      const zero = b.constant(0, 'i32');
      const x = [loaded(b, args.a as Value, 'i32', shape), loaded(b, args.b as Value, 'i32', shape)];
      const put = (to: Value | undefined, k: number, v: Value): void => {
        const rank = (v.type as { shape: readonly number[] }).shape.length;
        const at = b.value('view_at', [to as Value, b.constant(k, 'i32')], {
          keep: [false, ...Array.from({ length: rank }, () => true)],
        });
        b.op('store', [at, v, ...Array.from({ length: rank }, () => zero)], {});
      };
      const folded = b.op('reduce_by', x, { axis }, undefined, [affine(args.prime as Value)]).results;
      folded.forEach((v, k) => {
        put(args.f, k, v);
      });
      const forward = b.op('scan_by', x, { axis }, undefined, [affine(args.prime as Value)]).results;
      const back = b.op('scan_by', x, { axis, reverse: true }, undefined, [affine(args.prime as Value)]).results;
      [...forward, ...back].forEach((v, k) => {
        put(args.s, k, v);
      });
    },
  );
}

const CASES: readonly (readonly [readonly number[], number])[] = [
  [[13, 10], 0],
  [[13, 10], 1],
  [[3, 130], 1],
  [[70, 3], 0],
  [[300], 0],
  [[1, 5], 1],
  [[5, 1], 1],
  [[4, 9, 6], 1],
];

describe('an associative function that does not commute', () => {
  it.each(CASES)('affine maps in tiles of %j along axis %i: folds and scans keep the order', async (shape, axis) => {
    const kept = shape.filter((_, i) => i !== axis);
    const o = await runBoth({
      build: () => affineKernel(shape, axis),
      shapes: { a: shape, b: shape, f: [2, ...kept], s: [4, ...shape] },
      scalars: { prime: 9973 },
      grid: {},
      value: (arg, i) => (Math.imul(i + 1, arg === 'a' ? 7919 : 104729) >>> 3) % 9973,
    });
    same(o);
  });

  it('the last lane that is a number, whatever NaN and Infinity stand around it, with where it was', async () => {
    const pick = region(lanes('f32', 'i32'), (r, [x, i, y, j]) => {
      const isNumber = r.value('cmp', [y as Value, y as Value], { pred: 'eq' });
      return [
        r.value('select', [isNumber, y as Value, x as Value], {}),
        r.value('select', [isNumber, j as Value, i as Value], {}),
      ];
    });
    const build = (): Kernel =>
      makeKernel(
        { x: ['in', 'f32', 'M', 'N'], z: ['out', 'f32', 'M'], p: ['out', 'i32', 'M'] },
        [],
        (b, { x, z, p }) => {
          const zero = b.constant(0, 'i32');
          const v = loaded(b, x as Value, 'f32', [9, 37]);
          const at = b.value(
            'broadcast',
            [b.value('expand', [b.value('iota', [], {}, tile('i32', 37))], { axis: 0 })],
            {},
            tile('i32', 9, 37),
          );
          const [last, where] = b.op('reduce_by', [v, at], { axis: 1 }, undefined, [pick]).results;
          b.op('store', [z as Value, last as Value, zero], {});
          b.op('store', [p as Value, where as Value, zero], {});
        },
      );
    const o = await runBoth({
      build,
      shapes: { x: [9, 37], z: [9], p: [9] },
      grid: {},
      value: (_a, i) => (i % 37 > 30 - Math.floor(i / 37) * 3 || i % 5 === 0 ? NaN : i % 7 === 0 ? Infinity : i),
    });
    same(o);
  });

  it.each(['f16', 'bf16', 'u32'] as const)(
    'a fold of %s to a scalar that bounds a loop, and a scan in the loop',
    async (T) => {
      const sum = (): Block => region(lanes(T), (r, [x, y]) => [r.value('add', [x as Value, y as Value], {})]);
      const build = (): Kernel =>
        makeKernel({ x: ['in', T, 'N'], z: ['out', T, 'K', 'N'] }, [], (b, { x, z }) => {
          const [zero, one] = [b.constant(0, 'i32'), b.constant(1, 'i32')];
          const v = loaded(b, x as Value, T, [21]);
          const total = b.op('reduce_by', [v], { axis: 0 }, undefined, [sum()]).results[0] as Value;
          const body = region([tile('i32'), tile(T, 21)], (r, [n, y]) => {
            const row = r.value('view_at', [z as Value, n as Value], { keep: [false, true] });
            r.op('store', [row, y as Value, zero], {});
            return r.op('scan_by', [y as Value], { axis: 0 }, undefined, [sum()]).results;
          });
          const end = b.value('cast', [total], { to: 'i32' });
          const last = b.op('for', [zero, end, one, v], {}, undefined, [body]).results[0] as Value;
          b.op('store', [b.value('view_at', [z as Value, end], { keep: [false, true] }), last, zero], {});
        });
      const o = await runBoth({
        build,
        shapes: { x: [21], z: [4, 21] },
        grid: {},
        value: (_a, i) => (i % 8 === 2 ? 1 : 0),
      });
      same(o);
      expect(o.text).toContain('workgroupUniformLoad');
    },
  );
});

it('products of 2 x 2 matrices along the rows of a tile, four operands', async () => {
  const matrix = (): Block =>
    region(lanes('i32', 'i32', 'i32', 'i32'), (r, v) => {
      const at = (i: number): Value => v[i] as Value;
      const entry = (i: number, j: number): Value => {
        const one = r.value('mul', [at(2 * i), at(4 + j)], {});
        return r.value('add', [one, r.value('mul', [at(2 * i + 1), at(6 + j)], {})], {});
      };
      return [entry(0, 0), entry(0, 1), entry(1, 0), entry(1, 1)];
    });
  const build = (): Kernel =>
    makeKernel({ x: ['in', 'i32', 'P', 'M', 'N'], z: ['out', 'i32', 'P', 'M'] }, [], (b, { x, z }) => {
      const zero = b.constant(0, 'i32');
      const part = (v: Value | undefined, k: number, keep: boolean[]): Value =>
        b.value('view_at', [v as Value, b.constant(k, 'i32')], { keep });
      const entries = [0, 1, 2, 3].map((k) =>
        b.value('load', [part(x, k, [false, true, true]), zero, zero], { pad: 0 }, tileType('i32', [6, 50])),
      );
      const made = b.op('reduce_by', entries, { axis: 1 }, undefined, [matrix()]).results;
      made.forEach((v, k) => {
        b.op('store', [part(z, k, [false, true]), v, zero], {});
      });
    });
  // Wrapping products: odd determinants, so that nothing vanishes.
  const o = await runBoth({
    build,
    shapes: { x: [4, 6, 50], z: [4, 6] },
    grid: {},
    value: (_a, i) => ((i % 11) - 5) * 2 + (i < 300 || i >= 900 ? 1 : 0),
  });
  same(o);
});
