import type { Op, Value } from '../../ir/module.js';
import { yielded } from '../../ir/rewrite.js';
import { is16Bit } from '../../ir/types.js';
import type { Rewriter } from './rewriter.js';

const NAMES: Readonly<Record<string, string>> = { add: 'sum', max: 'max', min: 'min' };

/**
 * A fold by a + b is a sum, one by max(a, b) a maximum, and a scan by a + b a cumulative sum: backends know better ways
 * for those. Sums of 16-bit floats stay, since the author's function rounds where the named fold does not.
 */
export function namedFold(op: Op, r: Rewriter): Value | null {
  if (op.name !== 'reduce_by' && op.name !== 'scan_by') return null;
  const { axis, valid, reverse } = op.attrs as { axis: number; valid?: number; reverse?: boolean };
  const [x, other] = op.operands;
  const fold = foldOf(op);
  if (x === undefined || other !== undefined || fold === null || valid !== undefined) return null;
  if (fold === 'sum' && is16Bit(x.type.dtype)) return null;
  if (op.name === 'reduce_by') return r.make('reduce', [x], { op: fold, axis });
  return fold === 'sum' ? r.make('scan', [x], { op: fold, axis, ...(reverse === true ? { reverse } : {}) }) : null;
}

/** The named fold that a function of two lanes is; null of any other. */
function foldOf(op: Op): string | null {
  const [region] = op.regions;
  const [made] = region === undefined ? [] : yielded(region);
  if (region === undefined || made?.def.kind !== 'op') return null;
  const takesBoth = region.args.every((arg) => (made.def as Op).operands.includes(arg));
  return takesBoth ? (NAMES[made.def.name] ?? null) : null;
}
