/**
 * Enters: `inline` regions, the bodies of called functions at their calls. Leaves: their ops in the place of the call,
 * each with the chain of calls in its location. Sound: an `inline` region runs exactly once, where it stands, and sees
 * every value that its op sees; its results are the operands of its yield.
 */
import { Bug } from '../diag/diagnostic.js';
import type { Block, Loc, Op } from '../ir/module.js';
import { Substitution, yieldOf } from '../ir/rewrite.js';
import type { Pass } from './pass.js';

export const inline: Pass = {
  name: 'inline',
  summary: 'Puts the bodies of called functions in the place of their calls.',
  requires: [],
  run(kernel) {
    const replaced = new Substitution();
    spliceBlock(kernel.body, replaced);
    replaced.apply(kernel);
  },
};

function spliceBlock(block: Block, replaced: Substitution): void {
  for (const op of block.ops) for (const region of op.regions) spliceBlock(region, replaced);
  if (!block.ops.some((op) => op.name === 'inline')) return;
  block.ops = block.ops.flatMap((op) => (op.name === 'inline' ? splice(op, replaced) : [op]));
}

function splice(call: Op, replaced: Substitution): Op[] {
  const [body] = call.regions;
  const end = body === undefined ? null : yieldOf(body);
  if (body === undefined || end === null) throw new Bug('inline without a region that yields');
  call.results.forEach((v, i) => {
    const value = end.operands[i];
    if (value === undefined) throw new Bug('inline yields too few values');
    if (v.hint !== undefined) value.hint ??= v.hint;
    replaced.set(v, value);
  });
  const ops = body.ops.slice(0, -1);
  const callee = (call.attrs as { callee: string }).callee;
  for (const op of ops) addCall(op, callee, call.loc);
  return ops;
}

/** Also below `op`: the regions of an inlined loop came with the same call. */
function addCall(op: Op, callee: string, caller: Loc | null): void {
  op.loc = op.loc === null ? caller : calledFrom(op.loc, callee, caller);
  for (const region of op.regions) for (const inner of region.ops) addCall(inner, callee, caller);
}

/** The chain of `loc`, with the call behind its outermost link. */
function calledFrom(loc: Loc, callee: string, caller: Loc | null): Loc {
  if (loc.caller !== undefined) return { ...loc, caller: calledFrom(loc.caller, callee, caller) };
  return caller === null ? { ...loc, callee } : { ...loc, callee, caller };
}
