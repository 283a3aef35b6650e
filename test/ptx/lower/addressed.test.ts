import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PtxProgram } from '../../../backends/ptx/emit.js';
import type { DType } from '../../../compiler/ir/types.js';
import { type LaidOutOutcome, refusedByPtxas, runLaidOut, type TensorSpec } from './laid-out.js';
import { shapesOf, straight, threadLayouts, tileText, viewText } from './tiles.js';

const VIEW_AXES = ['U', 'V', 'W'];
const TILE_AXES = ['A', 'B'];
const dtypes = fc.constantFrom<DType>('f32', 'bf16', 'f16', 'i32', 'u32');

/** A tile of lanes, a tensor that they name elements of, and which element each lane names. */
const accesses = shapesOf([1, 2], 7).chain((tile) =>
  fc.record({
    tile: fc.constant(tile),
    warps: fc.constantFrom(1, 2, 4),
    tensor: fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 3 }),
    gap: fc.constantFrom(0, 1, 5),
    masked: fc.boolean(),
    valid: fc.boolean(),
    bits: fc.constantFrom(32, 64),
    slice: fc.constantFrom(null, [-1, 3], [2, 5]),
    seed: fc.integer({ min: 1, max: 1000 }),
  }),
);
type Access = typeof accesses extends fc.Arbitrary<infer T> ? T : never;

const size = (shape: readonly number[]): number => shape.reduce((n, e) => n * e, 1);

/** More than any extent here can divide. */
const PRIME = 1009;

/** All positions of a tensor and around it, in an order that the seed decides, then, unless some are to come again, none. */
function positions(tensor: readonly number[], seed: number, again: boolean): (i: number) => number[] {
  const wide = tensor.map((n) => n + 4);
  const count = size(wide);
  return (i) => {
    if (i >= count && !again) return wide.map(() => -3);
    let rest = (i * PRIME + seed) % count;
    return wide.map((n) => {
      const at = (rest % n) - 2;
      rest = Math.floor(rest / n);
      return at;
    });
  };
}

interface Parts {
  readonly at: Access;
  readonly layout: Parameters<typeof tileText>[1];
  readonly dtype: DType;
}

/** Runs `body`, which has %v (a view), %i0, %i1, .. and, where masked, %m; `%x` is the tile of values, where there is one. */
function runAccess(
  { at, layout, dtype }: Parts,
  access: 'in' | 'inout' | 'out',
  body: (names: { indices: string; attrs: string }) => string,
): LaidOutOutcome {
  const { tile, tensor, gap, masked, valid, bits, slice, seed, warps } = at;
  const axes = tensor.map((_, i) => i);
  const place = positions(tensor, seed, access !== 'out');
  const tileAxes = TILE_AXES.slice(0, tile.length);
  const zeros = tile.map(() => '%zero').join(', ');
  const mask = tileText('i1', layout);
  const limit = tile.map((n) => Math.max(1, n - 1)).join(', ');
  const view = `view<${access} ${tensor.map(() => '?x').join('')}${dtype}>`;
  const text = `kernel t(%v0: ${viewText(access, dtype, VIEW_AXES.slice(0, tensor.length))}, ${axes
    .map((i) => `%n${i}: ${viewText('in', 'i32', tileAxes)}, `)
    .join(
      '',
    )}%n: ${viewText('in', 'i32', tileAxes)}, %w: ${viewText('in', dtype, tileAxes)}, %y: ${viewText('out', dtype, tileAxes)}) {
  %zero = const {value = 0} : i32
${slice === null ? '' : `  %begin = const {value = ${slice[0]}} : i32\n  %end = const {value = ${slice[1]}} : i32\n  %v = view_slice %v0, %begin, %end : ${view}`}
${axes.map((i) => `  %i${i} = load %n${i}, ${zeros} {pad = 0} : ${tileText('i32', layout)}`).join('\n')}
  %k = load %n, ${zeros} {pad = 0} : ${tileText('i32', layout)}
  %none = const {value = 0} : ${tileText('i32', layout)}
  %m = cmp %k, %none {pred = "ne"} : ${mask}
  %x = load %w, ${zeros} {pad = 0} : ${tileText(dtype, layout)}
${body({
  indices: `${axes.map((i) => `%i${i}`).join(', ')}${masked ? ', %m' : ''}`,
  attrs: `${masked ? 'masked = true, ' : ''}${valid ? `valid = [${limit}], ` : ''}offset_bits = ${bits}`,
}).replaceAll('%V', slice === null ? '%v0' : '%v')}
}
`;
  const strides = tensor.map((_, i) => size(tensor.slice(i + 1)) * (gap + 1));
  const index = (axis: number): TensorSpec => ({ shape: tile, value: (i) => place(i)[axis] ?? 0 });
  return runLaidOut({
    text,
    warps,
    tensors: {
      v0: { shape: tensor, strides, offset: 3, value: (i) => (i % 50) + 1 },
      ...Object.fromEntries(axes.map((i) => [`n${i}`, index(i)])),
      n: { shape: tile, value: (i) => ((i * 7 + seed) % 3 === 0 ? 0 : i + 1) },
      w: { shape: tile, value: (i) => (i % 61) + 60 },
      y: { shape: tile },
    },
  });
}

const cases = (dtypesOf: fc.Arbitrary<DType>): fc.Arbitrary<Parts> =>
  fc
    .tuple(accesses, dtypesOf)
    .chain(([at, dtype]) =>
      threadLayouts(at.tile, Math.log2(at.warps)).map((layout): Parts => ({ at, layout, dtype })),
    );

/** Each program runs as the interpreter says, and ptxas takes it; all of them have every one of these instructions. */
function property(
  arbitrary: fc.Arbitrary<Parts>,
  run: (parts: Parts) => LaidOutOutcome,
  instructions: readonly string[],
): void {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(arbitrary, (parts) => {
      const { got, want, program } = run(parts);
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns: 40 },
  );
  const all = programs.map((p) => p.text).join('\n');
  expect(instructions.filter((name) => !all.includes(name))).toEqual([]);
  expect(refusedByPtxas(programs, 4)).toEqual([]);
}

test('gathers read the elements that the lanes name, and nothing else', () => {
  property(
    cases(dtypes),
    (parts) =>
      runAccess(
        parts,
        'in',
        ({
          indices,
          attrs,
        }) => `  %t = gather %V, ${indices} {pad = 7, ${attrs}} : ${tileText(parts.dtype, parts.layout)}
  store %y, %t, ${parts.at.tile.map(() => '%zero').join(', ')}`,
      ),
    ['ld.global.nc.b16', 'ld.global.nc.b32'],
  );
});

test('scatters write one element a lane', () => {
  property(
    cases(dtypes),
    (parts) => runAccess(parts, 'out', ({ indices, attrs }) => `  scatter %V, %x, ${indices} {${attrs}}`),
    ['st.global.b16', 'st.global.b32'],
  );
});

test('scatter_add adds every lane once, also where lanes name the same element', () => {
  property(
    cases(fc.constantFrom<DType>('f32', 'i32', 'u32')),
    (parts) => runAccess(parts, 'inout', ({ indices, attrs }) => `  scatter_add %V, %x, ${indices} {${attrs}}`),
    ['red.global.add.f32', 'red.global.add.s32', 'red.global.add.u32'],
  );
});

test('atomic_add adds a box once, whoever holds its elements', () => {
  property(
    cases(fc.constantFrom<DType>('f32', 'i32', 'u32')).map((parts) => ({
      ...parts,
      at: { ...parts.at, tensor: parts.at.tile.map((n, i) => Math.max(1, n - i)) },
    })),
    (parts) => {
      const origins = parts.at.tile.map((_, i) => (i === 0 ? '%back' : '%zero')).join(', ');
      const lanes = parts.at.masked ? `${origins}, %m` : origins;
      return runAccess(
        parts,
        'inout',
        ({ attrs }) => `  %back = const {value = -1} : i32
  atomic_add %V, %x, ${lanes} {${attrs}}`,
      );
    },
    ['red.global.add.f32', 'red.global.add.s32', 'red.global.add.u32'],
  );
});

test('scalars: one element, by one thread, where the mask holds', () => {
  for (const dtype of ['f32', 'bf16', 'i32'] as const)
    for (const [at, on] of [
      [2, 1],
      [2, 0],
      [-1, 1],
      [9, 1],
    ] as const) {
      const add =
        dtype === 'bf16' ? '' : `  scatter_add %z, %g, %i {offset_bits = 64}\n  atomic_add %o, %g, %m {masked = true}`;
      const text = `kernel t(%x: ${viewText('in', dtype, ['N'])}, %y: ${viewText('out', dtype, ['N'])}, %z: ${viewText('inout', dtype, ['N'])}) {
  %i = const {value = ${at}} : i32
  %one = const {value = 1} : i32
  %m = cmp %i, %one {pred = "${on === 1 ? 'ne' : 'eq'}"} : i1
  %g = gather %x, %i, %m {pad = 5, masked = true} : ${dtype}
  scatter %y, %g, %i
  %o = view_at %z, %one {keep = [false]} : view<inout ${dtype}>
  %f = load %o, %m {pad = 3, masked = true} : ${dtype}
  %p = view_at %y, %one {keep = [false]} : view<out ${dtype}>
  store %p, %f, %m {masked = true}
${add}
}
`;
      const { got, want, program } = runLaidOut({
        text,
        warps: 2,
        ordered: true,
        tensors: {
          x: { shape: [9], value: (i) => i + 1 },
          y: { shape: [9] },
          z: { shape: [9], value: (i) => 10 * i },
        },
      });
      expect(got).toEqual(want);
      expect(refusedByPtxas([program])).toEqual([]);
    }
});

test('a row index that all columns share is multiplied and compared once', () => {
  const [rows, columns] = [straight([4, 1], 0, 0), straight([1, 8], 0, 3)];
  const layout = straight([4, 8], 0, 3);
  const text = `kernel t(%x: ${viewText('in', 'f32', ['U', 'V'])}, %n: ${viewText('in', 'i32', ['A', 'B'])}, %y: ${viewText('out', 'f32', ['C', 'D'])}) {
  %zero = const {value = 0} : i32
  %row = load %n, %zero, %zero {pad = 0} : ${tileText('i32', rows)}
  %rows = broadcast %row : ${tileText('i32', layout)}
  %column = load %n, %zero, %zero {pad = 0} : ${tileText('i32', columns)}
  %columns = broadcast %column : ${tileText('i32', layout)}
  %t = gather %x, %rows, %columns {pad = 0, offset_bits = 32} : ${tileText('f32', layout)}
  store %y, %t, %zero, %zero
}
`;
  const { got, want, program } = runLaidOut({
    text,
    warps: 1,
    tensors: {
      x: { shape: [16, 8], value: (i) => i },
      n: { shape: [4, 8], value: (i) => (i * 5) % 8 },
      y: { shape: [4, 8] },
    },
  });
  expect(got).toEqual(want);
  expect(program.text.match(/mul\.wide\.s32 %\w+, %\w+, %\w+;/g)).toHaveLength(1);
});
