/** A launch that is like an earlier one gets the plan, and the errors, that `bindLaunch` alone would give. */
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import {
  bindLaunch,
  KnownLaunches,
  type LaunchArgs,
  type LaunchPlan,
  type LaunchSpec,
  openDevice,
} from '../../runtime/index.js';
import { addVariant } from './cuda/fake.js';

const device = await openDevice('emulate');
const elsewhere = await openDevice('interpret');
afterAll(() => device.destroy());

const SPEC: LaunchSpec = {
  kernel: 'add',
  args: [
    { name: 'x', dir: 'in', dtype: 'T', dims: ['M', 'N'] },
    { name: 'y', dir: 'in', dtype: 'T', dims: ['M', 'N'] },
    { name: 'z', dir: 'out', dtype: 'T', dims: ['M', 'N'] },
    { name: 'w', dir: 'in', dtype: 'f32', dims: ['N'] },
    { name: 'scale', dir: 'scalar', dtype: 'f32' },
    { name: 'count', dir: 'scalar', dtype: 'i32' },
  ],
  dtypes: { T: ['f32', 'bf16'] },
  grid: [['n', ['cdiv', 'N', 64]]],
};

const VARIANT = addVariant({
  when: { dtypes: { T: 'f32' }, comptime: {}, facts: { x: { contiguous: true, align: 4 } } },
  params: [
    { dim: 'M' },
    { dim: 'N' },
    { stride: ['x', 0] },
    { stride: ['z', 0] },
    { scalar: 'scale', dtype: 'f32' },
    { scalar: 'count', dtype: 'i32' },
    { grid: 'n' },
  ],
  unused: ['w'],
});

/** All allocations are of 64 elements: sizes alone tell nothing apart. */
const room = device.empty('f32', [64]);
const own = () => device.empty('f32', [64]).view([2, 8]);
const freed = own();
freed.free();
/** What usually stands for x, y and z: by itself, or a window on one allocation. */
const USUAL = [own(), own(), own(), ...[0, 16, 32].map((offset) => room.view([2, 8], [8, 1], offset))];
const POOL = [
  ...USUAL,
  ...[8, 1].map((offset) => room.view([2, 8], [8, 1], offset)),
  ...[
    [16, 1],
    [1, 2],
    [0, 1],
  ].map((strides) => room.view([2, 8], strides)),
  room.view([2, 4], [8, 1]),
  room.view([1, 8]),
  room.view([8]),
  device.empty('f32', [2, 8]),
  device.empty('bf16', [64]).view([2, 8]),
  elsewhere.empty('f32', [64]).view([2, 8]),
  freed,
  null,
  7,
  undefined,
];
const WEIGHTS = [room.view([8], [1], 48), room.view([4]), room.view([8]), null, undefined];

const usual = fc.record({
  x: fc.constantFrom(...USUAL),
  y: fc.constantFrom(...USUAL),
  z: fc.constantFrom(...USUAL),
  w: fc.constantFrom(...WEIGHTS.slice(0, 1)),
  scale: fc.constantFrom(1, 2),
  count: fc.constant(3),
});
const change: fc.Arbitrary<LaunchArgs> = fc.oneof(
  ...['x', 'y', 'z'].map((name) => fc.constantFrom(...POOL).map((value) => ({ [name]: value }))),
  fc.constantFrom(...WEIGHTS).map((w) => ({ w })),
  fc.constantFrom(-0, 0, Number.NaN, null).map((scale) => ({ scale })),
  fc.constantFrom(0.5, 2 ** 40, -1).map((count) => ({ count })),
  fc.constant({ more: 1 }),
  fc.constant({}),
);
/** Arguments, and some that differ from them in one thing. */
const sequences = fc
  .tuple(usual, fc.array(change, { minLength: 8, maxLength: 8 }))
  .map(([first, changes]): readonly LaunchArgs[] => [first, ...changes.map((c) => ({ ...first, ...c }))]);

/** As the host does: what the variant never touches is bound as null. */
function bindHere(args: LaunchArgs): LaunchPlan {
  return bindLaunch(device, SPEC, VARIANT, { ...args, w: args.w === undefined ? undefined : null });
}

function outcome(bind: () => LaunchPlan): unknown {
  try {
    const { tensors, ...plan } = bind();
    const where = Object.entries(tensors).map(([name, t]) => [name, POOL.findIndex((p) => p === t)]);
    return [where, plan.paramBytes, plan.scalars, plan.dims, plan.grid, plan.programs];
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    return error.message;
  }
}

/** All checks, those of the tensor that the variant never touches too. */
function checked(args: LaunchArgs): LaunchPlan {
  bindLaunch(device, SPEC, { ...VARIANT, unused: ['w'] }, args);
  return bindHere(args);
}

describe('launches that were met before', () => {
  test('are bound as if they were new, whatever came before them', () => {
    fc.assert(
      fc.property(sequences, (sequence) => {
        const known = new KnownLaunches(SPEC);
        for (const args of sequence)
          expect(outcome(() => known.plan(device, args, () => checked(args)))).toEqual(outcome(() => checked(args)));
      }),
      { numRuns: 200 },
    );
  });

  test('are bound once', () => {
    const known = new KnownLaunches(SPEC);
    let bound = 0;
    const bind = (args: LaunchArgs) => (): LaunchPlan => {
      bound++;
      return bindHere(args);
    };
    const [x, y, z] = USUAL;
    const w = null;
    const calls = [
      { x, y, z, w, scale: 1, count: 2 },
      { x: y, y: x, z, w, scale: 1, count: 2 },
      { x, y, z, w, scale: 3, count: 2 },
      { x, y: x, z, w, scale: 1, count: 2 },
      { x, y: room.view([2, 8], [8, 1], 8), z, w, scale: 1, count: 2 },
    ] as readonly LaunchArgs[];
    const counts = calls.map((args) => {
      known.plan(device, args, bind(args));
      return bound;
    });
    expect(counts).toEqual([1, 1, 1, 2, 3]);
  });

  test('that are many are forgotten, the least recently used first', () => {
    const known = new KnownLaunches(SPEC);
    const argsOf = (n: number): LaunchArgs => {
      const [x, y, z] = [0, 1, 2].map(() => device.empty('f32', [2, 4 * n]));
      return { x, y, z, w: null, scale: 1, count: 1 } as LaunchArgs;
    };
    const isNew = (args: LaunchArgs): boolean => {
      let bound = false;
      known.plan(device, args, () => {
        bound = true;
        return bindHere(args);
      });
      return bound;
    };
    const all = Array.from({ length: 65 }, (_, i) => argsOf(i + 1));
    const [first = {}, second = {}] = all;
    for (const args of all.slice(0, 64)) isNew(args);
    expect(isNew(first)).toBe(false);
    expect([isNew(all[64] ?? {}), isNew(first), isNew(second)]).toEqual([true, false, true]);
  });
});
