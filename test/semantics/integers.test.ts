import { expect, test } from 'vitest';
import { codesOf } from '../driver/codes-of.js';
import { everyDevice, KEYS, testLanes, testLaunch } from './lanes.js';
import { blank, checked, given, Program } from './program.js';
import { row } from './rows.js';

const device = everyDevice();
const [LEAST, MOST] = [-(2 ** 31), 2 ** 31 - 1];

row('idiv, %, cdiv on negatives', () => {
  testLanes(device, 'quotients go toward 0', {
    inputs: {
      a: ['i32', [-7, 7, -7, MOST, LEAST, 0]],
      b: ['i32', [2, -2, -2, 2, 3, 5]],
      u: ['u32', [2 ** 32 - 1, 7, 8, 0, 1, 2 ** 31]],
      v: ['u32', [2, 2, 4, 3, 2 ** 32 - 1, 2 ** 31]],
      c: ['i32', [0, 7, 8, MOST, MOST, 1]],
      d: ['i32', [3, 2, 4, 2, MOST, MOST]],
    },
    table: {
      'idiv(a, b)': ['i32', [-3, -3, 3, 2 ** 30 - 1, -715827882, 0]],
      'a % b': ['i32', [-1, 1, -1, 1, -2, 0]],
      'idiv(a, 4)': ['i32', [-1, 1, -1, 2 ** 29 - 1, -(2 ** 29), 0]],
      'a % 4': ['i32', [-3, 3, -3, 3, 0, 0]],
      'a % -3': ['i32', [-1, 1, -1, 1, -2, 0]],
      'idiv(u, v)': ['u32', [2 ** 31 - 1, 3, 2, 0, 0, 1]],
      'u % v': ['u32', [1, 1, 0, 0, 1, 0]],
      'cdiv(u, v)': ['u32', [2 ** 31, 4, 2, 0, 1, 1]],
      'cdiv(c, d)': ['i32', [0, 4, 2, 2 ** 30, 1, 1]],
      'cdiv(c, 7)': ['i32', [0, 1, 2, 306783379, 306783379, 1]],
    },
  });

  testLanes(device, '% of floats is fmod', {
    inputs: {
      f: ['f32', [5.5, -5.5, 1e10, 3e38, 0.3]],
      g: ['f32', [-2, 2, 3, 7, 0.1]],
      h: ['f16', [5.5, -5.5, 1e4, 3, 7]],
    },
    table: {
      'f % g': ['f32', [1.5, -1.5, 1, Math.fround(3e38) % 7, Math.fround(0.3) % Math.fround(0.1)]],
      'f % 3': ['f32', [2.5, -2.5, 1, Math.fround(3e38) % 3, Math.fround(0.3)]],
      'h % 3': ['f16', [2.5, -2.5, 1, 0, 1]],
    },
  });
});

row('integer division or % by 0; -2^31 / -1', () => {
  const text = {
    args: "a: input(i32, ['N']), b: input(i32, ['N']), y: output(i32, ['M', 'N']), z: output(i32, ['N'])",
    body: `const [s, t] = [a.load([0], [4]), b.load([0], [4])];
           y.at(0).store([0], idiv(s, t));
           y.at(1).store([0], s % t);
           z.store([0], s + t);`,
  };
  const program = new Program(text);
  const args = (a: readonly number[], b: readonly number[]) => ({
    a: given('i32', a),
    b: given('i32', b),
    y: blank('i32', 2, 4),
    z: blank('i32', 4),
  });
  const byZero = args([7, 1, -7, 9], [7, 0, 2, 3]);
  const overflowing = args([7, LEAST, -7, 9], [7, -1, 2, 3]);

  test.each([
    ['LAC0806', byZero],
    ['LAC0807', overflowing],
  ])('%s: the interpreter traps', async (code, launch) => {
    expect(await codesOf(program.run(device.exact, launch))).toEqual([code]);
    expect(await codesOf(program.run(device.rounding, launch))).toEqual([code]);
  });

  testLaunch(
    device,
    'one lane is unspecified where there is 0',
    program,
    byZero,
    { y: [1, null, -3, 3, 0, null, -1, 0], z: [14, 1, -5, 12] },
    ['webgpu', 'sm90'],
  );
  testLaunch(
    device,
    'one lane is unspecified where there is -2^31 / -1',
    program,
    overflowing,
    { y: [1, null, -3, 3, 0, null, -1, 0], z: [14, MOST, -5, 12] },
    ['webgpu', 'sm90'],
  );

  test.each(['idiv(n, 0)', 'n % 0'])('%s is an error', (expression) => {
    expect(checked(`y.store([p], t + ${expression});`)).toEqual(['LAC0223']);
  });
});

row('i32, u32 overflow', () => {
  testLanes(device, 'wraps', {
    inputs: { i: ['i32', [MOST, LEAST, 65536]], u: ['u32', [2 ** 32 - 1, 0, 65537]] },
    table: {
      'i + 1': ['i32', [LEAST, LEAST + 1, 65537]],
      'i - 1': ['i32', [MOST - 1, MOST, 65535]],
      '-i': ['i32', [-MOST, LEAST, -65536]],
      'abs(i)': ['i32', [MOST, LEAST, 65536]],
      'i * i': ['i32', [1, 0, 0]],
      'i ** 3': ['i32', [MOST, 0, 0]],
      'cast(i + 1 > i, i32)': ['i32', [0, 1, 1]],
      'u + 1': ['u32', [0, 1, 65538]],
      'u - 1': ['u32', [2 ** 32 - 2, 2 ** 32 - 1, 65536]],
      'u * u': ['u32', [1, 0, 131073]],
      '-u': ['u32', [1, 0, 2 ** 32 - 65537]],
      'mulhi(u, u)': ['u32', [2 ** 32 - 2, 0, 1]],
    },
  });

  const far = new Program({
    args: "x: input(f32, ['M', 'N']), o: input(i32, ['K']), y: output(f32, ['K', 'N']), z: output(f32, ['M', 'N'])",
    body: `for (const k of range(6)) {
             y.at(k).store([0], reshape(x.load([o.get(k), 0], [1, 4], { pad: -1 }), [4]));
             z.store([o.get(k), 0], full([1, 4], 5, f32));
           }`,
  });
  const ones = Array<number>(12).fill(1);
  testLaunch(
    device,
    'offsets of elements do not',
    far,
    {
      x: given('f32', ones, [3, 4]),
      // Times 4 these are multiples of 2^32, and in bytes of 2^34.
      o: given('i32', [2 ** 30, -(2 ** 30), LEAST, 2 ** 28, MOST, 2]),
      y: blank('f32', 6, 4),
      z: given('f32', ones, [3, 4]),
    },
    { y: [...Array<number>(20).fill(-1), 1, 1, 1, 1], z: [...ones.slice(4), 5, 5, 5, 5] },
  );

  test.each(KEYS)('sizes whose indices would be too large are refused: %s', async (key) => {
    const x = device[key]
      .empty('f32', [1])
      .write([1])
      .view([2 ** 31, 1, 4], [0, 0, 0]);
    const huge = new Program({
      args: "x: input(f32, ['L', 'M', 'N']), y: output(f32, ['M'])",
      body: 'y.scatter([0], x.get(0, 0, 0));',
    });
    expect(await codesOf(huge.run(device[key], { x, y: blank('f32', 1) }))).toEqual(['LAC0615']);
  });
});

row('range near 2^31', () => {
  const loops = new Program({
    args: "b: input(i32, ['N']), e: input(i32, ['N']), s: input(i32, ['N']), y: output(i32, ['N', 'C'])",
    body: `for (const k of range(5)) {
             let n = cast(0, i32), last = n;
             for (const i of range(b.get(k), e.get(k), s.get(k))) { n = n + 1; last = i; }
             for (const i of range(b.get(k), e.get(k), s.get(k), { reverse: true })) { n = n + 100; last = last ^ i; }
             y.store([k, 0], where(row(iota(2)) === 0, n, last));
           }`,
  });
  testLaunch(
    device,
    'the loop ends',
    loops,
    {
      b: given('i32', [MOST - 9, LEAST, MOST - 1, LEAST, MOST]),
      e: given('i32', [MOST, MOST, MOST, LEAST + 1, MOST]),
      s: given('i32', [7, 2 ** 30, 1, MOST, MOST]),
      y: blank('i32', 5, 2),
    },
    // Two trips: 2^31 - 10 and 2^31 - 3; four: -2^31, -2^30, 0, 2^30; then one, one, none.
    { y: [202, MOST - 9, 404, 2 ** 30, 101, 0, 101, 0, 0, 0] },
  );

  const known = new Program({
    args: "y: output(i32, ['N'])",
    body: `let [up, down] = [cast(0, i32), cast(0, i32)];
           for (const i of range(-(2 ** 31), 2 ** 31 - 1, 2 ** 30)) up = (up ^ i) + 1;
           for (const i of range(-(2 ** 31), 2 ** 31 - 1, 2 ** 30, { reverse: true })) down = (down ^ i) + 1;
           y.store([0], where(iota(2) === 0, up, down));`,
  });
  // ((((-2^31) + 1) ^ -2^30) + 1 ...: the low bits count the trips, the high ones are their exclusive or.
  const want = (LEAST ^ -(2 ** 30) ^ 0 ^ (2 ** 30)) + 4;
  testLaunch(
    device,
    'bounds that are known are no constants that overflow',
    known,
    { y: blank('i32', 2) },
    { y: [want, want] },
  );
});

row('shift count', () => {
  testLanes(device, 'is taken modulo 32', {
    inputs: {
      i: ['i32', [-8, -8, 5, 1, LEAST]],
      u: ['u32', [2 ** 31, 9, 9, 1, 2 ** 32 - 1]],
      n: ['i32', [32, 33, -1, 31, 63]],
    },
    table: {
      'i << n': ['i32', [-8, -16, LEAST, LEAST, 0]],
      'i >> n': ['i32', [-8, -4, 0, 0, -1]],
      'i >>> n': ['i32', [-8, MOST - 3, 0, 0, 1]],
      'u << cast(n, u32)': ['u32', [2 ** 31, 18, 2 ** 31, 2 ** 31, 2 ** 31]],
      'u >> cast(n, u32)': ['u32', [2 ** 31, 4, 0, 0, 1]],
      'i << 35': ['i32', [-64, -64, 40, 8, 0]],
      'u >>> 36': ['u32', [2 ** 27, 0, 0, 0, 2 ** 28 - 1]],
    },
  });
});
