import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PtxProgram } from '../../../backends/ptx/emit.js';
import type { DType } from '../../../compiler/ir/types.js';
import { makeLayout } from '../../../compiler/layout/layout.js';
import { refusedByPtxas, runLaidOut, type TensorSpec } from './laid-out.js';
import { shapesOf, straight, threadLayouts, tileText, viewText } from './tiles.js';

const NAMES = ['A', 'B', 'C'];
const dtypes = fc.constantFrom<DType>('f32', 'bf16', 'f16', 'i32', 'u32');

/** Strides with gaps that are multiples of `gap` elements, the last axis without, unless it is `last` apart. */
function stridesOf(shape: readonly number[], gap: number, last: number): number[] {
  let step = last;
  return shape
    .map((_, i) => shape.length - 1 - i)
    .map((axis) => {
      const stride = step;
      step = (Math.ceil((step * Math.max(1, shape[axis] ?? 1)) / gap) + 1) * gap;
      return stride;
    })
    .reverse();
}

const copies = shapesOf([1, 2, 3], 8).chain((tile) =>
  fc.record({
    tile: fc.constant(tile),
    dtype: dtypes,
    warps: fc.constantFrom(1, 2, 4),
    extents: fc.tuple(...tile.map((n) => fc.integer({ min: 1, max: 2 * n }))),
    origins: fc.tuple(...tile.map((n) => fc.oneof(fc.integer({ min: -3, max: n }), fc.constantFrom(0, 8, 16)))),
    aligned: fc.boolean(),
    last: fc.constantFrom(1, 1, 3),
    valid: fc.boolean(),
    bits: fc.constantFrom(32, 64),
  }),
);

/** Four neighbours a thread, where the facts allow wide accesses and where they do not: every width comes up in each run. */
const fours = (dtype: DType, aligned: boolean) => ({
  ...{ tile: [32, 16], layout: makeLayout([32, 16], { register: [1, 2], lane: [4, 8, 16, 32, 64], warp: [128, 256] }) },
  ...{ dtype, warps: 4, extents: [32, 16], origins: [0, 0], aligned, last: 1, valid: false, bits: 32 },
});
const everyWidth = [fours('f32', true), fours('f32', false), fours('bf16', true), fours('bf16', false)];

test('loads and stores of boxes in any layout, at any place, touch what they should', () => {
  const widths = new Set<string>();
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(
      copies.chain((c) => threadLayouts(c.tile, Math.log2(c.warps)).map((layout) => ({ ...c, layout }))),
      ({ tile, layout, dtype, warps, extents, origins, aligned, last, valid, bits }) => {
        const dims = NAMES.slice(0, tile.length);
        // All multiples of 8, so that wide accesses are legal; or nothing is.
        const shape = extents.map((n, i) => (aligned && i === tile.length - 1 ? Math.ceil(n / 8) * 8 : n));
        const strides = aligned ? stridesOf(shape, 8, 1) : stridesOf(shape, 1, last);
        const spec: TensorSpec = { shape, strides, offset: aligned ? 8 : 3 };
        const from = origins.map((o) => (aligned ? o - (o % 8) : o));
        const limit = valid
          ? `, valid = [${tile.map((n) => (aligned && n > 8 ? n - 8 : Math.max(1, n - 1))).join(', ')}]`
          : '';
        const at = origins.map((_, i) => `%o${i}`).join(', ');
        const text = `kernel t(%x: ${viewText('in', dtype, dims)}, %y: ${viewText('out', dtype, dims)}) {
${from.map((o, i) => `  %o${i} = const {value = ${o}} : i32`).join('\n')}
  %t = load %x, ${at} {pad = 3${limit}, offset_bits = ${bits}} : ${tileText(dtype, layout)}
  store %y, %t, ${at} {offset_bits = ${bits}${limit}}
}
`;
        const { got, want, program } = runLaidOut({
          text,
          warps,
          tensors: { x: { ...spec, value: (i) => (i * 7) % 61 }, y: spec },
        });
        for (const [, width] of program.text.matchAll(/(?:ld|st)\.global(?:\.nc)?\.([a-z0-9.]+)/g))
          widths.add(width ?? '');
        programs.push(program);
        expect(got).toEqual(want);
      },
    ),
    { numRuns: 100, examples: everyWidth.map((e): [typeof e] => [e]) },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
  expect([...widths].sort()).toEqual(['b16', 'b32', 'v2.b32', 'v4.b32']);
});

test('padding of a load, negative numbers and infinities included', () => {
  for (const dtype of ['f32', 'bf16', 'f16', 'i32'] as const) {
    const pad = dtype === 'i32' ? '-7' : '-inf';
    const text = `kernel t(%x: ${viewText('in', dtype, ['N'])}, %y: ${viewText('out', dtype, ['M'])}) {
  %zero = const {value = 0} : i32
  %t = load %x, %zero {pad = ${pad}} : ${tileText(dtype, straight([64], 0, 1))}
  store %y, %t, %zero
}
`;
    const { got, want } = runLaidOut({
      text,
      warps: 1,
      tensors: { x: { shape: [33], value: (i) => i }, y: { shape: [64] } },
    });
    expect(got).toEqual(want);
  }
});

test('masked loads and stores touch the lanes of the mask', () => {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(threadLayouts([8, 16], 1), dtypes, (layout, dtype) => {
      const shape = layout.shape.map((n) => `${n}x`).join('');
      const text = `kernel t(%x: ${viewText('in', dtype, ['A', 'B'])}, %m: ${viewText('in', 'i32', ['A', 'B'])}, %y: ${viewText('out', dtype, ['A', 'B'])}) {
  %zero = const {value = 0} : i32
  %bits = load %m, %zero, %zero {pad = 0} : ${tileText('i32', layout)}
  %no = const {value = 0} : ${tileText('i32', layout)}
  %mask = cmp %bits, %no {pred = "ne"} : ${tileText('i1', layout)}
  %t = load %x, %zero, %zero, %mask {pad = 5, masked = true} : tile<${shape}${dtype}> ${tileText(dtype, layout).split('> ')[1]}
  store %y, %t, %zero, %zero
  store %y, %t, %zero, %zero, %mask {masked = true}
}
`;
      const spec = { shape: [7, 16] };
      const { got, want, program } = runLaidOut({
        text,
        warps: 2,
        tensors: { x: { ...spec, value: (i) => i % 50 }, m: { ...spec, value: (i) => (i % 3 === 0 ? 0 : i) }, y: spec },
      });
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns: 20 },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
});

test('views: fixed axes, slices that begin outside, elements', () => {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(
      fc.integer({ min: -2, max: 4 }),
      fc.integer({ min: -4, max: 6 }),
      fc.integer({ min: -2, max: 24 }),
      fc.integer({ min: -2, max: 9 }),
      dtypes,
      (head, begin, end, row, dtype) => {
        const layout = straight([8, 8], 1, 2);
        const text = `kernel t(%x: ${viewText('in', dtype, ['H', 'A', 'B'])}, %y: ${viewText('out', dtype, ['M', 'B'])}, %z: ${viewText('out', dtype, ['S'])}) {
  %zero = const {value = 0} : i32
  %head = const {value = ${head}} : i32
  %begin = const {value = ${begin}} : i32
  %end = const {value = ${end}} : i32
  %row = const {value = ${row}} : i32
  %h = view_at %x, %head {keep = [false, true, true]} : view<in ?x?x${dtype}>
  %s = view_slice %h, %begin, %end : view<in ?x?x${dtype}>
  %t = load %s, %zero, %zero {pad = 9} : ${tileText(dtype, layout)}
  store %y, %t, %zero, %zero
  %g = get %h, %row, %row : ${dtype}
  %o = view_at %z, %zero {keep = [false]} : view<out ${dtype}>
  store %o, %g
  %last = view_at %h, %row {keep = [true, false]} : view<in ?x${dtype}>
  %column = load %last, %zero {pad = 2} : ${tileText(dtype, straight([16], 1, 0))}
  %one = const {value = 1} : i32
  store %z, %column, %one
}
`;
        const { got, want, program } = runLaidOut({
          text,
          warps: 2,
          tensors: {
            x: { shape: [3, 16, 8], value: (i) => (i % 251) + 1 },
            y: { shape: [8, 8] },
            z: { shape: [17] },
          },
        });
        programs.push(program);
        expect(got).toEqual(want);
      },
    ),
    { numRuns: 40 },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
});

test('a row that every thread holds is stored once, 16 bytes at a time', () => {
  const layout = straight([64], 2, 3);
  const text = `kernel t(%x: ${viewText('in', 'bf16', ['N'])}, %y: ${viewText('out', 'bf16', ['N'])}) {
  %zero = const {value = 0} : i32
  %t = load %x, %zero {pad = 0} : ${tileText('bf16', layout)}
  store %y, %t, %zero
}
`;
  const { got, want, program } = runLaidOut({
    text,
    warps: 4,
    tensors: { x: { shape: [64], value: (i) => i }, y: { shape: [64] } },
  });
  expect(got).toEqual(want);
  expect(program.text.match(/st\.global[^ ]*/g)).toEqual(['st.global.v4.b32']);
  expect(program.text).toContain('ld.global.nc.v4.b32');
  expect(program.facts).toEqual({ x: { contiguous: true, align: 8 }, y: { contiguous: true, align: 8 } });
});
