import type { InBit } from './algebra.js';
import { divideLeft } from './algebra.js';
import { bitsOf } from './gf2.js';
import type { Layout } from './layout.js';

/**
 * One ldmatrix or stmatrix (PTX ISA, "Warp-level matrix load instruction"): four 8x8 matrices of 16-bit elements, a row
 * being 16 bytes in shared memory, whose address lane l = 8*matrix + row supplies.
 */
export interface MatrixAccess {
  readonly form: 'plain' | 'trans';
  /** Byte offset that each bit of the address-supplying lane contributes: three row bits, then the matrix bits. */
  readonly addressBases: readonly number[];
  /** Register bits (of elements) that number the matrices; fewer than two where the fragment has fewer registers. */
  readonly matrixBits: readonly number[];
  /** Register bits that repeat the instruction, and the byte offset that each adds (XOR). */
  readonly repeat: readonly { readonly bit: number; readonly offset: number }[];
}

/**
 * Left division of a layout `offsets` (register elements and lanes to byte offsets) by the matrix tile; null where it
 * does not fit. Elements of 16 bits lie in pairs in a 32-bit register, register bit 0 choosing the half.
 */
export function divideByMatrix(offsets: Layout, elementBytes: 2 | 4, form: 'plain' | 'trans'): MatrixAccess | null {
  const tile = matrixTile(elementBytes, form);
  if (tile === null || divideLeft(offsets, tile, form === 'plain' ? byteField(elementBytes) : 15) === null) return null;
  const { register = [], lane = [] } = offsets.ins;
  const halves = elementBytes === 2 ? 1 : 0;
  if (register.length < halves || lane.length !== 5) return null;
  const left = [...register.keys()].slice(halves);
  const matrixBits = left.slice(0, 2);
  const rows = form === 'plain' ? lane.slice(2, 5) : [register[0] ?? 0, lane[0] ?? 0, lane[1] ?? 0];
  return {
    form,
    addressBases: [...rows, ...matrixBits.map((b) => register[b] ?? 0)],
    matrixBits,
    repeat: left.slice(2).map((bit) => ({ bit, offset: register[bit] ?? 0 })),
  };
}

/** Byte bits 0..3 that no other basis may touch; those below the element are never touched. */
const byteField = (elementBytes: number): number => 16 - elementBytes;

function matrixTile(elementBytes: 2 | 4, form: 'plain' | 'trans'): InBit[] | null {
  if (form === 'trans')
    return elementBytes === 2 ? bitsOf(0b11100).map((bit) => ({ dim: 'lane', bit, image: 2 ** (bit - 1) })) : null;
  const words: InBit[] = [
    { dim: 'lane', bit: 0, image: 4 },
    { dim: 'lane', bit: 1, image: 8 },
  ];
  return elementBytes === 2 ? [{ dim: 'register', bit: 0, image: 2 }, ...words] : words;
}
