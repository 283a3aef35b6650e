import { type DType, is16Bit } from '../compiler/ir/types.js';
import type { Tolerance } from './reference.js';

/** How one output differs from what the reference says. */
export interface Comparison {
  readonly output: string;
  readonly ok: boolean;
  /** Root mean square of the difference over that of the reference (or of its terms, where they cancel more than usual). */
  readonly rmse: number;
  /** Largest |got - want|. */
  readonly maxAbs: number;
  /** Largest |got - want| / (|want| + RMS of the reference), the figure that `tolerance.element` bounds. */
  readonly maxElement: number;
  readonly tolerance: Tolerance;
  /** The worst element, or null for an output without elements. */
  readonly worst: { readonly index: readonly number[]; readonly got: number; readonly want: number } | null;
  /** Elements where one is NaN or infinite and the other is not the same. */
  readonly nonFinite: number;
}

/**
 * Bounds of architecture.md, "What right means": relative RMSE 0.005 where anything is kept in 16 bits (an f32 output
 * of 16-bit inputs passed through 16-bit intermediates), else 1e-5; integers exactly. One element may stray ten times
 * as far, in units of its own size plus the typical size: large enough for rounding, too small for a wrong neighbour.
 */
export function toleranceFor(dtype: DType, inputs: readonly DType[], own: Partial<Tolerance> = {}): Tolerance {
  if (dtype === 'i32' || dtype === 'u32') return { rmse: 0, element: 0, ...own };
  const { rmse16, ...all } = own;
  const rounded = is16Bit(dtype) || inputs.some(is16Bit);
  const rmse = (rounded ? rmse16 : undefined) ?? all.rmse ?? (rounded ? 0.005 : 1e-5);
  return { element: 10 * rmse, ...all, rmse };
}

/** An infinity may come back as the largest finite value of its sign (`extreme`), on devices that have none. */
const same = (got: number, want: number, extreme: number): boolean =>
  got === want ||
  (Number.isNaN(got) && Number.isNaN(want)) ||
  (Math.abs(want) === Infinity && Math.sign(got) === Math.sign(want) && Math.abs(got) >= extreme);

/** Root mean square of the finite elements; 0 when there are none. */
function rms(x: Float64Array): number {
  let sum = 0;
  let count = 0;
  for (let i = 0; i < x.length; i++) {
    const value = x[i] as number;
    const square = value * value;
    if (!(square < Infinity)) continue;
    sum += square;
    count++;
  }
  return count === 0 ? 0 : Math.sqrt(sum / count);
}

export function indexOf(position: number, shape: readonly number[]): number[] {
  let rest = position;
  return shape.map((_, axis) => {
    const below = shape.slice(axis + 1).reduce((n, x) => n * x, 1);
    const i = Math.floor(rest / below);
    rest -= i * below;
    return i;
  });
}

/**
 * Compares row-major `got` with `want`. NaN passes only where the reference is NaN too, an infinity only where it is the
 * same infinity. The reference is not rounded to the dtype: the tolerance covers that. `extreme`: see `same`; WGSL may
 * assume infinities away, so that -Infinity is written there as the lowest finite value (semantics.md). `size`: see
 * `cancels` of a reference.
 */
export function compare(
  output: string,
  got: Float64Array,
  want: Float64Array,
  shape: readonly number[],
  tolerance: Tolerance,
  { extreme = Infinity, size = 0 }: { readonly extreme?: number; readonly size?: number } = {},
): Comparison {
  const scale = Math.max(rms(want), size);
  let squares = 0;
  let maxAbs = 0;
  let maxElement = -1;
  let worstAt = -1;
  let nonFinite = 0;
  // Written out: a checked run may have a billion elements.
  for (let i = 0; i < want.length; i++) {
    const w = want[i] as number;
    const g = i < got.length ? (got[i] as number) : Number.NaN;
    let difference = Math.abs(g - w);
    if (!(difference < Infinity)) {
      difference = same(g, w, extreme) ? 0 : Infinity;
      if (difference > 0) nonFinite++;
    }
    squares += difference * difference;
    if (difference > maxAbs) maxAbs = difference;
    const relative = difference === 0 ? 0 : difference / ((Number.isFinite(w) ? Math.abs(w) : 0) + scale);
    if (relative > maxElement) {
      maxElement = relative;
      worstAt = i;
    }
  }
  const root = Math.sqrt(squares / Math.max(1, want.length));
  const rmse = root === 0 ? 0 : root / scale;
  const ok = got.length === want.length && rmse <= tolerance.rmse && maxElement <= tolerance.element;
  const worst =
    worstAt < 0
      ? null
      : { index: indexOf(worstAt, shape), got: got[worstAt] ?? Number.NaN, want: want[worstAt] as number };
  return { output, ok, rmse, maxAbs, maxElement: Math.max(0, maxElement), tolerance, worst, nonFinite };
}
