import { supports } from '../isa/instructions.js';
import { imm, type Operand } from '../isa/operand.js';
import type { Emitter } from './emitter.js';
import { inRegister } from './halves.js';
import { makeTile, type Tile } from './tile.js';

/** An f32 tile in tf32: the nearest, and what that leaves where it is wanted. */
interface Parts {
  readonly big: Tile;
  readonly rest: Tile | null;
}

/** Bits of an f32 that tf32 has, and half of what the last of them is worth. */
const KEPT = 0xffffe000;
const HALF = 0x1000;

/** ptxas makes one instruction of this, and four of `cvt.rna`. */
const hasNearest = (e: Emitter): boolean => supports(e.target, 'cvt.rn.tf32.f32');

export const rounded = (e: Emitter, t: Tile): Parts => ({
  big: lanes(e, t, (x) => e.b.op(hasNearest(e) ? 'cvt.rn.tf32.f32' : 'cvt.rna.tf32.f32', x)),
  rest: null,
});

/**
 * Both parts. What is left is exact, and has at most 12 significant bits: `mma` takes 11 and ignores the others, as ptxas has
 * it do in what it makes of `cvt.rna`, so that rounding it would be no nearer.
 */
export function split(e: Emitter, t: Tile): Parts {
  const big = hasNearest(e) ? rounded(e, t).big : lanes(e, t, (x) => nearestFinite(e, x));
  return { big, rest: makeTile(e, 'f32', t.layout, { lane: (r) => e.b.op('sub.f32', t.lane(r), big.lane(r)) }) };
}

/** Of NaN it may make a number; what that leaves of NaN is NaN. */
const nearestFinite = (e: Emitter, x: Operand): Operand =>
  e.b.op('and.b32', e.b.op('add.u32', inRegister(e, x), imm(HALF)), imm(KEPT));

const lanes = (e: Emitter, t: Tile, f: (x: Operand) => Operand): Tile =>
  makeTile(e, 'f32', t.layout, { lane: (r) => f(t.lane(r)) });
