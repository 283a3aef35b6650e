import { combine } from './gf2.js';
import { log2, tileBits } from './layout.js';

/**
 * Where the elements of a tile lie in shared memory. Rows are the last axis. `swizzle`: inside a row, chunk number c of
 * row r goes to c ^ (((r >> a) & m) << s). `padded`: `padBytes` unused bytes behind each row.
 */
export type Storage =
  | { readonly kind: 'plain' }
  | {
      readonly kind: 'swizzle';
      readonly chunkBytes: number;
      readonly a: number;
      readonly m: number;
      readonly s: number;
    }
  | { readonly kind: 'padded'; readonly padBytes: number };

/** Elements of the last axis, and how many such rows there are. */
export const rowExtent = (shape: readonly number[]): number => shape[shape.length - 1] ?? 1;
export const rowCount = (shape: readonly number[]): number => 2 ** tileBits(shape) / rowExtent(shape);

/** Byte offset of each bit of the tile index; null where storage is not linear. */
export function offsetBases(shape: readonly number[], elementBytes: number, storage: Storage): number[] | null {
  if (storage.kind === 'padded') return null;
  const rowBits = log2(rowExtent(shape));
  return Array.from({ length: tileBits(shape) }, (_, i) => {
    const straight = 2 ** i * elementBytes;
    if (storage.kind === 'plain' || i < rowBits) return straight;
    const row = 2 ** (i - rowBits);
    return straight ^ ((((row >>> storage.a) & storage.m) << storage.s) * storage.chunkBytes);
  });
}

/** The map from the tile index of an element to its byte offset. */
export function byteOffsets(
  shape: readonly number[],
  elementBytes: number,
  storage: Storage,
): (index: number) => number {
  if (storage.kind === 'padded') {
    const [rowBits, { padBytes }] = [log2(rowExtent(shape)), storage];
    return (index) => index * elementBytes + (index >>> rowBits) * padBytes;
  }
  const bases = offsetBases(shape, elementBytes, storage) ?? [];
  return (index) => combine(bases, index);
}

/** Bytes that the tile takes. */
export function storageBytes(shape: readonly number[], elementBytes: number, storage: Storage): number {
  const plain = 2 ** tileBits(shape) * elementBytes;
  return storage.kind === 'padded' ? plain + (rowCount(shape) - 1) * storage.padBytes : plain;
}

/** `[chunk bytes, a, m, s]` of an smem_alloc, as storage; absent: plain. */
export function storageOfSwizzle(swizzle: readonly number[] | undefined): Storage {
  if (swizzle === undefined) return { kind: 'plain' };
  const [chunkBytes = 16, a = 0, m = 0, s = 0] = swizzle;
  return { kind: 'swizzle', chunkBytes, a, m, s };
}

/** What keeps the slots of a buffer apart for accesses of every width. */
const SLOT_ALIGN = 128;

/** Bytes from one slot of a buffer to the next. */
export function bufferSlotBytes(shape: readonly number[], elementBytes: number, storage: Storage): number {
  return Math.ceil(storageBytes(shape, elementBytes, storage) / SLOT_ALIGN) * SLOT_ALIGN;
}
