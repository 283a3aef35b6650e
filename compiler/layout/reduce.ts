import { project, spanInOrder } from './axes.js';
import { combine, complement, independent, kernel, solver } from './gf2.js';
import type { InDim, Layout } from './layout.js';
import { basesOf, dimsOf, IN_DIMS, makeLayout } from './layout.js';

/** After the folds, register r of a lane takes in register r ^ register of lane ^ lane (`shfl.bfly`). */
export interface Shuffle {
  readonly register: number;
  readonly lane: number;
}

/**
 * How one axis is folded. In order: each thread folds `groups`; lanes exchange by `shuffles`; where `partials` > 1,
 * every holder that freeBits(partial) elects writes its value at partial's index, and after a barrier each register is
 * the fold of the `partials` values at [0.., its place in `result`]. Each element is folded exactly once, duplicates
 * included.
 */
export interface Reduction {
  /** The layout without the axis, and without registers that repeat each other. */
  readonly result: Layout;
  /** For each register of `result`, the registers of the operand whose values it folds. */
  readonly groups: readonly (readonly number[])[];
  readonly shuffles: readonly Shuffle[];
  /** Values of one result that lie in threads which cannot shuffle with each other; a power of two. */
  readonly partials: number;
  /** Registers and threads of `result` to (number of the partial value, index in the result): shape [partials, ...]. */
  readonly partial: Layout;
}

/**
 * Kept dims' projection P; the hardware vectors to fold are a complement of kernel(L) in kernel(P L), found in echelon
 * with register < lane < warp, invocation. The complement matters: inside its span no element occurs twice.
 */
export function planReduction(l: Layout, axis: number): Reduction {
  const projected = project(l, axis);
  const duplicates = kernel(basesOf(l));
  const fold = complement(duplicates, kernel(basesOf(projected)));
  const widths = { register: l.ins.register?.length ?? 0, lane: l.ins.lane?.length ?? 0 };
  const inRegister = fold.filter((v) => v < 2 ** widths.register);
  const inWarp = fold.filter((v) => v >= 2 ** widths.register && v < 2 ** (widths.register + widths.lane));
  const across = fold.filter((v) => v >= 2 ** (widths.register + widths.lane));

  const registerBases = projected.ins.register ?? [];
  const kept = independent(registerBases);
  const result = keepRegisters(projected, kept);
  const groups = spanInOrder(kept.map((bit) => 2 ** bit)).map((r) => spanInOrder(inRegister).map((v) => v ^ r));
  const inResult = solver(result.ins.register ?? []);
  const shuffles = inWarp.map((v) => ({
    register: inResult(combine(registerBases, v & (2 ** widths.register - 1))) ?? 0,
    lane: v >>> widths.register,
  }));
  const numbered = numberPartials(projected, [...duplicates, ...inRegister, ...inWarp], across);
  return { result, groups, shuffles, partials: 2 ** across.length, partial: keepRegisters(numbered, kept) };
}

const keepRegisters = (l: Layout, kept: readonly number[]): Layout =>
  makeLayout(l.shape, { ...l.ins, register: kept.map((i) => l.ins.register?.[i] ?? 0) });

/** `l` with a leading axis: a linear number that vanishes on `same` and tells the combinations of `across` apart. */
function numberPartials(l: Layout, same: readonly number[], across: readonly number[]): Layout {
  const size = basesOf(l).length;
  const units = Array.from({ length: size }, (_, i) => 2 ** i);
  const frame = [...same, ...across, ...units];
  const coordinates = solver(independent(frame).map((i) => frame[i] ?? 0));
  const numbers = units.map((u) => ((coordinates(u) ?? 0) >>> same.length) & (2 ** across.length - 1));
  const tile = l.shape.reduce((n, e) => n * e, 1);
  const ins: { [D in InDim]?: readonly number[] } = {};
  let at = 0;
  for (const d of IN_DIMS)
    if (dimsOf(l).includes(d)) ins[d] = (l.ins[d] ?? []).map((b) => b + (numbers[at++] ?? 0) * tile);
  return makeLayout([2 ** across.length, ...l.shape], ins);
}
