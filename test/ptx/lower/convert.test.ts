import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PtxProgram } from '../../../backends/ptx/emit.js';
import type { DType } from '../../../compiler/ir/types.js';
import { planDirect } from '../../../compiler/layout/convert.js';
import { basesOf, isSurjective, type Layout, makeLayout, mapBases } from '../../../compiler/layout/layout.js';
import { refusedByPtxas, runLaidOut } from './laid-out.js';
import { shapesOf, straight, threadLayouts, tileText, viewText } from './tiles.js';

/** A layout and one that differs by some exchanges, sums and copies of bases: these stay in the warp or in the thread. */
const pairs = fc
  .tuple(shapesOf([2], 8), fc.constantFrom(0, 1, 2))
  .chain(([shape, warpBits]) =>
    fc.tuple(
      threadLayouts(shape, warpBits),
      fc.array(fc.tuple(fc.nat(30), fc.nat(30), fc.constantFrom('add', 'exchange', 'copy')), { maxLength: 5 }),
    ),
  )
  .map(([a, changes]) => {
    const inWarp = (a.ins.register?.length ?? 0) + 5;
    const bases = basesOf(a);
    for (const [i, j, how] of changes) {
      const [x, y] = [i % bases.length, j % inWarp];
      if (x === y) continue;
      const [p = 0, q = 0] = [bases[x], bases[y]];
      if (how === 'exchange' && x < inWarp) [bases[x], bases[y]] = [q, p];
      else if (how === 'copy' && x < inWarp) bases[x] = q;
      else bases[x] = p ^ q;
    }
    let at = 0;
    return [a, mapBases(a, a.shape, () => bases[at++] ?? 0)] as const;
  });

const values = (i: number): number => (i * 7) % 120;

test('conversions without memory, of every dtype', () => {
  const seen = new Map<string, number>();
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(pairs, fc.constantFrom<DType>('f32', 'bf16', 'f16', 'i32'), fc.boolean(), ([a, b], dtype, masks) => {
      const plan = isSurjective(b) ? planDirect(a, b) : null;
      fc.pre(plan !== null);
      const kind = `${plan?.kind} ${masks ? 'i1' : dtype === 'f16' || dtype === 'bf16' ? '16 bits' : '32 bits'}`;
      seen.set(kind, (seen.get(kind) ?? 0) + 1);
      const [from, to] = [tileText(dtype, a), tileText(dtype, b)];
      const how = `{how = "${plan?.kind}"}`;
      const moved = masks
        ? `  %no = const {value = 60} : ${from}
  %m = cmp %t, %no {pred = "lt"} : ${tileText('i1', a)}
  %c = convert %m ${how} : ${tileText('i1', b)}
  %r = cast %c {to = ${dtype}} : ${to}`
        : `  %u = add %t, %t : ${from}\n  %r = convert %u ${how} : ${to}`;
      const text = `kernel t(%x: ${viewText('in', dtype, ['A', 'B'])}, %y: ${viewText('out', dtype, ['A', 'B'])}) {
  %zero = const {value = 0} : i32
  %t = load %x, %zero, %zero {pad = 0} : ${from}
${moved}
  store %y, %r, %zero, %zero
}
`;
      const { got, want, program } = runLaidOut({
        text,
        warps: 2 ** (a.ins.warp?.length ?? 0),
        tensors: { x: { shape: a.shape, value: values }, y: { shape: a.shape } },
      });
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns: 120 },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
  for (const kind of ['rename', 'select', 'shuffle'])
    for (const what of ['32 bits', '16 bits', 'i1'])
      expect(seen.get(`${kind} ${what}`) ?? 0, `${kind} ${what}`).toBeGreaterThan(0);
});

test('an accumulator is an operand for the price of packing it', () => {
  const acc = makeLayout([16, 16], { register: [1, 128, 8], lane: [2, 4, 16, 32, 64], warp: [] });
  const operand = makeLayout([16, 16], { register: [1, 128, 8], lane: [2, 4, 16, 32, 64], warp: [] });
  const text = `kernel t(%x: ${viewText('in', 'f32', ['A', 'B'])}, %y: ${viewText('out', 'bf16', ['A', 'B'])}) {
  %zero = const {value = 0} : i32
  %t = load %x, %zero, %zero {pad = 0} : ${tileText('f32', acc)}
  %c = cast %t {to = bf16} : ${tileText('bf16', acc)}
  %r = convert %c {how = "rename"} : ${tileText('bf16', operand)}
  store %y, %r, %zero, %zero
}
`;
  const { got, want, program } = runLaidOut({
    text,
    warps: 1,
    tensors: { x: { shape: [16, 16], value: values }, y: { shape: [16, 16] } },
  });
  expect(got).toEqual(want);
  expect(program.text.match(/cvt\.rn\.bf16x2/g)?.length).toBe(4);
  expect(program.text).not.toMatch(/prmt|selp|shfl/);
});

/** The layout of an operand from which `element` makes that of the result. */
const collapsed = (l: Layout, shape: readonly number[], f: (basis: number) => number): Layout => mapBases(l, shape, f);

test('shapes: expand, broadcast, transposition, reshape, iota, splat', () => {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(threadLayouts([16, 8], 1), fc.constantFrom<DType>('f32', 'bf16', 'i32'), (l, dtype) => {
      const rows = collapsed(l, [16], (b) => b >> 3);
      const column = collapsed(l, [16, 1], (b) => b >> 3);
      const turned = collapsed(l, [8, 16], (b) => ((b & 7) << 4) | (b >> 3));
      const line = collapsed(l, [128], (b) => b);
      const text = `kernel t(%x: ${viewText('in', dtype, ['A'])}, %y: ${viewText('out', dtype, ['A', 'B'])}, %z: ${viewText('out', dtype, ['B', 'A'])}, %w: ${viewText('out', dtype, ['N'])}) {
  %zero = const {value = 0} : i32
  %two = const {value = 2} : ${dtype}
  %v = load %x, %zero {pad = 0} : ${tileText(dtype, rows)}
  %i = iota : ${tileText('i32', rows)}
  %k = cast %i {to = ${dtype}} : ${tileText(dtype, rows)}
  %s = add %v, %k : ${tileText(dtype, rows)}
  %e = expand %s {axis = 1} : ${tileText(dtype, column)}
  %b = broadcast %e : ${tileText(dtype, l)}
  %t2 = splat %two : ${tileText(dtype, l)}
  %m = mul %b, %t2 : ${tileText(dtype, l)}
  store %y, %m, %zero, %zero
  %t = trans %m : ${tileText(dtype, turned)}
  store %z, %t, %zero, %zero
  %f = reshape %m : ${tileText(dtype, line)}
  store %w, %f, %zero
}
`;
      const { got, want, program } = runLaidOut({
        text,
        warps: 2,
        tensors: {
          x: { shape: [16], value: (i) => i * 3 },
          y: { shape: [16, 8] },
          z: { shape: [8, 16] },
          w: { shape: [128] },
        },
      });
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns: 10 },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
});

test('a splat of 16 bits is packed once, after the cast of the scalar', () => {
  const l = straight([8, 64], 0, 3);
  const text = `kernel t(%y: ${viewText('out', 'bf16', ['A', 'B'])}, %s: f32) {
  %zero = const {value = 0} : i32
  %c = cast %s {to = bf16} : bf16
  %t = splat %c : ${tileText('bf16', l)}
  store %y, %t, %zero, %zero
}
`;
  const { got, want, program } = runLaidOut({
    text,
    warps: 1,
    scalars: { s: 2.5 },
    tensors: { y: { shape: [8, 64] } },
  });
  expect(got).toEqual(want);
  expect(program.text.match(/cvt\.rn\.bf16x2/g)?.length).toBeLessThanOrEqual(2);
});
