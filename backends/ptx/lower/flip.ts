import { independent, solver } from '../../../compiler/layout/gf2.js';
import { imm, type Operand, type Reg } from '../isa/operand.js';
import type { Emitter, ThreadBases } from './emitter.js';

/** Registers of a thread as 32-bit operands, by number. */
export type Registers = (r: number) => Operand;

const LANE_BITS = 5;

/**
 * Register r of the result is register r ^ F of `from`, where F is the XOR of the bases of the bits that are set in the
 * thread's lane and warp number. Of k independent bases a register takes k selects; each select serves all registers that
 * differ in it, so that nothing is computed twice.
 */
export function flipped(e: Emitter, from: Registers, bases: ThreadBases): Registers {
  const perBit = [...Array.from({ length: LANE_BITS }, (_, i) => bases.lane[i] ?? 0), ...bases.warp];
  const frame = independent(perBit).map((i) => perBit[i] ?? 0);
  const coordinates = solver(frame);
  const masks = frame.map((_, j) =>
    perBit.reduce((mask, v, bit) => mask | ((((coordinates(v) ?? 0) >>> j) & 1) << bit), 0),
  );
  return frame.reduce<Registers>((registers, vector, j) => {
    const odd = oddBits(e, masks[j] ?? 0);
    const made = new Map<number, Operand>();
    return (r) => {
      const known = made.get(r);
      if (known !== undefined) return known;
      const chosen = e.b.op('selp.b32', registers(r ^ vector), registers(r), odd);
      made.set(r, chosen);
      return chosen;
    };
  }, from);
}

/** An odd number of the masked bits of the thread index are set. */
function oddBits(e: Emitter, mask: number): Reg {
  const { b } = e;
  const bits = b.op('and.b32', e.tid(), imm(mask));
  if ((mask & (mask - 1)) === 0) return b.op('setp.ne.u32', bits, imm(0));
  return b.op('setp.ne.u32', b.op('and.b32', b.op('popc.b32', bits), imm(1)), imm(0));
}
