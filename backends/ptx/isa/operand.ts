/** Classes of virtual registers. A 32-bit register is `.b32` whatever it holds: instructions give bits their meaning. */
export type RegClass = 'pred' | 'b16' | 'b32' | 'b64';

/** A virtual register of the builder that made it. `id` counts within its class. */
export interface Reg {
  readonly kind: 'reg';
  readonly cls: RegClass;
  readonly id: number;
}

/** An integer immediate, or the bits of anything. */
export interface Imm {
  readonly kind: 'imm';
  readonly value: number | bigint;
}

/** A floating-point immediate, rounded to f32 where it is printed. */
export interface FloatImm {
  readonly kind: 'f32';
  readonly value: number;
}

export type Operand = Reg | Imm | FloatImm;

/** `[base + offset]`, offset in bytes. A string names a parameter of the entry, or shared memory (`LAC_SHARED`). */
export interface Address {
  readonly kind: 'address';
  readonly base: Reg | string;
  readonly offset: number;
}

/** A place in the program, of the builder that made it. */
export interface Label {
  readonly kind: 'label';
  readonly name: string;
}

/** The dynamic shared memory of the block; printed programs declare it where they use it. */
export const LAC_SHARED = 'lac_shared';

export const imm = (value: number | bigint): Imm => ({ kind: 'imm', value });
export const f32 = (value: number): FloatImm => ({ kind: 'f32', value });
export const at = (base: Reg | string, offset = 0): Address => ({ kind: 'address', base, offset });

const word = new DataView(new ArrayBuffer(4));

/** The 32 bits of a number rounded to f32. */
export function f32Bits(value: number): number {
  word.setFloat32(0, value);
  return word.getUint32(0);
}

/** The number whose f32 bits these are. */
export function f32OfBits(bits: number): number {
  word.setUint32(0, bits);
  return word.getFloat32(0);
}
