import { indexParts } from '../../../compiler/layout/axes.js';
import type { Layout } from '../../../compiler/layout/layout.js';
import { imm, type Operand } from '../isa/operand.js';
import type { Emitter, ThreadBases } from './emitter.js';
import { xor32 } from './integers.js';
import { and, below, type Truth } from './truth.js';

/** Positions in a tile along one axis: that of register r is thread XOR registers[r]. */
export interface Positions {
  readonly bases: ThreadBases;
  readonly thread: Operand;
  readonly registers: readonly number[];
  /** XOR is a sum: the parts of the thread and of the registers meet in no bit. */
  readonly disjoint: boolean;
  /** Positions from here on are padding that the compiler added. */
  readonly limit: number;
  /** Bits that threads may contribute. */
  readonly reach: number;
}

export function positionsAlong(
  e: Emitter,
  layout: Layout,
  axis: number,
  valid: readonly number[] | undefined,
): Positions {
  const { register, laneBases, warpBases, disjoint } = indexParts(layout, axis);
  const bases = { lane: laneBases, warp: warpBases };
  return {
    bases,
    thread: e.threadPart(bases),
    registers: register,
    disjoint,
    limit: valid?.[axis] ?? layout.shape[axis] ?? 1,
    reach: [...laneBases, ...warpBases].reduce((m, x) => m | x, 0),
  };
}

/** Position < limit, at a constant of the registers: decided by the register alone where all threads agree. */
export function belowLimit(e: Emitter, p: Positions, constant: number): Truth {
  const least = constant & ~p.reach;
  if ((constant | p.reach) < p.limit) return true;
  return least >= p.limit ? false : below(e.b, xor32(e.b, p.thread, imm(constant)), imm(p.limit));
}

/** Whether the element of a register is one of the tile's own, before it was padded. */
export function validAt(e: Emitter, layout: Layout, valid: readonly number[] | undefined): (register: number) => Truth {
  if (valid === undefined) return () => true;
  const axes = layout.shape.map((_, axis) => positionsAlong(e, layout, axis, valid));
  const memo = new Map<string, Truth>();
  return (register) => {
    const constants = axes.map((p) => p.registers[register] ?? 0);
    const key = constants.join(' ');
    const made = memo.get(key) ?? and(e.b, ...axes.map((p, i) => belowLimit(e, p, constants[i] ?? 0)));
    memo.set(key, made);
    return made;
  };
}
