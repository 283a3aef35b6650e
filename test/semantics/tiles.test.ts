import { expect, test } from 'vitest';
import { codesOf } from '../driver/codes-of.js';
import { everyDevice, KEYS, type Key, testLaunch } from './lanes.js';
import { blank, checked, given, Program } from './program.js';
import { row } from './rows.js';

const device = everyDevice();
const REAL: readonly Key[] = ['webgpu', 'sm90'];
const ramp = (n: number, f = (i: number) => i): number[] => Array.from({ length: n }, (_, i) => f(i));

row('extents not a power of two (96, 1, 3)', () => {
  const program = new Program({
    args: "x: input(f32, ['M', 'N']), h: input(f16, ['M', 'N']), y: output(f32, ['R', 'M']), c: output(f32, ['S', 'N']), i: output(i32, ['Q', 'M']), d: output(f32, ['M', 'M']), e: output(f32, ['A', 'N'])",
    body: `const t = x.load([0, 0], [3, 96]);
           y.at(0).store([0], sum(t, 1));
           y.at(1).store([0], max(t, 1));
           y.at(2).store([0], min(t, 1));
           y.at(3).store([0], reduce(t, 1, (a, b) => a * b));
           y.at(4).store([0], reduce(t, 1, (a, b) => b));
           i.at(0).store([0], argmax(t, 1));
           i.at(1).store([0], argmin(t, 1));
           c.at(0).store([0], sum(t, 0));
           c.at(1).store([0], max(t, 0));
           c.at(2).store([0], reduce(t, 0, (a, b) => a * b));
           c.at(3).store([0], cumsum(reshape(slice(t, [0, 0], [1, 96]), [96]), 0, { reverse: true }));
           c.at(4).store([0], scan(reshape(slice(t, [2, 0], [1, 96]), [96]), 0, (a, b) => maximum(a, b)));
           d.store([0, 0], dot(t, trans(t)) + cast(dot(h.load([0, 0], [3, 96]), trans(h.load([0, 0], [3, 96]))), f32));
           e.store([0, 0], concat([slice(t, [1, 0], [1, 96]), reshape(trans(reshape(slice(t, [0, 0], [1, 96]), [3, 32])), [1, 96])], 0));`,
  });
  // Negative, at least 1 away from 0, and large: neither 0 nor 1 nor any finite identity passes unseen.
  const x = ramp(3).map((m) => ramp(96, (n) => -(1 + ((n * (m + 2)) % 7) / 8) - (n === 40 + m ? 100 : 0)));
  const h = x.map((list) => list.map((v) => Math.round(v)));
  const columns = ramp(96).map((n) => x.map((list) => list[n] as number));
  const [x0, x1, x2] = x as [number[], number[], number[]];
  const add = (a: number, b: number): number => a + b;
  const times = (a: number, b: number): number => a * b;
  const inner = (a: readonly number[], b: readonly number[]): number =>
    a.map((v, k) => v * (b[k] as number)).reduce(add);
  testLaunch(
    device,
    'padding is not seen',
    program,
    {
      x: given('f32', x.flat(), [3, 96]),
      h: given('f16', h.flat(), [3, 96]),
      y: blank('f32', 5, 3),
      c: blank('f32', 5, 96),
      i: blank('i32', 2, 3),
      d: blank('f32', 3, 3),
      e: blank('f32', 2, 96),
    },
    {
      y: [
        ...x.map((list) => list.reduce(add)),
        ...x.map((list) => Math.max(...list)),
        ...x.map((list) => Math.min(...list)),
        null,
        null,
        null,
        ...x.map((list) => list[95] as number),
      ],
      c: [
        ...columns.map((list) => list.reduce(add)),
        ...columns.map((list) => Math.max(...list)),
        ...columns.map((list) => list.reduce(times)),
        ...ramp(96, (n) => x0.slice(n).reduce(add)),
        ...ramp(96, (n) => Math.max(...x2.slice(0, n + 1))),
      ],
      i: [...x.map((list) => list.indexOf(Math.max(...list))), 40, 41, 42],
      d: x.flatMap((a, m) => x.map((b, n) => inner(a, b) + inner(h[m] as number[], h[n] as number[]))),
      e: [...x1, ...ramp(96, (n) => x0[(n % 3) * 32 + Math.floor(n / 3)] as number)],
    },
  );

  const one = new Program({
    args: "x: input(f32, ['N']), y: output(f32, ['N']), z: output(i32, ['N'])",
    body: `const t = x.load([0], [1]);
           const m = expand(t, 0);
           y.store([0], t + sum(t, 0) + reshape(dot(m, m), [1]) + cumsum(t, 0) + max(m, 1) + reshape(trans(m), [1]));
           z.store([0], expand(argmax(t, 0), 0) + iota(1));`,
  });
  testLaunch(
    device,
    'an extent of 1',
    one,
    { x: given('f32', [3]), y: blank('f32', 1), z: blank('i32', 1) },
    { y: [3 + 3 + 9 + 3 + 3 + 3], z: [0] },
  );
});

row('partial tiles in reductions', () => {
  const program = new Program({
    args: "x: input(f32, ['N']), y: output(f32, ['M'])",
    env: 'N',
    body: `const zero = x.load([0], [16]), low = x.load([0], [16], { pad: -Infinity });
           y.scatter([0], sum(zero, 0));
           y.scatter([1], max(zero, 0));
           y.scatter([2], max(low, 0));
           y.scatter([3], sum(exp(zero), 0));
           y.scatter([4], sum(where(iota(16) < N, exp(zero), 0), 0));
           y.scatter([5], sum(exp(low), 0));
           y.scatter([6], min(x.load([0], [16], { pad: 100 }), 0));`,
  });
  const exps = Math.exp(-1) + Math.exp(-2) + Math.exp(-3);
  test.each(KEYS)('lanes that a load padded are data: %s', async (key) => {
    const { y } = await program.run(device[key], { x: given('f32', [-1, -2, -3]), y: blank('f32', 7) });
    for (const [i, want] of [-6, 0, -1, exps + 13, exps, exps, -3].entries()) expect(y?.[i]).toBeCloseTo(want, 5);
  });
});

row('tile of zero extent', () => {
  test.each(['zeros([0], f32)', 'iota(0)', 'x.load([0], [0])', 'slice(t, [0], [0])', 'reshape(t, [16, 0])'])(
    '%s is an error',
    (tile) => {
      expect(checked(`const e = ${tile}; y.store([p], t);`)).toEqual(['LAC0215']);
    },
  );

  const empty = new Program({
    args: "x: input(f32, ['N', 'D']), y: output(f32, ['B', 'D']), z: inout(f32, ['B'])",
    env: 'N',
    grid: 'size.B',
    body: `let s = zeros([4], f32);
           for (const n of range(0, N, 2)) s = s + sum(x.load([n, 0], [2, 4]), 0);
           y.at(p).store([0], s + x.get(0, 0));
           z.atomicAdd([p], full([1], 1, f32));`,
  });
  const launch = (N: number, B: number, D = 4) => ({
    x: given('f32', Array(N * D).fill(1), [N, D]),
    y: blank('f32', B, D),
    z: given('f32', Array(B).fill(1)),
  });
  testLaunch(device, 'loops over no element run zero times', empty, launch(0, 2), { y: Array(8).fill(0), z: [2, 2] });
  testLaunch(device, 'and over some as often', empty, launch(3, 2), { y: Array(8).fill(4), z: [2, 2] });
  testLaunch(device, 'no program', empty, launch(3, 0), { y: [], z: [] });
  testLaunch(device, 'rows of no element', empty, launch(3, 2, 0), { y: [], z: [2, 2] });

  const unlaunched = new Program({
    args: "x: input(f32, ['N']), y: output(f32, ['M'])",
    grid: 'size.N',
    body: 'y.store([0], full([4], 1, f32));',
  });
  test.each(KEYS)('outputs that no program writes keep their bytes: %s', async (key) => {
    const y = device[key].empty('f32', [3]).write([1, 2, 3]);
    await unlaunched.run(device[key], { x: given('f32', []), y });
    expect([...(await y.read())]).toEqual([1, 2, 3]);
  });
});

row('slice/insert of a register tile out of its bounds', () => {
  const parts = ['slice(t, [1], [16])', 'slice(t, [-1], [2])', 'insert(t, [15], zeros([2], f32))'];
  test.each(parts)('%s is an error', (part) => {
    expect(checked(`const e = ${part}; y.store([p], t);`)).toEqual(['LAC0228']);
  });

  const program = new Program({
    args: "x: input(f32, ['N']), o: scalar(i32), y: output(f32, ['N']), z: output(f32, ['K']), w: output(f32, ['K']), g: output(f32, ['N'])",
    body: `const t = x.load([0], [8]);
           if (o > -100) z.store([0], slice(t, [o], [3]));
           y.store([0], insert(t, [o], full([3], 9, f32)));
           g.store([0], take(t, iota(8) + o - 2, 0));
           w.store([0], slice(t, [5], [3]));`,
  });
  const launch = (o: number) => ({
    x: given('f32', ramp(8)),
    o,
    y: blank('f32', 8),
    z: blank('f32', 3),
    w: blank('f32', 3),
    g: blank('f32', 8),
  });
  testLaunch(device, 'in bounds', program, launch(2), {
    z: [2, 3, 4],
    y: [0, 1, 9, 9, 9, 5, 6, 7],
    w: [5, 6, 7],
    g: ramp(8),
  });
  test.each(['exact', 'rounding'] as const)('a trap: %s', async (key) => {
    for (const o of [6, -1, 2 ** 31 - 1])
      expect(await codesOf(program.run(device[key], launch(o)))).toEqual(['LAC0810']);
  });
  for (const o of [6, -1, 2 ** 31 - 1, -(2 ** 31)])
    testLaunch(
      device,
      `at ${o} an unspecified value, and nothing else`,
      program,
      launch(o),
      { z: [null, null, null], y: Array(8).fill(null), w: [5, 6, 7] },
      REAL,
    );
});
