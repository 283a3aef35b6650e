import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { PtxProgram } from '../../../backends/ptx/emit.js';
import type { DType } from '../../../compiler/ir/types.js';
import { project } from '../../../compiler/layout/axes.js';
import type { Layout } from '../../../compiler/layout/layout.js';
import { dropDuplicateRegisters } from '../../../compiler/layout/shape.js';
import { refusedByPtxas, runLaidOut } from './laid-out.js';
import { shapesOf, threadLayouts, tileText, viewText } from './tiles.js';

/** An associative function whose operands must keep their order: dtypes of its lanes, and its region. */
interface Function {
  readonly dtypes: readonly DType[];
  readonly body: string;
}

const product = (i: number, j: number): string => `
    %p${i}${j} = mul %a${2 * i}, %b${j} : i32
    %q${i}${j} = mul %a${2 * i + 1}, %b${2 + j} : i32
    %s${i}${j} = add %p${i}${j}, %q${i}${j} : i32`;

const FUNCTIONS: Readonly<Record<string, Function>> = {
  /** x -> a x + b, the left one first. */
  affine: {
    dtypes: ['i32', 'u32'],
    body: `
    %w = bitcast %b0 {to = u32} : u32
    %m = mul %a0, %b0 : i32
    %x = mul %a1, %w : u32
    %y = add %x, %b1 : u32
    yield %m, %y`,
  },
  /** Products of 2x2 matrices in wrapping arithmetic. */
  matrix: {
    dtypes: ['i32', 'i32', 'i32', 'i32'],
    body: `${product(0, 0)}${product(0, 1)}${product(1, 0)}${product(1, 1)}
    yield %s00, %s01, %s10, %s11`,
  },
  /** Sums that begin anew where a mark stands, and the last lane: of small whole numbers. */
  segments: {
    dtypes: ['i32', 'f32', 'bf16'],
    body: `
    %none = const {value = 0} : i32
    %new = cmp %b0, %none {pred = "ne"} : i1
    %or = or %a0, %b0 : i32
    %sum = add %a1, %b1 : f32
    %v = select %new, %b1, %sum : f32
    yield %or, %v, %b2`,
  },
};

const AXES = ['A', 'B', 'C'];
const zeros = (n: number): string => Array.from({ length: n }, () => '%zero').join(', ');

interface Case {
  readonly layout: Layout;
  readonly result: Layout;
  readonly warps: number;
  readonly axis: number;
  readonly name: string;
  readonly valid: number;
}

const cases: fc.Arbitrary<Case> = fc
  .tuple(shapesOf([1, 2, 3], 9), fc.constantFrom(1, 2, 4, 8))
  .chain(([shape, warps]) =>
    fc.tuple(threadLayouts(shape, Math.log2(warps)), fc.nat(shape.length - 1)).chain(([layout, axis]) => {
      const rest = shape.filter((_, i) => i !== axis);
      const any = threadLayouts(rest, Math.log2(warps));
      const extent = shape[axis] ?? 1;
      return fc.record({
        layout: fc.constant(layout),
        result: fc.oneof(fc.constant(dropDuplicateRegisters(project(layout, axis))), any),
        warps: fc.constant(warps),
        axis: fc.constant(axis),
        name: fc.constantFrom(...Object.keys(FUNCTIONS)),
        valid: fc.oneof(fc.constant(extent), fc.integer({ min: 1, max: extent })),
      });
    }),
  );

/** Marks are rare, factors odd, so that no product vanishes. */
function filling({ name }: Case, operand: number): (i: number) => number {
  if (name !== 'segments') return (i) => (((i + 1) * (2 * operand + 3) * 5) % 64) * 2 + 1;
  return operand === 0 ? (i) => ((i * 7) % 5 === 0 ? 1 : 0) : (i) => ((i * (operand + 2)) % 9) - 4;
}

function foldText(c: Case, op: 'reduce_by' | 'scan_by', reverse: boolean): string {
  const { dtypes, body } = FUNCTIONS[c.name] as Function;
  const { layout, axis, valid } = c;
  const { shape } = layout;
  const dims = AXES.slice(0, shape.length);
  const to = op === 'scan_by' ? layout : c.result;
  const scalar = to.shape.length === 0;
  const outDims = scalar ? ['One'] : to.shape.map((_, i) => (op === 'scan_by' ? AXES[i] : `R${i}`) as string);
  const typeOf = (d: DType): string => (scalar ? d : tileText(d, to));
  const names = (p: string): string => dtypes.map((_, i) => `%${p}${i}`).join(', ');
  const args = ['a', 'b'].flatMap((p) => dtypes.map((d, i) => `%${p}${i}: ${d}`)).join(', ');
  const counts = to.shape.map((n, i) => (op === 'scan_by' && i === axis ? valid : n)).join(', ');
  return `kernel t(${dtypes.map((d, i) => `%x${i}: ${viewText('in', d, dims)}, %y${i}: ${viewText('out', d, outDims)}`).join(', ')}) {
  %zero = const {value = 0} : i32
${dtypes.map((d, i) => `  %t${i} = load %x${i}, ${zeros(dims.length)} {pad = 0} : ${tileText(d, layout)}`).join('\n')}
  ${names('r')} = ${op} ${names('t')} {axis = ${axis}, valid = ${valid}${reverse ? ', reverse = true' : ''}} : ${dtypes.map(typeOf).join(', ')} (${args}) {${body}
  }
${dtypes
  .map((d, i) =>
    scalar
      ? `  %o${i} = view_at %y${i}, %zero {keep = [false]} : view<out ${d}>\n  store %o${i}, %r${i}`
      : `  store %y${i}, %r${i}, ${zeros(outDims.length)} {valid = [${counts}]}`,
  )
  .join('\n')}
}
`;
}

function runFold(c: Case, op: 'reduce_by' | 'scan_by', reverse: boolean) {
  const { dtypes } = FUNCTIONS[c.name] as Function;
  const { shape } = c.layout;
  const out = op === 'scan_by' ? shape : shape.length === 1 ? [1] : c.result.shape;
  return runLaidOut({
    text: foldText(c, op, reverse),
    warps: c.warps,
    tensors: Object.fromEntries(
      dtypes.flatMap((_, i) => [
        [`x${i}`, { shape, value: filling(c, i) }],
        [`y${i}`, { shape: out }],
      ]),
    ),
  });
}

const numRuns = Number(process.env.LAC_RUNS ?? 25);

test('folds by a function keep the order of lanes, in any layout', () => {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(cases, (c) => {
      const { got, want, program } = runFold(c, 'reduce_by', false);
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
});

test('scans by a function keep the order of lanes, in any layout and both directions', () => {
  const programs: PtxProgram[] = [];
  fc.assert(
    fc.property(cases, fc.boolean(), (c, reverse) => {
      const { got, want, program } = runFold(c, 'scan_by', reverse);
      programs.push(program);
      expect(got).toEqual(want);
    }),
    { numRuns },
  );
  expect(refusedByPtxas(programs)).toEqual([]);
});
