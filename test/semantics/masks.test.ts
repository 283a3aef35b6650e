import { expect, test } from 'vitest';
import { codesOf } from '../driver/codes-of.js';
import { everyDevice, KEYS, type Key, testLanes, testLaunch } from './lanes.js';
import { blank, checked, given, Program } from './program.js';
import { row } from './rows.js';

const device = everyDevice();
const COMPLETE: readonly Key[] = ['exact', 'rounding', 'sm90'];

row('0 * Infinity inside dot or sum', () => {
  const program = new Program({
    args: "a: input(f32, ['M', 'K']), b: input(f32, ['K', 'N']), y: output(f32, ['M', 'N']), s: output(f32, ['M']), z: output(f32, ['M', 'N'])",
    env: 'K',
    body: `const [l, r] = [a.load([0, 0], [16, 16]), b.load([0, 0], [16, 16])];
           y.store([0, 0], dot(l, r));
           s.store([0], sum(l * trans(r), 1));
           const real = iota(16) < K - 1;
           z.store([0, 0], dot(where(row(real), l, 0), where(col(real), r, 0)));`,
  });
  const [left, right] = [
    [0, 1, 0, 2, 3, 4],
    [5, 6, 7, 8, 0, 0],
  ];
  const args = (bad: number) => ({
    a: given('f32', left, [2, 3]),
    b: given('f32', [right[0], right[1], right[2], right[3], bad, 3].map(Number), [3, 2]),
    y: blank('f32', 2, 2),
    s: blank('f32', 2),
    z: blank('f32', 2, 2),
  });
  // a = [0 1 0; 2 3 4], b = [5 6; 7 8; bad 3]; memory around both is NaN.
  testLaunch(
    device,
    'is NaN; a mask before dot protects, and so does pad',
    program,
    args(Infinity),
    // Infinity has no parts in tf32: what is left of it is Infinity - Infinity.
    { y: { sm90: [NaN, 8, [Infinity, NaN], 48], others: [NaN, 8, Infinity, 48] }, s: [NaN, 48], z: [7, 8, 31, 36] },
    COMPLETE,
  );
  testLaunch(device, 'finite numbers', program, args(-1), { y: [7, 8, 27, 48], s: [7, 48], z: [7, 8, 31, 36] });
  testLaunch(
    device,
    'a mask before dot protects',
    program,
    args(Infinity),
    { y: [null, 8, null, 48], z: [7, 8, 31, 36] },
    ['webgpu'],
  );
});

row('a ** b', () => {
  const [third, big] = [Math.fround(1 / 3), 1.1];
  testLanes(device, 'a whole constant exponent multiplies', {
    inputs: {
      f: ['f32', [-2, 0, 3, -0.5]],
      i: ['i32', [-7, 0, 3, 2]],
      u: ['u32', [9, 0, 65536, 2]],
      h: ['f16', [-2, 0, 3, -0.5]],
    },
    table: {
      'f ** 3': ['f32', [-8, 0, 27, -0.125]],
      'f ** 2': ['f32', [4, 0, 9, 0.25]],
      'f ** 0': ['f32', [1, 1, 1, 1]],
      'f ** 1': ['f32', [-2, 0, 3, -0.5]],
      '(f + 3) ** -2': ['f32', [1, 1 / 9, 1 / 36, 0.16].map(Math.fround), 2 ** -22],
      'i ** 3': ['i32', [-343, 0, 27, 8]],
      'u ** 2': ['u32', [81, 0, 0, 4]],
      'h ** 3': ['f16', [-8, 0, 27, -0.125]],
    },
  });
  testLanes(device, 'any other is exp2(b * log2(a))', {
    inputs: { f: ['f32', [2, 4, third, big]], g: ['f32', [0.5, -1.5, 3, 20]] },
    table: {
      'f ** g': ['f32', [Math.SQRT2, 0.125, third ** 3, Math.fround(big) ** 20], 1e-5],
      'f ** 0.5': ['f32', [Math.SQRT2, 2, Math.sqrt(third), Math.sqrt(Math.fround(big))], 1e-6],
    },
  });
  testLanes(
    device,
    'of a negative base it is NaN, 0 ** 0 is 1',
    {
      inputs: { f: ['f32', [-2, 0, 0, -2]], g: ['f32', [2, 0, 2, 0.5]] },
      table: { 'f ** g': ['f32', [NaN, 1, 0, NaN]], 'f ** 0.5': ['f32', [NaN, 0, 0, NaN]] },
    },
    COMPLETE,
  );
});

row('&& || !', () => {
  testLanes(device, 'on masks, lane by lane', {
    inputs: { a: ['i32', [1, 1, 0, 0]], b: ['i32', [1, 0, 1, 0]] },
    before: 'const m = a > 0, n = b > 0;',
    table: {
      'cast(m && n, i32)': ['i32', [1, 0, 0, 0]],
      'cast(m || n, i32)': ['i32', [1, 1, 1, 0]],
      'cast(!m, i32)': ['i32', [0, 0, 1, 1]],
      'cast(!(m && !n) || false, i32)': ['i32', [1, 0, 1, 1]],
      'cast(m && true, u32)': ['u32', [1, 1, 0, 0]],
    },
  });

  const scalars = new Program({
    args: "x: input(f32, ['N']), n: scalar(i32), y: output(i32, ['M'])",
    env: 'N',
    body: `y.scatter([0], cast(n < N && x.get(n) > 0, i32));
           y.scatter([1], cast(n >= N || x.get(n) > 0, i32));
           if (!(n < N) && x.get(n) === 0) y.scatter([2], cast(1, i32));
           else y.scatter([2], cast(0, i32));`,
  });
  const args = (n: number) => ({ x: given('f32', [1, -1]), n, y: blank('i32', 3) });
  testLaunch(device, 'both sides are evaluated: what is read outside is 0', scalars, args(5), { y: [0, 1, 1] });
  testLaunch(device, 'and inside what is there', scalars, args(0), { y: [1, 1, 0] });
});

row('?: with a scalar condition, `if`', () => {
  const branches = new Program({
    args: "x: input(f32, ['N']), n: scalar(i32), y: output(f32, ['N']), z: inout(i32, ['K'])",
    env: 'N',
    body: `const t = n <= N ? x.load([n - 4], [4], { inBounds: true }) : full([4], -1, f32);
           if (n > 4) { y.store([0], t); z.atomicAdd([0], full([1], 10, i32)); }
           else { y.store([4], t + 1); z.scatter([1], n); }`,
  });
  const launch = (n: number) => ({
    x: given('f32', [1, 2, 3, 4, 5, 6, 7, 8]),
    n,
    y: blank('f32', 8),
    z: given('i32', [1, 2]),
  });
  const none = Array<number>(4).fill(NaN);
  testLaunch(device, 'one side happens', branches, launch(6), { y: [3, 4, 5, 6, ...none], z: [11, 2] });
  testLaunch(device, 'or the other', branches, launch(4), { y: [...none, 2, 3, 4, 5], z: [1, 4] });
  // inBounds would be broken on the side that does not run.
  testLaunch(device, 'loads of the other side do not', branches, launch(9), {
    y: [-1, -1, -1, -1, ...none],
    z: [11, 2],
  });

  test.each(KEYS.slice(0, 2))('the side that runs does: %s', async (key) => {
    expect(await codesOf(branches.run(device[key], launch(3)))).toEqual(['LAC0801']);
  });
  test('`if` takes no tile', () => {
    expect(checked('let s = t; if (t > 0) s = t * 2; y.store([p], s);')).toEqual(['LAC0208']);
  });
});
