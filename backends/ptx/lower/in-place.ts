import { type Block, type Op, type Value, walk } from '../../../compiler/ir/module.js';
import { yielded } from '../../../compiler/ir/rewrite.js';
import { is16Bit } from '../../../compiler/ir/types.js';
import type { Operand, Reg } from '../isa/operand.js';
import { dtypeOf, type Emitter, isTileValue } from './emitter.js';

/** Registers that a result of a branch takes over from what one side hands on unchanged. */
export interface Takeover {
  /** The side that has nothing to do for this result; the other one writes over the registers. */
  readonly idle: Block;
  readonly registers: readonly Reg[];
}

/**
 * Null where the registers are not the value's own, or somebody reads them later. Accumulators need it: mma fixes where
 * they lie, and ptxas copied 42 of 64 of them in a kernel of 255 registers to where the other side had its result.
 */
export function takenOver(e: Emitter, op: Op<'if'>, result: number): Takeover | null {
  for (const idle of op.regions) {
    const value = yielded(idle)[result];
    if (value === undefined || !mayGive(value) || !isLastUse(e.kernel.body, value, op)) continue;
    const tile = e.tile(value);
    const registers = Array.from({ length: tile.registers }, (_, r) => tile.lane(r)).filter(isRegister);
    if (new Set(registers).size === tile.registers) return { idle, registers };
  }
  return null;
}

const isRegister = (x: Operand): x is Reg => x.kind === 'reg';

/** A tile made in registers that are no other value's, each a word. */
const mayGive = (v: Value): boolean =>
  isTileValue(v) && !is16Bit(dtypeOf(v)) && v.def.kind === 'op' && (v.def.name === 'dot' || v.def.name === 'if');

/** Made in the block of the branch, read nowhere but in the branch, and handed on as one result only. */
function isLastUse(body: Block, v: Value, branch: Op): boolean {
  const home = homeOf(branch, body);
  if (home === null || !home.ops.some((op) => op === v.def)) return false;
  const inside = new Set<Op>(branch.regions.flatMap((region) => [...walk(region)]));
  for (const op of walk(body)) if (op.operands.includes(v) && !inside.has(op)) return false;
  return branch.regions.flatMap(yielded).filter((x) => x === v).length === 1;
}

function homeOf(op: Op, block: Block): Block | null {
  if (block.ops.includes(op)) return block;
  for (const other of block.ops)
    for (const region of other.regions) {
      const home = homeOf(op, region);
      if (home !== null) return home;
    }
  return null;
}
