import {
  type BufferType,
  isFloat,
  isInt,
  sameShape,
  sameType,
  scalarType,
  type TileType,
  type Type,
  tileType,
  typeText,
  viewType,
} from '../ir/types.js';
import { TypeRuleError, type TypeRuleInput } from './schema.js';

const fail = (message: string, operand = -1): never => {
  throw new TypeRuleError(message, operand);
};

/** Operand i as a tile. */
export function tileAt(input: TypeRuleInput, i: number): TileType {
  const t = input.operands[i];
  if (t === undefined) return fail(`operand ${i} is missing`, i);
  return t.kind === 'tile' ? t : fail(`operand ${i} must be a tile, is ${typeText(t)}`, i);
}

function count(input: TypeRuleInput, min: number, max = min): void {
  const n = input.operands.length;
  if (n < min || n > max) fail(`takes ${min === max ? min : `${min} to ${max}`} operands, has ${n}`);
}

function declaredTile(input: TypeRuleInput): TileType {
  const t = input.declared?.[0];
  if (t === undefined || input.declared?.length !== 1) return fail('needs one result type');
  return t.kind === 'tile' ? t : fail(`result must be a tile, is ${typeText(t)}`);
}

function scalarI32(input: TypeRuleInput, i: number): void {
  const t = tileAt(input, i);
  if (t.dtype !== 'i32' || t.shape.length !== 0) fail(`operand ${i} must be an i32 scalar, is ${typeText(t)}`, i);
}

/** Equal operand types with a dtype that passes `ok`; the result has the operands' type. */
export function elementwise(n: number, ok: (t: TileType) => boolean, what: string) {
  return (input: TypeRuleInput): readonly Type[] => {
    count(input, n);
    const first = tileAt(input, 0);
    if (!ok(first)) fail(`takes ${what}, has ${typeText(first)}`, 0);
    for (let i = 1; i < n; i++) {
      const t = tileAt(input, i);
      if (!sameType(first, t)) fail(`operands differ: ${typeText(first)} and ${typeText(t)}`, i);
    }
    return [first];
  };
}

export const anyTile = (): boolean => true;
export const floatTile = (t: TileType): boolean => isFloat(t.dtype);
export const intTile = (t: TileType): boolean => isInt(t.dtype);
export const numberTile = (t: TileType): boolean => t.dtype !== 'i1';
export const intOrMask = (t: TileType): boolean => !isFloat(t.dtype);

export function compareRule(input: TypeRuleInput): readonly Type[] {
  const [t] = elementwise(2, anyTile, 'tiles')(input) as [TileType];
  const pred = input.attrs.pred;
  if (!['lt', 'le', 'gt', 'ge', 'eq', 'ne'].includes(String(pred))) fail(`unknown predicate ${String(pred)}`);
  if (t.dtype === 'i1' && pred !== 'eq' && pred !== 'ne')
    fail(`masks compare with eq and ne only, not ${String(pred)}`);
  return [tileType('i1', t.shape)];
}

export function selectRule(input: TypeRuleInput): readonly Type[] {
  count(input, 3);
  const [m, a, b] = [tileAt(input, 0), tileAt(input, 1), tileAt(input, 2)];
  if (m.dtype !== 'i1') fail(`the condition must be a mask, is ${typeText(m)}`, 0);
  if (!sameType(a, b)) fail(`arms differ: ${typeText(a)} and ${typeText(b)}`, 2);
  if (!sameShape(m.shape, a.shape)) fail(`shapes of mask and arms differ: ${typeText(m)} and ${typeText(a)}`, 0);
  return [a];
}

export function castRule(input: TypeRuleInput): readonly Type[] {
  count(input, 1);
  const to = input.attrs.to as TileType['dtype'];
  if (to === 'i1') fail('cannot cast to a mask: compare instead');
  return [tileType(to, tileAt(input, 0).shape)];
}

export function bitcastRule(input: TypeRuleInput): readonly Type[] {
  count(input, 1);
  const x = tileAt(input, 0);
  const to = input.attrs.to as TileType['dtype'];
  const wide = (d: string): boolean => d === 'f32' || d === 'i32' || d === 'u32';
  if (!wide(x.dtype) || !wide(to)) fail(`bitcast is between f32, i32 and u32, not ${x.dtype} and ${to}`, 0);
  return [tileType(to, x.shape)];
}

export function constRule(input: TypeRuleInput): readonly Type[] {
  count(input, 0);
  return [declaredTile(input)];
}

export function iotaRule(input: TypeRuleInput): readonly Type[] {
  count(input, 0);
  const t = declaredTile(input);
  if (t.dtype !== 'i32' || t.shape.length !== 1) fail(`result must be a rank-1 i32 tile, is ${typeText(t)}`);
  return [t];
}

export function scalarResult(dtype: 'i32') {
  return (input: TypeRuleInput): readonly Type[] => {
    count(input, 0);
    return [scalarType(dtype)];
  };
}

export function splatRule(input: TypeRuleInput): readonly Type[] {
  count(input, 1);
  const [x, t] = [tileAt(input, 0), declaredTile(input)];
  if (x.shape.length !== 0) fail(`operand must be a scalar, is ${typeText(x)}`, 0);
  if (x.dtype !== t.dtype) fail(`${typeText(x)} cannot fill ${typeText(t)}`, 0);
  return [t];
}

export function broadcastRule(input: TypeRuleInput): readonly Type[] {
  count(input, 1);
  const [x, t] = [tileAt(input, 0), declaredTile(input)];
  const fits = x.shape.length === t.shape.length && x.shape.every((e, i) => e === t.shape[i] || e === 1);
  if (!fits || x.dtype !== t.dtype) fail(`${typeText(x)} does not broadcast to ${typeText(t)}`, 0);
  return [t];
}

export function expandRule(input: TypeRuleInput): readonly Type[] {
  count(input, 1);
  const x = tileAt(input, 0);
  const axis = Number(input.attrs.axis);
  if (x.shape.length >= 3 || axis > x.shape.length) fail(`cannot insert axis ${axis} into ${typeText(x)}`, 0);
  return [tileType(x.dtype, [...x.shape.slice(0, axis), 1, ...x.shape.slice(axis)])];
}

export function reshapeRule(input: TypeRuleInput): readonly Type[] {
  count(input, 1);
  const [x, t] = [tileAt(input, 0), declaredTile(input)];
  const size = (s: readonly number[]): number => s.reduce((n, e) => n * e, 1);
  if (x.dtype !== t.dtype || size(x.shape) !== size(t.shape))
    fail(`${typeText(x)} does not reshape to ${typeText(t)}`, 0);
  return [t];
}

export function transRule(input: TypeRuleInput): readonly Type[] {
  count(input, 1);
  const x = tileAt(input, 0);
  const [m, n] = x.shape;
  if (x.shape.length !== 2 || m === undefined || n === undefined) return fail(`takes rank 2, has ${typeText(x)}`, 0);
  return [tileType(x.dtype, [n, m])];
}

/** One origin an axis behind the first `first` operands; a part is no larger than the whole on any axis. */
function checkPart(input: TypeRuleInput, whole: TileType, part: TileType, first: number): void {
  count(input, first + whole.shape.length);
  for (let i = first; i < input.operands.length; i++) scalarI32(input, i);
  const fits = part.shape.length === whole.shape.length && part.shape.every((e, i) => e <= (whole.shape[i] as number));
  if (!fits || part.dtype !== whole.dtype) fail(`${typeText(part)} is no part of ${typeText(whole)}`, 0);
  checkValid(input, part.shape.length);
}

function checkValid(input: TypeRuleInput, rank: number): void {
  const valid = input.attrs.valid as readonly number[] | undefined;
  if (valid !== undefined && valid.length !== rank) fail(`valid has ${valid.length} entries, the tile rank ${rank}`);
}

export function sliceRule(input: TypeRuleInput): readonly Type[] {
  const [x, t] = [tileAt(input, 0), declaredTile(input)];
  checkPart(input, x, t, 1);
  return [t];
}

export function insertRule(input: TypeRuleInput): readonly Type[] {
  const [x, part] = [tileAt(input, 0), tileAt(input, 1)];
  checkPart(input, x, part, 2);
  return [x];
}

export function takeRule(input: TypeRuleInput): readonly Type[] {
  const [x, t] = [tileAt(input, 0), declaredTile(input)];
  if (x.shape.length === 0) fail(`a scalar has no elements to take`, 0);
  if (t.dtype !== x.dtype) fail(`${typeText(x)} gives ${x.dtype} tiles, not ${t.dtype}`);
  count(input, 1 + x.shape.length);
  checkIndices(input, 1, x.shape.length, t);
  checkValid(input, t.shape.length);
  return [t];
}

/** `n` index tiles of the shape of `like`, in i32. */
function checkIndices(input: TypeRuleInput, first: number, n: number, like: TileType): void {
  for (let i = first; i < first + n; i++) {
    const index = tileAt(input, i);
    if (index.dtype !== 'i32' || !sameShape(index.shape, like.shape))
      fail(`an index must be ${typeText(tileType('i32', like.shape))}, is ${typeText(index)}`, i);
  }
}

export function dotRule(input: TypeRuleInput): readonly Type[] {
  count(input, 2, 3);
  const [a, b] = [tileAt(input, 0), tileAt(input, 1)];
  if (a.shape.length === 3 && b.shape.length === 3) return batchedDot(input, a, b);
  if (a.shape.length !== 2) fail(`operands are of rank 2 or 3, the left one is ${typeText(a)}`, 0);
  if (b.shape.length !== 2) fail(`operands are of one rank, the right one is ${typeText(b)}`, 1);
  if (!isFloat(a.dtype) || a.dtype !== b.dtype) fail(`operands have one float dtype, not ${a.dtype} and ${b.dtype}`, 1);
  if (a.shape[1] !== b.shape[0]) fail(`inner extents differ: ${typeText(a)} and ${typeText(b)}`, 1);
  const result = tileType('f32', [a.shape[0] as number, b.shape[1] as number]);
  if (input.operands.length === 3) {
    const acc = tileAt(input, 2);
    if (!sameType(acc, result)) fail(`accumulator must be ${typeText(result)}, is ${typeText(acc)}`, 2);
  }
  const p = input.attrs.precision ?? 'default';
  if (!['default', 'tf32', 'tf32x3', 'ieee'].includes(String(p))) fail(`unknown precision ${String(p)}`);
  return [result];
}

/** The rule of the products, with the batch put in front of the result. */
function batchedDot(input: TypeRuleInput, a: TileType, b: TileType): readonly Type[] {
  const [batch, ...rest] = a.shape;
  if (batch === undefined || b.shape[0] !== batch) return fail(`batches differ: ${typeText(a)} and ${typeText(b)}`, 1);
  const [one] = dotRule({
    ...input,
    operands: [tileType(a.dtype, rest), tileType(b.dtype, b.shape.slice(1))],
  }) as [TileType];
  const result = tileType('f32', [batch, ...one.shape]);
  if (input.operands.length === 3 && !sameType(tileAt(input, 2), result))
    fail(`accumulator must be ${typeText(result)}, is ${typeText(tileAt(input, 2))}`, 2);
  return [result];
}

function axisOf(input: TypeRuleInput, x: TileType): number {
  const axis = Number(input.attrs.axis);
  if (!(Number.isInteger(axis) && axis >= 0 && axis < x.shape.length)) fail(`${typeText(x)} has no axis ${axis}`, 0);
  return axis;
}

export function reduceRule(input: TypeRuleInput): readonly Type[] {
  count(input, 1);
  const x = tileAt(input, 0);
  const axis = axisOf(input, x);
  const op = String(input.attrs.op);
  if (!['sum', 'max', 'min', 'argmax', 'argmin'].includes(op)) fail(`unknown reduction ${op}`);
  if (x.dtype === 'i1') fail('cannot reduce a mask: cast it first', 0);
  const dtype = op.startsWith('arg') ? 'i32' : x.dtype;
  return [
    tileType(
      dtype,
      x.shape.filter((_, i) => i !== axis),
    ),
  ];
}

export function scanRule(input: TypeRuleInput): readonly Type[] {
  count(input, 1);
  const x = tileAt(input, 0);
  axisOf(input, x);
  if (x.dtype === 'i1') fail('cannot scan a mask: cast it first', 0);
  if (input.attrs.op !== 'sum') fail(`unknown scan ${String(input.attrs.op)}`);
  return [x];
}

/** Tiles of one shape, of any dtypes. */
function equalShapes(input: TypeRuleInput): readonly TileType[] {
  if (input.operands.length === 0) fail('takes one tile or more');
  const tiles = input.operands.map((_, i) => tileAt(input, i));
  const [first] = tiles as [TileType];
  for (const [i, t] of tiles.entries())
    if (!sameShape(t.shape, first.shape)) fail(`shapes differ: ${typeText(first)} and ${typeText(t)}`, i);
  axisOf(input, first);
  const valid = input.attrs.valid as number | undefined;
  if (valid !== undefined && valid < 1) fail(`valid is ${valid}: at least one position takes part`);
  return tiles;
}

export function scanByRule(input: TypeRuleInput): readonly Type[] {
  return equalShapes(input);
}

export function reduceByRule(input: TypeRuleInput): readonly Type[] {
  const axis = Number(input.attrs.axis);
  return equalShapes(input).map((t) =>
    tileType(
      t.dtype,
      t.shape.filter((_, i) => i !== axis),
    ),
  );
}

function viewAt(input: TypeRuleInput, i: number): Extract<Type, { kind: 'view' }> {
  const t = input.operands[i];
  if (t === undefined) return fail(`operand ${i} is missing`, i);
  return t.kind === 'view' ? t : fail(`operand ${i} must be a view, is ${typeText(t)}`, i);
}

export function viewAtRule(input: TypeRuleInput): readonly Type[] {
  const v = viewAt(input, 0);
  const keep = input.attrs.keep as readonly boolean[];
  if (keep.length !== v.extents.length) fail(`keep has ${keep.length} entries, the view rank ${v.extents.length}`);
  count(input, 1 + keep.filter((k) => !k).length);
  for (let i = 1; i < input.operands.length; i++) scalarI32(input, i);
  return [
    viewType(
      v.dtype,
      v.access,
      v.extents.filter((_, i) => keep[i]),
    ),
  ];
}

export function viewSliceRule(input: TypeRuleInput): readonly Type[] {
  count(input, 3);
  const v = viewAt(input, 0);
  if (v.extents.length === 0) fail('a view of rank 0 has no first axis', 0);
  scalarI32(input, 1);
  scalarI32(input, 2);
  return [viewType(v.dtype, v.access, [null, ...v.extents.slice(1)])];
}

/** operands: view, [value,] one origin an axis, [mask]. */
function checkAccess(input: TypeRuleInput, v: Extract<Type, { kind: 'view' }>, tile: TileType, first: number): void {
  const rank = v.extents.length;
  const masked = input.attrs.masked === true;
  count(input, first + rank + (masked ? 1 : 0));
  if (tile.shape.length !== rank) fail(`a view of rank ${rank} is accessed with ${typeText(tile)}`);
  for (let i = first; i < first + rank; i++) scalarI32(input, i);
  if (masked) {
    const m = tileAt(input, first + rank);
    if (m.dtype !== 'i1' || !sameShape(m.shape, tile.shape))
      fail(`the mask must be ${typeText(tileType('i1', tile.shape))}, is ${typeText(m)}`, first + rank);
  }
  for (const name of ['guard', 'valid']) {
    const list = input.attrs[name] as readonly unknown[] | undefined;
    if (list !== undefined && list.length !== rank) fail(`${name} has ${list.length} entries, the view rank ${rank}`);
  }
}

export function loadRule(input: TypeRuleInput): readonly Type[] {
  const v = viewAt(input, 0);
  if (v.access === 'out') fail('an output cannot be read', 0);
  const t = declaredTile(input);
  if (t.dtype !== v.dtype) fail(`a ${v.dtype} view loads ${v.dtype} tiles, not ${t.dtype}`);
  checkAccess(input, v, t, 1);
  return [t];
}

export function getRule(input: TypeRuleInput): readonly Type[] {
  const v = viewAt(input, 0);
  if (v.access === 'out') fail('an output cannot be read', 0);
  count(input, 1 + v.extents.length);
  for (let i = 1; i < input.operands.length; i++) scalarI32(input, i);
  return [scalarType(v.dtype)];
}

export function storeRule(input: TypeRuleInput): readonly Type[] {
  const v = viewAt(input, 0);
  if (v.access === 'in') fail('an input cannot be written', 0);
  const x = tileAt(input, 1);
  if (x.dtype !== v.dtype) fail(`a ${v.dtype} view stores ${v.dtype} tiles, not ${x.dtype}`, 1);
  checkAccess(input, v, x, 2);
  return [];
}

const ATOMIC: ReadonlySet<string> = new Set(['f32', 'i32', 'u32']);

function mayAdd(input: TypeRuleInput): void {
  const v = viewAt(input, 0);
  if (v.access !== 'inout') fail(`atomics are for inout arguments, not for ${typeText(v)}`, 0);
  if (!ATOMIC.has(v.dtype)) fail(`atomics are for f32, i32 and u32, not ${v.dtype}`, 0);
}

export function atomicAddRule(input: TypeRuleInput): readonly Type[] {
  mayAdd(input);
  return storeRule(input);
}

/** operands from `first` on: one index an axis of the view, of the tile's shape, then the mask where there is one. */
function checkAddressed(input: TypeRuleInput, rank: number, tile: TileType, first: number): void {
  const masked = input.attrs.masked === true;
  count(input, first + rank + (masked ? 1 : 0));
  checkIndices(input, first, rank, tile);
  const m = masked ? tileAt(input, first + rank) : null;
  if (m !== null && (m.dtype !== 'i1' || !sameShape(m.shape, tile.shape)))
    fail(`the mask must be ${typeText(tileType('i1', tile.shape))}, is ${typeText(m)}`, first + rank);
  checkValid(input, tile.shape.length);
}

export function gatherRule(input: TypeRuleInput): readonly Type[] {
  const [v, t] = [viewAt(input, 0), declaredTile(input)];
  if (v.access === 'out') fail('an output cannot be read', 0);
  if (t.dtype !== v.dtype) fail(`a ${v.dtype} view loads ${v.dtype} tiles, not ${t.dtype}`);
  checkAddressed(input, v.extents.length, t, 1);
  return [t];
}

export function scatterRule(input: TypeRuleInput): readonly Type[] {
  const [v, x] = [viewAt(input, 0), tileAt(input, 1)];
  if (v.access === 'in') fail('an input cannot be written', 0);
  if (x.dtype !== v.dtype) fail(`a ${v.dtype} view stores ${v.dtype} tiles, not ${x.dtype}`, 1);
  checkAddressed(input, v.extents.length, x, 2);
  return [];
}

export function scatterAddRule(input: TypeRuleInput): readonly Type[] {
  mayAdd(input);
  return scatterRule(input);
}

/** Results are the carried values; the verifier compares them with the regions' arguments and with what they yield. */
export function whileRule(input: TypeRuleInput): readonly Type[] {
  return input.operands.map((_, i) => tileAt(input, i));
}

/** Results are the carried values; the verifier compares them with the region's arguments and its yield. */
export function forRule(input: TypeRuleInput): readonly Type[] {
  if (input.operands.length < 3) fail('takes begin, end, step and the initial values');
  for (let i = 0; i < 3; i++) scalarI32(input, i);
  return input.operands.slice(3).map((_, i) => tileAt(input, i + 3));
}

export function ifRule(input: TypeRuleInput): readonly Type[] {
  count(input, 1);
  const c = tileAt(input, 0);
  if (c.dtype !== 'i1' || c.shape.length !== 0) fail(`the condition must be a scalar mask, is ${typeText(c)}`, 0);
  return input.declared ?? [];
}

export const declaredResults = (input: TypeRuleInput): readonly Type[] => input.declared ?? [];
export const noResults = (): readonly Type[] => [];

export function sameTypeRule(input: TypeRuleInput): readonly Type[] {
  count(input, 1);
  return [tileAt(input, 0)];
}

function bufferAt(input: TypeRuleInput, i: number): BufferType {
  const t = input.operands[i];
  if (t === undefined) return fail(`operand ${i} is missing`, i);
  return t.kind === 'buffer' ? t : fail(`operand ${i} must be a buffer, is ${typeText(t)}`, i);
}

export function allocRule(input: TypeRuleInput): readonly Type[] {
  count(input, 0);
  const t = input.declared?.[0];
  if (t?.kind !== 'buffer') return fail('needs the type of a buffer');
  const { swizzle } = input.attrs;
  if (Array.isArray(swizzle) && swizzle.length !== 4)
    fail(`swizzle has ${swizzle.length} entries: [chunk bytes, a, m, s]`);
  return [t];
}

const tileOfBuffer = (b: BufferType): TileType => tileType(b.dtype, b.shape);

export function smemWriteRule(input: TypeRuleInput): readonly Type[] {
  count(input, 3);
  const [b, x] = [bufferAt(input, 0), tileAt(input, 2)];
  scalarI32(input, 1);
  if (!sameType(x, tileOfBuffer(b))) fail(`a slot of ${typeText(b)} does not hold ${typeText(x)}`, 2);
  return [];
}

export function smemReadRule(input: TypeRuleInput): readonly Type[] {
  count(input, 2);
  scalarI32(input, 1);
  return [tileOfBuffer(bufferAt(input, 0))];
}

/** operands: view, buffer, slot, one origin an axis. */
export function smemCopyRule(input: TypeRuleInput): readonly Type[] {
  const [v, b] = [viewAt(input, 0), bufferAt(input, 1)];
  if (v.access === 'out') fail('an output cannot be read', 0);
  if (v.dtype !== b.dtype) fail(`a ${v.dtype} view does not fill ${typeText(b)}`, 1);
  scalarI32(input, 2);
  checkAccess(input, v, tileOfBuffer(b), 3);
  return [];
}

export function barrierRule(input: TypeRuleInput): readonly Type[] {
  count(input, 0);
  const { scope, map, warps } = input.attrs;
  if (!['cta', 'warps', 'warp'].includes(String(scope))) fail(`unknown scope ${String(scope)}`);
  if ((scope === 'warps') !== (map !== undefined && warps !== undefined)) fail('map and warps belong to scope "warps"');
  return [];
}
