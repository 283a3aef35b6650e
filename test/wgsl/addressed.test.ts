import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Builder } from '../../compiler/ir/builder.js';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import type { DType } from '../../compiler/ir/types.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { type Outcome, runBoth } from './run.js';

const [R, C] = [6, 20];
const RUNS = { numRuns: 4, endOnFailure: true };
const bits = (x: Float64Array): number[] => [...x].map((v) => v + 0);
const same = (o: Outcome): void => {
  for (const [name, want] of Object.entries(o.want))
    expect(bits(o.got[name] as Float64Array), o.text).toEqual(bits(want));
};

interface Lanes {
  readonly at: (name: string) => Value;
  readonly indices: Value[];
  readonly mask: Value;
}

/** Tiles of 6 x 20 lanes: an index for each of two axes, and a mask, all from memory. */
function lanes(b: Builder, args: Record<string, Value>): Lanes {
  const zero = b.constant(0, 'i32');
  const load = (name: string, T: DType): Value =>
    b.value('load', [args[name] as Value, zero, zero], { pad: 0 }, tile(T, R, C));
  const none = b.value('const', [], { value: 0 }, tile('i32', R, C));
  return {
    at: (name) => load(name, name === 'v' ? ((args.v as Value).type as { dtype: DType }).dtype : 'i32'),
    indices: [load('i', 'i32'), load('j', 'i32')],
    mask: b.value('cmp', [load('m', 'i32'), none], { pred: 'ne' }),
  };
}

const INDEXED = { i: ['in', 'i32', 'R', 'C'], j: ['in', 'i32', 'R', 'C'], m: ['in', 'i32', 'R', 'C'] } as const;
const cells = { i: [R, C], j: [R, C], m: [R, C], v: [R, C] };

describe('gather', () => {
  const gathers = (T: DType, access: 'in' | 'inout'): Kernel =>
    makeKernel({ ...INDEXED, x: [access, T, 'H', 'M', 'N'], z: ['out', T, 'K', 'R', 'C'] }, [], (b, args) => {
      const [zero, one] = [b.constant(0, 'i32'), b.constant(1, 'i32')];
      const { indices, mask } = lanes(b, args);
      const x = args.x as Value;
      const head = b.value('view_at', [x, one], { keep: [false, true, true] });
      const cut = b.value('view_slice', [head, b.constant(-2, 'i32'), b.constant(5, 'i32')], {});
      const row = b.value('view_at', [cut, one], { keep: [false, true] });
      const made = [
        b.value('gather', [head, ...indices], { pad: 7 }, tile(T, R, C)),
        b.value('gather', [cut, ...indices, mask], { pad: 9, masked: true }, tile(T, R, C)),
        b.value(
          'gather',
          [x, one, one, one].slice(0, 1).concat(b.value('splat', [one], {}, tile('i32', R, C)), indices),
          {
            pad: 0,
          },
          tile(T, R, C),
        ),
        b.value('gather', [row, indices[1] as Value], { pad: 3 }, tile(T, R, C)),
      ];
      made.forEach((y, k) => {
        const out = b.value('view_at', [args.z as Value, b.constant(k, 'i32')], { keep: [false, true, true] });
        b.op('store', [out, y, zero, zero], {});
      });
    });
  it.each([
    ['f32', 'in'],
    ['u32', 'inout'],
    ['bf16', 'inout'],
  ] as const)('%s of an argument that is %s: lanes outside, masked off and in padding are pad', async (T, access) => {
    const index = fc.array(fc.integer({ min: -4, max: 15 }), { minLength: R * C, maxLength: R * C });
    await fc.assert(
      fc.asyncProperty(index, index, index, async (i, j, m) => {
        const at: Record<string, number[]> = { i, j, m: m.map((x) => (x % 3 === 0 ? 0 : 1)) };
        const o = await runBoth({
          build: () => gathers(T, access),
          shapes: { ...cells, x: [2, 9, 11], z: [4, R, C] },
          grid: {},
          value: (arg, k) => at[arg]?.[k] ?? k % 199,
        });
        same(o);
      }),
      RUNS,
    );
  });
});

/** Addresses of 6 x 20 lanes in a view of 11 x 15, each at most once, and some outside. */
const apart = fc.shuffledSubarray(
  Array.from({ length: 14 * 19 }, (_, k) => k),
  { minLength: R * C, maxLength: R * C },
);
const inBox = (cellsOf: readonly number[]): Record<string, number[]> => ({
  i: cellsOf.map((k) => Math.floor(k / 19) - 1),
  j: cellsOf.map((k) => (k % 19) - 2),
  m: cellsOf.map((k) => (k % 5 === 0 ? 0 : 1)),
});

describe('scatter', () => {
  const scatters = (T: DType): Kernel =>
    makeKernel(
      { ...INDEXED, v: ['in', T, 'R', 'C'], z: ['inout', T, 'M', 'N'], y: ['inout', T, 'M', 'N'] },
      [],
      (b, args) => {
        const { at, indices, mask } = lanes(b, args);
        const v = at('v');
        b.op('scatter', [args.z as Value, v, ...indices], {});
        b.op('scatter', [args.y as Value, v, ...indices, mask], { masked: true });
        // The later one stays, whichever invocation wrote before.
        const flipped = b.value(
          'sub',
          [b.value('const', [], { value: 14 }, tile('i32', R, C)), indices[1] as Value],
          {},
        );
        const twice = b.value('add', [v, v], {});
        b.op('scatter', [args.z as Value, twice, indices[0] as Value, flipped], {});
      },
    );
  it.each(['f32', 'i32', 'f16', 'bf16'] as const)('%s: neighbours keep what they had', async (T) => {
    await fc.assert(
      fc.asyncProperty(apart, async (k) => {
        const lanesAt = inBox(k);
        const o = await runBoth({
          build: () => scatters(T),
          shapes: { ...cells, z: [11, 15], y: [11, 15] },
          grid: {},
          value: (arg, n) => lanesAt[arg]?.[n] ?? (arg === 'v' ? n + 1 : -n),
        });
        same(o);
      }),
      RUNS,
    );
  });

  it.each(['f16', 'bf16'] as const)('%s: programs that share words lose nothing', async (T) => {
    const o = await runBoth({
      build: () =>
        makeKernel({ z: ['out', T, 'N'], y: ['out', T, 'N'] }, ['p'], (b, { z, y }) => {
          const p = b.value('program_id', [], { axis: 'p' });
          const n = b.value('iota', [], {}, tile('i32', 64));
          const all = (v: Value): Value => b.value('splat', [v], {}, tile('i32', 64));
          // Element 7 n + p: seven programs write each word.
          const at = b.value('add', [b.value('mul', [n, all(b.constant(7, 'i32'))], {}), all(p)], {});
          const v = b.value('cast', [b.value('add', [n, all(p)], {})], { to: T });
          b.op('scatter', [z as Value, v, at], {});
          const odd = b.value(
            'view_slice',
            [y as Value, b.value('mul', [p, b.constant(9, 'i32')], {}), b.constant(63, 'i32')],
            {},
          );
          b.op(
            'store',
            [odd, b.value('cast', [b.value('iota', [], {}, tile('i32', 9))], { to: T }), b.constant(0, 'i32')],
            {},
          );
        }),
      shapes: { z: [448], y: [448] },
      grid: { p: 7 },
    });
    const written = (name: string): number[] => [...(o.got[name] as Float64Array)];
    expect(written('z')).toEqual([...(o.want.z as Float64Array)]);
    expect(written('y').slice(0, 63)).toEqual([...(o.want.y as Float64Array)].slice(0, 63));
  });
});

describe('atomics', () => {
  const adds = (T: DType): Kernel =>
    makeKernel(
      { ...INDEXED, v: ['in', T, 'R', 'C'], z: ['inout', T, 'M', 'N'], y: ['out', T, 'M', 'N'] },
      ['p'],
      (b, args) => {
        const { at, indices, mask } = lanes(b, args);
        const zero = b.constant(0, 'i32');
        const v = at('v');
        const z = args.z as Value;
        const body = region([tile('i32')], (r, [k]) => {
          r.op('scatter_add', [z, v, ...indices], {});
          r.op('scatter_add', [z, v, ...indices, mask], { masked: true });
          r.op('atomic_add', [z, v, k as Value, b.constant(-3, 'i32')], {});
          return [];
        });
        b.op('for', [zero, b.constant(3, 'i32'), b.constant(1, 'i32')], {}, undefined, [body]);
        b.op('atomic_add', [z, v, zero, zero, mask], { masked: true });
      },
    );
  it.each(['f32', 'i32', 'u32'] as const)('%s: equal addresses all count, in one program and in several', async (T) => {
    const index = fc.array(fc.integer({ min: -1, max: 12 }), { minLength: R * C, maxLength: R * C });
    await fc.assert(
      fc.asyncProperty(index, index, async (i, j) => {
        const at: Record<string, number[]> = { i, j, m: i.map((x) => x & 1) };
        const o = await runBoth({
          build: () => adds(T),
          shapes: { ...cells, z: [11, 15], y: [11, 15] },
          grid: { p: 3 },
          value: (arg, k) => at[arg]?.[k] ?? (k % 17) - (T === 'u32' ? 0 : 8),
        });
        expect(bits(o.got.z as Float64Array)).toEqual(bits(o.want.z as Float64Array));
      }),
      RUNS,
    );
  });

  it('a load after additions sees them, and a store between two of them stands between them', async () => {
    const o = await runBoth({
      build: () =>
        makeKernel({ z: ['inout', 'f32', 'N'], y: ['out', 'f32', 'K', 'N'] }, [], (b, { z, y }) => {
          const zero = b.constant(0, 'i32');
          const n = b.value('iota', [], {}, tile('i32', 64));
          const back = b.value('sub', [b.value('const', [], { value: 63 }, tile('i32', 64)), n], {});
          const v = b.value('cast', [n], { to: 'f32' });
          const show = (k: number): void => {
            const x = b.value('load', [z as Value, zero], { pad: 0 }, tile('f32', 64));
            const row = b.value('view_at', [y as Value, b.constant(k, 'i32')], { keep: [false, true] });
            b.op('store', [row, x, zero], {});
          };
          b.op('scatter_add', [z as Value, v, back], {});
          b.op('scatter_add', [z as Value, v, n], {});
          show(0);
          b.op('scatter', [z as Value, v, back], {});
          b.op('scatter_add', [z as Value, v, n], {});
          b.op('atomic_add', [z as Value, v, zero], {});
          show(1);
        }),
      shapes: { z: [64], y: [2, 64] },
      grid: {},
      value: (_a, k) => k % 5,
    });
    same(o);
    expect(o.text).toContain('atomicCompareExchangeWeak');
  });
});
