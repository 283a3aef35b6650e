import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { fromBits16, toBits16 } from '../../../compiler/ops/round.js';
import { type LaunchOptions, launch, prologue } from './launch.js';

/** Registers of a fragment as loads: word i of lane l at 4 (32 i + l). */
const loadWords = (pointer: string, first: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `ld.global.b32 %r${first + i}, [${pointer}+${128 * i}];`).join('\n');
const storeWords = (pointer: string, first: number, count: number): string =>
  Array.from({ length: count }, (_, i) => `st.global.b32 [${pointer}+${128 * i}], %r${first + i};`).join('\n');
const list = (first: number, count: number): string =>
  `{${Array.from({ length: count }, (_, i) => `%r${first + i}`).join(', ')}}`;
/** Offsets every pointer %d0, ... by four bytes a lane. */
const perLane = (count: number): string =>
  ['mul.wide.u32 %d9, %r0, 4;', ...Array.from({ length: count }, (_, i) => `add.s64 %d${i}, %d${i}, %d9;`)].join('\n');

/** Row and column of element i of a fragment, as the PTX ISA writes them (g = lane >> 2, t = lane & 3). */
type Place = (lane: number, i: number) => [number, number];
const group = (lane: number): [number, number] => [lane >> 2, lane & 3];
const ISA: Readonly<Record<string, { k: number; bits: 16 | 32; a: Place; b: Place; elements: [number, number] }>> = {
  'm16n8k16 16': {
    k: 16,
    bits: 16,
    elements: [8, 4],
    a: (l, i) => [group(l)[0] + ((i & 3) < 2 ? 0 : 8), group(l)[1] * 2 + (i & 1) + (i >= 4 ? 8 : 0)],
    b: (l, i) => [group(l)[1] * 2 + (i & 1) + (i >= 2 ? 8 : 0), group(l)[0]],
  },
  'm16n8k8 16': {
    k: 8,
    bits: 16,
    elements: [4, 2],
    a: (l, i) => [group(l)[0] + (i < 2 ? 0 : 8), group(l)[1] * 2 + (i & 1)],
    b: (l, i) => [group(l)[1] * 2 + i, group(l)[0]],
  },
  'm16n8k8 tf32': {
    k: 8,
    bits: 32,
    elements: [4, 2],
    a: (l, i) => [group(l)[0] + (i & 1 ? 8 : 0), group(l)[1] + (i >= 2 ? 4 : 0)],
    b: (l, i) => [group(l)[1] + (i === 1 ? 4 : 0), group(l)[0]],
  },
  'm16n8k4 tf32': {
    k: 4,
    bits: 32,
    elements: [2, 1],
    a: (l, i) => [group(l)[0] + (i === 1 ? 8 : 0), group(l)[1]],
    b: (l) => [group(l)[1], group(l)[0]],
  },
};
const accumulator: Place = (l, i) => [group(l)[0] + (i < 2 ? 0 : 8), group(l)[1] * 2 + (i & 1)];

/** Registers of a whole warp that hold a matrix; `bitsAt` gives an element's bits. */
function fragment(
  place: Place,
  elements: number,
  bits: 16 | 32,
  bitsAt: (r: number, c: number) => number,
): Uint32Array {
  const words = new Uint32Array(((elements * bits) / 32) * 32);
  for (let l = 0; l < 32; l++)
    for (let i = 0; i < elements; i++) {
      const [at, shift] = bits === 16 ? [32 * (i >> 1) + l, 16 * (i & 1)] : [32 * i + l, 0];
      words[at] = ((words[at] ?? 0) | (bitsAt(...place(l, i)) << shift)) >>> 0;
    }
  return words;
}

const view = new DataView(new ArrayBuffer(4));
const bitsOf = (x: number): number => {
  view.setFloat32(0, x);
  return view.getUint32(0);
};
const truncated = (x: number): number => {
  view.setUint32(0, bitsOf(x) & 0xffffe000);
  return view.getFloat32(0);
};

describe('mma against the fragments of the ISA', () => {
  const cases = [
    ['m16n8k16 16', 'bf16'],
    ['m16n8k16 16', 'f16'],
    ['m16n8k8 16', 'bf16'],
    ['m16n8k8 16', 'f16'],
    ['m16n8k8 tf32', 'tf32'],
    ['m16n8k4 tf32', 'tf32'],
  ] as const;
  test.each(cases)('%s of %s', (shape, type) => {
    const isa = ISA[shape];
    if (isa === undefined) throw new Error(shape);
    const value = fc.integer({ min: -999, max: 999 }).map((i) => Math.fround(i / 77));
    fc.assert(
      fc.property(
        fc.array(value, { minLength: 16 * 16 + 16 * 8 + 128, maxLength: 16 * 16 + 16 * 8 + 128 }),
        (values) => {
          const of = (x: number): number => (type === 'tf32' ? truncated(x) : fromBits16(type, toBits16(type, x)));
          const bits = (x: number): number => (type === 'tf32' ? bitsOf(x) : toBits16(type, x));
          const a = (r: number, k: number) => values[16 * r + k] ?? 0;
          const b = (k: number, c: number) => values[256 + 8 * k + c] ?? 0;
          const c = (r: number, n: number) => values[384 + 8 * r + n] ?? 0;
          const [wordsA, wordsB] = [(isa.elements[0] * isa.bits) / 32, (isa.elements[1] * isa.bits) / 32];
          const d = new Float32Array(4 * 32);
          launch(
            `${prologue('a', 'b', 'c', 'd')}
           ${perLane(4)}
           ${loadWords('%d0', 10, wordsA)}
           ${loadWords('%d1', 20, wordsB)}
           ${loadWords('%d2', 30, 4)}
           mma.sync.aligned.${shape.split(' ')[0]}.row.col.f32.${type}.${type}.f32 ${list(30, 4)}, ${list(10, wordsA)}, ${list(20, wordsB)}, ${list(30, 4)};
           ${storeWords('%d3', 30, 4)}`,
            {
              a: fragment(isa.a, isa.elements[0], isa.bits, (r, k) => bits(a(r, k))),
              b: fragment(isa.b, isa.elements[1], isa.bits, (k, n) => bits(b(k, n))),
              c: fragment(accumulator, 4, 32, (r, n) => bitsOf(c(r, n))),
              d,
            },
          );
          for (let l = 0; l < 32; l++)
            for (let i = 0; i < 4; i++) {
              const [r, n] = accumulator(l, i);
              let sum = c(r, n);
              for (let k = 0; k < isa.k; k++) sum += of(a(r, k)) * of(b(k, n));
              const got = d[32 * i + l] ?? 0;
              expect(Math.abs(got - sum)).toBeLessThanOrEqual(Math.abs(sum) * 2 ** -23 + 1e-9);
            }
        },
      ),
      { numRuns: 4 },
    );
  });

  test('f16 accumulators', () => {
    const isa = ISA['m16n8k16 16'];
    if (isa === undefined) throw new Error('shape');
    const small = (r: number, c: number, s: number) => ((r * 5 + c * 3 + s) % 7) - 3;
    const half = (x: number) => toBits16('f16', x);
    const d = new Uint32Array(64);
    launch(
      `${prologue('a', 'b', 'd')}
       ${perLane(3)}
       ${loadWords('%d0', 10, 4)}
       ${loadWords('%d1', 20, 2)}
       mov.b32 %r30, 0x3C003C00;
       mma.sync.aligned.m16n8k16.row.col.f16.f16.f16.f16 {%r40, %r41}, ${list(10, 4)}, ${list(20, 2)}, {%r30, %r30};
       ${storeWords('%d2', 40, 2)}`,
      {
        a: fragment(isa.a, 8, 16, (r, k) => half(small(r, k, 0))),
        b: fragment(isa.b, 4, 16, (k, n) => half(small(k, n, 1))),
        d,
      },
    );
    const wanted = fragment(accumulator, 4, 16, (r, n) => {
      let sum = 1;
      for (let k = 0; k < 16; k++) sum += small(r, k, 0) * small(k, n, 1);
      return half(sum);
    });
    expect(d).toEqual(wanted);
  });
});

describe('ldmatrix, stmatrix, movmatrix', () => {
  /** Four matrices in shared memory, row r of matrix m at 16 (8 m + r), half e holds 64 m + 8 r + e. */
  const fill = `
    shl.b32 %r2, %r0, 4;
    mov.b32 %r1, lac_shared;
    add.u32 %r1, %r1, %r2;
    shl.b32 %r3, %r0, 3;
    mad.lo.u32 %r4, %r3, 65537, 65536;
    add.u32 %r5, %r4, 131074;
    add.u32 %r6, %r4, 262148;
    add.u32 %r7, %r4, 393222;
    st.shared.v4.b32 [%r1], {%r4, %r5, %r6, %r7};
    bar.warp.sync 0xffffffff;`;
  const options: LaunchOptions = { sharedBytes: 512 };

  test.each([
    ['x1', 1, ''],
    ['x2', 2, ''],
    ['x4', 4, ''],
    ['x1', 1, '.trans'],
    ['x2', 2, '.trans'],
    ['x4', 4, '.trans'],
  ] as const)('%s (%i matrices)%s there and back', (form, count, trans) => {
    const [y, z] = [new Uint32Array(128), new Uint32Array(128)];
    launch(
      `${prologue('y', 'z')}
       ${perLane(2)}
       ${fill}
       ldmatrix.sync.aligned.m8n8.${form}${trans}.shared.b16 ${list(10, count)}, [%r1];
       ${storeWords('%d0', 10, count)}
       bar.sync 0;
       ${Array.from({ length: count }, (_, i) => `add.u32 %r${10 + i}, %r${10 + i}, 0x10001;`).join('\n')}
       stmatrix.sync.aligned.m8n8.${form}${trans}.shared.b16 [%r1], ${list(10, count)};
       bar.sync 0;
       ld.shared.v4.b32 {%r20, %r21, %r22, %r23}, [%r1];
       ${storeWords('%d1', 20, 4)}`,
      { y, z },
      options,
    );
    for (let m = 0; m < count; m++)
      for (let l = 0; l < 32; l++) {
        const [g, t] = group(l);
        const half = (e: number) => 64 * m + (trans ? 8 * e + g : 8 * g + e);
        expect(y[32 * m + l]).toBe((half(2 * t) | (half(2 * t + 1) << 16)) >>> 0);
      }
    for (let l = 0; l < 8 * count; l++)
      for (let w = 0; w < 4; w++) {
        const first = 8 * l + 2 * w + 1;
        expect(z[32 * w + l]).toBe((first | ((first + 1) << 16)) >>> 0);
      }
  });

  test('movmatrix transposes', () => {
    const [x, y] = [fragmentOf((r, c) => 8 * r + c), new Uint32Array(32)];
    launch(
      `${prologue('x', 'y')}
       ${perLane(2)}
       ${loadWords('%d0', 10, 1)}
       movmatrix.sync.aligned.m8n8.trans.b16 %r11, %r10;
       ${storeWords('%d1', 11, 1)}`,
      { x, y },
    );
    expect(y).toEqual(fragmentOf((r, c) => 8 * c + r));
  });

  const fragmentOf = (at: (r: number, c: number) => number): Uint32Array =>
    Uint32Array.from({ length: 32 }, (_, l) => {
      const [g, t] = group(l);
      return (at(g, 2 * t) | (at(g, 2 * t + 1) << 16)) >>> 0;
    });

  test('rows that meet in a bank take a wavefront each', () => {
    const count = (shift: number) =>
      launch(
        `${prologue()}
         mov.b32 %r1, lac_shared;
         shl.b32 %r2, %r0, ${shift};
         add.u32 %r1, %r1, %r2;
         mov.b32 %r4, 0;
         st.shared.v4.b32 [%r1], {%r4, %r4, %r4, %r4};
         bar.warp.sync 0xffffffff;
         ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r5, %r6, %r7, %r8}, [%r1];`,
        {},
        { sharedBytes: 32 << shift, checks: { counters: true } },
      )?.sharedWavefronts;
    expect(count(4)).toEqual({ 'st.shared': 4, ldmatrix: 4 });
    expect(count(5)).toEqual({ 'st.shared': 8, ldmatrix: 8 });
    expect(count(6)).toEqual({ 'st.shared': 16, ldmatrix: 16 });
    expect(count(7)).toEqual({ 'st.shared': 32, ldmatrix: 32 });
  });
});

describe('shuffles against the ISA', () => {
  test.each(['up', 'down', 'bfly', 'idx'] as const)('%s', (mode) => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 31 }),
        fc.constantFrom(0, 0x1f, 0x181f, 0x1c1f, 0x1800, 0x1c00, 0x0f),
        (b, c) => {
          const [y, p] = [new Int32Array(32), new Int32Array(32)];
          launch(
            `${prologue('y', 'p')}
           ${perLane(2)}
           shfl.sync.${mode}.b32 %r1|%p1, %r0, ${b}, ${c}, 0xffffffff;
           selp.b32 %r2, 1, 0, %p1;
           st.global.b32 [%d0], %r1;
           st.global.b32 [%d1], %r2;`,
            { y, p },
          );
          const [clamp, segment] = [c & 31, (c >> 8) & 31];
          for (let l = 0; l < 32; l++) {
            const most = (l & segment) | (clamp & ~segment);
            const least = l & segment;
            const j = { up: l - b, down: l + b, bfly: l ^ b, idx: least | (b & ~segment) }[mode];
            const inside = mode === 'up' ? j >= most : j <= most;
            expect([y[l], p[l]]).toEqual([inside ? j : l, inside ? 1 : 0]);
          }
        },
      ),
      { numRuns: 20 },
    );
  });

  test('votes and folds', () => {
    const y = new Uint32Array(6 * 32);
    launch(
      `${prologue('y')}
       ${perLane(1)}
       setp.lt.u32 %p1, %r0, 5;
       vote.sync.ballot.b32 %r1, %p1, 0xffffffff;
       vote.sync.any.pred %p2, %p1, 0xffffffff;
       vote.sync.all.pred %p3, %p1, 0xffffffff;
       selp.b32 %r2, 1, 0, %p2;
       selp.b32 %r3, 1, 0, %p3;
       sub.s32 %r9, %r0, 7;
       redux.sync.add.s32 %r4, %r9, 0xffffffff;
       redux.sync.min.s32 %r5, %r9, 0xffffffff;
       redux.sync.max.u32 %r6, %r9, 0xffffffff;
       ${storeWords('%d0', 1, 6)}`,
      { y },
    );
    expect([0, 1, 2, 3, 4, 5].map((i) => y[32 * i + 9])).toEqual([31, 1, 0, 496 - 224, 0xfffffff9, 0xffffffff]);
  });
});
