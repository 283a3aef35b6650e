import { expect, test } from 'vitest';
import type { Layout } from '../../compiler/layout/index.js';
import * as lay from '../../compiler/layout/index.js';
import { everywhere } from './arbitrary.js';

/** Fragment tables of ptx-lowering.md, section 1. The first axis of each is written r, the second c. */
const FRAGMENTS = {
  accumulator: ['reg[c1 r8] lane[c2 c4 r1 r2 r4]', [16, 8]],
  a16: ['reg[c1 r8 c8] lane[c2 c4 r1 r2 r4]', [16, 16]],
  b16: ['reg[r1 r8] lane[r2 r4 c1 c2 c4]', [16, 8]],
  aTf32: ['reg[r8 c4] lane[c1 c2 r1 r2 r4]', [16, 8]],
  bTf32: ['reg[r4] lane[r1 r2 c1 c2 c4]', [8, 8]],
} as const;

function layoutOf(text: string, shape: readonly number[]): Layout {
  const l = lay.parseLayout(text, shape);
  if (typeof l === 'string') throw new Error(l);
  return l;
}
const fragment = (name: keyof typeof FRAGMENTS) => layoutOf(FRAGMENTS[name][0], FRAGMENTS[name][1]);

/** Formulas of the PTX ISA, "Matrix fragments for mma.m16n8k16 / m16n8k8": element i of lane 4g + t. */
const ISA: Record<keyof typeof FRAGMENTS, (i: number, g: number, t: number) => readonly [number, number]> = {
  accumulator: (i, g, t) => [i < 2 ? g : g + 8, t * 2 + (i & 1)],
  a16: (i, g, t) => [i < 2 || (i >= 4 && i < 6) ? g : g + 8, t * 2 + (i & 1) + (i >= 4 ? 8 : 0)],
  b16: (i, g, t) => [t * 2 + (i & 1) + (i >= 2 ? 8 : 0), g],
  aTf32: (i, g, t) => [i === 0 || i === 2 ? g : g + 8, i < 2 ? t : t + 4],
  bTf32: (i, g, t) => [i === 0 ? t : t + 4, g],
};

for (const name of Object.keys(FRAGMENTS) as (keyof typeof FRAGMENTS)[])
  test(`fragment ${name} is that of the ISA, for every lane and element`, () => {
    const l = fragment(name);
    expect(lay.isSurjective(l) && lay.isInjective(l)).toBe(true);
    for (const { register = 0, lane = 0 } of everywhere(l))
      expect(lay.coordinates(l.shape, lay.apply(l, { register, lane }))).toEqual(
        ISA[name](register, lane >> 2, lane & 3),
      );
  });

test('two accumulators side by side are an A operand of k16: a renaming', () => {
  const repeat = lay.makeLayout([1, 2], { register: [1] });
  const two = lay.product(fragment('accumulator'), repeat);
  expect(lay.planConversion(two, fragment('a16'))).toEqual({
    kind: 'rename',
    source: [0, 1, 2, 3, 4, 5, 6, 7],
    cost: 0,
  });
});

test('an f32 accumulator is a tf32 A operand under a permutation of k', () => {
  const permuted = layoutOf('reg[r8 c1] lane[c2 c4 r1 r2 r4]', [16, 8]);
  const plan = lay.planConversion(fragment('accumulator'), permuted);
  expect(plan).toEqual({ kind: 'rename', source: [0, 2, 1, 3], cost: 0 });
});

/** Row-major tile with the swizzle of the notes; byte offset of each register and lane. */
function inShared(l: Layout, elementBytes: 2 | 4): Layout {
  const rowBytes = (l.shape[1] ?? 1) * elementBytes;
  const chunkBits = Math.log2(rowBytes / 16);
  const storage: lay.Storage =
    chunkBits < 1
      ? { kind: 'plain' }
      : { kind: 'swizzle', chunkBytes: 16, a: Math.max(0, 3 - chunkBits), m: Math.min(7, 2 ** chunkBits - 1), s: 0 };
  const bases = lay.offsetBases(l.shape, elementBytes, storage) ?? [];
  return lay.compose(bases, l, Math.log2(elementBytes) + lay.tileBits(l.shape));
}

/** Fragment layouts of 16x16 pieces in a 64x64 tile, and the tile steps that the address lanes must take. */
const MATRIX_ACCESSES = [
  ['A <- [m][k]', 'reg[c1 r8 c8] lane[c2 c4 r1 r2 r4]', 2, 'plain', 'r1 r2 r4 r8 c8'],
  ['A <- [k][m]', 'reg[r1 c8 r8] lane[r2 r4 c1 c2 c4]', 2, 'trans', 'r1 r2 r4 c8 r8'],
  ['B x 2 <- [n][k]', 'reg[c1 c8 r8] lane[c2 c4 r1 r2 r4]', 2, 'plain', 'r1 r2 r4 c8 r8'],
  ['B x 2 <- [k][n]', 'reg[r1 r8 c8] lane[r2 r4 c1 c2 c4]', 2, 'trans', 'r1 r2 r4 r8 c8'],
  ['packed accumulator x 2 -> [r][c]', 'reg[c1 r8 c8] lane[c2 c4 r1 r2 r4]', 2, 'plain', 'r1 r2 r4 r8 c8'],
  ['tf32 A <- [m][k]', 'reg[r8 c4] lane[c1 c2 r1 r2 r4]', 4, 'plain', 'r1 r2 r4 r8 c4'],
] as const;

for (const [name, text, bytes, form, steps] of MATRIX_ACCESSES)
  test(`matrix access ${name}: addresses by left division, data as the instruction moves it`, () => {
    const shape = [64, 64];
    const offsets = inShared(layoutOf(text, shape), bytes);
    const access = lay.divideByMatrix(offsets, bytes, form);
    const address = lay.compose(
      lay.offsetBases(shape, 1, { kind: 'plain' }) ?? [],
      layoutOf(`lane[${steps}]`, shape),
      12,
    );
    const expected = inShared(lay.makeLayout(shape, { lane: address.ins.lane ?? [] }), bytes).ins.lane;
    expect(access?.addressBases).toEqual(expected);
    expect(lay.divideByMatrix(offsets, bytes, form === 'plain' ? 'trans' : 'plain')).toBeNull();
    expect(lay.ways(access?.addressBases.slice(0, 3) ?? [], 16)).toBe(1);
    for (const { register = 0, lane = 0 } of everywhere(offsets)) {
      const byte = bytes === 2 ? (register & 1) * 2 : 0;
      const matrix = bytes === 2 ? register >> 1 : register;
      const [g, t] = [lane >> 2, lane & 3];
      const row = form === 'plain' ? g : 2 * t + byte / 2;
      const inRow = form === 'plain' ? 4 * t + byte : 2 * g;
      const rowAddress = lay.apply(lay.makeLayout(offsets.shape, { lane: access?.addressBases ?? [] }), {
        lane: matrix * 8 + row,
      });
      expect(rowAddress + inRow).toBe(lay.apply(offsets, { register, lane }));
    }
  });

test('staging the accumulator for a row-contiguous store stays in the warp: a warp barrier is enough', () => {
  const acc = layoutOf('reg[c1 r8 c8 c16 c32] lane[c2 c4 r1 r2 r4] warp[r16 r32]', [64, 64]);
  const store = layoutOf('reg[c1 c2 c4 r4 r8] lane[c8 c16 c32 r1 r2] warp[r16 r32]', [64, 64]);
  expect(lay.classifyConversion(acc, store)).toBe('shuffle');
  const load = lay.blockedLayout({ shape: [64, 64], vector: 8, threads: 128, inDim: 'lane' });
  expect(lay.classifyConversion(load, acc)).toBe('shared');
  expect(lay.planConversion(acc, acc).kind).toBe('rename');
});
