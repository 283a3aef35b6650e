import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Op } from '../../../compiler/ir/module.js';
import { imm } from '../isa/operand.js';
import type { Run } from './axis-bits.js';
import { Combining, type Lane, withBits } from './combine.js';
import type { EmitBlock } from './control.js';
import type { Emitter } from './emitter.js';
import { butterfly } from './shuffle.js';
import { acrossWarps } from './warp-lanes.js';

/**
 * Blocks of 2^k positions are joined with their neighbours, k rising, the one before on the left: within a thread as a
 * tree, then between two lanes, which both compute the same, then over warps, where each thread folds what all have.
 */
export function emitReduceBy(e: Emitter, op: Op<'reduce_by'>, emitBlock: EmitBlock): void {
  const c = new Combining(e, op, emitBlock, () => true);
  let blocks: Blocks = new Map(Array.from({ length: c.registers }, (_, r) => [r, () => c.lane(r)]));
  for (const run of c.runs) {
    if (run.dim === 'register') blocks = joinRegisters(c, run, blocks);
    else if (run.dim === 'lane') blocks = joinLanes(c, run, blocks);
    else blocks = joinWarps(c, run, blocks);
  }
  const { registers, layout } = c.rest;
  const lanes = registers.map((r) => blockAt(blocks, r));
  for (const [i, v] of op.results.entries()) c.laidOut(v, i, layout, lanes);
}

/** Blocks by the register of their first position. */
type Blocks = Map<number, () => Lane>;

function blockAt(blocks: Blocks, r: number): Lane {
  const block = blocks.get(r);
  if (block === undefined) throw new Bug('reduce_by: a block that nobody has');
  return block();
}

/** All of them, in order; `start(i)`: where block i begins. */
function fold(c: Combining, parts: readonly Lane[], starts: readonly number[], above: number): Lane {
  const [first] = parts as [Lane];
  if (parts.length === 1) return first;
  const half = parts.length >> 1;
  const [left, right] = [
    fold(c, parts.slice(0, half), starts.slice(0, half), above),
    () => fold(c, parts.slice(half), starts.slice(half), above),
  ];
  return c.choose(c.present(starts[half] as number, above), () => c.combine(left, right()), left);
}

function joinRegisters(c: Combining, { bits, below }: Run, blocks: Blocks): Blocks {
  const mask = bits.reduce((m, bit) => m | (1 << bit), 0);
  const joined: Blocks = new Map();
  for (const r of blocks.keys()) {
    if ((r & mask) !== 0) continue;
    const members = withBits(r, bits);
    const parts = members.map((m) => blockAt(blocks, m));
    const starts = members.map((m) => c.positionOf(m));
    const made = fold(c, parts, starts, below + bits.length);
    joined.set(r, () => made);
  }
  return joined;
}

function joinLanes(c: Combining, { bits, below }: Run, blocks: Blocks): Blocks {
  const { b } = c.e;
  let joined = blocks;
  bits.forEach((bit, i) => {
    const set = b.op('setp.ne.u32', b.op('and.b32', c.e.tid(), imm(2 ** bit)), imm(0));
    const before = joined;
    joined = new Map();
    for (const r of before.keys()) {
      const own = blockAt(before, r);
      const takes = c.present(c.positionOf(r) + 2 ** (below + i), below + i + 1);
      const other = c.map(own, (x) => butterfly(c.e, x, 2 ** bit));
      const left = c.choose(set, () => other, own);
      const both = c.choose(
        takes,
        () =>
          c.combine(
            left,
            c.choose(set, () => own, other),
          ),
        left,
      );
      joined.set(r, () => both);
    }
  });
  return joined;
}

function joinWarps(c: Combining, run: Run, blocks: Blocks): Blocks {
  const { below, bits } = run;
  const registers = [...blocks.keys()];
  const parts = acrossWarps(
    c,
    run,
    registers.map((r) => blockAt(blocks, r)),
  );
  return new Map(
    registers.map((r, i) => {
      const lanes = parts[i] as Lane[];
      const starts = lanes.map((_, n) => c.positionOf(r) + n * 2 ** below);
      const made = fold(c, lanes, starts, below + bits.length);
      return [r, () => made];
    }),
  );
}
