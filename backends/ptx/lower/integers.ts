import type { PtxBuilder } from '../isa/builder.js';
import { type Imm, imm, type Operand, type Reg } from '../isa/operand.js';

/**
 * Integer arithmetic for addresses and positions. What is known while emitting stays an immediate: sums with 0 and
 * products with 1 cost nothing. The names give the width in bits; 32-bit results wrap.
 */

/** The number that an operand is known to be; null for a register. */
export function known(x: Operand): number | null {
  return x.kind === 'imm' ? Number(x.value) : null;
}

const isPowerOfTwo = (n: number): boolean => n > 0 && Number.isInteger(Math.log2(n));

export function add32(b: PtxBuilder, x: Operand, y: Operand): Operand {
  const [m, n] = [known(x), known(y)];
  if (m !== null && n !== null) return imm((m + n) | 0);
  if (m === 0) return y;
  return n === 0 ? x : m === null ? b.op('add.s32', x, y) : b.op('add.s32', y, x);
}

export function sub32(b: PtxBuilder, x: Operand, y: Operand): Operand {
  const [m, n] = [known(x), known(y)];
  if (m !== null && n !== null) return imm((m - n) | 0);
  return n === 0 ? x : b.op('sub.s32', x, y);
}

export function xor32(b: PtxBuilder, x: Operand, y: Operand): Operand {
  const [m, n] = [known(x), known(y)];
  if (m !== null && n !== null) return imm(m ^ n);
  if (m === 0) return y;
  return n === 0 ? x : m === null ? b.op('xor.b32', x, y) : b.op('xor.b32', y, x);
}

/**
 * Signed maxima and minima compare and select: for sm_90, ptxas 13.0 and the drivers of its time make one VIMNMX3 of two
 * nested ones, and lose the sign of an operand that is a negation (min(min(-a, -b), c) becomes min(min(-a, b), c)).
 * Seen on an H100 with driver 580.159, in Vulkan too; unsigned ones and those of floats are right.
 */
export function max32(b: PtxBuilder, x: Operand, y: Operand): Operand {
  const [m, n] = [known(x), known(y)];
  if (m !== null && n !== null) return imm(Math.max(m, n));
  return m === null ? b.op('selp.b32', x, y, b.op('setp.gt.s32', x, y)) : max32(b, y, x);
}

export function min32(b: PtxBuilder, x: Operand, y: Operand): Operand {
  const [m, n] = [known(x), known(y)];
  if (m !== null && n !== null) return imm(Math.min(m, n));
  return m === null ? b.op('selp.b32', x, y, b.op('setp.lt.s32', x, y)) : min32(b, y, x);
}

/** The smaller of a number, read without a sign, and a constant. */
export function min32u(b: PtxBuilder, x: Operand, most: number): Operand {
  const n = known(x);
  return n === null ? b.op('min.u32', x, imm(most)) : imm(Math.min(n >>> 0, most));
}

export function and32(b: PtxBuilder, x: Operand, mask: number): Operand {
  const n = known(x);
  return n === null ? b.op('and.b32', x, imm(mask)) : imm(n & mask);
}

/** A 32-bit number times a constant. */
export function scale32(b: PtxBuilder, x: Operand, factor: number): Operand {
  const n = known(x);
  if (n !== null) return imm(Math.imul(n, factor));
  if (factor === 1) return x;
  return isPowerOfTwo(factor) ? b.op('shl.b32', x, imm(Math.log2(factor))) : b.op('mul.lo.s32', x, imm(factor));
}

/** A sum of b64 registers and immediates. */
export function add64(b: PtxBuilder, x: Reg | Imm, y: Reg | Imm): Reg | Imm {
  const [m, n] = [known(x), known(y)];
  if (m !== null && n !== null) return imm(m + n);
  if (m === 0) return y;
  return n === 0 ? x : m === null ? b.op('add.s64', x, y) : b.op('add.s64', y, x);
}

/** A 32-bit signed number times a constant, in 64 bits. */
export function scale64(b: PtxBuilder, x: Operand, factor: number): Reg | Imm {
  const n = known(x);
  return n === null ? b.op('mul.wide.s32', x, imm(factor)) : imm(n * factor);
}

/** A b64 register times a constant. */
export function multiple64(b: PtxBuilder, x: Reg, factor: number): Reg | Imm {
  if (factor === 0) return imm(0);
  if (factor === 1) return x;
  return isPowerOfTwo(factor) ? b.op('shl.b64', x, imm(Math.log2(factor))) : b.op('mul.lo.s64', x, imm(factor));
}

/** A 32-bit signed number times a b64 register. */
export function product64(b: PtxBuilder, x: Operand, y: Reg): Reg | Imm {
  const n = known(x);
  return n === null ? b.op('mul.lo.s64', b.op('cvt.s64.s32', x), y) : multiple64(b, y, n);
}
