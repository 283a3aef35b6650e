/**
 * Enters: dots whose operands and results are masked by comparisons of indices. Leaves: `zero_a` on dots whose left
 * operand is zero in half-planes of its indices, `zero_out` on those whose result is never used in half-planes of its.
 * A lowering may skip what lies in them. Sound: facts are exact integer statements about each lane (analysis/lane-facts),
 * derived from select, padding, stores and arithmetic that cannot wrap; terms known at run time only give no fact.
 */
import type { Region } from '../analysis/half-spaces.js';
import { LaneFacts } from '../analysis/lane-facts.js';
import { type Kernel, type Op, walk } from '../ir/module.js';
import type { Pass, PassContext } from './pass.js';

export const markZeros: Pass = {
  name: 'mark-zeros',
  summary: 'Notes where operands of dots are zero and results are not used.',
  requires: ['sink-selects'],
  run: mark,
};

function mark(kernel: Kernel, ctx: PassContext): void {
  const facts = new LaneFacts(kernel, { grid: ctx.grid ?? {}, divisible: ctx.divisible ?? {} });
  for (const op of walk(kernel.body)) if (op.name === 'dot') markDot(op as Op<'dot'>, facts);
}

function markDot(op: Op<'dot'>, facts: LaneFacts): void {
  const [a] = op.operands;
  const [result] = op.results;
  if (a === undefined || result === undefined) return;
  const { zero_a: _, zero_out: __, ...rest } = op.attrs;
  const [zeroA, zeroOut] = [triples(facts.zeros(a).zero), triples(facts.unused(result))];
  op.attrs = {
    ...rest,
    ...(zeroA.length > 0 ? { zero_a: zeroA } : {}),
    ...(zeroOut.length > 0 ? { zero_out: zeroOut } : {}),
  };
}

/** [p, q, s] for each half-plane p row + q column + s < 0. */
const triples = (region: Region): number[] => region.flatMap(({ coefs, constant }) => [...coefs, constant]);
