/** Views of tensors, with what they show by another way: lists of addresses. */
import fc from 'fast-check';
import type { ViewStep } from '../../compiler/artifact.js';
import { NoView, type Window, windowOf } from '../../runtime/plan-views.js';
import { addressesOf, denseStrides, extentOf } from '../../runtime/strides.js';

export interface WindowCase {
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly view: readonly ViewStep[];
}

/** Shape and addresses in row-major order; null: no such part. */
type Seen = { readonly shape: readonly number[]; readonly addresses: readonly number[] } | null;

const sizeOf = (shape: readonly number[]): number => shape.reduce((n, x) => n * x, 1);

function shown(seen: Seen, step: ViewStep): Seen {
  if (seen === null) return null;
  const { shape, addresses } = seen;
  if ('reshape' in step) {
    const to = step.reshape.map(Number);
    return sizeOf(to) === sizeOf(shape) ? { shape: to, addresses } : null;
  }
  const places = [...addressesOf(shape, denseStrides(shape))];
  if ('permute' in step) {
    const to = step.permute.map((axis) => shape[axis] ?? 0);
    const dense = denseStrides(shape);
    const from = addressesOf(
      to,
      step.permute.map((axis) => dense[axis] ?? 0),
    );
    return { shape: to, addresses: [...from].map((place) => addresses[place] ?? -1) };
  }
  const [begin, end] = step.slice.map(Number) as [number, number];
  if (begin > end || end > (shape[0] ?? 0)) return null;
  const inner = sizeOf(shape.slice(1));
  const kept = places.filter((place) => place >= begin * inner && place < end * inner);
  return { shape: [end - begin, ...shape.slice(1)], addresses: kept.map((place) => addresses[place] ?? -1) };
}

/** Whether some strides lead through these addresses. */
function isStrided({ shape, addresses }: Exclude<Seen, null>): boolean {
  const dense = denseStrides(shape);
  const strides = shape.map((n, axis) => (n > 1 ? (addresses[dense[axis] ?? 0] ?? 0) - (addresses[0] ?? 0) : 0));
  const all = [...addressesOf(shape, strides)].map((a) => a + (addresses[0] ?? 0));
  return all.every((a, i) => a === addresses[i]);
}

/** What is wrong with the window, if anything. */
export function faultOf({ shape, strides, view }: WindowCase, window: Window | NoView): string | null {
  const start: Seen = { shape, addresses: [...addressesOf(shape, strides)] };
  // A tensor that no strides lead through is refused, even where a later step could be taken.
  const stages: Seen[] = [start];
  for (const step of view) {
    const next = shown(stages.at(-1) ?? null, step);
    stages.push(next !== null && isStrided(next) ? next : null);
  }
  const want = stages.at(-1) ?? null;
  if (want === null) return window instanceof NoView ? null : 'a view that there is not';
  if (window instanceof NoView) return window.why;
  const got = [...addressesOf(window.shape, window.strides)].map((a) => a + window.offset);
  const same = JSON.stringify([window.shape, got]) === JSON.stringify([want.shape, want.addresses]);
  return same ? null : JSON.stringify({ window, want });
}

export const windowIn = ({ shape, strides, view }: WindowCase): Window | NoView =>
  windowOf({ shape, strides }, view, Number);

const factors = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1).filter((f) => n % f === 0);

/** A shape of so many elements, up to four axes. */
function shapeOf(size: number, axes: number): fc.Arbitrary<number[]> {
  if (size === 0) return fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 3 });
  if (axes === 1) return fc.constant([size]);
  return fc
    .constantFrom(...factors(size))
    .chain((first) => shapeOf(size / first, axes - 1).map((rest) => [first, ...rest]));
}

function stepOf(shape: readonly number[]): fc.Arbitrary<ViewStep> {
  const axes = shape.map((_, axis) => axis);
  const permute = fc.shuffledSubarray(axes, { minLength: axes.length }).map((order) => ({ permute: order }));
  const reshape = fc
    .integer({ min: 1, max: 4 })
    .chain((rank) => shapeOf(sizeOf(shape), rank))
    .map((to) => ({ reshape: to }));
  const most = shape[0] ?? 0;
  const part = fc.tuple(fc.integer({ min: 0, max: most }), fc.integer({ min: 0, max: most + 1 }));
  const slice = part.map(([a, b]) => ({ slice: [Math.min(a, b), Math.max(a, b)] as const }));
  return fc.oneof(permute, reshape, slice);
}

function stepsFrom(seen: Seen, count: number): fc.Arbitrary<readonly ViewStep[]> {
  if (count === 0 || seen === null) return fc.constant([]);
  return stepOf(seen.shape).chain((step) =>
    stepsFrom(shown(seen, step), count - 1).map((rest) => [step, ...rest] as const),
  );
}

/** Dense tensors, transposed ones, with gaps, broadcast; with up to three views, most of which there are. */
export const windowCases: fc.Arbitrary<WindowCase> = fc
  .tuple(
    fc.array(fc.oneof({ weight: 9, arbitrary: fc.integer({ min: 1, max: 4 }) }, fc.constant(0)), {
      minLength: 1,
      maxLength: 4,
    }),
    fc.constantFrom('dense', 'dense', 'gaps', 'turned', 'broadcast'),
    fc.integer({ min: 1, max: 3 }),
  )
  .chain(([shape, how, count]) => {
    const dense = denseStrides(shape);
    const strides = {
      dense,
      gaps: denseStrides([...shape.slice(0, -1), (shape.at(-1) ?? 1) + 1]),
      turned: denseStrides([...shape].reverse()).reverse(),
      broadcast: dense.map((s, axis) => (axis === 0 ? 0 : s)),
    }[how];
    const addresses = extentOf(shape, strides) === 0 ? [] : [...addressesOf(shape, strides)];
    return stepsFrom({ shape, addresses }, count).map((view) => ({ shape, strides, view }));
  });
