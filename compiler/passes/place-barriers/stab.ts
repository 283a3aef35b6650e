import type { Arc } from './requirements.js';

/**
 * Fewest points that meet every arc of a circle of `size` points. Exact: of some arc one point must be taken; the circle
 * is cut there, and on a line the last point of the arc that ends first is always a best choice. Of equal answers the one
 * that takes the latest point of the shortest arc.
 */
export function stab(arcs: readonly Arc[], size: number): number[] {
  const shortest = arcs.reduce<Arc | null>((a, b) => (a === null || b.length < a.length ? b : a), null);
  if (shortest === null) return [];
  let best: number[] | null = null;
  for (let k = shortest.length - 1; k >= 0; k--) {
    const point = (shortest.start + k) % size;
    const left = arcs.filter((a) => !contains(a, point, size));
    const points = [point, ...stabLine(left, point, size)];
    if (best === null || points.length < best.length) best = points;
  }
  return best ?? [];
}

const contains = (a: Arc, point: number, size: number): boolean => (point - a.start + size) % size < a.length;

/** Of arcs that avoid `origin`: unrolled from there, none wraps. */
function stabLine(arcs: readonly Arc[], origin: number, size: number): number[] {
  const lines = arcs
    .map((a) => (a.start - origin + size) % size)
    .map((start, i) => ({ start, end: start + (arcs[i]?.length ?? 1) - 1 }))
    .sort((a, b) => a.end - b.end);
  const points: number[] = [];
  let last = -1;
  for (const { start, end } of lines) {
    if (start <= last) continue;
    last = end;
    points.push((end + origin) % size);
  }
  return points;
}
