import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { Op, Value } from '../../../compiler/ir/module.js';
import { type DType, is16Bit } from '../../../compiler/ir/types.js';
import { type Origin, planDirect, type Select, type ShufflePlan } from '../../../compiler/layout/convert.js';
import { bitsOf } from '../../../compiler/layout/gf2.js';
import type { Layout } from '../../../compiler/layout/layout.js';
import { type PerThread, type ShuffleSchedule, scheduleShuffle } from '../../../compiler/layout/shuffle-schedule.js';
import { f32Bits, imm, type Operand, type Reg } from '../isa/operand.js';
import { type Emitter, layoutOf } from './emitter.js';
import { flipped, type Registers } from './flip.js';
import { inRegister } from './halves.js';
import { xor32 } from './integers.js';
import { renamedTile } from './rename.js';
import { makeTile, type Tile } from './tile.js';
import { truthOf } from './truth.js';

const CLAMP = imm(31);
export const ALL_LANES = imm(0xffffffff);

/** A conversion that needs no memory: registers are renamed, chosen, or shuffled in the warp. */
export function emitConvert(e: Emitter, op: Op<'convert'>): void {
  const result = op.results[0] as Value;
  e.setTile(result, convertedTile(e, e.tile(op.operands[0] as Value), layoutOf(result)));
}

export function convertedTile(e: Emitter, from: Tile, to: Layout): Tile {
  const plan = planDirect(from.layout, to, { elementBytes: is16Bit(from.dtype) ? 2 : 4 });
  switch (plan?.kind) {
    case 'rename':
      return renamedTile(e, from, to, plan.source);
    case 'select':
      return moved(e, from, to, plan, pairedSelect(plan), (p, words) => selected(e, p, words));
    case 'shuffle':
      return moved(e, from, to, plan, pairedShuffle(plan), (p, words) => shuffled(e, p, words));
    default:
      throw new Bug('a conversion that goes through memory is an smem_write and an smem_read');
  }
}

/** Words of the result from words of the operand; two 16-bit floats travel in one word where they stay together. */
function moved<P>(
  e: Emitter,
  from: Tile,
  to: Layout,
  plan: P,
  inPairs: P | null,
  move: (plan: P, words: Registers) => Operand[],
): Tile {
  if (is16Bit(from.dtype) && inPairs !== null) {
    const words = move(inPairs, (i) => from.pair(i));
    return makeTile(e, from.dtype, to, { pair: (i) => words[i] as Reg });
  }
  const words = move(plan, (r) => asWord(e, from.lane(r)));
  const lanes = words.map((x) => fromWord(e, x, from.dtype));
  return makeTile(e, from.dtype, to, { lane: (r) => lanes[r] as Operand });
}

/** A lane as 32 bits: predicates are 1 or 0. */
export function asWord(e: Emitter, x: Operand): Operand {
  if (x.kind === 'f32') return imm(f32Bits(x.value));
  return x.kind === 'reg' && x.cls === 'pred' ? e.b.op('selp.b32', imm(1), imm(0), x) : x;
}

export function fromWord(e: Emitter, x: Operand, d: DType): Operand {
  if (d !== 'i1') return x;
  return x.kind === 'reg' ? e.b.op('setp.ne.u32', x, imm(0)) : imm(truthOf(x) === true ? 1 : 0);
}

function selected(e: Emitter, plan: Select, words: Registers): Operand[] {
  const chosen = flipped(e, words, plan.flips);
  return plan.source.map((r) => chosen(r));
}

/** The plan for registers of pairs, where the halves of a word stay what they are; else null. */
function pairedSelect(plan: Select): Select | null {
  const { lane, warp } = plan.flips;
  if (plan.source.length < 2 || [...lane, ...warp].some((x) => (x & 1) !== 0)) return null;
  const whole = plan.source.every((s, r) => (r & 1 ? s === (plan.source[r - 1] ?? 0) + 1 : (s & 1) === 0));
  if (!whole) return null;
  const half = (list: readonly number[]): number[] => list.map((x) => x >> 1);
  return {
    ...plan,
    source: half(plan.source.filter((_, r) => (r & 1) === 0)),
    flips: { lane: half(lane), warp: half(warp), invocation: [] },
  };
}

function pairedShuffle(plan: ShufflePlan): ShufflePlan | null {
  const [low, ...rest] = plan.register;
  if (low?.register !== 1 || low.lane !== 0) return null;
  if ([...rest, ...plan.lane, ...plan.warp].some((o) => (o.register & 1) !== 0)) return null;
  const half = (list: readonly Origin[]): Origin[] => list.map((o) => ({ ...o, register: o.register >> 1 }));
  return { ...plan, register: half(rest), lane: half(plan.lane), warp: half(plan.warp) };
}

function shuffled(e: Emitter, plan: ShufflePlan, words: Registers): Operand[] {
  const schedule = scheduleShuffle(plan);
  return schedule === null ? shuffledInTurns(e, plan, words) : scheduled(e, schedule, words);
}

function scheduled(e: Emitter, s: ShuffleSchedule, words: Registers): Operand[] {
  const offered = flipped(e, words, s.offered);
  const arrived = s.offered.constants.map((register, q) => readLane(e, offered(register), s.source, q));
  const inOrder = flipped(e, (r) => arrived[r] as Reg, { lane: s.order, warp: [] });
  return arrived.map((_, r) => inOrder(r));
}

/** The word that the source lane of instruction q offers. */
function readLane(e: Emitter, offered: Operand, source: PerThread, q: number): Reg {
  const { b } = e;
  const constant = source.constants[q] ?? 0;
  const stays = source.lane.every((x, j) => x === 2 ** j) && source.warp.every((x) => x === 0);
  if (stays && constant === 0) return inRegister(e, offered);
  if (stays) return b.op('shfl.sync.bfly.b32', inRegister(e, offered), imm(constant), CLAMP, ALL_LANES);
  const lane = xor32(b, e.threadPart(source), imm(constant));
  return b.op('shfl.sync.idx.b32', inRegister(e, offered), lane, CLAMP, ALL_LANES);
}

/** Every register that some lane may want is offered in turn, and each lane keeps the one that it wants. */
function shuffledInTurns(e: Emitter, plan: ShufflePlan, words: Registers): Operand[] {
  const own = flipped(e, words, { lane: [], warp: plan.warp.map((o) => o.register) });
  const source = {
    lane: plan.lane.map((o, j) => o.lane ^ (2 ** j)),
    warp: plan.warp.map((o) => o.lane),
  };
  return Array.from({ length: 2 ** plan.register.length }, (_, r) => {
    const at = bitsOf(r).reduce(
      (x, i) => ({
        register: x.register ^ (plan.register[i]?.register ?? 0),
        lane: x.lane ^ (plan.register[i]?.lane ?? 0),
      }),
      { register: 0, lane: 0 },
    );
    const offered = (turn: number): Operand =>
      readLane(e, own(at.register ^ turn), { ...source, constants: [at.lane] }, 0);
    const kept = flipped(e, remember(offered), { lane: plan.lane.map((o) => o.register), warp: [] });
    return kept(0);
  });
}

function remember(f: Registers): Registers {
  const known = new Map<number, Operand>();
  return (r) => {
    const x = known.get(r) ?? f(r);
    known.set(r, x);
    return x;
  };
}

/** Word a of the lane whose number differs by these bits. */
export const butterfly = (e: Emitter, x: Operand, lanes: number): Reg =>
  e.b.op('shfl.sync.bfly.b32', inRegister(e, x), imm(lanes), CLAMP, ALL_LANES);
