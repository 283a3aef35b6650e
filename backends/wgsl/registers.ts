import { Bug } from '../../compiler/diag/diagnostic.js';
import type { DType } from '../../compiler/ir/types.js';

/** WGSL type in which a lane of the dtype is held: 16-bit floats are held as f32 (tier 1 has no f16). */
export const laneType = (d: DType): 'bool' | 'i32' | 'u32' | 'f32' =>
  d === 'i1' ? 'bool' : d === 'i32' || d === 'u32' ? d : 'f32';

export type Width = 1 | 2 | 4;

export const widthOf = (registers: number): Width => (registers >= 4 ? 4 : registers === 2 ? 2 : 1);

export const vectorType = (lane: string, width: Width): string => (width === 1 ? lane : `vec${width}<${lane}>`);

const LETTERS = 'xyzw';

/**
 * The part of a tile that one invocation holds: register r is component r % width of group floor(r / width). Groups are
 * WGSL expressions without side effects: names, or literals.
 */
export interface RegTile {
  readonly dtype: DType;
  readonly registers: number;
  readonly groups: readonly string[];
  /** The value is representable in its 16-bit dtype; arithmetic keeps more precision until something rounds it. */
  readonly rounded: boolean;
}

export const typeOfGroup = (t: RegTile): string => vectorType(laneType(t.dtype), widthOf(t.registers));

/** Register r as a scalar expression. */
export function component(t: RegTile, r: number): string {
  const width = widthOf(t.registers);
  const group = t.groups[Math.floor(r / width)];
  if (group === undefined) throw new Bug(`register ${r} of ${t.registers}`);
  return width === 1 ? group : `${group}.${LETTERS[r % width]}`;
}

/** Scalars put together; equal ones as a splat, components of one vector in order as that vector. */
export function pack(lane: string, parts: readonly string[]): string {
  const [first] = parts;
  if (first === undefined) throw new Bug('pack: no parts');
  if (parts.length === 1) return first;
  const type = vectorType(lane, parts.length as Width);
  if (parts.every((p) => p === first)) return `${type}(${first})`;
  const base = /^(\w+)\.x$/.exec(first)?.[1];
  if (base !== undefined && parts.length === 4 && parts.every((p, i) => p === `${base}.${LETTERS[i]}`)) return base;
  return `${type}(${parts.join(', ')})`;
}
