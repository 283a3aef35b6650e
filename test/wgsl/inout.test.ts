import { describe, expect, it } from 'vitest';
import type { Value } from '../../compiler/ir/module.js';
import { type DType, scalarType } from '../../compiler/ir/types.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { type Outcome, runBoth } from './run.js';

const whole = (_arg: string, i: number): number => (i * 7) % 23;
const same = (o: Outcome): void => {
  for (const [name, want] of Object.entries(o.want)) expect([...(o.got[name] ?? [])], o.text).toEqual([...want]);
};
const barriers = (o: Outcome): number => o.text.split('storageBarrier();').length - 1;

describe('an argument that is updated in place', () => {
  it.each(['f32', 'f16', 'i32'] as const)('%s: what one trip stores the next one loads', async (T) => {
    const o = await runBoth({
      build: () =>
        makeKernel({ z: ['inout', T, 'M', 'N'] }, [], (b, { z }) => {
          const zero = b.constant(0, 'i32');
          const body = region([tile('i32')], (r) => {
            const x = r.value('load', [z as Value, zero, zero], { pad: 0 }, tile(T, 32, 32));
            const one = r.value('const', [], { value: 1 }, tile(T, 32, 32));
            const y = r.value('add', [r.value('trans', [x], {}), one], {});
            r.op('store', [z as Value, y, zero, zero], {});
            return [];
          });
          b.op('for', [zero, b.constant(3, 'i32'), b.constant(1, 'i32')], {}, undefined, [body]);
        }),
      shapes: { z: [32, 31] },
      grid: {},
      value: whole,
    });
    same(o);
    // Between load and store, and around the loop.
    expect(barriers(o)).toBe(2);
  });

  it('a load before a loop waits for no store behind it in another argument', async () => {
    const o = await runBoth({
      build: () =>
        makeKernel({ x: ['inout', 'f32', 'N'], z: ['inout', 'f32', 'N'] }, [], (b, { x, z }) => {
          const zero = b.constant(0, 'i32');
          const v = b.value('load', [x as Value, zero], { pad: 0 }, tile('f32', 64));
          b.op('store', [z as Value, v, zero], {});
        }),
      shapes: { x: [64], z: [64] },
      grid: {},
      value: whole,
    });
    same(o);
    expect(barriers(o)).toBe(0);
  });

  it('bounds and conditions loaded from it are uniform, whatever was stored before', async () => {
    const o = await runBoth({
      build: () =>
        makeKernel({ n: ['inout', 'i32', 'K'], z: ['inout', 'f32', 'N'] }, [], (b, { n, z }) => {
          const [zero, one, two] = [0, 1, 2].map((k) => b.constant(k, 'i32')) as [Value, Value, Value];
          const counts = b.value('load', [n as Value, zero], { pad: 0 }, tile('i32', 8));
          b.op('store', [n as Value, b.value('add', [counts, counts], {}), zero], {});
          const end = b.value('get', [n as Value, two], {});
          const body = region([tile('i32')], (r, [i]) => {
            const go = r.value('cmp', [r.value('get', [n as Value, one], {}), i as Value], { pred: 'gt' });
            const yes = region([], (c) => {
              const x = c.value('load', [z as Value, zero], { pad: 0 }, tile('f32', 64));
              const sum = c.value('scan', [x], { op: 'sum', axis: 0, reverse: true });
              c.op('store', [z as Value, sum, zero], {});
              return [];
            });
            r.op('if', [go], {}, [], [yes, region([], () => [])]);
            return [];
          });
          b.op('for', [zero, end, one], {}, undefined, [body]);
        }),
      shapes: { n: [8], z: [64] },
      grid: {},
      value: (arg, i) => (arg === 'n' ? i : i % 3),
    });
    same(o);
    expect(o.text).toContain('workgroupUniformLoad');
  });
});

describe('while', () => {
  it('counts with scalars that it carries, each program for itself', async () => {
    const o = await runBoth({
      build: () =>
        makeKernel({ x: ['in', 'i32', 'N'], z: ['out', 'i32', 'N'] }, ['p'], (b, { x, z }) => {
          const p = b.value('program_id', [], { axis: 'p' });
          const types = [scalarType('i32'), scalarType('i32')];
          const [one, two, three] = [1, 2, 3].map((k) => b.constant(k, 'i32')) as [Value, Value, Value];
          const test = region(types, (r, [v]) => [r.value('cmp', [v as Value, one], { pred: 'gt' })]);
          const body = region(types, (r, [v, steps]) => {
            const odd = r.value('cmp', [r.value('and', [v as Value, one], {}), one], { pred: 'eq' });
            const up = r.value('add', [r.value('mul', [v as Value, three], {}), one], {});
            const down = r.value('idiv', [v as Value, two], {});
            return [r.value('select', [odd, up, down], {}), r.value('add', [steps as Value, one], {})];
          });
          const init = [b.value('get', [x as Value, p], {}), b.constant(0, 'i32')];
          const steps = b.op('while', init, {}, undefined, [test, body]).results[1] as Value;
          const row = b.value('splat', [steps], {}, tile('i32', 1));
          b.op('store', [z as Value, row, p], {});
        }),
      shapes: { x: [9], z: [9] },
      grid: { p: 'N' },
      value: (_a, i) => [0, 1, 2, 3, 7, 9, 27, 6, -5][i] as number,
    });
    same(o);
  });

  it('carries tiles; its condition folds one, and what it stores the condition loads', async () => {
    const T: DType = 'f32';
    const o = await runBoth({
      build: () =>
        makeKernel({ z: ['inout', T, 'M', 'N'], y: ['out', T, 'M', 'N'] }, [], (b, { z, y }) => {
          const [zero, limit] = [b.constant(0, 'i32'), b.constant(3000, T)];
          const types = [tile(T, 8, 32)];
          const test = region(types, (r) => {
            const x = r.value('load', [z as Value, zero, zero], { pad: 0 }, tile(T, 8, 32));
            const rows = r.value('reduce', [x], { op: 'sum', axis: 1 });
            const most = r.value('reduce', [rows], { op: 'max', axis: 0 });
            return [r.value('cmp', [most, limit], { pred: 'lt' })];
          });
          const body = region(types, (r, [x]) => {
            const next = r.value('add', [x as Value, x as Value], {});
            const back = r.value('scan', [next], { op: 'sum', axis: 0 });
            r.op('store', [z as Value, back, zero, zero], {});
            return [next];
          });
          const init = b.value('load', [z as Value, zero, zero], { pad: 0 }, tile(T, 8, 32));
          const out = b.op('while', [init], {}, undefined, [test, body]).results[0] as Value;
          b.op('store', [y as Value, out, zero, zero], {});
        }),
      shapes: { z: [8, 32], y: [8, 32] },
      grid: {},
      value: (_a, i) => i % 4,
    });
    same(o);
  });
});
