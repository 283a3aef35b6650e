/** How the index of a lane changes through ops that only rename lanes, for facts that are linear in the index. */
import type { Op, Value } from '../ir/module.js';
import { everywhere, type HalfSpace, NOWHERE, type Region, withinShape } from './half-spaces.js';

const RENAMING = new Set<Op['name']>(['splat', 'broadcast', 'expand', 'trans', 'reshape', 'convert']);
export const renamesLanes = (op: Op): boolean => RENAMING.has(op.name);

export const shapeOf = (v: Value | undefined): readonly number[] => (v?.type.kind === 'tile' ? v.type.shape : []);

/**
 * Coefficients over the index of the result, from those over the index of the operand; null for a reshape that merges
 * or splits axes. An axis of extent 1 has no coefficient.
 */
export function forward(op: Op, coefs: readonly number[]): readonly number[] | null {
  const [from, to] = [shapeOf(op.operands[0]), shapeOf(op.results[0])];
  switch (op.name) {
    case 'splat':
      return to.map(() => 0);
    case 'broadcast':
      return coefs.map((c, i) => (from[i] === 1 ? 0 : c));
    case 'expand':
      return coefs.toSpliced((op as Op<'expand'>).attrs.axis, 0, 0);
    case 'trans':
      return coefs.toReversed();
    case 'reshape':
      return sameButOnes(from, to) ? spread(coefs, from, to) : null;
    default:
      return coefs;
  }
}

/** The lanes of the result that are made of lanes of the region. */
export function forwardRegion(op: Op, region: Region): Region {
  const shape = shapeOf(op.results[0]);
  const moved = region.flatMap((h): HalfSpace[] => {
    const coefs = forward(op, h.coefs);
    if (coefs !== null) return [{ coefs, constant: h.constant }];
    return h.coefs.every((c) => c === 0) ? [{ coefs: shape.map(() => 0), constant: h.constant }] : [];
  });
  return withinShape(moved, shape);
}

/** The lanes of the operand all of whose copies in the result lie in the region. */
export function backwardRegion(op: Op, region: Region): Region {
  const [from, to] = [shapeOf(op.operands[0]), shapeOf(op.results[0])];
  return withinShape(
    region.flatMap((h) => backward(op, h, from, to)),
    from,
  );
}

function backward(op: Op, h: HalfSpace, from: readonly number[], to: readonly number[]): Region {
  switch (op.name) {
    case 'splat':
      return h.coefs.every((c) => c === 0) ? everywhere(0) : NOWHERE;
    case 'broadcast': {
      const repeated = h.coefs.map((c, i) => (from[i] === 1 ? Math.max(0, c * ((to[i] ?? 1) - 1)) : 0));
      return [
        {
          coefs: h.coefs.map((c, i) => (from[i] === 1 ? 0 : c)),
          constant: repeated.reduce((a, b) => a + b, h.constant),
        },
      ];
    }
    case 'expand':
      return [{ ...h, coefs: h.coefs.toSpliced((op as Op<'expand'>).attrs.axis, 1) }];
    case 'trans':
      return [{ ...h, coefs: h.coefs.toReversed() }];
    case 'reshape':
      return sameButOnes(from, to) ? [{ ...h, coefs: spread(h.coefs, to, from) }] : NOWHERE;
    default:
      return [h];
  }
}

const withoutOnes = (shape: readonly number[]): readonly number[] => shape.filter((e) => e !== 1);
const sameButOnes = (a: readonly number[], b: readonly number[]): boolean =>
  withoutOnes(a).join() === withoutOnes(b).join();

/** The coefficients of the axes longer than 1, in order, on those of another shape. */
function spread(coefs: readonly number[], from: readonly number[], to: readonly number[]): number[] {
  const long = coefs.filter((_, i) => from[i] !== 1);
  return to.map((e) => (e === 1 ? 0 : (long.shift() ?? 0)));
}
