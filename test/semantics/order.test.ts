import { expect, test } from 'vitest';
import { codesOf } from '../driver/codes-of.js';
import { everyDevice, KEYS, testLaunch } from './lanes.js';
import { blank, checked, findings, given, Program } from './program.js';
import { row } from './rows.js';

const device = everyDevice();
const ramp = (n: number, f = (i: number) => i): number[] => Array.from({ length: n }, (_, i) => f(i));

row('program order within a program', () => {
  // Lanes read what others stored: each turn of the loop moves every element by one, around the end.
  const program = new Program({
    args: "n: scalar(i32), x: inout(f32, ['N']), y: inout(i32, ['N']), z: output(f32, ['N'])",
    spec: 'tune: { warps: [4] },',
    body: `const k = iota(200);
           for (const i of range(n)) {
             const t = x.gather([(k + 1) % 200]);
             x.store([0], t);
           }
           z.store([0], x.gather([199 - k]));
           y.scatter([199 - k], k * 10);
           y.atomicAdd([0], y.load([0], [200]));
           const last = y.get(0);
           y.store([0], where(k === 0, last + 1, y.load([0], [200])));`,
  });
  const n = 3;
  const x = ramp(200, (i) => (i + n) % 200);
  testLaunch(
    device,
    'a load sees the stores before it, and no later one',
    program,
    { n, x: given('f32', ramp(200)), y: given('i32', ramp(200)), z: blank('f32', 200) },
    { x, z: ramp(200, (i) => x[199 - i] as number), y: ramp(200, (i) => (199 - i) * 20 + (i === 0 ? 1 : 0)) },
  );
});

row('order between programs of one launch', () => {
  const program = new Program({
    args: "o: scalar(i32), x: inout(f32, ['N']), y: output(f32, ['N'])",
    grid: '2',
    body: 'x.scatter([p], x.get(p) + 1); y.scatter([p], x.get(p + o));',
  });
  const launch = (o: number) => ({ o, x: given('f32', [1, 2, 3]), y: blank('f32', 3) });
  testLaunch(device, 'each program sees its own stores', program, launch(0), { x: [2, 3, 3], y: [2, 3, NaN] });
  test.each(['exact', 'rounding'] as const)('reading what another one wrote is a trap: %s', async (key) => {
    expect(await codesOf(program.run(device[key], launch(1)))).toEqual(['LAC0804']);
    expect(await codesOf(program.run(device[key], launch(-1)))).toEqual(['LAC0804']);
  });
  testLaunch(device, 'either value is read', program, launch(1), { x: [2, 3, 3], y: [[2, 3], 3, NaN] }, ['webgpu']);
});

row('atomics', () => {
  const program = new Program({
    args: "i: input(i32, ['M']), x: input(f32, ['M']), a: inout(i32, ['K']), u: inout(u32, ['K']), f: inout(f32, ['K'])",
    grid: '3',
    body: `const k = iota(50);
           const at = i.load([0], [50]);
           a.scatterAdd([at], k - p);
           u.scatterAdd([at], full([50], 2 ** 31, u32) + cast(k, u32));
           f.scatterAdd([at], x.load([0], [50]));
           a.atomicAdd([0], full([3], -1, i32), { mask: iota(3) !== 1 });
           f.atomicAdd([p], full([1], 0.5, f32));`,
  });
  const at = ramp(50, (i) => (i * 7) % 3);
  const sums = (f: (i: number) => number): number[] =>
    [0, 1, 2].map((bin) => at.reduce((s, b, i) => (b === bin ? s + f(i) : s), 0));
  const count = sums(() => 1);
  const whole = sums((i) => i);
  testLaunch(
    device,
    'all lanes of all programs count',
    program,
    {
      i: given('i32', at),
      x: given(
        'f32',
        ramp(50, (i) => i / 4),
      ),
      a: given('i32', [1, 2, 3]),
      u: given('u32', [1, 2, 3]),
      f: given('f32', [1, 2, 3]),
    },
    {
      a: whole.map((w, bin) => 3 * w - 3 * (count[bin] as number) + bin + 1 - (bin === 1 ? 0 : 3)),
      u: whole.map((w, bin) => (3 * w + 3 * (count[bin] as number) * 2 ** 31 + bin + 1) % 2 ** 32),
      // Multiples of 1/4 below 2^22 are exact in whatever order they are added.
      f: whole.map((w, bin) => (3 * w) / 4 + bin + 1 + 0.5),
    },
  );

  const rounded = new Program({
    args: "f: inout(f32, ['K'])",
    grid: '4',
    body: 'f.scatterAdd([iota(16) * 0], where(iota(16) === 0, 2 ** 24, full([16], 1, f32)));',
  });
  test.each(KEYS)('sums of floats vary in the last bits: %s', async (key) => {
    const { f } = await rounded.run(device[key], { f: given('f32', [0]) });
    const exact = 4 * 2 ** 24 + 60;
    expect(Math.abs((f?.[0] as number) - exact)).toBeLessThanOrEqual(64 * 4);
  });

  test('WGSL adds floats by compare and swap on their bits', () => {
    const { text } = rounded.variant(device.webgpu, { f: given('f32', [0]) });
    expect(text).toContain('atomicCompareExchangeWeak(');
  });

  test('check says so, of floats only, and other dtypes have none', () => {
    const of = (dtype: string): readonly string[] =>
      findings({ args: `f: inout(${dtype}, ['K'])`, body: `f.atomicAdd([p], full([4], 1, ${dtype}));` });
    expect(['f32', 'i32', 'u32', 'f16', 'bf16'].map(of)).toEqual([['LAC0229'], [], [], ['LAC0227'], ['LAC0227']]);
    expect(checked('const s = y.atomicAdd([p], t);')).toContain('LAC0217');
  });

  test('the result is not returned', () => {
    const text = { args: "f: inout(i32, ['K'])", body: 'const s = f.atomicAdd([p], iota(4)); f.store([p], s + 1);' };
    expect(findings(text)).not.toEqual([]);
  });
});

row('aliasing', () => {
  const program = new Program({
    args: "a: input(f32, ['N']), b: input(f32, ['N']), c: inout(f32, ['N']), y: output(f32, ['N'])",
    body: 'y.store([0], a.load([0], [4]) + b.load([0], [4])); c.store([0], c.load([0], [4]) * 2);',
  });
  test.each(KEYS)('is refused of what is written, by bytes: %s', async (key) => {
    const room = device[key].empty('f32', [64]).write(ramp(64));
    const other = device[key].empty('f32', [64]).write(ramp(64));
    const own = () => ({ c: given('f32', [1, 2, 3, 4]), y: blank('f32', 4) });
    const inputs = { a: room.view([4], [1], 0), b: room.view([4], [1], 2) };
    expect((await program.run(device[key], { ...inputs, ...own() })).y).toEqual([2, 4, 6, 8]);
    expect((await program.run(device[key], { a: inputs.a, b: inputs.a, ...own() })).y).toEqual([0, 2, 4, 6]);
    const refused = [
      { ...inputs, ...own(), y: room.view([4], [1], 3) },
      { ...inputs, ...own(), c: room.view([4], [1], 5) },
      { ...inputs, c: other.view([4], [1], 0), y: other.view([4], [1], 3) },
      // These interleave: they share no element, and the ranges of their bytes overlap.
      { ...inputs, c: other.view([4], [4], 0), y: other.view([4], [4], 1) },
    ];
    for (const args of refused) expect(await codesOf(program.run(device[key], args))).toContain('LAC0608');
    expect([...(await other.read()), ...(await room.read())]).toEqual([...ramp(64), ...ramp(64)]);
  });

  const inPlace = new Program({ args: "c: inout(f32, ['N'])", body: 'c.store([0], c.load([0], [4]) * 2);' });
  testLaunch(device, 'in place is one inout argument', inPlace, { c: given('f32', [1, 2, 3, 4]) }, { c: [2, 4, 6, 8] });
});

row('plan', () => {
  const plan = new Program(`
const scale = kernel({ args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: ({ N }) => ({ p: cdiv(N, 4) }) },
  ({ x, y }, _, { p }) => y.store([p * 4], x.load([p * 4], [4]) * 2));
const total = kernel({ args: { x: input(f32, ['N']), s: inout(f32, ['M']) }, grid: () => ({ p: 1 }) },
  ({ x, s }) => s.store([0], s.load([0], [1]) + expand(sum(x.load([0], [64]), 0), 0)));
const spread = kernel({ args: { s: input(f32, ['M']), y: output(f32, ['N']) }, grid: ({ N }) => ({ p: N }) },
  ({ s, y }, _, { p }) => y.scatter([p], s.get(0) + cast(p, f32)));
export const whole = plan({
  args: { x: input(f32, ['N']), y: output(f32, ['N']) },
  temps: ({ N }) => ({ t: temp(f32, [N]), s: temp(f32, [1], { fill: 100 }) }),
}, ({ x, y, t, s }, _, run) => {
  run(scale, { x, y: t });
  run(total, { x: t, s });
  run(spread, { s, y });
});`);
  const launch = (n: number, by: number) => ({
    x: given(
      'f32',
      ramp(n, (i) => i * by),
    ),
    y: blank('f32', n),
  });
  const want = (n: number, by: number) => ramp(n, (i) => n * (n - 1) * by + 100 + i);
  testLaunch(device, 'each step sees what those before it stored', plan, launch(50, 1), { y: want(50, 1) });
  test.each(KEYS)('temporaries are of one call: %s', async (key) => {
    const calls = [1, 2, 3, 4].map((by) => plan.run(device[key], launch(37, by)));
    expect((await Promise.all(calls)).map(({ y }) => y)).toEqual([1, 2, 3, 4].map((by) => want(37, by)));
  });

  const careless = new Program(`
const add = kernel({ args: { x: input(f32, ['N']), y: output(f32, ['N']) }, grid: () => ({ p: 1 }) },
  ({ x, y }) => y.store([0], x.load([0], [4]) + 1));
export const whole = plan({ args: { x: input(f32, ['N']), y: output(f32, ['N']) }, temps: ({ N }) => ({ t: temp(f32, [N]) }) },
  ({ y, t }, _, run) => { run(add, { x: t, y }); });`);
  test('a temporary without a value to begin with is poison', async () => {
    expect(await codesOf(careless.run(device.exact, launch(4, 1)))).toEqual(['LAC0802']);
  });
});
