import { expect, test } from 'vitest';
import { codesOf } from '../driver/codes-of.js';
import { everyDevice, type Key, testLaunch } from './lanes.js';
import { blank, given, Program, untouched } from './program.js';
import { row } from './rows.js';

const device = everyDevice();
const none = untouched('f32');
/** Devices that do not trap. */
const REAL: readonly Key[] = ['webgpu', 'sm90'];

row('load outside the view (either side, origin negative) or masked off', () => {
  const program = new Program({
    args: "x: input(f32, ['M', 'N']), h: input(f16, ['N']), o: scalar(i32), q: scalar(i32), y: output(f32, ['K', 'L', 'P']), z: output(f32, ['R', 'P'])",
    body: `const [r, c] = [col(iota(3)), row(iota(4))];
           y.at(0).store([0, 0], x.load([q, o], [3, 4]));
           y.at(1).store([0, 0], x.load([q, o], [3, 4], { pad: -1 }));
           y.at(2).store([0, 0], x.load([q, o], [3, 4], { pad: 9, mask: (c % 2 === 0) && (r !== 1) }));
           z.at(0).store([0], cast(h.load([o], [4], { pad: 0.5 }), f32));
           z.at(1).store([0], cast(h.load([o], [4], { pad: 1, mask: iota(4) > 9 }), f32));`,
  });
  const launch = (q: number, o: number) => ({
    x: given('f32', [1, 2, 3, 4, 5, 6], [2, 3]),
    h: given('f16', [1, 2, 3]),
    q,
    o,
    y: blank('f32', 3, 3, 4),
    z: blank('f32', 2, 4),
  });
  const cases: readonly (readonly [string, number, number, readonly number[]])[] = [
    // Where each lane lies in x, counted from 1; 0 is outside.
    ['after the end', 0, 1, [2, 3, 0, 0, 5, 6, 0, 0, 0, 0, 0, 0]],
    ['before the beginning', -1, -2, [0, 0, 0, 0, 0, 0, 1, 2, 0, 0, 4, 5]],
    ['far away', 2 ** 31 - 2, -(2 ** 31), Array(12).fill(0)],
  ];
  for (const [title, q, o, at] of cases) {
    const masked = at.map((x, i) => (x > 0 && i % 2 === 0 && Math.floor(i / 4) !== 1 ? x : 9));
    const halves = [0, 1, 2, 3].map((i) => (o + i >= 0 && o + i < 3 ? o + i + 1 : 0.5));
    testLaunch(device, title, program, launch(q, o), {
      y: [...at, ...at.map((x) => (x > 0 ? x : -1)), ...masked],
      z: [...halves, 1, 1, 1, 1],
    });
  }
});

row('get, gather outside; index of `at` outside', () => {
  const program = new Program({
    args: "x: input(f32, ['M', 'N']), i: input(i32, ['K', 'L']), o: scalar(i32), g: output(f32, ['G']), y: output(f32, ['R', 'L']), z: output(f32, ['M', 'N'])",
    body: `g.scatter([0], x.get(o, 0));
           g.scatter([1], x.get(0, -o));
           g.scatter([2], x.get(1, 2));
           const [a, b] = [i.at(0).load([0], [5]), i.at(1).load([0], [5])];
           y.at(0).store([0], x.gather([a, b]));
           y.at(1).store([0], x.gather([a, b], { pad: -1, mask: iota(5) !== 1 }));
           y.at(2).store([0], x.at(o).load([0], [5], { pad: 7 }));
           y.at(3).store([0], x.at(all, o).load([0], [5], { pad: 7 }));
           y.at(4).store([0], x.at(1).load([0], [5], { pad: 7 }));
           z.at(o).store([0], full([3], 5, f32));
           z.at(all, -o).store([0], full([2], 5, f32));
           z.at(1).store([0], full([5], 6, f32));`,
  });
  const x = given('f32', [1, 2, 3, 4, 5, 6], [2, 3]);
  for (const o of [3, -1, 2 ** 31 - 1])
    testLaunch(
      device,
      `index ${o}`,
      program,
      {
        x,
        i: given('i32', [1, 0, 2, -1, 0, 2, 1, 0, 0, 3], [2, 5]),
        o: o === 3 ? 3 : o,
        g: blank('f32', 3),
        y: blank('f32', 5, 5),
        z: blank('f32', 2, 3),
      },
      {
        g: [0, o === -1 ? 2 : 0, 6],
        y: [6, 2, 0, 0, 0, 6, -1, -1, -1, -1, ...Array(10).fill(7), 4, 5, 6, 7, 7],
        // -(-1) is a column of z.
        z: o === -1 ? [none, 5, none, 6, 6, 6] : [none, none, none, 6, 6, 6],
      },
    );
});

row('store, scatter, atomics outside or masked off', () => {
  const program = new Program({
    args: "i: input(i32, ['L']), o: scalar(i32), y: output(f32, ['N']), h: output(f16, ['N']), s: output(f32, ['M', 'N']), a: inout(i32, ['N']), f: inout(f32, ['N'])",
    body: `const k = iota(4);
           y.store([o], cast(k, f32) + 1);
           h.store([o], cast(k, f16) + 1, { mask: k !== 2 });
           const at = i.load([0], [6]);
           s.scatter([at, at + 1], cast(iota(6), f32), { mask: iota(6) !== 4 });
           a.atomicAdd([o], k + 1, { mask: k !== 2 });
           a.scatterAdd([at], full([6], 100, i32));
           f.atomicAdd([o], cast(k, f32) + 1);
           f.scatterAdd([at], full([6], 100, f32), { mask: iota(6) < 3 });`,
  });
  const launch = (o: number) => ({
    i: given('i32', [0, 1, -1, 5, 2, 2 ** 31 - 1]),
    o,
    y: blank('f32', 5),
    h: blank('f16', 5),
    s: blank('f32', 4, 5),
    a: given('i32', [0, 0, 0, 0, 0]),
    f: given('f32', [0, 0, 0, 0, 0]),
  });
  const s = [none, 0, none, none, none, none, none, 1, ...Array<number>(12).fill(none)];
  // The last element stays as it was: addresses are not clamped.
  testLaunch(device, 'before the beginning', program, launch(-1), {
    y: [2, 3, 4, none, none],
    h: [2, none, 4, none, none],
    s,
    a: [102, 100, 104, 0, 0],
    f: [102, 103, 4, 0, 0],
  });
  testLaunch(device, 'after the end', program, launch(3), {
    y: [none, none, none, 1, 2],
    h: [none, none, none, 1, 2],
    s,
    a: [100, 100, 100, 1, 2],
    f: [100, 100, 0, 1, 2],
  });
  testLaunch(device, 'far away', program, launch(2 ** 31 - 2), {
    y: Array(5).fill(none),
    h: Array(5).fill(none),
    s,
    a: [100, 100, 100, 0, 0],
    f: [100, 100, 0, 0, 0],
  });
});

row('slice(begin, end) of a view', () => {
  const program = new Program({
    args: "x: input(f32, ['N']), b: scalar(i32), e: scalar(i32), o: scalar(i32), y: output(f32, ['R', 'L']), z: output(f32, ['N'])",
    body: `const part = x.slice(b, e);
           y.at(0).store([0], part.load([o], [6], { pad: -1 }));
           y.at(1).store([0], part.slice(1, 3).load([o], [6], { pad: -1 }));
           y.at(2).store([0], full([6], part.get(o), f32));
           y.at(3).store([0], part.gather([iota(6) + o], { pad: -1 }));
           z.slice(b, e).store([o], cast(iota(6), f32));`,
  });
  const x = [10, 11, 12, 13, 14, 15, 16, 17];
  /** What the row says: coordinate c of the slice is element b + c, where that lies in the slice and in the view. */
  const want = (b: number, e: number, o: number) => {
    const at = (c: number): number =>
      b + c >= Math.max(b, 0) && b + c < Math.min(e, 8) && c >= 0 ? (x[b + c] ?? -1) : -1;
    const lanes = [0, 1, 2, 3, 4, 5].map((i) => o + i);
    const inner = lanes.map((c) => (c >= 0 && c < 2 && c + 1 < e - b ? at(c + 1) : -1));
    const first = at(o) === -1 ? 0 : at(o);
    return {
      y: [...lanes.map(at), ...inner, ...Array<number>(6).fill(first), ...lanes.map(at)],
      z: x.map((v, i) => (i - b - o >= 0 && i - b - o < 6 && at(i - b) === v ? i - b - o : none)),
    };
  };
  test.each([
    [2, 5, 0, [12, 13, 14, -1, -1, -1]],
    [-2, 3, 0, [-1, -1, 10, 11, 12, -1]],
    [6, 12, 0, [16, 17, -1, -1, -1, -1]],
  ])('the answer of the row for slice(%d, %d) at %d', (b, e, o, lanes) => {
    expect(want(b, e, o).y.slice(0, 6)).toEqual(lanes);
  });
  const cases = [
    [2, 5, 0],
    [2, 5, -2],
    [-2, 3, 0],
    [-2, 12, 1],
    [6, 12, 0],
    [5, 2, 0],
    [4, 4, -1],
    [20, 30, 0],
    [-(2 ** 30), 8, 2 ** 30],
    [3, -(2 ** 31), 0],
    [2 ** 31 - 1, -(2 ** 31), 0],
    [-(2 ** 31), 2 ** 31 - 1, 0],
  ] as const;
  for (const [b, e, o] of cases)
    testLaunch(
      device,
      `slice(${b}, ${e}) at ${o}`,
      program,
      { x: given('f32', x), b, e, o, y: blank('f32', 4, 6), z: blank('f32', 8) },
      want(b, e, o),
    );
});

row('inBounds: true broken', () => {
  const program = new Program({
    args: "x: input(f32, ['N']), o: scalar(i32), y: output(f32, ['M'])",
    body: 'y.store([0], x.load([o], [4], { inBounds: true }));',
  });
  const launch = (o: number) => ({ x: given('f32', [1, 2, 3, 4, 5]), o, y: blank('f32', 4) });
  testLaunch(device, 'kept', program, launch(1), { y: [2, 3, 4, 5] });
  test.each([
    ['exact', 2],
    ['rounding', -1],
  ] as const)('broken, a trap: %s', async (key, o) => {
    expect(await codesOf(program.run(device[key], launch(o)))).toEqual(['LAC0801']);
  });
  testLaunch(device, 'broken, the lanes inside are right', program, launch(3), { y: [4, 5, null, null] }, ['webgpu']);

  const stores = new Program({
    args: "o: scalar(i32), y: output(f32, ['N']), z: output(f32, ['N'])",
    body: 'y.store([o], full([4], 1, f32), { inBounds: true }); z.store([0], full([5], 2, f32));',
  });
  test.each([4, -3, 2 ** 30])('broken by a store at %d: no other buffer is written: webgpu', async (o) => {
    const [y, x] = [device.webgpu.empty('f32', [5]), device.webgpu.empty('f32', [5]).write([1, 2, 3, 4, 5])];
    const { z } = await stores.run(device.webgpu, { o, y, z: blank('f32', 5) });
    expect([z, [...(await x.read())]]).toEqual([
      [2, 2, 2, 2, 2],
      [1, 2, 3, 4, 5],
    ]);
  });
});

row('two lanes or programs store one element', () => {
  const program = new Program({
    args: "i: input(i32, ['L']), y: output(f32, ['N']), z: output(f32, ['M'])",
    grid: '2',
    body: `y.scatter([i.load([0], [4]) + p * 2], cast(iota(4), f32) + 10 * p);
           z.store([p], full([1], 1, f32));`,
  });
  const lanes = { i: given('i32', [0, 0, 1, 9]), y: blank('f32', 4), z: blank('f32', 2) };
  const programs = { i: given('i32', [0, 1, 2, 9]), y: blank('f32', 4), z: blank('f32', 2) };
  test.each(['exact', 'rounding'] as const)('a trap: %s', async (key) => {
    expect(await codesOf(program.run(device[key], lanes))).toEqual(['LAC0805']);
    expect(await codesOf(program.run(device[key], programs))).toEqual(['LAC0803']);
  });
  testLaunch(device, 'one of the values stays', program, lanes, { y: [[0, 1], 2, [10, 11], 12], z: [1, 1] }, [
    'webgpu',
  ]);
  testLaunch(device, 'of programs too', program, programs, { y: [0, 1, [2, 10], 11], z: [1, 1] }, ['webgpu']);
  test('the emulator traps as well', async () => {
    expect(await codesOf(program.run(device.sm90, programs))).toEqual(['LAC0803']);
  });
});

row('poison', () => {
  const program = new Program({
    args: "n: scalar(i32), y: inout(f32, ['N']), z: output(f32, ['N'])",
    body: 'if (n > 0) y.store([0], full([4], 1, f32)); z.store([0], y.load([0], [4]) + 1);',
  });
  const launch = (n: number) => ({ n, y: blank('f32', 4), z: blank('f32', 4) });
  testLaunch(device, 'what was written before is read', program, launch(1), { z: [2, 2, 2, 2] });
  test.each(['exact', 'rounding'] as const)('a trap: %s', async (key) => {
    expect(await codesOf(program.run(device[key], launch(0)))).toEqual(['LAC0802']);
  });
  testLaunch(device, 'an unspecified value', program, launch(0), { z: [null, null, null, null] }, REAL);
});

row('view strides', () => {
  const program = new Program({
    args: "x: input(f32, ['M', 'N']), b: input(f16, ['M', 'N']), y: output(f32, ['M', 'N']), s: inout(i32, ['M', 'N'])",
    body: `y.store([0, 0], x.load([0, 0], [2, 4]) + b.load([0, 0], [2, 4]));
           s.store([0, 0], s.load([0, 0], [2, 4]) * 2);`,
  });
  const [x, b, s] = [
    [1, 2, 3, 4, 5, 6],
    [10, 20, 30, 40, 50, 60],
    [1, 2, 3, 4, 5, 6],
  ];
  const placed = (dtype: 'f32' | 'f16' | 'i32', values: readonly number[], strides: readonly number[]) => ({
    ...given(dtype, values, [2, 3]),
    strides,
  });
  const want = { y: [11, 22, 33, 44, 55, 66], s: [2, 4, 6, 8, 10, 12] };
  const strides = [
    [3, 1],
    [1, 2],
    [7, 2],
    [1, 5],
  ];
  for (const own of strides)
    testLaunch(
      device,
      `[${own}]`,
      program,
      {
        x: placed('f32', x, own),
        b: placed('f16', b, own[1] === 1 ? own : [1, 2]),
        y: { ...blank('f32', 2, 3), strides: own },
        s: placed('i32', s, own),
      },
      want,
    );

  test.each(['exact', 'rounding', 'webgpu', 'sm90'] as const)('0 is for inputs only: %s', async (key) => {
    const line = device[key].empty('f32', [3]).write([1, 2, 3]);
    const one = device[key].empty('f16', [1]).write([10]);
    const inputs = { x: line.view([2, 3], [0, 1]), b: one.view([2, 3], [0, 0]) };
    const { y } = await program.run(device[key], { ...inputs, y: blank('f32', 2, 3), s: placed('i32', s, [3, 1]) });
    expect(y).toEqual([11, 12, 13, 11, 12, 13]);
    const shared = device[key].empty('i32', [3]).write([1, 2, 3]);
    const refused = [
      program.run(device[key], { ...inputs, y: blank('f32', 2, 3), s: shared.view([2, 3], [0, 1]) }),
      program.run(device[key], {
        ...inputs,
        y: device[key].empty('f32', [3]).view([2, 3], [0, 1]),
        s: placed('i32', s, [3, 1]),
      }),
    ];
    expect(await codesOf(refused[0] as Promise<unknown>)).toEqual(['LAC0607']);
    expect(await codesOf(refused[1] as Promise<unknown>)).toEqual(['LAC0607']);
  });
});
