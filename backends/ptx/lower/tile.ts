import type { DType } from '../../../compiler/ir/types.js';
import { is16Bit } from '../../../compiler/ir/types.js';
import { type Layout, registerCount } from '../../../compiler/layout/layout.js';
import { imm, type Operand, type Reg } from '../isa/operand.js';
import type { Emitter } from './emitter.js';
import { packPair, unpackHalf } from './halves.js';

/**
 * A tile in the registers of a thread, computed on demand: nothing is emitted until somebody asks for a register, so
 * live ranges follow the consumer (the k-loop of a dot, the vectors of a store). Results are remembered as long as the
 * scope in which they were computed is open.
 */
export interface Tile {
  readonly dtype: DType;
  readonly layout: Layout;
  readonly registers: number;
  /** Made in pairs: `pair` costs nothing, `lane` unpacks. */
  readonly packed: boolean;
  /** Register r: f32 for every float dtype (of a 16-bit one perhaps unrounded), s32 or u32, a predicate for i1. */
  lane(r: number): Operand;
  /** 16-bit floats only: registers 2i and 2i+1, rounded to the dtype, the first in the low half. */
  pair(i: number): Reg;
  /** Computes everything now, in the form in which it is made. */
  force(): void;
}

/** How the registers of a tile are made: one by one, or, of 16-bit floats, in pairs. */
export type Maker = { readonly lane: (r: number) => Operand } | { readonly pair: (i: number) => Reg };

export function makeTile(e: Emitter, dtype: DType, layout: Layout, from: Maker): Tile {
  const registers = registerCount(layout);
  const inPairs = 'pair' in from;
  const lane = remembered(e, inPairs ? (r: number) => unpackHalf(e, tile.pair(r >> 1), r & 1, dtype) : from.lane);
  const other = (r: number): Operand => (r < registers ? tile.lane(r) : imm(0));
  const pair = remembered(e, inPairs ? from.pair : (i: number) => packPair(e, other(2 * i), other(2 * i + 1), dtype));
  const tile: Tile = {
    dtype,
    layout,
    registers,
    packed: inPairs,
    lane,
    pair,
    force: () => {
      if (inPairs) for (let i = 0; 2 * i < registers; i++) pair(i);
      else for (let r = 0; r < registers; r++) lane(r);
    },
  };
  return tile;
}

/** What is computed inside a scope (a loop's body, a branch) is forgotten when that ends: it does not reach further. */
function remembered<T>(e: Emitter, make: (i: number) => T): (i: number) => T {
  const known: (T | undefined)[] = [];
  return (i) => {
    const before = known[i];
    if (before !== undefined) return before;
    const made = make(i);
    known[i] = made;
    e.forgetOnLeave(known, i);
    return made;
  };
}

/** Registers as bits in memory: 16-bit floats two to a word, everything else one. */
export const wordsOf = (t: Tile): readonly Operand[] =>
  is16Bit(t.dtype)
    ? Array.from({ length: Math.ceil(t.registers / 2) }, (_, i) => t.pair(i))
    : Array.from({ length: t.registers }, (_, r) => t.lane(r));
