/** Element types of tiles. `i1` is a mask; comparison results have it. */
export const DTYPES = ['i1', 'i32', 'u32', 'f16', 'bf16', 'f32'] as const;
export type DType = (typeof DTYPES)[number];

/** A value of rank 0 to 3. Extents are compile-time integers >= 1. A scalar is a tile of rank 0: it is uniform over the program. */
export interface TileType {
  readonly kind: 'tile';
  readonly dtype: DType;
  readonly shape: readonly number[];
}

export type Access = 'in' | 'out' | 'inout';

/** A strided window on an argument. `null` is an extent known at run time only. Strides are run-time values, in elements. */
export interface ViewType {
  readonly kind: 'view';
  readonly dtype: DType;
  readonly access: Access;
  readonly extents: readonly (number | null)[];
}

/** Tiles in shared memory: `slots` of them, of one shape, for copies in flight and values that outlive an iteration. */
export interface BufferType {
  readonly kind: 'buffer';
  readonly dtype: DType;
  readonly slots: number;
  readonly shape: readonly number[];
}

export type Type = TileType | ViewType | BufferType;

export const tileType = (dtype: DType, shape: readonly number[]): TileType => ({ kind: 'tile', dtype, shape });
export const scalarType = (dtype: DType): TileType => tileType(dtype, []);
export const viewType = (dtype: DType, access: Access, extents: readonly (number | null)[]): ViewType => ({
  kind: 'view',
  dtype,
  access,
  extents,
});

export const bufferType = (dtype: DType, slots: number, shape: readonly number[]): BufferType => ({
  kind: 'buffer',
  dtype,
  slots,
  shape,
});

/** Floats that are narrower than the f32 in which they are computed. */
export const is16Bit = (d: DType): d is 'f16' | 'bf16' => d === 'f16' || d === 'bf16';
export const isFloat = (d: DType): boolean => d === 'f32' || is16Bit(d);
export const isInt = (d: DType): boolean => d === 'i32' || d === 'u32';
/** Bytes of one element in a tensor. Masks are never stored in tensors. */
export const bytesOf = (d: DType): number => (is16Bit(d) ? 2 : 4);
export const sizeOf = (shape: readonly number[]): number => shape.reduce((n, x) => n * x, 1);

export const sameShape = (a: readonly number[], b: readonly number[]): boolean =>
  a.length === b.length && a.every((x, i) => x === b[i]);

export function sameType(a: Type, b: Type): boolean {
  if (a.kind === 'tile') return b.kind === 'tile' && a.dtype === b.dtype && sameShape(a.shape, b.shape);
  if (a.kind === 'buffer')
    return b.kind === 'buffer' && a.dtype === b.dtype && a.slots === b.slots && sameShape(a.shape, b.shape);
  return (
    b.kind === 'view' &&
    a.dtype === b.dtype &&
    a.access === b.access &&
    a.extents.length === b.extents.length &&
    a.extents.every((x, i) => x === b.extents[i])
  );
}

/** `f32`, `tile<64x32xf32>`, `view<in ?x?x64xbf16>`, `buf<2x64x32xbf16>` (slots first): the text that the grammar reads. */
export function typeText(t: Type): string {
  if (t.kind === 'buffer') return `buf<${[t.slots, ...t.shape].map((e) => `${e}x`).join('')}${t.dtype}>`;
  if (t.kind === 'view') return `view<${t.access} ${t.extents.map((e) => `${e ?? '?'}x`).join('')}${t.dtype}>`;
  return t.shape.length === 0 ? t.dtype : `tile<${t.shape.map((e) => `${e}x`).join('')}${t.dtype}>`;
}
