/** Whether every lane of a mask holds, as a condition that scalars decide at run time. */
import { bounds } from '../../analysis/half-spaces.js';
import { I32_MAX, I32_MIN } from '../../analysis/linear.js';
import { renamesLanes, shapeOf } from '../../analysis/shape-maps.js';
import type { Op, Value } from '../../ir/module.js';
import { type Corner, type CorneredTile, type Corners, isFixedDistance } from './corners.js';

/**
 * What implies that every lane of a mask holds: all or one of several conditions; least <= corner <= most;
 * corner a + shift < corner b, a sum that stays in i32 where the conditions beside it hold; a scalar mask or its opposite.
 */
export type Condition =
  | { readonly kind: 'all' | 'any'; readonly of: readonly Condition[] }
  | { readonly kind: 'within'; readonly corner: Corner; readonly least: number; readonly most: number }
  | { readonly kind: 'below'; readonly a: Corner; readonly shift: number; readonly b: Corner }
  | { readonly kind: 'mask'; readonly value: Value; readonly holds: boolean };

/**
 * When all lanes of `mask` are `holds`. Null: nobody knows before the lanes are computed, or it is the same in every
 * launch, or never.
 */
export function fullWhere(mask: Value, corners: Corners, holds = true): Condition | null {
  const op = mask.def.kind === 'op' ? mask.def : null;
  if (shapeOf(mask).length === 0) return op?.name === 'const' ? null : { kind: 'mask', value: mask, holds };
  const [a, b] = op?.operands ?? [];
  if (op === null || a === undefined) return null;
  if (op.name === 'not') return fullWhere(a, corners, !holds);
  if (renamesLanes(op)) return fullWhere(a, corners, holds);
  if (b === undefined) return null;
  if (op.name === 'cmp') return comparison(op as Op<'cmp'>, corners.of(a), corners.of(b), holds);
  if (op.name !== 'and' && op.name !== 'or') return null;
  const [x, y] = [fullWhere(a, corners, holds), fullWhere(b, corners, holds)];
  if ((op.name === 'and') === holds) return x && y && { kind: 'all', of: [x, y] };
  return x && y ? { kind: 'any', of: [x, y] } : (x ?? y);
}

const OPPOSITE: Readonly<Record<string, string>> = { lt: 'ge', ge: 'lt', gt: 'le', le: 'gt' };

function comparison(op: Op<'cmp'>, a: CorneredTile | null, b: CorneredTile | null, holds: boolean): Condition | null {
  if (a === null || b === null) return null;
  const shape = shapeOf(op.results[0]);
  switch (holds ? op.attrs.pred : OPPOSITE[op.attrs.pred]) {
    case 'lt':
      return alwaysBelow(a, b, 0, shape);
    case 'le':
      return alwaysBelow(a, b, -1, shape);
    case 'gt':
      return alwaysBelow(b, a, 0, shape);
    case 'ge':
      return alwaysBelow(b, a, -1, shape);
    default:
      return null;
  }
}

/**
 * a + slack < b at every index. Corners are numbers of i32, as they are computed. If no lane of a and none of b leaves
 * i32 from there, the lanes are what they would be in exact arithmetic, and the largest difference decides.
 */
function alwaysBelow(a: CorneredTile, b: CorneredTile, slack: number, shape: readonly number[]): Condition | null {
  if (isFixedDistance(a.corner, b.corner)) return null;
  const spread = (coefs: readonly number[], constant = 0): [number, number] => bounds({ coefs, constant }, shape);
  const [shift, lanesA, lanesB] = [
    spread(
      a.coefs.map((c, i) => c - (b.coefs[i] ?? 0)),
      slack,
    )[1],
    spread(a.coefs),
    spread(b.coefs),
  ];
  const inside = [within(a.corner, [...lanesA, shift]), within(b.corner, lanesB)];
  if (inside.includes(null)) return null;
  return { kind: 'all', of: [...inside.flatMap((c) => c ?? []), { kind: 'below', a: a.corner, shift, b: b.corner }] };
}

/** The corner and what lies these steps from it is in i32; null: never. */
function within(corner: Corner, steps: readonly number[]): readonly Condition[] | null {
  const [least, most] = [I32_MIN - Math.min(0, ...steps), I32_MAX - Math.max(0, ...steps)];
  if (least > most) return null;
  if (corner.terms.size > 0) return [{ kind: 'within', corner, least, most }];
  return corner.constant >= least && corner.constant <= most ? [] : null;
}
