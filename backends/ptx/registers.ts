import { diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import { type Block, type Kernel, type Op, type Value, walk } from '../../compiler/ir/module.js';
import { isLoop, loopParts, yielded } from '../../compiler/ir/rewrite.js';
import { is16Bit } from '../../compiler/ir/types.js';
import { registerCount } from '../../compiler/layout/layout.js';
import { isElementwise } from '../../compiler/ops/table.js';
import { isLazy } from './lower/lazy.js';
import { type Streamed, streamedScans } from './streamed-scans.js';
import { REGISTERS_PER_THREAD } from './target.js';

/** What addresses, counters and scalars take in most kernels: ptxas finds them in the gaps, but not in none. */
const OTHERS = 16;

/** Whether registers may lie in memory: none; as many as the prediction may be off by; all that ptxas takes. */
export type Spills = 'none' | 'some' | 'any';
const MOST: Readonly<Record<Spills, number>> = {
  none: REGISTERS_PER_THREAD,
  some: 2 * REGISTERS_PER_THREAD,
  any: 2048,
};

/**
 * Refuses a kernel whose tiles alone need more registers than a thread has (LAC0503): the driver would keep them in
 * memory, many times slower than a smaller block. Counted are tiles that are computed where they stand (loads, sums,
 * carried values), from there to the last op that reads them, directly or through what is computed on demand; of a scan
 * that a fold takes in line by line, the fold.
 *
 * Where `any` may lie in memory, that is a number for which the program is still assembled in reasonable time: every op on
 * a tile is an instruction a register.
 */
export function checkRegisters(kernel: Kernel, spills: Spills): void {
  const { need, op } = predictRegisters(kernel);
  const limit = MOST[spills];
  if (need + OTHERS <= limit) return;
  throw new LacError(
    diagnostic(
      'LAC0503',
      `${kernel.name} holds tiles of ${need} registers a thread at one time, a thread has ${REGISTERS_PER_THREAD}`,
      op?.loc?.span ?? null,
      { help: ['use a smaller block, or more warps'], exceeds: { need: need + OTHERS, limit } },
    ),
  );
}

export const predictRegisters = (kernel: Kernel): Peak => mostRegisters(kernel.body, 0);

/** Predicted registers of a thread that there are not. */
export const missingRegisters = ({ need }: Peak): number => Math.max(0, need + OTHERS - REGISTERS_PER_THREAD);

export interface Peak {
  readonly need: number;
  readonly op: Op | null;
}

/** The most that is live at one op of the block or of the regions below, on top of `outside`. */
function mostRegisters(block: Block, outside: number): Peak {
  const streams = streamedScans(block);
  const last = lastDemands(block, streams);
  const ends = new Map<number, number>();
  const counted = new Set<Value>();
  let live = outside;
  let peak: Peak = { need: outside, op: null };
  const hold = (words: number, end: number): void => {
    live += words;
    ends.set(end, (ends.get(end) ?? 0) + words);
  };
  const begin = (v: Value, at: number): void => {
    const words = wordsOf(v);
    const end = last.get(v) ?? -1;
    if (words === 0 || end <= at) return;
    hold(words, end);
    counted.add(v);
  };
  for (const v of block.args) begin(v, -1);
  block.ops.forEach((op, i) => {
    const streamed = streams.get(op);
    const isMade = isHeld(op) && streamed === undefined;
    const made = isMade ? op.results.reduce((n, v) => n + wordsOf(v), 0) : 0;
    const again = Math.min(
      ends.get(i) ?? 0,
      reused(op).reduce((n, v) => (last.get(v) === i && (counted.has(v) || isComputed(v)) ? n + wordsOf(v) : n), 0),
    );
    const inside = op.regions.map((region) => mostRegisters(region, isLoop(op) ? live - again : live));
    for (const p of [{ need: live + made - again, op }, ...inside]) if (p.need > peak.need) peak = p;
    live -= ends.get(i) ?? 0;
    if (streamed !== undefined) hold(streamed.words, streamed.last);
    if (isMade) for (const v of op.results) begin(v, i);
  });
  return peak;
}

/**
 * Operands whose registers results take over, if nobody reads them afterwards: a product adds to its accumulator where
 * that lies, a scan and an insertion put their lanes where the operand's were, a loop carries its initial values on, a
 * branch passes values through.
 */
function reused(op: Op): readonly Value[] {
  if (op.name === 'dot') return op.operands.slice(2);
  if (op.name === 'scan' || op.name === 'scan_by') return op.operands;
  if (op.name === 'insert') return op.operands.slice(0, 1);
  const passed = isLoop(op) ? loopParts(op).inits : op.regions.flatMap((region) => yielded(region));
  const inside = isLoop(op) ? op.regions.flatMap((region) => [...walk(region)]) : [];
  const demanded = new Set<Value>();
  for (const x of inside) for (const v of x.operands) demand(v, demanded);
  return [...new Set(passed.map(renamedFrom))].filter((v) => !demanded.has(v));
}

/** Adds a value, and what it is computed from on demand. */
function demand(v: Value, demanded: Set<Value>): void {
  if (demanded.has(v)) return;
  demanded.add(v);
  if (v.def.kind === 'op' && isLazy(v.def)) for (const x of v.def.operands) demand(x, demanded);
}

/** The value whose registers these are under another name. */
function renamedFrom(v: Value): Value {
  const op = v.def.kind === 'op' ? v.def : null;
  const isName = op?.name === 'trans' || op?.name === 'reshape' || (op?.name === 'convert' && isLazy(op));
  return op !== null && isName ? renamedFrom(op.operands[0] as Value) : v;
}

/** Made on demand from something that is held: lane by lane, in the place of that. */
const isComputed = (v: Value): boolean => v.def.kind === 'op' && isElementwise(v.def.name);

const isHeld = (op: Op): boolean => !isLazy(op) || (op.attrs as { now?: boolean }).now === true;

function wordsOf(v: Value): number {
  if (v.layout === undefined || v.type.dtype === 'i1') return 0;
  return registerCount(v.layout) / (is16Bit(v.type.dtype) ? 2 : 1);
}

/** Position in the block of the last op that makes somebody ask for a value, through ops that compute on demand. */
function lastDemands(block: Block, streams: ReadonlyMap<Op, Streamed>): ReadonlyMap<Value, number> {
  const last = new Map<Value, number>();
  for (let i = block.ops.length - 1; i >= 0; i--) {
    const op = block.ops[i] as Op;
    const asked = isLazy(op) ? Math.max(-1, ...op.results.map((v) => last.get(v) ?? -1)) : i;
    const at = streams.get(op)?.fold ?? asked;
    for (const v of readBy(op)) last.set(v, Math.max(last.get(v) ?? -1, at));
  }
  return last;
}

function* readBy(op: Op): Generator<Value> {
  yield* op.operands;
  for (const region of op.regions) for (const inner of walk(region)) yield* inner.operands;
}
