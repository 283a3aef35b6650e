import { expect, test } from 'vitest';
import { codesOf } from '../driver/codes-of.js';
import { everyDevice, KEYS, type Key, testLaunch } from './lanes.js';
import { blank, checked, findings, given, Program } from './program.js';
import { row } from './rows.js';

const device = everyDevice();
const REAL: readonly Key[] = ['webgpu', 'sm90'];

row('loop with zero trips', () => {
  const program = new Program({
    args: "x: input(f32, ['M', 'N']), n: scalar(i32), y: output(f32, ['N']), z: output(i32, ['K'])",
    body: `let [t, k, d] = [full([4], 7, f32), cast(1, i32), zeros([4, 4], f32)];
           for (const i of range(n)) {
             t = t + x.at(i).load([0], [4]);
             k = k * 2;
             d = dot(x.load([i, 0], [4, 4]), x.load([0, 0], [4, 4]), d);
           }
           for (const i of range(5, n + 3, 2, { reverse: true })) k = k + i;
           while (k < n) k = k + 100;
           y.store([0], t + reshape(slice(d, [0, 0], [1, 4]), [4]));
           z.scatter([0], k);`,
  });
  const launch = (n: number) => ({
    x: given('f32', [1, 2, 3, 4, 5, 6, 7, 8], [2, 4]),
    n,
    y: blank('f32', 4),
    z: blank('i32', 1),
  });
  const start = { y: [7, 7, 7, 7], z: [1] };
  for (const n of [0, -5, -(2 ** 31)]) testLaunch(device, `range(${n})`, program, launch(n), start);
  testLaunch(device, 'one trip', program, launch(1), { y: [7 + 1 + 11, 7 + 2 + 14, 7 + 3 + 17, 7 + 4 + 20], z: [2] });
});

row('step <= 0', () => {
  test.each(['range(0, n, 0)', 'range(n, 0, -1)', 'range(0, 8, -2, { reverse: true })'])('%s is an error', (loop) => {
    expect(checked(`for (const i of ${loop}) y.store([i], t);`)).toEqual(['LAC0223']);
  });

  const program = new Program({
    args: "b: scalar(i32), e: scalar(i32), s: scalar(i32), r: scalar(i32), y: output(i32, ['N']), z: output(i32, ['K'])",
    body: `let k = cast(0, i32);
           if (r > 0) { for (const i of range(b, e, s, { reverse: true })) { y.scatter([k], i); k = k + 1; } }
           else { for (const i of range(b, e, s)) { y.scatter([k], i); k = k + 1; } }
           z.scatter([0], k);`,
  });
  const launch = (b: number, e: number, s: number, r: number) => ({
    b,
    e,
    s,
    r,
    y: blank('i32', 5),
    z: blank('i32', 1),
  });
  const none = 0xa5a5a5a5 | 0;
  test.each(['exact', 'rounding'] as const)('a trap: %s', async (key) => {
    for (const s of [0, -1, -(2 ** 31)]) {
      expect(await codesOf(program.run(device[key], launch(0, 8, s, 0)))).toEqual(['LAC0808']);
      expect(await codesOf(program.run(device[key], launch(0, 8, s, 1)))).toEqual(['LAC0808']);
    }
  });
  for (const s of [0, -1])
    testLaunch(device, `step ${s} ends somehow`, program, launch(0, 8, s, 0), { z: [null] }, REAL);
  testLaunch(device, 'ascending', program, launch(0, 10, 4, 0), { y: [0, 4, 8, none, none], z: [3] });
  testLaunch(device, 'reverse: the ragged chunk first', program, launch(0, 10, 4, 1), {
    y: [8, 4, 0, none, none],
    z: [3],
  });
  testLaunch(device, 'reverse: a whole one first', program, launch(0, 8, 4, 1), {
    y: [4, 0, none, none, none],
    z: [2],
  });
  testLaunch(device, 'reverse: from below 0', program, launch(-5, 2, 3, 1), { y: [1, -2, -5, none, none], z: [3] });
  testLaunch(device, 'reverse: nothing', program, launch(2, 2, 3, 1), { y: Array(5).fill(none), z: [0] });
});

row('assignment of a carried `let` in an `if`', () => {
  const program = new Program({
    args: "x: input(f32, ['N']), n: scalar(i32), y: output(f32, ['N']), z: output(i32, ['K'])",
    body: `let t = x.load([0], [4]);
           let k = cast(0, i32);
           for (const i of range(n)) {
             if (i % 2 === 0) { t = t * 2; if (i > 2) k = k + 10; }
             else k = k + 1;
             if (k > 11) continue;
             t = t + 1;
           }
           y.store([0], t);
           z.scatter([0], k);`,
  });
  // i: 0 t2, +1; 1 k1, +1; 2 t2, +1; 3 k2, +1; 4 t2, k12 and no more; 5 k13.
  const steps = (x: number, n: number): number => {
    let [t, k] = [x, 0];
    for (let i = 0; i < n; i++) {
      if (i % 2 === 0) t *= 2;
      k += i % 2 === 1 ? 1 : i > 2 ? 10 : 0;
      if (k <= 11) t += 1;
    }
    return t;
  };
  const counts = [0, 0, 1, 1, 2, 12, 13];
  for (const n of [0, 1, 4, 6])
    testLaunch(
      device,
      `${n} trips`,
      program,
      { x: given('f32', [1, 2, 3, 4]), n, y: blank('f32', 4), z: blank('i32', 1) },
      { y: [1, 2, 3, 4].map((x) => steps(x, n)), z: [counts[n] as number] },
    );

  test.each([
    ['another dtype', 'let s = x.get(0); if (n > 0) s = n;'],
    ['another shape', 'let s = t; if (n > 0) s = slice(t, [0], [8]);'],
    ['a tile and a scalar', 'let s = x.get(0); if (n > 0) s = t;'],
  ])('%s is an error', (_, body) => {
    expect(checked(`${body} y.store([p], t + sum(expand(s, 0) * 0, 0));`)[0]).toBe('LAC0210');
  });
});

row('while', () => {
  const program = new Program({
    args: "x: input(i32, ['N']), n: scalar(i32), y: output(i32, ['M']), t: output(f32, ['L'])",
    env: 'N',
    body: `let i = cast(0, i32);
           let s = full([40], 1, f32);
           while (i < N && x.get(i) !== n) { i = i + 1; s = s + cast(cumsum(full([40], 1, i32), 0), f32); }
           let [a, b] = [cast(1, i32), n];
           while (b !== 0) { const c = a % b; a = b; b = c; }
           let d = cast(0, i32);
           while (d + n < 10) d = d + 1;
           y.scatter([0], i); y.scatter([1], a); y.scatter([2], d);
           t.store([0], s);`,
  });
  const launch = (n: number) => ({ x: given('i32', [5, 7, 12, 9]), n, y: blank('i32', 3), t: blank('f32', 40) });
  const sums = (trips: number): number[] => Array.from({ length: 40 }, (_, i) => 1 + trips * (i + 1));
  testLaunch(device, 'until it is found', program, launch(12), { y: [2, 1, 0], t: sums(2) });
  testLaunch(device, 'not even once', program, launch(5), { y: [0, 1, 5], t: sums(0) });
  testLaunch(device, 'to the end', program, launch(-3), { y: [4, 1, 13], t: sums(4) });

  test('one that never ends for all that is known is an error', () => {
    expect(checked('while (true) y.store([p], t);')).toEqual(['LAC0117']);
  });
});

row('scalars are uniform', () => {
  const program = new Program({
    args: "cu: input(i32, ['K']), x: input(f32, ['N']), y: output(f32, ['S', 'C']), z: output(i32, ['S'])",
    spec: 'tune: { warps: [4] },',
    grid: 'size.S',
    body: `const [b, e] = [cu.get(p), cu.get(p + 1)];
           const part = x.slice(b, e);
           let s = zeros([16], f32);
           for (const i of range(b, e, 16)) {
             const t = part.load([i - b], [16]);
             if (x.get(i) >= 0) s = s + scan(t, 0, (l, r) => l + r);
             else s = s + reshape(dot(reshape(t, [4, 4]), full([4, 4], 1, f32)), [16]);
           }
           let k = e;
           while (x.get(k) > 0) { s = s + sum(s, 0) * 0; k = k + cu.get(0) + 1; }
           y.at(p).store([0], s);
           z.scatter([p], k - e);`,
  });
  const x = Array.from({ length: 70 }, (_, i) => (i === 66 ? -1 : i % 5));
  const cu = [0, 3, 3, 40, 70];
  const want = [0, 1, 2, 3].map((p) => {
    const [b, e] = [cu[p] as number, cu[p + 1] as number];
    const lanes = Array<number>(16).fill(0);
    for (let i = b; i < e; i += 16) {
      const t = lanes.map((_, k) => (i + k < e ? (x[i + k] as number) : 0));
      expect(x[i]).toBeGreaterThanOrEqual(0);
      for (const k of lanes.keys()) lanes[k] = (lanes[k] as number) + t.slice(0, k + 1).reduce((l, r) => l + r);
    }
    return lanes;
  });
  const trips = cu.slice(1).map((e) => {
    let k = e;
    while ((x[k] ?? 0) > 0) k++;
    return k - e;
  });
  const args = { cu: given('i32', cu), x: given('f32', x), y: blank('f32', 4, 16), z: blank('i32', 4) };
  testLaunch(device, 'bounds and conditions from memory around barriers', program, args, { y: want.flat(), z: trips });
  // What others may write is not uniform for WGSL, though a program's own elements are.
  const counted = new Program({
    args: "n: inout(i32, ['N']), y: output(i32, ['C'])",
    spec: 'tune: { warps: [4] },',
    body: `n.scatter([0], n.get(0) + 2);
           let s = iota(128);
           for (const i of range(n.get(0))) s = cumsum(s, 0) % 1000;
           while (n.get(1) < n.get(0)) { s = cumsum(s, 0) % 1000; n.scatter([1], n.get(1) + 1); }
           y.store([0], s);`,
  });
  let s = Array.from({ length: 128 }, (_, i) => i);
  const prefix = (list: readonly number[]): number[] =>
    list.map((_, i) => list.slice(0, i + 1).reduce((total, v) => total + v) % 1000);
  for (let trip = 0; trip < 3 + 2; trip++) s = prefix(s);
  const own = { n: given('i32', [1, 1]), y: blank('i32', 128) };
  testLaunch(device, 'bounds that the program itself wrote', counted, own, { n: [3, 3], y: s });
  test('WGSL sees that by workgroupUniformLoad', () => {
    expect(counted.variant(device.webgpu, own).text).toContain('workgroupUniformLoad(');
  });
});

row('random numbers', () => {
  // Salmon et al., Parallel random numbers: as easy as 1, 2, 3 (2011), known answers of Philox-4x32-10.
  const program = new Program({
    args: "c: input(u32, ['L', 'N']), k: input(u32, ['T', 'N']), y: output(u32, ['L', 'N'])",
    body: `let [c0, c1, c2, c3] = [c.at(0).load([0], [3]), c.at(1).load([0], [3]), c.at(2).load([0], [3]), c.at(3).load([0], [3])];
           let [k0, k1] = [k.at(0).load([0], [3]), k.at(1).load([0], [3])];
           for (const r of range(10)) {
             const [a0, a1] = [mulhi(c0, 0xd2511f53), c0 * 0xd2511f53];
             const [b0, b1] = [mulhi(c2, 0xcd9e8d57), c2 * 0xcd9e8d57];
             const [d0, d2] = [b0 ^ c1 ^ k0, a0 ^ c3 ^ k1];
             c0 = d0; c1 = b1; c2 = d2; c3 = a1;
             k0 = k0 + 0x9e3779b9; k1 = k1 + 0xbb67ae85;
           }
           y.at(0).store([0], c0); y.at(1).store([0], c1); y.at(2).store([0], c2); y.at(3).store([0], c3);`,
  });
  const all = 0xffffffff;
  testLaunch(
    device,
    'Philox-4x32-10, bit for bit',
    program,
    {
      c: given('u32', [0, all, 0x243f6a88, 0, all, 0x85a308d3, 0, all, 0x13198a2e, 0, all, 0x03707344], [4, 3]),
      k: given('u32', [0, all, 0xa4093822, 0, all, 0x299f31d0], [2, 3]),
      y: blank('u32', 4, 3),
    },
    {
      y: [
        0x6627e8d5, 0x408f276d, 0xd16cfe09, 0xe169c58d, 0x41c83b0e, 0x94fdcceb, 0xbc57ac4c, 0xa20bc7c6, 0x5001e420,
        0x9b00dbd8, 0x6d5451fd, 0x24126ea1,
      ],
    },
  );
});

row('variants and knobs', () => {
  const program = new Program({
    args: "x: input(f32, ['M', 'N']), y: output(f32, ['M', 'M']), z: output(i32, ['M'])",
    env: 'N, M, C, up',
    spec: 'tune: { C: [4, 16, 64], warps: [1, 4] }, options: { up: 1 },',
    body: `let acc = zeros([16, 16], f32);
           let m = full([16], -Infinity, f32);
           for (const n of range(0, N, C)) {
             const t = x.load([0, n], [16, C]);
             acc = dot(t, trans(t), acc);
             m = maximum(m, max(x.load([0, n], [16, C], { pad: -Infinity }), 1));
           }
           y.store([0, 0], acc * up);
           z.store([0], cast(m * 1000, i32));`,
  });
  const x = Array.from({ length: 5 * 70 }, (_, i) => ((i * 37) % 97) / 97 - 0.5);
  const at = (m: number, n: number): number => Math.fround(x[m * 70 + n] as number);
  const columns = Array.from({ length: 70 }, (_, n) => n);
  const want = [0, 1, 2, 3, 4].flatMap((a) =>
    [0, 1, 2, 3, 4].map((b) => columns.reduce((s, n) => s + at(a, n) * at(b, n), 0)),
  );
  const tops = [0, 1, 2, 3, 4].map((m) => Math.trunc(Math.fround(Math.max(...columns.map((n) => at(m, n))) * 1000)));
  test.each(KEYS)('`tune` changes nothing beyond rounding: %s', async (key) => {
    for (const config of [
      { C: 4, warps: 1 },
      { C: 16, warps: 4 },
      { C: 64, warps: 1 },
    ]) {
      const args = { x: given('f32', x, [5, 70]), y: blank('f32', 5, 5), z: blank('i32', 5) };
      const { y, z } = await program.run(device[key], args, config);
      expect(z).toEqual(tops);
      for (const [i, w] of want.entries()) expect(Math.abs((y?.[i] as number) - w)).toBeLessThan(2e-5);
    }
  });
  test.each(KEYS)('a value that is not listed is none: %s', async (key) => {
    const args = { x: given('f32', x, [5, 70]), y: blank('f32', 5, 5), z: blank('i32', 5) };
    expect(await codesOf(program.run(device[key], args, { C: 8 }))).toEqual(['LAC0907']);
    expect(await codesOf(program.run(device[key], args, { up: 2 }))).toEqual(['LAC0907']);
  });
});

row('`warps`, `stages` in `tune`', () => {
  const program = new Program({
    args: "a: input(bf16, ['M', 'K']), b: input(bf16, ['K', 'N']), y: output(f32, ['M', 'N'])",
    env: 'K',
    spec: 'tune: { warps: [1, 2, 4], stages: [1, 2, 3] },',
    body: `let acc = zeros([32, 32], f32);
           for (const k of range(0, K, 16)) acc = dot(a.load([0, k], [32, 16]), b.load([k, 0], [16, 32]), acc);
           y.store([0, 0], acc);`,
  });
  const [M, K, N] = [24, 80, 32];
  const values = (n: number, by: number): number[] => Array.from({ length: n }, (_, i) => ((i * by) % 31) / 16 - 1);
  const [a, b] = [values(M * K, 7), values(K * N, 11)];
  const args = { a: given('bf16', a, [M, K]), b: given('bf16', b, [K, N]), y: blank('f32', M, N) };
  const want = Array.from({ length: M * N }, (_, i) =>
    Array.from(
      { length: K },
      (_, k) => (a[Math.floor(i / N) * K + k] as number) * (b[k * N + (i % N)] as number),
    ).reduce((s, t) => s + t),
  );
  test.each(KEYS)('change no bit: %s', async (key) => {
    // Products of such numbers are exact, and so are their sums.
    for (const config of [
      { warps: 1, stages: 1 },
      { warps: 4, stages: 3 },
      { warps: 4, stages: 1 },
      { warps: 2, stages: 2 },
    ])
      expect((await program.run(device[key], args, config)).y).toEqual(want);
  });
  test.each(KEYS)('stages change none that is rounded either: %s', async (key) => {
    const rough = {
      ...args,
      a: given(
        'bf16',
        a.map((v) => v / 3),
        [M, K],
      ),
    };
    const [one, two, three] = [1, 2, 3].map((stages) => program.run(device[key], rough, { warps: 4, stages }));
    const first = (await one)?.y;
    expect((await two)?.y).toEqual(first);
    expect((await three)?.y).toEqual(first);
    expect(first?.some((v, i) => v !== (want[i] as number) / 3)).toBe(true);
  });
  test.each(REAL)('warps are groups of 32 threads: %s', (key) => {
    for (const warps of [1, 2, 4])
      expect(program.variant(device[key], args, { warps, stages: 1 }).block).toEqual([32 * warps, 1, 1]);
  });
  test('they are reserved: nobody has to name them', () => {
    expect(
      findings({
        args: "y: output(f32, ['N'])",
        spec: 'tune: { warps: [1], stages: [2] },',
        body: 'y.scatter([p], cast(1, f32));',
      }),
    ).toEqual([]);
    expect(
      findings({ args: "y: output(f32, ['N'])", spec: 'tune: { C: [1] },', body: 'y.scatter([p], cast(1, f32));' }),
    ).toEqual(['LAC0313']);
  });
});
