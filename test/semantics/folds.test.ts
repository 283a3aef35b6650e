import { expect, test } from 'vitest';
import { everyDevice, testLaunch } from './lanes.js';
import { blank, checked, given, Program } from './program.js';
import { row } from './rows.js';

const device = everyDevice();
const ramp = (n: number, f: (i: number) => number): number[] => Array.from({ length: n }, (_, i) => f(i));

row('sum of 16-bit tiles', () => {
  const program = new Program({
    args: "h: input(f16, ['N']), b: input(bf16, ['N']), i: input(i32, ['K']), u: input(u32, ['K']), y: output(f32, ['R']), z: output(i32, ['T']), w: output(u32, ['T']), c: output(f16, ['N'])",
    body: `const [s, t] = [h.load([0], [300]), b.load([0], [300])];
           y.scatter([0], cast(cast(sum(s, 0), f16), f32));
           y.scatter([1], sum(cast(s, f32), 0));
           y.scatter([2], cast(cast(sum(t, 0), bf16), f32));
           y.scatter([3], sum(cast(t, f32), 0));
           y.scatter([4], cast(cast(sum(s * 0 + 1000, 0) / 100, f16), f32));
           z.scatter([0], sum(i.load([0], [3]), 0));
           w.scatter([0], sum(u.load([0], [3]), 0));
           c.store([0], cumsum(s, 0));`,
  });
  // 2048 + 1 is 2048 in f16, and 256 + 1 is 256 in bf16: sums in the dtype itself would stay there.
  const [h, b] = [ramp(300, (n) => (n === 0 ? 2048 : 1)), ramp(300, (n) => (n === 0 ? 256 : 1))];
  const prefix = ramp(300, (n) => 2048 + n);
  const even = prefix.map((v) => (v % 4 === 3 ? v + 1 : v - (v % 2)));
  testLaunch(
    device,
    'is rounded once, those of integers wrap',
    program,
    {
      h: given('f16', h),
      b: given('bf16', b),
      i: given('i32', [2 ** 31 - 1, 2, 2 ** 31 - 1]),
      u: given('u32', [2 ** 32 - 1, 2, 2 ** 32 - 1]),
      y: blank('f32', 5),
      z: blank('i32', 1),
      w: blank('u32', 1),
      c: blank('f16', 300),
    },
    {
      // 555 in bf16 lies between 552 and 556. 300,000 is Infinity in f16, where the sum is one.
      y: {
        exact: [2347, 2347, 555, 555, 3000],
        rounding: [2348, 2347, 556, 555, Infinity],
        others: [2348, 2347, 556, 555, [Infinity, 3000]],
      },
      z: [0],
      w: [0],
      c: { exact: prefix, others: even },
    },
  );
});

row('argmax after tail padding', () => {
  const program = new Program({
    args: "x: input(f32, ['M', 'N']), y: output(i32, ['R', 'M']), v: output(f32, ['M'])",
    body: `const low = x.load([0, 0], [4, 20], { pad: -Infinity });
           y.at(0).store([0], argmax(low, 1));
           y.at(1).store([0], argmax(x.load([0, 0], [4, 20]), 1));
           y.at(2).store([0], argmin(x.load([0, 0], [4, 20], { pad: Infinity }), 1));
           y.at(3).store([0], argmin(x.load([0, 0], [4, 20], { pad: -9 }), 1));
           v.store([0], max(low, 1));`,
  });
  const [low, high] = [-Infinity, 2 ** 128 - 2 ** 104];
  const launch = (rows: readonly (readonly number[])[]) => ({
    x: given('f32', rows.flat(), [4, 3]),
    y: blank('i32', 4, 4),
    v: blank('f32', 4),
  });
  testLaunch(
    device,
    'pad takes part; a tie gives the lowest position',
    program,
    launch([
      [-1, -1, -2],
      [5, 7, 7],
      [-3, -2, -1],
      [0, 0, 0],
    ]),
    { y: [0, 1, 2, 0, 3, 1, 3, 0, 2, 0, 0, 0, 3, 3, 3, 3], v: [-1, 7, -1, 0] },
  );
  const none = [low, low, low];
  // Of what is loaded as -Infinity WGSL may make what it likes; masked to -Infinity it is the lowest number there.
  testLaunch(
    device,
    'all -Infinity: a real lane',
    program,
    launch([none, [low, 1, low], none, none]),
    { y: [0, 1, 0, 0, ...Array(12).fill(null)], v: [low, 1, low, low] },
    ['exact', 'rounding', 'sm90'],
  );
  const masked = new Program({
    args: "x: input(f32, ['N']), y: output(i32, ['K']), v: output(f32, ['K'])",
    body: `const t = x.load([0], [20], { pad: -Infinity });
           const s = where(t > 0, t, -Infinity);
           y.scatter([0], argmax(s, 0));
           v.scatter([0], max(s, 0));`,
  });
  testLaunch(
    device,
    'all masked to -Infinity',
    masked,
    { x: given('f32', [-1, -2, -3]), y: blank('i32', 1), v: blank('f32', 1) },
    { y: [0], v: { webgpu: [-high], others: [low] } },
  );
});

row('scan/reduce function', () => {
  // 2x2 matrices multiply in order: associative, not commutative.
  const program = new Program({
    args: "x: input(i32, ['N']), y: output(i32, ['F', 'N']), z: output(i32, ['F']), s: output(f32, ['K', 'N']), t: output(f32, ['K'])",
    module: `const product = ([a, b, c, d], [e, f, g, h]) => [a * e + b * g, a * f + b * h, c * e + d * g, c * f + d * h];
const latest = ([a, i], [b, j]) => [where(b > 0, b, a), where(b > 0, j, i)];`,
    body: `const a = x.load([0], [77]);
           const m = [a, a * 0 + 1, a * 0 - 1, a * 0];
           const up = scan(m, 0, product), down = scan(m, 0, product, { reverse: true }), all = reduce(m, 0, product);
           y.at(0).store([0], up[0]); y.at(1).store([0], up[1]); y.at(2).store([0], down[0]); y.at(3).store([0], down[2]);
           z.scatter([0], all[0]); z.scatter([1], all[1]); z.scatter([2], all[2]); z.scatter([3], all[3]);
           const w = cast(a, f32);
           const seen = scan([w, iota(77)], 0, latest);
           s.at(0).store([0], seen[0]); s.at(1).store([0], cast(seen[1], f32));
           s.at(2).store([0], scan(w, 0, (l, r) => l));
           s.at(3).store([0], scan(w, 0, (l, r) => l, { reverse: true }));
           t.scatter([0], reduce(w, 0, (l, r) => l)); t.scatter([1], reduce(w, 0, (l, r) => r));
           t.scatter([2], cast(reduce([w, iota(77)], 0, latest)[1], f32)); t.scatter([3], reduce(w, 0, (l, r) => maximum(l, r)));`,
  });
  const x = ramp(77, (i) => ((i * 5) % 11) - 5);
  type M = readonly [number, number, number, number];
  const mul = Math.imul;
  const times = ([a, b, c, d]: M, [e, f, g, h]: M): M => [
    (mul(a, e) + mul(b, g)) | 0,
    (mul(a, f) + mul(b, h)) | 0,
    (mul(c, e) + mul(d, g)) | 0,
    (mul(c, f) + mul(d, h)) | 0,
  ];
  const m = x.map((v): M => [v, 1, -1, 0]);
  const up = m.map((_, i) => m.slice(0, i + 1).reduce(times));
  // With reverse, left is nearer the end.
  const down = m.map((_, i) => m.slice(i).reverse().reduce(times));
  const last = x.map((_, i) => x.slice(0, i + 1).findLastIndex((v) => v > 0)).map((at) => Math.max(at, 0));
  testLaunch(
    device,
    'keeps the order of its operands',
    program,
    { x: given('i32', x), y: blank('i32', 4, 77), z: blank('i32', 4), s: blank('f32', 4, 77), t: blank('f32', 4) },
    {
      y: [...up.map((v) => v[0]), ...up.map((v) => v[1]), ...down.map((v) => v[0]), ...down.map((v) => v[2])],
      z: [...(up[76] as M)],
      s: [
        ...last.map((at) => x[at] as number),
        ...last,
        ...ramp(77, () => x[0] as number),
        ...ramp(77, () => x[76] as number),
      ],
      t: [x[0] as number, x[76] as number, last[76] as number, 5],
    },
  );

  test.each([
    ['a load', '(a, b) => a + x.get(0)', 'LAC0230'],
    ['a store', '(a, b) => { y.scatter([p], a); return a + b; }', 'LAC0230'],
    ['a sum of lanes', '(a, b) => a + sum(b, 0)', null],
    ['a difference', '(a, b) => a - b', 'LAC0231'],
  ])('%s in it is an error', (_, combine, code) => {
    const found = checked(`y.store([p], scan(t, 0, ${combine}));`);
    if (code === null) expect(found).not.toEqual([]);
    else expect(found).toEqual([code]);
  });
});
