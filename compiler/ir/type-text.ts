import { type Access, bufferType, DTYPES, type DType, scalarType, type Type, tileType, viewType } from './types.js';

/** The type that `typeText` prints so, or a message. Extents are not limited here: the verifier does that. */
export function parseType(text: string): Type | string {
  const shaped = /^(tile|view|buf)<(?:(inout|in|out) )?((?:(?:[0-9]{1,9}|\?)x)*)([a-z0-9]+)>$/.exec(text);
  const [, kind, access, extents = '', dtype = shaped === null ? text : ''] = shaped ?? [];
  if (!(DTYPES as readonly string[]).includes(dtype)) return `${text.slice(0, 60)} is no type of the IR`;
  if (kind === undefined) return scalarType(dtype as DType);
  const sizes = extents
    .split('x')
    .slice(0, -1)
    .map((e) => (e === '?' ? null : Number(e)));
  if (kind === 'view')
    return access === undefined
      ? `${text}: a view needs in, out or inout`
      : viewType(dtype as DType, access as Access, sizes);
  const known = sizes.filter((e) => e !== null);
  if (access !== undefined || known.length !== sizes.length) return `${text}: a tile has known extents and no access`;
  if (kind === 'buf') {
    const [slots, ...shape] = known;
    return slots === undefined
      ? `${text}: a buffer says how many slots it has`
      : bufferType(dtype as DType, slots, shape);
  }
  return sizes.length === 0 ? `${text}: a scalar is written ${dtype}` : tileType(dtype as DType, known);
}
