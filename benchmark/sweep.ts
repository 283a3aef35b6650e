import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Dims } from '../driver/reference.js';

/** Dimensions that take the same sizes together, in turn. */
export interface SweepAxis {
  readonly names: readonly string[];
  readonly sizes: readonly number[];
}

/** What one run measures at most: more is a slip of the pen, and would take days. */
const MOST_POINTS = 1000;

/** The two ends and the powers of two between them; downward where the first is larger. */
export function doublings(from: number, to: number): number[] {
  const [least, most] = [Math.min(from, to), Math.max(from, to)];
  const between: number[] = [];
  for (let size = 1; size < most; size *= 2) if (size > least) between.push(size);
  const all = least === most ? [least] : [least, ...between, most];
  return from <= to ? all : all.reverse();
}

/** Every combination of the axes, the first one slowest. Throws LacError LAC0930. */
export function pointsOf(axes: readonly SweepAxis[]): Dims[] {
  const names = axes.flatMap((axis) => axis.names);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined)
    throw refused(`the sweep names ${twice} twice`, `give all its sizes at once: ${twice}=1k,4k`);
  const count = axes.reduce((n, axis) => n * axis.sizes.length, 1);
  if (count > MOST_POINTS)
    throw refused(`the sweep has ${count} points; one run measures at most ${MOST_POINTS}`, 'sweep fewer dimensions');
  let points: Dims[] = [{}];
  for (const axis of axes)
    points = points.flatMap((point) =>
      axis.sizes.map((size) => ({ ...point, ...Object.fromEntries(axis.names.map((name) => [name, size])) })),
    );
  return points;
}

const refused = (message: string, help: string): LacError =>
  new LacError(diagnostic('LAC0930', message, null, { help: [help] }));
