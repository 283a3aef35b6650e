import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PtxProgram } from '../../../backends/ptx/emit.js';
import type { DType } from '../../../compiler/ir/types.js';
import type { Layout } from '../../../compiler/layout/layout.js';
import { partLayout } from '../../../compiler/layout/parts.js';
import { refusedByPtxas, runLaidOut } from './laid-out.js';
import { shapesOf, threadLayouts, tileText, viewText } from './tiles.js';

const AXES = ['A', 'B', 'C'];
const PARTS = ['P', 'Q', 'R'];
const DTYPES: readonly DType[] = ['f32', 'bf16', 'f16', 'i32', 'u32'];

interface Place {
  /** Extents of the part, and how many of its lanes count. */
  readonly part: readonly number[];
  readonly valid: readonly number[];
  readonly origin: readonly number[];
  /** Origins that are known while emitting. */
  readonly constant: readonly boolean[];
}

interface Case extends Place {
  readonly whole: Layout;
  readonly inner: Layout;
  readonly warps: number;
  readonly dtype: DType;
  readonly sm: number;
}

/** A part of a tile that lies in it with the lanes that count. */
const places = (shape: readonly number[]): fc.Arbitrary<Place> =>
  fc
    .tuple(
      ...shape.map((whole) =>
        fc.integer({ min: 0, max: Math.log2(whole) }).chain((bits) =>
          fc.integer({ min: bits === 0 ? 1 : 2 ** (bits - 1) + 1, max: 2 ** bits }).chain((valid) =>
            fc.record({
              extent: fc.constant(2 ** bits),
              valid: fc.constantFrom(valid, 2 ** bits),
              slack: fc.nat(whole),
              aligned: fc.boolean(),
              constant: fc.boolean(),
            }),
          ),
        ),
      ),
    )
    .map((axes) => ({
      part: axes.map((a) => a.extent),
      valid: axes.map((a) => a.valid),
      origin: axes.map(({ extent, valid, slack, aligned }, axis) => {
        const at = slack % ((shape[axis] ?? 1) - valid + 1);
        return aligned ? at - (at % extent) : at;
      }),
      constant: axes.map((a) => a.constant),
    }));

const cases: fc.Arbitrary<Case> = fc.tuple(shapesOf([1, 2, 3], 8), fc.constantFrom(1, 2, 4)).chain(([shape, warps]) =>
  fc.tuple(threadLayouts(shape, Math.log2(warps)), places(shape)).chain(([whole, place]) => {
    const stays = partLayout(whole, place.part, place.origin);
    const any = threadLayouts(place.part, Math.log2(warps));
    return fc.record({
      whole: fc.constant(whole),
      warps: fc.constant(warps),
      part: fc.constant(place.part),
      valid: fc.constant(place.valid),
      origin: fc.constant(place.origin),
      constant: fc.constant(place.constant),
      inner: stays === null ? any : fc.oneof(any, fc.constant(stays)),
      dtype: fc.constantFrom(...DTYPES),
      sm: fc.constantFrom(80, 90),
    });
  }),
);

const zeros = (n: number): string => Array.from({ length: n }, () => '%zero').join(', ');
const scalarsOf = ({ origin }: Place): Record<string, number> => Object.fromEntries(origin.map((x, i) => [`s${i}`, x]));
const parametersOf = ({ origin }: Place): string => origin.map((_, i) => `%s${i}: i32`).join(', ');
const originsOf = ({ origin, constant }: Place): { ops: string; names: string } => ({
  ops: origin.map((x, i) => `  %c${i} = const {value = ${x}} : i32`).join('\n'),
  names: origin.map((_, i) => (constant[i] === true ? `%c${i}` : `%s${i}`)).join(', '),
});

const dimsOf = (shape: readonly number[], names = AXES): string[] => names.slice(0, shape.length);

function sliceText(c: Case): string {
  const { ops, names } = originsOf(c);
  return `kernel t(%x: ${viewText('in', c.dtype, dimsOf(c.part))}, %y: ${viewText('out', c.dtype, dimsOf(c.part, PARTS))}, ${parametersOf(c)}) {
  %zero = const {value = 0} : i32
${ops}
  %t = load %x, ${zeros(c.part.length)} {pad = 0} : ${tileText(c.dtype, c.whole)}
  %r = slice %t, ${names} {valid = [${c.valid.join(', ')}]} : ${tileText(c.dtype, c.inner)}
  store %y, %r, ${zeros(c.part.length)} {valid = [${c.valid.join(', ')}]}
}
`;
}

const value = (i: number): number => (i * 37) % 251;

test('slices of tiles in any layout, at any origin', () => {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(cases, (c) => {
      const { got, want, program } = runLaidOut({
        text: sliceText(c),
        warps: c.warps,
        sm: c.sm,
        tensors: { x: { shape: c.whole.shape, value }, y: { shape: c.part } },
        scalars: scalarsOf(c),
      });
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 40) },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
});

test('insertions into tiles in any layout, at any origin', () => {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(cases, (c) => {
      const { ops, names } = originsOf(c);
      const { shape } = c.whole;
      const text = `kernel t(%x: ${viewText('in', c.dtype, dimsOf(shape))}, %p: ${viewText('in', c.dtype, dimsOf(shape, PARTS))}, %y: ${viewText('out', c.dtype, dimsOf(shape))}, ${parametersOf(c)}) {
  %zero = const {value = 0} : i32
${ops}
  %t = load %x, ${zeros(shape.length)} {pad = 0} : ${tileText(c.dtype, c.whole)}
  %i = load %p, ${zeros(shape.length)} {pad = 0} : ${tileText(c.dtype, c.inner)}
  %r = insert %t, %i, ${names} {valid = [${c.valid.join(', ')}]} : ${tileText(c.dtype, c.whole)}
  store %y, %r, ${zeros(shape.length)}
}
`;
      const { got, want, program } = runLaidOut({
        text,
        warps: c.warps,
        sm: c.sm,
        tensors: { x: { shape, value }, p: { shape: c.part, value: (i) => value(i + 100) }, y: { shape } },
        scalars: scalarsOf(c),
      });
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 40) },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
});

interface TakeCase {
  readonly from: Layout;
  readonly to: Layout;
  readonly warps: number;
  readonly dtype: DType;
  readonly seed: number;
}

const takeCases: fc.Arbitrary<TakeCase> = fc
  .tuple(shapesOf([1, 2, 3], 7), shapesOf([1, 2], 7), fc.constantFrom(1, 2, 4))
  .chain(([from, to, warps]) =>
    fc.record({
      from: threadLayouts(from, Math.log2(warps)),
      to: threadLayouts(to, Math.log2(warps)),
      warps: fc.constant(warps),
      dtype: fc.constantFrom(...DTYPES),
      seed: fc.nat(1000),
    }),
  );

test('elements of tiles in any layout, at any index', () => {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(takeCases, ({ from, to, warps, dtype, seed }) => {
      const index = from.shape.map((_, axis) => `i${axis}`);
      const [source, dims] = [from.shape, dimsOf(to.shape, PARTS)];
      const text = `kernel t(%x: ${viewText('in', dtype, dimsOf(source))}, ${index.map((i) => `%${i}: ${viewText('in', 'i32', dims)}, `).join('')}%y: ${viewText('out', dtype, dims)}, %z: ${viewText('out', dtype, ['One'])}, ${index.map((i) => `%s_${i}: i32`).join(', ')}) {
  %zero = const {value = 0} : i32
  %t = load %x, ${zeros(source.length)} {pad = 0} : ${tileText(dtype, from)}
${index.map((i) => `  %v_${i} = load %${i}, ${zeros(dims.length)} {pad = 0} : ${tileText('i32', to)}`).join('\n')}
  %r = take %t, ${index.map((i) => `%v_${i}`).join(', ')} : ${tileText(dtype, to)}
  store %y, %r, ${zeros(dims.length)}
  %one = take %t, ${index.map((i) => `%s_${i}`).join(', ')} : ${dtype}
  %o = view_at %z, %zero {keep = [false]} : view<out ${dtype}>
  store %o, %one
}
`;
      const at = (axis: number) => (i: number) => ((i + 3) * (seed + 7 * axis + 1)) % (source[axis] ?? 1);
      const { got, want, program } = runLaidOut({
        text,
        warps,
        tensors: {
          x: { shape: source, value },
          y: { shape: to.shape },
          z: { shape: [1] },
          ...Object.fromEntries(index.map((name, axis) => [name, { shape: to.shape, value: at(axis) }])),
        },
        scalars: Object.fromEntries(index.map((name, axis) => [`s_${name}`, at(axis)(seed)])),
      });
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 40) },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
});

test('masks are cut, inserted and taken like numbers', () => {
  fc.assert(
    fc.property(cases, (c) => {
      const { ops, names } = originsOf(c);
      const { shape } = c.whole;
      const [whole, inner] = [c.whole, c.inner].map((l) => (d: DType) => tileText(d, l)) as [
        (d: DType) => string,
        (d: DType) => string,
      ];
      const text = `kernel t(%x: ${viewText('in', 'i32', dimsOf(shape))}, %y: ${viewText('out', 'i32', dimsOf(shape))}, %z: ${viewText('out', 'i32', dimsOf(shape, PARTS))}, ${parametersOf(c)}) {
  %zero = const {value = 0} : i32
${ops}
  %t = load %x, ${zeros(shape.length)} {pad = 0} : ${whole('i32')}
  %half = const {value = 125} : ${whole('i32')}
  %m = cmp %t, %half {pred = "gt"} : ${whole('i1')}
  %p = slice %m, ${names} {valid = [${c.valid.join(', ')}]} : ${inner('i1')}
  %n = not %p : ${inner('i1')}
  %r = insert %m, %n, ${names} {valid = [${c.valid.join(', ')}]} : ${whole('i1')}
  %c = cast %r {to = i32} : ${whole('i32')}
  store %y, %c, ${zeros(shape.length)}
  %d = cast %p {to = i32} : ${inner('i32')}
  store %z, %d, ${zeros(shape.length)} {valid = [${c.valid.join(', ')}]}
}
`;
      const { got, want } = runLaidOut({
        text,
        warps: c.warps,
        sm: c.sm,
        tensors: { x: { shape, value }, y: { shape }, z: { shape: c.part } },
        scalars: scalarsOf(c),
      });
      expect(got).toEqual(want);
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 20) },
  );
});

test('origins and indices outside of a tile are no fault on a device, only in the interpreter', () => {
  fc.assert(
    fc.property(cases, fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (c, far) => {
      const { shape } = c.whole;
      const outside = far >= 0 && far < 32 ? far + 32 : far;
      const last = c.origin.map((x, axis) => (axis === 0 ? outside : x));
      const text = `kernel t(%x: ${viewText('in', c.dtype, dimsOf(shape))}, %y: ${viewText('out', c.dtype, dimsOf(shape))}, %z: ${viewText('out', c.dtype, dimsOf(shape, PARTS))}, ${parametersOf(c)}) {
  %zero = const {value = 0} : i32
  %t = load %x, ${zeros(shape.length)} {pad = 0} : ${tileText(c.dtype, c.whole)}
  %i = load %x, ${zeros(shape.length)} {pad = 0} : ${tileText(c.dtype, c.inner)}
  %r = insert %t, %i, ${shape.map((_, i) => `%s${i}`).join(', ')} : ${tileText(c.dtype, c.whole)}
  store %y, %r, ${zeros(shape.length)}
  %p = slice %t, ${shape.map((_, i) => `%s${i}`).join(', ')} : ${tileText(c.dtype, c.inner)}
  store %z, %p, ${zeros(shape.length)}
  %e = take %t, ${shape.map((_, i) => `%s${i}`).join(', ')} : ${c.dtype}
  %one = splat %e : ${tileText(c.dtype, c.inner)}
  store %z, %one, ${zeros(shape.length)}
}
`;
      const run = () =>
        runLaidOut({
          text,
          warps: c.warps,
          sm: c.sm,
          tensors: { x: { shape, value }, y: { shape }, z: { shape: c.part } },
          scalars: scalarsOf({ ...c, origin: last }),
        });
      // The emulator, which traps any address that is nobody's, comes first.
      expect(run).toThrow(/LAC0810/);
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 20) },
  );
});

/** Warps over the rows, or over the columns. */
const SPLITS = {
  rows: 'reg[c1 c2 r4] lane[c4 c8 c16 r8 r16] warp[r1 r2]',
  columns: 'reg[c1 c2 r4] lane[r1 r2 c16 r8 r16] warp[c4 c8]',
} as const;

test('a warp that has all columns of its rows cuts them in a loop without the others', () => {
  const part = 'tile<32x8xf32> @ reg[c1 c2 r4] lane[c4 0 0 r8 r16] warp[r1 r2]';
  for (const [split, waits] of [
    [SPLITS.rows, false],
    [SPLITS.columns, true],
  ] as const) {
    const whole = `tile<32x32xf32> @ ${split}`;
    const text = `kernel t(%x: ${viewText('in', 'f32', ['A', 'B'])}, %y: ${viewText('out', 'f32', ['A', 'P'])}, %n: i32) {
  %zero = const {value = 0} : i32
  %five = const {value = 5} : i32
  %one = const {value = 1} : i32
  %t = load %x, %zero, %zero {pad = 0} : ${whole}
  %none = const {value = 0} : ${part}
  %s, %u = for %zero, %n, %one, %none, %t : ${part}, ${whole} (%i: i32, %a: ${part}, %v: ${whole}) {
    %at = mul %i, %five : i32
    %p = slice %v, %zero, %at : ${part}
    %q = slice %v, %zero, %i : ${part}
    %w = add %v, %v : ${whole}
    %pq = sub %p, %q : ${part}
    %b = add %a, %pq : ${part}
    yield %b, %w
  }
  store %y, %s, %zero, %zero
}
`;
    const tensors = { x: { shape: [32, 32], value }, y: { shape: [32, 8] } };
    const { got, want, program } = runLaidOut({ text, warps: 4, tensors, scalars: { n: 4 } });
    expect(got).toEqual(want);
    expect(program.text.includes('bar.sync')).toBe(waits);
  }
});
