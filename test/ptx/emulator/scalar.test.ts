import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBits16, toBits16 } from '../../../compiler/ops/round.js';
import { launch, prologue } from './launch.js';

/** Runs `text` once a lane with the words of a, b, c in %r1, %r2, %r3 and gives %r4 of every lane. */
function lanes(text: string, a: readonly number[], b: readonly number[] = [], c: readonly number[] = []): number[] {
  const padded = (v: readonly number[]) => Uint32Array.from({ length: 32 }, (_, i) => v[i] ?? 0);
  const y = new Uint32Array(32);
  launch(
    `${prologue('a', 'b', 'c', 'y')}
     mul.wide.u32 %d9, %r0, 4;
     ${[0, 1, 2, 3].map((i) => `add.s64 %d${i}, %d${i}, %d9;`).join('\n')}
     ${[0, 1, 2].map((i) => `ld.global.b32 %r${i + 1}, [%d${i}];`).join('\n')}
     ${text}
     st.global.b32 [%d3], %r4;`,
    { a: padded(a), b: padded(b), c: padded(c), y },
  );
  return [...y].slice(0, a.length);
}

/** The same with two words of result, %d8, as an unsigned number of 64 bits. */
function wideLanes(text: string, a: readonly number[], b: readonly number[], c: readonly number[] = []): bigint[] {
  const half = (shift: string) => lanes(`${text}\nmov.b64 {%r5, %r6}, %d8;\nmov.b32 %r4, ${shift};`, a, b, c);
  const [low, high] = [half('%r5'), half('%r6')];
  return low.map((l, i) => (BigInt(high[i] ?? 0) << 32n) | BigInt(l));
}

const view = new DataView(new ArrayBuffer(4));
const float = (bits: number): number => {
  view.setUint32(0, bits);
  return view.getFloat32(0);
};
const bitsOf = (x: number): number => {
  view.setFloat32(0, x);
  return view.getUint32(0);
};
const signed = (x: number): bigint => BigInt(x | 0);
const low = (x: bigint): number => Number(BigInt.asUintN(32, x));

const word = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0, 1, 2, 31, 32, 33, 0x7fffffff, 0x80000000, 0xffffffff),
);
const many = fc.array(fc.tuple(word, word, word), { minLength: 32, maxLength: 32 });
const columns = (rows: readonly (readonly number[])[]): [number[], number[], number[]] => [
  rows.map((r) => r[0] ?? 0),
  rows.map((r) => r[1] ?? 0),
  rows.map((r) => r[2] ?? 0),
];
const RUNS = { numRuns: 8 };

describe('32-bit integers against bigints', () => {
  const cases: readonly [string, (a: number, b: number, c: number) => bigint | number][] = [
    ['add.s32 %r4, %r1, %r2;', (a, b) => a + b],
    ['sub.u32 %r4, %r1, %r2;', (a, b) => a - b],
    ['mul.lo.s32 %r4, %r1, %r2;', (a, b) => signed(a) * signed(b)],
    ['mul.hi.s32 %r4, %r1, %r2;', (a, b) => (signed(a) * signed(b)) >> 32n],
    ['mul.hi.u32 %r4, %r1, %r2;', (a, b) => (BigInt(a) * BigInt(b)) >> 32n],
    ['mad.lo.u32 %r4, %r1, %r2, %r3;', (a, b, c) => BigInt(a) * BigInt(b) + BigInt(c)],
    ['div.s32 %r4, %r1, %r2;', (a, b) => (b === 0 ? -1 : signed(a) / signed(b))],
    ['div.u32 %r4, %r1, %r2;', (a, b) => (b === 0 ? -1 : BigInt(a) / BigInt(b))],
    ['rem.s32 %r4, %r1, %r2;', (a, b) => (b === 0 ? a : signed(a) % signed(b))],
    ['rem.u32 %r4, %r1, %r2;', (a, b) => (b === 0 ? a : a % b)],
    ['min.s32 %r4, %r1, %r2;', (a, b) => Math.min(a | 0, b | 0)],
    ['max.u32 %r4, %r1, %r2;', (a, b) => Math.max(a, b)],
    ['neg.s32 %r4, %r1;', (a) => -signed(a)],
    ['abs.s32 %r4, %r1;', (a) => Math.abs(a | 0)],
    ['shl.b32 %r4, %r1, %r2;', (a, b) => (b > 31 ? 0 : BigInt(a) << BigInt(b))],
    ['shr.u32 %r4, %r1, %r2;', (a, b) => (b > 31 ? 0 : BigInt(a) >> BigInt(b))],
    ['shr.s32 %r4, %r1, %r2;', (a, b) => signed(a) >> BigInt(Math.min(b, 31))],
    ['shf.l.wrap.b32 %r4, %r1, %r2, %r3;', (a, b, c) => (((BigInt(b) << 32n) | BigInt(a)) << BigInt(c & 31)) >> 32n],
    ['shf.r.wrap.b32 %r4, %r1, %r2, %r3;', (a, b, c) => ((BigInt(b) << 32n) | BigInt(a)) >> BigInt(c & 31)],
    ['lop3.b32 %r4, %r1, %r2, %r3, 0x96;', (a, b, c) => BigInt(a) ^ BigInt(b) ^ BigInt(c)],
    ['lop3.b32 %r4, %r1, %r2, %r3, 0xCA;', (a, b, c) => (BigInt(a) & BigInt(b)) | (~BigInt(a) & BigInt(c))],
    ['popc.b32 %r4, %r1;', (a) => a.toString(2).replaceAll('0', '').length],
    ['clz.b32 %r4, %r1;', (a) => (a === 0 ? 32 : 32 - a.toString(2).length)],
    ['brev.b32 %r4, %r1;', (a) => Number.parseInt([...a.toString(2).padStart(32, '0')].reverse().join(''), 2)],
    ['bfe.u32 %r4, %r1, %r2, %r3;', (a, b, c) => (BigInt(a) >> BigInt(b & 255)) & ((1n << BigInt(c & 255)) - 1n)],
    [
      'bfi.b32 %r4, %r1, 77, %r2, %r3;',
      (a, b, c) => {
        const mask = ((1n << BigInt(c & 255)) - 1n) << BigInt(b & 255);
        return (77n & ~mask) | ((BigInt(a) << BigInt(b & 255)) & mask);
      },
    ],
    ['setp.lt.s32 %p1, %r1, %r2;\n selp.b32 %r4, %r3, 9, %p1;', (a, b, c) => ((a | 0) < (b | 0) ? c : 9)],
    ['setp.hs.u32 %p1, %r1, %r2;\n selp.b32 %r4, 1, 0, %p1;', (a, b) => (a >= b ? 1 : 0)],
    ['cvt.u16.u32 %h1, %r1;\n cvt.s32.s16 %r4, %h1;', (a) => BigInt.asIntN(16, BigInt(a))],
    ['cvt.s32.s8 %r4, %r1;', (a) => BigInt.asIntN(8, BigInt(a))],
    ['mov.b32 {%h1, %h2}, %r1;\n mov.b32 %r4, {%h2, %h1};', (a) => (BigInt(a & 0xffff) << 16n) | BigInt(a >>> 16)],
  ];
  test.each(cases)('%s', (text, expected) => {
    fc.assert(
      fc.property(many, (rows) => {
        const wanted = rows.map(([a, b, c]) => low(BigInt(expected(a, b, c))));
        expect(lanes(text, ...columns(rows))).toEqual(wanted);
      }),
      RUNS,
    );
  });

  test('prmt picks bytes and repeats signs', () => {
    expect(
      lanes('prmt.b32 %r4, %r1, %r2, %r3;', [0x83828180, 0x33221100], [0x77665544, 0x77665544], [0x5410, 0xbaf8]),
    ).toEqual([0x55448180, 0x00000000]);
    expect(lanes('prmt.b32 %r4, %r1, %r2, 0xB210;', [0x83828180], [0])).toEqual([0xff828180]);
  });

  test('bfe.s32 repeats the sign of the field', () => {
    expect(lanes('bfe.s32 %r4, %r1, %r2, %r3;', [0xf0, 0x70, 5, 0x80000000], [4, 4, 0, 31], [4, 4, 0, 4])).toEqual([
      0xffffffff, 7, 0, 0xffffffff,
    ]);
  });
});

describe('64-bit integers against bigints', () => {
  const pair = 'mov.b64 %d6, {%r1, %r2};\nmov.b64 %d7, {%r3, %r1};';
  const cases: readonly [string, (x: bigint, y: bigint, a: number, b: number) => bigint][] = [
    ['add.s64 %d8, %d6, %d7;', (x, y) => x + y],
    ['sub.s64 %d8, %d6, %d7;', (x, y) => x - y],
    ['mul.lo.s64 %d8, %d6, %d7;', (x, y) => x * y],
    ['mad.lo.s64 %d8, %d6, %d7, %d6;', (x, y) => x * y + x],
    ['mul.wide.s32 %d8, %r1, %r2;', (_, __, a, b) => signed(a) * signed(b)],
    ['mul.wide.u32 %d8, %r1, %r2;', (_, __, a, b) => BigInt(a) * BigInt(b)],
    ['mad.wide.s32 %d8, %r1, %r2, %d7;', (_, y, a, b) => signed(a) * signed(b) + y],
    ['mad.wide.u32 %d8, %r1, %r2, %d7;', (_, y, a, b) => BigInt(a) * BigInt(b) + y],
    ['shl.b64 %d8, %d6, 13;', (x) => x << 13n],
    ['shr.s64 %d8, %d6, 13;', (x) => BigInt.asIntN(64, x) >> 13n],
    ['shr.u64 %d8, %d6, 13;', (x) => x >> 13n],
    ['min.s64 %d8, %d6, %d7;', (x, y) => (BigInt.asIntN(64, x) < BigInt.asIntN(64, y) ? x : y)],
    ['max.u64 %d8, %d6, %d7;', (x, y) => [x, y].reduce((m, v) => (v > m ? v : m), 0n)],
    ['cvt.s64.s32 %d8, %r1;', (_, __, a) => signed(a)],
    ['cvt.u64.u32 %d8, %r1;', (_, __, a) => BigInt(a)],
    [
      'setp.lt.s64 %p1, %d6, %d7;\nselp.b64 %d8, %d6, %d7, %p1;',
      (x, y) => (BigInt.asIntN(64, x) < BigInt.asIntN(64, y) ? x : y),
    ],
    ['div.u64 %d8, %d6, %d7;', (x, y) => (y === 0n ? -1n : x / y)],
    ['rem.s64 %d8, %d6, %d7;', (x, y) => (y === 0n ? x : BigInt.asIntN(64, x) % BigInt.asIntN(64, y))],
    ['and.b64 %d8, %d6, %d7;', (x, y) => x & y],
  ];
  test.each(cases)('%s', (text, expected) => {
    fc.assert(
      fc.property(many, (rows) => {
        const wanted = rows.map(([a, b, c]) => {
          const [x, y] = [(BigInt(b) << 32n) | BigInt(a), (BigInt(a) << 32n) | BigInt(c)];
          return BigInt.asUintN(64, expected(x, y, a, b));
        });
        expect(wideLanes(`${pair}\n${text}`, ...columns(rows))).toEqual(wanted);
      }),
      RUNS,
    );
  });
});

/** An f32 as an exact fraction: numerator and power of two. */
function exact(x: number): { n: bigint; e: number } {
  const bits = bitsOf(x);
  const [e, m] = [(bits >>> 23) & 255, bits & 0x7fffff];
  const n = BigInt(e === 0 ? m : m | 0x800000);
  return { n: bits >>> 31 ? -n : n, e: Math.max(e, 1) - 150 };
}

/** The f32 nearest to n * 2^e, ties to even: by integers alone. */
function nearest(n: bigint, e: number): number {
  if (n === 0n) return 0;
  const magnitude = n < 0n ? -n : n;
  const drop = Math.max(magnitude.toString(2).length - 24, -149 - e);
  const kept = drop <= 0 ? magnitude << BigInt(-drop) : magnitude >> BigInt(drop);
  const rest = drop <= 0 ? 0n : magnitude - (kept << BigInt(drop));
  const half = drop <= 0 ? 1n : 1n << BigInt(drop - 1);
  const rounded = kept + (rest > half || (rest === half && (kept & 1n) === 1n && drop > 0) ? 1n : 0n);
  return Math.fround((n < 0n ? -1 : 1) * Number(rounded) * 2 ** (e + drop));
}

const finite = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e6), max: Math.fround(1e6) }),
  fc.float({ noNaN: true, noDefaultInfinity: true, min: Math.fround(-1e-30), max: Math.fround(1e-30) }),
  fc.integer({ min: -70000, max: 70000 }).map((i) => Math.fround(i / 4096)),
);

describe('f32', () => {
  test('fma rounds once', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(finite, finite, finite), { minLength: 32, maxLength: 32 }), (rows) => {
        const [a, b, c] = columns(rows);
        const is = lanes('fma.rn.f32 %r4, %r1, %r2, %r3;', a.map(bitsOf), b.map(bitsOf), c.map(bitsOf)).map(float);
        const wanted = rows.map(([x, y, z]) => {
          const [p, q, r] = [exact(x), exact(y), exact(z)];
          const e = Math.min(p.e + q.e, r.e);
          return nearest(p.n * q.n * 2n ** BigInt(p.e + q.e - e) + r.n * 2n ** BigInt(r.e - e), e);
        });
        is.forEach((v, i) => {
          expect(v === wanted[i], `${rows[i]}: ${v}, not ${wanted[i]}`).toBe(true);
        });
      }),
      { numRuns: 40 },
    );
  });

  test('a sum whose rounding to f64 first would fall on a tie', () => {
    const [a, b, c] = [1 + 2 ** -12, 1 + 2 ** -12, 2 ** -60];
    // a * b = 1 + 2^-11 + 2^-24: a tie of f32 that c decides, and that f64 loses.
    expect(lanes('fma.rn.f32 %r4, %r1, %r2, %r3;', [bitsOf(a)], [bitsOf(b)], [bitsOf(c)]).map(float)).toEqual([
      1 + 2 ** -11 + 2 ** -23,
    ]);
    expect(lanes('fma.rn.f32 %r4, %r1, %r2, %r3;', [bitsOf(a)], [bitsOf(b)], [bitsOf(-c)]).map(float)).toEqual([
      1 + 2 ** -11,
    ]);
  });

  const one = (text: string, ...x: number[]) =>
    float(lanes(text, ...(x.map((v) => [bitsOf(v)]) as [number[]]))[0] ?? 0);
  test.each<[string, number[], number]>([
    ['add.f32 %r4, %r1, %r2;', [0.1, 0.2], Math.fround(Math.fround(0.1) + Math.fround(0.2))],
    ['mul.ftz.f32 %r4, %r1, %r2;', [1e-20, 1e-20], 0],
    ['mul.f32 %r4, %r1, %r2;', [1e-20, 1e-20], Math.fround(Math.fround(1e-20) * Math.fround(1e-20))],
    ['div.rn.f32 %r4, %r1, %r2;', [1, 3], Math.fround(1 / 3)],
    ['rcp.approx.ftz.f32 %r4, %r1;', [4], 0.25],
    ['sqrt.rn.f32 %r4, %r1;', [2], Math.fround(Math.SQRT2)],
    ['ex2.approx.ftz.f32 %r4, %r1;', [-130], 0],
    ['ex2.approx.f32 %r4, %r1;', [-130], 2 ** -130],
    ['ex2.approx.ftz.f32 %r4, %r1;', [Number.NEGATIVE_INFINITY], 0],
    ['lg2.approx.f32 %r4, %r1;', [0], Number.NEGATIVE_INFINITY],
    ['min.f32 %r4, %r1, %r2;', [Number.NaN, 3], 3],
    ['max.NaN.f32 %r4, %r1, %r2;', [Number.NaN, 3], Number.NaN],
    ['max.f32 %r4, %r1, %r2;', [-0, 0], 0],
    ['neg.f32 %r4, %r1;', [0], -0],
    ['copysign.f32 %r4, %r1, %r2;', [-1, 5], -5],
    ['cvt.rni.f32.f32 %r4, %r1;', [2.5], 2],
    ['cvt.rpi.f32.f32 %r4, %r1;', [-0.5], -0],
    ['cvt.rmi.f32.f32 %r4, %r1;', [-0.5], -1],
    ['setp.ne.f32 %p1, %r1, %r1;\n selp.f32 %r4, 0f3F800000, 0f40000000, %p1;', [Number.NaN], 2],
    ['setp.neu.f32 %p1, %r1, %r1;\n selp.f32 %r4, 0f3F800000, 0f40000000, %p1;', [Number.NaN], 1],
  ])('%s of %s', (text, sources, wanted) => {
    expect(one(text, ...sources)).toBe(wanted);
  });
});

describe('conversions', () => {
  test.each<[string, number, number]>([
    ['cvt.rzi.s32.f32 %r4, %r1;', bitsOf(-3.9), -3],
    ['cvt.rni.s32.f32 %r4, %r1;', bitsOf(2.5), 2],
    ['cvt.rni.s32.f32 %r4, %r1;', bitsOf(3e9), 0x7fffffff],
    ['cvt.rzi.u32.f32 %r4, %r1;', bitsOf(-1), 0],
    ['cvt.rzi.s32.f32 %r4, %r1;', bitsOf(Number.NaN), 0],
    ['cvt.rn.f32.s32 %r4, %r1;', 0x01000001, bitsOf(0x01000000)],
    ['cvt.rn.f32.u32 %r4, %r1;', 0xffffffff, bitsOf(2 ** 32)],
    ['cvt.rna.tf32.f32 %r4, %r1;', 0x3f801000, 0x3f802000],
    ['cvt.rn.tf32.f32 %r4, %r1;', 0x3f801000, 0x3f800000],
    ['cvt.rn.tf32.f32 %r4, %r1;', 0x3f803000, 0x3f804000],
    ['cvt.u64.u32 %d8, %r1;\n cvt.rn.f32.u64 %r4, %d8;', 0xffffff7f, bitsOf(0xffffff00)],
    ['cvt.rn.bf16.f32 %h1, %r1;\n cvt.u32.u16 %r4, %h1;', 0x3f808000, 0x3f80],
    ['cvt.rn.bf16.f32 %h1, %r1;\n cvt.u32.u16 %r4, %h1;', bitsOf(Number.NaN), 0x7fff],
    ['cvt.rn.bf16.f32 %h1, %r1;\n cvt.u32.u16 %r4, %h1;', 0x7f7fffff, 0x7f80],
  ])('%s of %i', (text, source, wanted) => {
    expect(lanes(text, [source])).toEqual([wanted >>> 0]);
  });

  test('a 64-bit integer goes to f32 in one rounding', () => {
    // 2^60 + 2^36 + 1: f64 would drop the 1 and make a tie of it.
    const text = 'mov.b64 %d8, {%r1, %r2};\n cvt.rn.f32.s64 %r4, %d8;';
    expect(lanes(text, [1], [(2 ** 28 + 2 ** 4) >>> 0]).map(float)).toEqual([2 ** 60 + 2 ** 37]);
    expect(lanes(text, [0], [(2 ** 28 + 2 ** 4) >>> 0]).map(float)).toEqual([2 ** 60]);
  });

  test.each(['f16', 'bf16'] as const)('%s: pack and widen', (dtype) => {
    fc.assert(
      fc.property(fc.array(fc.tuple(finite, finite), { minLength: 32, maxLength: 32 }), (rows) => {
        const [a, b] = columns(rows.map(([x, y]) => [bitsOf(x), bitsOf(y)]));
        const packed = lanes(`cvt.rn.${dtype}x2.f32 %r4, %r1, %r2;`, a, b);
        expect(packed).toEqual(rows.map(([x, y]) => ((toBits16(dtype, x) << 16) | toBits16(dtype, y)) >>> 0));
        const widened = lanes(`mov.b32 {%h1, %h2}, %r1;\n cvt.f32.${dtype} %r4, %h2;`, packed).map(float);
        expect(widened).toEqual(packed.map((p) => fromBits16(dtype, p >>> 16)));
      }),
      RUNS,
    );
  });

  test.each(['f16', 'bf16'] as const)('%sx2: products and sums of both halves', (dtype) => {
    const half = fc.integer({ min: -2048, max: 2048 }).map((i) => i / 64);
    fc.assert(
      fc.property(fc.array(fc.tuple(half, half, half), { minLength: 32, maxLength: 32 }), (rows) => {
        const both = (x: number, y: number) => ((toBits16(dtype, y) << 16) | toBits16(dtype, x)) >>> 0;
        const value = (x: number) => fromBits16(dtype, toBits16(dtype, x));
        const [a, b, c] = columns(rows.map(([x, y, z]) => [both(x, y), both(y, z), both(z, x)]));
        expect(lanes(`fma.rn.${dtype}x2 %r4, %r1, %r2, %r3;`, a, b, c)).toEqual(
          rows.map(([x, y, z]) => both(value(x) * value(y) + value(z), value(y) * value(z) + value(x))),
        );
        expect(lanes(`mul.rn.${dtype}x2 %r4, %r1, %r2;`, a, b)).toEqual(
          rows.map(([x, y, z]) => both(value(x) * value(y), value(y) * value(z))),
        );
      }),
      RUNS,
    );
  });
});
