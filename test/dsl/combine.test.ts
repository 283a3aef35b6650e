import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { DType } from '../../compiler/ir/types.js';
import { unwritten } from '../interp/make.js';
import { filled, launchText } from './launch-text.js';

/** What a fold does, written without tiles: `combine` on groups of numbers, from the start of each line to its end. */
type Combine = (left: readonly number[], right: readonly number[]) => number[];

interface Fold {
  readonly shape: readonly number[];
  readonly axis: number;
  readonly reverse?: boolean;
}

const sizeOf = (shape: readonly number[]): number => shape.reduce((n, e) => n * e, 1);

/** Element numbers along the axis, line by line. */
function linesOf({ shape, axis, reverse = false }: Fold): number[][] {
  const stride = sizeOf(shape.slice(axis + 1));
  const extent = shape[axis] ?? 1;
  const starts = Array.from({ length: sizeOf(shape) }, (_, i) => i).filter(
    (i) => Math.floor(i / stride) % extent === 0,
  );
  const lines = starts.map((s) => Array.from({ length: extent }, (_, i) => s + i * stride));
  return reverse ? lines.map((l) => l.reverse()) : lines;
}

/** Of each operand: the scan, in the shape of the operand, and the fold of each line. */
function reference(fold: Fold, operands: readonly (readonly number[])[], combine: Combine) {
  const scan = operands.map((x) => [...x]);
  const last: number[][] = operands.map(() => []);
  for (const line of linesOf(fold)) {
    let state: number[] | null = null;
    for (const i of line) {
      const lane = operands.map((x) => x[i] ?? 0);
      state = state === null ? lane : combine(state, lane);
      for (const [k, v] of state.entries()) (scan[k] as number[])[i] = v;
    }
    for (const [k, v] of (state ?? []).entries()) last[k]?.push(v);
  }
  return { scan, last };
}

/** The scan and the fold of tiles of these dtypes by a function of the language. */
function device(
  fold: Fold,
  dtypes: readonly DType[],
  operands: readonly (readonly number[])[],
  combine: string,
  module = '',
) {
  const { shape, axis, reverse = false } = fold;
  const dims = shape.map((_, i) => `'D${i}'`);
  const rest = dims.filter((_, i) => i !== axis);
  const zeros = (n: number): string => `[${new Array(n).fill(0).join(', ')}]`;
  const names = dtypes.map((_, k) => `t${k}`);
  const args = dtypes.flatMap((d, k) => [
    `x${k}: input(${d}, [${dims}])`,
    `s${k}: output(${d}, [${dims}])`,
    `r${k}: output(${d}, [${rest}])`,
  ]);
  const list = names.length === 1 ? names[0] : `[${names.join(', ')}]`;
  const all = (prefix: string): string =>
    names.length === 1 ? `${prefix}0` : `[${names.map((_, k) => prefix + k).join(', ')}]`;
  const body = [
    ...names.map((t, k) => `const ${t} = x${k}.load(${zeros(shape.length)}, [${shape.join(', ')}]);`),
    `const ${all('a')} = scan(${list}, ${axis}, ${combine}, { reverse: ${reverse} });`,
    `const ${all('b')} = reduce(${list}, ${axis}, ${combine});`,
    ...names.map((_, k) => `s${k}.store(${zeros(shape.length)}, a${k});`),
    ...names.map((_, k) => `r${k}.${rest.length === 0 ? 'scatter([]' : `store(${zeros(rest.length)}`}, b${k});`),
  ].join('\n');
  const shapeOfRest = shape.filter((_, i) => i !== axis);
  const tensors = dtypes.map((d, k) => ({
    x: filled([...shape], (i) => operands[k]?.[i] ?? 0, d),
    s: unwritten([...shape], d),
    r: unwritten(shapeOfRest, d),
  }));
  launchText(
    { args: args.join(', '), body, module },
    Object.fromEntries(
      tensors.flatMap((t, k) => [
        [`x${k}`, t.x],
        [`s${k}`, t.s],
        [`r${k}`, t.r],
      ]),
    ),
  );
  return { scan: tensors.map((t) => [...t.s.data]), last: tensors.map((t) => [...t.r.data]) };
}

const shapes = fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 3 });
const folds = shapes.chain((shape) =>
  fc.record({ shape: fc.constant(shape), axis: fc.nat(shape.length - 1), reverse: fc.boolean() }),
);
/** A fold goes from the start of the axis; a scan may go the other way. */
const wanted = (fold: Fold, operands: readonly (readonly number[])[], combine: Combine) => ({
  scan: reference(fold, operands, combine).scan,
  last: reference({ ...fold, reverse: false }, operands, combine).last,
});

describe('scan and reduce by a function, against a loop over numbers', () => {
  // None of these functions is commutative, so that the order of the sides shows.
  test.each<[string, DType[], string, Combine]>([
    [
      'maps x -> f x + u',
      ['i32', 'i32'],
      '([f, u], [g, v]) => [f * g, u * g + v]',
      ([f = 0, u = 0], [g = 0, v = 0]) => [Math.imul(f, g), (Math.imul(u, g) + v) | 0],
    ],
    ['the last one that is not 0', ['f32'], '(a, b) => b !== 0 ? b : a', ([a = 0], [b = 0]) => [b !== 0 ? b : a]],
    [
      'the first of a pair, the sum of the other',
      ['f32', 'u32'],
      '([a, n], [b, m]) => [a, n + m]',
      ([a = 0, n = 0], [, m = 0]) => [a, (n + m) >>> 0],
    ],
    [
      'largest and where, first wins',
      ['f32', 'i32'],
      '([a, i], [b, j]) => { if (a >= b) return [a, i]; return [b, j]; }',
      ([a = 0, i = 0], [b = 0, j = 0]) => (a >= b ? [a, i] : [b, j]),
    ],
  ])('%s', (_, dtypes, text, combine) => {
    fc.assert(
      fc.property(folds, fc.infiniteStream(fc.integer({ min: -9, max: 9 })), (fold, numbers) => {
        const operands = dtypes.map((d) =>
          Array.from({ length: sizeOf(fold.shape) }, () => {
            const v = Number(numbers.next().value);
            return d === 'u32' ? v >>> 0 : v;
          }),
        );
        expect(device(fold, dtypes, operands, text)).toEqual(wanted(fold, operands, combine));
      }),
      { numRuns: 12 },
    );
  });

  const fold: Fold = { shape: [2, 3], axis: 1 };
  const x = [[3, -1, 2, 5, 5, 4]];
  test.each<[string, string, string, Combine]>([
    ['a function of the language', 'maximum', '', ([a = 0], [b = 0]) => [Math.max(a, b)]],
    [
      'a function of the module that calls another',
      'larger',
      'const pick = (m, a, b) => (m ? a : b); function larger(a, b) { return pick(a > b, a, b); }',
      ([a = 0], [b = 0]) => [Math.max(a, b)],
    ],
    [
      'a scalar from outside, of each program',
      '(a, b) => minimum(a + b, cast(p + 6, f32))',
      '',
      ([a = 0], [b = 0]) => [Math.min(a + b, 6)],
    ],
    [
      'where, casts and variables',
      '(a, b) => { let m = where(a > b, a, b); m += cast(cast(0.9, i32), f32); return m; }',
      '',
      ([a = 0], [b = 0]) => [Math.max(a, b)],
    ],
    [
      'an unrolled loop',
      '(a, b) => { for (const i of range(3, { unroll: true })) { if (i === 1) continue; a = maximum(a, b); } return a; }',
      '',
      ([a = 0], [b = 0]) => [Math.max(a, b)],
    ],
    ['a condition known outside', '(a, b) => p > 0 ? a : b', '', (_, [b = 0]) => [b]],
  ])('%s', (_, text, module, combine) => {
    expect(device(fold, ['f32'], x, text, module)).toEqual(reference(fold, x, combine));
  });

  test('one tile in an array gives an array of one', () => {
    expect(() => device(fold, ['f32'], x, '([a], [b]) => [a]')).toThrow(/LAC/);
    const y = unwritten([3]);
    launchText(
      {
        args: "x: input(f32, ['N']), y: output(f32, ['N'])",
        body: 'const [s] = scan([x.load([0], [3])], 0, ([a], [b]) => [a + b]); y.store([0], s);',
      },
      { x: filled([3]), y },
    );
    expect([...y.data]).toEqual([1, 3, 6]);
  });

  test('16-bit floats keep their dtype', () => {
    const { scan } = device({ shape: [3], axis: 0 }, ['bf16'], [[1, 2, 3]], '(a, b) => a + b * 1');
    expect(scan).toEqual([[1, 3, 6]]);
  });
});
