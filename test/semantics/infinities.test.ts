import { expect, test } from 'vitest';
import { runKernel } from '../../driver/run.js';
import { everyDevice, KEYS, type Key, testLanes, testLaunch } from './lanes.js';
import { blank, checked, given, Program } from './program.js';
import { row } from './rows.js';

const device = everyDevice();
/** Devices that have NaN and infinities. */
const COMPLETE: readonly Key[] = ['exact', 'rounding', 'sm90'];
const HIGHEST = 2 ** 128 - 2 ** 104;

row('maximum, minimum, max, min with NaN', () => {
  testLanes(
    device,
    'the number wins',
    {
      inputs: {
        f: ['f32', [NaN, 2, NaN, -Infinity]],
        g: ['f32', [1, NaN, NaN, NaN]],
        h: ['f16', [NaN, 2, NaN, -Infinity]],
        k: ['f16', [1, NaN, NaN, NaN]],
      },
      table: {
        'maximum(f, g)': ['f32', [1, 2, NaN, -Infinity]],
        'minimum(f, g)': ['f32', [1, 2, NaN, -Infinity]],
        'maximum(f, 0)': ['f32', [0, 2, 0, 0]],
        'maximum(h, k)': ['f16', [1, 2, NaN, -Infinity]],
        'minimum(h, k)': ['f16', [1, 2, NaN, -Infinity]],
      },
    },
    COMPLETE,
  );

  testLanes(device, 'finite and infinite values', {
    inputs: {
      f: ['f32', [-Infinity, Infinity, -0, 3]],
      g: ['f32', [1, 1, 0, -3]],
      i: ['i32', [-(2 ** 31), 5, 0, -1]],
      u: ['u32', [2 ** 31, 5, 0, 1]],
    },
    table: {
      'maximum(f, g)': ['f32', [1, Infinity, 0, 3]],
      'minimum(f, g)': ['f32', [-Infinity, 1, 0, -3]],
      'maximum(i, 1)': ['i32', [1, 5, 1, 1]],
      'minimum(u, 4)': ['u32', [4, 4, 0, 1]],
    },
  });

  const folds = new Program({
    args: "x: input(f32, ['M', 'N']), y: output(f32, ['K', 'M']), z: output(i32, ['K', 'M'])",
    body: `const t = x.load([0, 0], [4, 5]);
           y.at(0).store([0], max(t, 1)); y.at(1).store([0], min(t, 1));
           z.at(0).store([0], argmax(t, 1)); z.at(1).store([0], argmin(t, 1));`,
  });
  const launch = (rows: readonly (readonly number[])[]) => ({
    x: given('f32', rows.flat(), [4, 5]),
    y: blank('f32', 2, 4),
    z: blank('i32', 2, 4),
  });
  testLaunch(
    device,
    'folds over 5 lanes ignore NaN; all NaN gives NaN and position 0',
    folds,
    launch([
      [NaN, 3, NaN, 7, 7],
      [NaN, NaN, NaN, NaN, NaN],
      [-Infinity, NaN, NaN, NaN, -Infinity],
      [4, -1, NaN, -1, 4],
    ]),
    { y: [7, NaN, -Infinity, 4, 3, NaN, -Infinity, -1], z: [3, 0, 0, 0, 1, 0, 0, 1] },
    COMPLETE,
  );
  testLaunch(
    device,
    'ties go to the lowest position, infinities take part',
    folds,
    launch([
      [1, 3, -2, 3, -2],
      [-Infinity, -Infinity, -Infinity, -Infinity, -Infinity],
      [Infinity, 0, 1, Infinity, 0],
      [-5, -5, -5, -5, -4],
    ]),
    {
      y: {
        // Lanes that pad the axis hold the lowest finite number, which is above -Infinity.
        webgpu: [3, [-Infinity, -HIGHEST], Infinity, -4, -2, -Infinity, 0, -5],
        others: [3, -Infinity, Infinity, -4, -2, -Infinity, 0, -5],
      },
      z: [1, 0, 0, 4, 2, 0, 1, 0],
    },
  );
});

row('Infinity and NaN at all', () => {
  testLanes(device, 'constants are the ends of the finite numbers in WGSL', {
    inputs: { f: ['f32', [1, -1]], h: ['f16', [1, -1]] },
    table: {
      'where(f > 0, Infinity, f)': ['f32', { webgpu: [HIGHEST, -1], others: [Infinity, -1] }],
      'where(f > 0, -Infinity, f)': ['f32', { webgpu: [-HIGHEST, -1], others: [-Infinity, -1] }],
      'full([2], -Infinity, f32)': ['f32', { webgpu: [-HIGHEST, -HIGHEST], others: [-Infinity, -Infinity] }],
      'in_f.load([1], [2], { pad: -Infinity })': ['f32', { webgpu: [-1, -HIGHEST], others: [-1, -Infinity] }],
      'cast(full([2], -Infinity, f32) === -Infinity, i32)': ['i32', [1, 1]],
      'cast(maximum(where(f > 0, -Infinity, f), -Infinity) === -Infinity, i32)': ['i32', [1, 0]],
      'cast(in_f.load([1], [2], { pad: Infinity }) === Infinity, i32)': ['i32', [0, 1]],
      // The idiom of a running maximum of which nothing is known yet.
      'exp(where(f > 0, -Infinity, f) - where(f > 0, 0, f))': ['f32', [0, 1]],
      'cast(in_h.load([1], [2], { pad: -Infinity }) === -Infinity, i32)': ['i32', [0, 1]],
    },
  });

  testLanes(
    device,
    'what is loaded stays what it is',
    {
      inputs: {
        f: ['f32', [NaN, Infinity, -Infinity]],
        h: ['f16', [NaN, Infinity, -Infinity]],
        b: ['bf16', [NaN, Infinity, -Infinity]],
      },
      table: {
        f: ['f32', [NaN, Infinity, -Infinity]],
        h: ['f16', [NaN, Infinity, -Infinity]],
        b: ['bf16', [NaN, Infinity, -Infinity]],
        'h * 1': ['f32', [NaN, Infinity, -Infinity]],
        'f - f': ['f32', [NaN, NaN, NaN]],
      },
    },
    COMPLETE,
  );

  test('check warns of exp(x - m) where both may be -Infinity', () => {
    const masked = 'const s = where(t > 0, t, -Infinity);';
    const m = 'const m = max(s, 0);';
    const shift = 'const shift = where(m === -Infinity, 0, m);';
    expect(checked(`${masked} ${m} y.store([p], exp(s - m));`)).toEqual(['LAC0224']);
    expect(checked(`${masked} ${m} ${shift} y.store([p], exp(s - shift));`)).toEqual([]);
  });

  const difference = new Program({
    args: "x: input(f32, ['N']), y: output(f32, ['N'])",
    body: 'y.store([0], x.load([0], [2]) * x.load([0], [2]));',
  });
  test.each(KEYS)('a checked run reports a NaN in an output: %s', async (key) => {
    const reference = { shape: { N: 2 }, run: () => ({ y: new Float64Array([1, 4]) }) };
    const run = (x: readonly number[]) =>
      runKernel({ decl: difference.decl, reference, device: device[key], inputs: { x: Float64Array.from(x) } });
    const [right, wrong] = [await run([1, 2]), await run([1, NaN])];
    expect([right.ok, wrong.ok]).toEqual([true, false]);
    expect(wrong.outputs[0]).toMatchObject({ output: 'y', ok: false });
  });
});

row('what `where` and the ?: of a mask guarantee', () => {
  const table = (m: string) =>
    ({
      [`where(${m}, g, f)`]: ['f32', [1, 2, 3, 4]],
      [`${m} ? g : f`]: ['f32', [1, 2, 3, 4]],
      [`sum(where(${m}, g, 0), 0) + g * 0`]: ['f32', [7, 7, 7, 7]],
      [`where(${m}, g, 1 / (g - 2))`]: ['f32', [-1, 2, 1, 4]],
      [`where(${m}, k, h)`]: ['f16', [1, 2, 3, 4]],
    }) as const;
  const inputs = (bad: readonly [number, number]) =>
    ({
      f: ['f32', [1, bad[0], 3, bad[1]]],
      g: ['f32', [1, 2, 3, 4]],
      h: ['f16', [1, bad[0], 3, bad[1]]],
      k: ['f16', [1, 2, 3, 4]],
      m: ['i32', [-1, 0, -2, 5]],
    }) as const;
  testLanes(device, 'NaN and Infinity that are not chosen are gone', {
    inputs: inputs([NaN, Infinity]),
    table: { ...table('m >= 0'), 'sum(where(m >= 0, g, 0), 0) + g * 0': ['f32', [6, 6, 6, 6]] },
  });
});

row('exp overflow in a lane that where discards', () => {
  testLanes(device, 'is discarded', {
    inputs: { f: ['f32', [1000, 0, 1, -2000]] },
    table: {
      'where(f < 500, exp(f), 7)': ['f32', [7, 1, Math.E, 0], 1e-6],
      'sum(where(f < 500, exp(f), 0), 0) + f * 0': ['f32', Array(4).fill(1 + Math.E), 1e-6],
      'exp(where(f < 500, f, -Infinity))': ['f32', [0, 1, Math.E, 0], 1e-6],
      'where(f < 500, exp2(f), -f)': ['f32', [-1000, 1, 2, 0], 1e-6],
    },
  });
});

row('exp(-Infinity), log(0), x/0, 0/0, sqrt(-1), rsqrt(0)', () => {
  const inputs = { f: ['f32', [0, 1, -1, -Infinity]], h: ['f16', [0, 1, -1, -Infinity]] } as const;
  testLanes(
    device,
    'as in IEEE 754',
    {
      inputs,
      table: {
        'exp(f)': ['f32', [1, Math.E, 1 / Math.E, 0], 1e-6],
        'exp2(f)': ['f32', [1, 2, 0.5, 0], 1e-6],
        'log(f)': ['f32', [-Infinity, 0, NaN, NaN]],
        'log2(f)': ['f32', [-Infinity, 0, NaN, NaN]],
        '1 / f': ['f32', [Infinity, 1, -1, 0]],
        '-1 / f': ['f32', [-Infinity, -1, 1, 0]],
        'f / 0': ['f32', [NaN, Infinity, -Infinity, -Infinity]],
        'f / f': ['f32', [NaN, 1, 1, NaN]],
        'sqrt(f)': ['f32', [0, 1, NaN, NaN]],
        'rsqrt(f)': ['f32', [Infinity, 1, NaN, NaN]],
        'exp(h)': ['f16', [1, Math.E, 1 / Math.E, 0], 2 ** -10],
        'sqrt(h)': ['f16', [0, 1, NaN, NaN]],
        'log(full([4], 0, f32))': ['f32', Array(4).fill(-Infinity)],
        'sqrt(full([4], -1, f32))': ['f32', Array(4).fill(NaN)],
      },
    },
    COMPLETE,
  );

  testLanes(
    device,
    'WGSL promises exp of the lowest number, and takes constants that overflow',
    {
      inputs,
      table: {
        'exp(f)': ['f32', [1, Math.E, 1 / Math.E, 0], 1e-6],
        'exp(full([4], -Infinity, f32))': ['f32', [0, 0, 0, 0]],
        'exp2(full([4], -Infinity, f32))': ['f32', [0, 0, 0, 0]],
        'exp(full([4], 1000, f32))': ['f32', [null, null, null, null]],
        'full([4], 3e38, f32) * 10': ['f32', [null, null, null, null]],
        'log(full([4], 0, f32))': ['f32', [null, null, null, null]],
        'full([4], 1, f32) / full([4], 0, f32)': ['f32', [null, null, null, null]],
        'zeros([4], f32) / 0': ['f32', [null, null, null, null]],
        'sqrt(full([4], -1, f32))': ['f32', [null, null, null, null]],
        'rsqrt(zeros([4], f32))': ['f32', [null, null, null, null]],
        'full([4], Infinity, f32) - Infinity': ['f32', [null, null, null, null]],
        'full([4], -Infinity, f32) - Infinity': ['f32', [null, null, null, null]],
        'f ** -2': ['f32', [null, 1, 1, 0]],
      },
    },
    ['webgpu'],
  );
});
