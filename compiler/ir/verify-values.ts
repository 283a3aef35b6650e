import type { Code } from '../diag/codes.js';
import { basesOf, isSurjective } from '../layout/layout.js';
import { LIMITS } from './limits.js';
import type { AnyOp, Op, Value } from './module.js';
import { type DType, isFloat, sizeOf, type Type, typeText } from './types.js';

export interface Fault {
  readonly code: Code;
  readonly message: string;
}

/** Ranks, extents and sizes. */
export function typeFault(t: Type): Fault | null {
  const limit = (message: string): Fault => ({ code: 'LAC0402', message });
  if (t.kind === 'view') {
    if (t.dtype === 'i1') return { code: 'LAC0405', message: 'masks are not stored in tensors' };
    if (t.extents.length > LIMITS.viewRank) return limit(`${typeText(t)} has a rank over ${LIMITS.viewRank}`);
    const bad = t.extents.some((e) => e !== null && !(Number.isInteger(e) && e >= 0 && e < 2 ** 31));
    return bad ? limit(`${typeText(t)} has an extent that is no i32`) : null;
  }
  if (t.kind === 'buffer' && t.dtype === 'i1') return { code: 'LAC0405', message: 'masks are not stored in buffers' };
  if (t.kind === 'buffer' && !(t.slots >= 1 && t.slots <= LIMITS.slots))
    return limit(`${typeText(t)} has a number of slots outside of 1..${LIMITS.slots}`);
  if (t.shape.length > LIMITS.tileRank) return limit(`${typeText(t)} has a rank over ${LIMITS.tileRank}`);
  if (t.shape.some((e) => !Number.isInteger(e) || e < 1 || e > LIMITS.tileExtent))
    return limit(`${typeText(t)} has an extent outside of 1..${LIMITS.tileExtent}`);
  if (sizeOf(t.shape) > LIMITS.tileElements) return limit(`${typeText(t)} has over ${LIMITS.tileElements} elements`);
  return null;
}

/** A layout has the shape of its tile, bases inside of it, and reaches every element (its bases have full rank). */
export function layoutFault(v: Value): string | null {
  if (v.layout === undefined) return null;
  if (v.type.kind !== 'tile') return `a ${v.type.kind} has no layout`;
  const { shape } = v.layout;
  if (
    shape.length !== v.type.shape.length ||
    shape.some((e, i) => e !== (v.type as { shape: readonly number[] }).shape[i])
  )
    return `the layout is for [${shape.join(', ')}], the tile ${typeText(v.type)}`;
  if (shape.some((e) => Math.log2(e) % 1 !== 0))
    return `${typeText(v.type)} has a layout, but extents that are no powers of two`;
  const size = sizeOf(shape);
  const bases = basesOf(v.layout);
  if (bases.length > 31) return `the layout has ${bases.length} hardware bits; 31 are the most`;
  if (bases.some((b) => !Number.isInteger(b) || b < 0 || b >= size)) return 'a layout basis lies outside of the tile';
  return isSurjective(v.layout) ? null : 'the layout does not reach every element of the tile';
}

/** What the type rule of an op does not see in its attributes. Attributes are of the right kind already. */
export function attrFault(op: Op): string | null {
  const typed = op as AnyOp;
  const type = op.results[0]?.type ?? op.operands[0]?.type;
  switch (typed.name) {
    case 'const':
      return type === undefined ? null : literalFault(typed.attrs.value, type.dtype);
    case 'load':
      return type === undefined ? null : (literalFault(typed.attrs.pad, type.dtype) ?? accessFault(typed.attrs));
    case 'gather':
      return type === undefined ? null : (literalFault(typed.attrs.pad, type.dtype) ?? accessFault(typed.attrs));
    case 'store':
    case 'get':
    case 'atomic_add':
    case 'scatter':
    case 'scatter_add':
    case 'slice':
    case 'insert':
    case 'take':
      return accessFault(typed.attrs);
    case 'expand':
      return typed.attrs.axis >= 0 ? null : `axis ${typed.attrs.axis} is negative`;
    case 'smem_copy':
      return accessFault(typed.attrs);
    case 'smem_alloc':
      return allocFault(typed.attrs);
    case 'smem_wait':
      return typed.attrs.left >= 0 ? null : `${typed.attrs.left} groups left`;
    case 'for':
      return (typed.attrs.stages ?? 1) >= 1 ? null : `${typed.attrs.stages} stages`;
    default:
      return null;
  }
}

/** Floats may hold more digits than their dtype: the f64 interpreter keeps them. */
function literalFault(value: number, dtype: DType): string | null {
  const [low, high] = dtype === 'i1' ? [0, 1] : dtype === 'u32' ? [0, 2 ** 32 - 1] : [-(2 ** 31), 2 ** 31 - 1];
  const fits = isFloat(dtype) || (Number.isInteger(value) && value >= low && value <= high);
  return fits ? null : `${value} is no ${dtype}`;
}

function accessFault(attrs: { valid?: readonly number[]; offset_bits?: number }): string | null {
  if (attrs.offset_bits !== undefined && attrs.offset_bits !== 32 && attrs.offset_bits !== 64)
    return `offset_bits is ${attrs.offset_bits}, not 32 or 64`;
  return attrs.valid?.some((n) => n < 0) ? 'valid has a negative extent' : null;
}

function allocFault({ swizzle, offset }: { swizzle?: readonly number[]; offset?: number }): string | null {
  if (offset !== undefined && offset < 0) return `offset ${offset} is negative`;
  const [chunkBytes = 16, a = 0, m = 0, s = 0] = swizzle ?? [];
  const fine = [4, 8, 16].includes(chunkBytes) && a >= 0 && a < 31 && m >= 0 && m < 32 && s >= 0 && s < 8;
  return fine ? null : `[${swizzle?.join(', ')}] is no swizzle: [chunk bytes of 4, 8 or 16, a, m, s]`;
}
