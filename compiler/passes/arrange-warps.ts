/**
 * Enters: dots without layouts. Leaves: every dot has `instr`, the instruction that multiplies, and its result `layout`, an
 * accumulator of it. How the warps share out rows and columns is chosen jointly for dots of which one reads what another
 * made: where all columns of an accumulator stay in a warp, it is the next dot's left operand by renaming registers.
 *
 * Sound because any accumulator layout computes the same product.
 */
import { type Kernel, type Op, type Value, walk } from '../ir/module.js';
import { is16Bit } from '../ir/types.js';
import { log2 } from '../layout/layout.js';
import {
  type DotInstruction,
  fmaAccumulator,
  MMA_COLUMNS,
  MMA_ROWS,
  mmaAccumulator,
  stepOf,
  type WarpStep,
} from '../layout/mma.js';
import { balanceRows } from './arrange-warps/balance.js';
import { type DotClass, dotClasses } from './arrange-warps/classes.js';
import {
  type Arrangement,
  add,
  arrangement,
  memoryCycles,
  NOTHING,
  type Price,
  priceOf,
  rankOf,
  sameRows,
} from './arrange-warps/price.js';
import type { Pass } from './pass.js';

export interface ArrangeOptions {
  /** Warps of a program; a power of two. */
  readonly warps: (kernel: Kernel) => number;
  /** Compute capability x 10. */
  readonly sm: number;
}

/** First compute capability with mma.sync on bf16 and tf32. */
const MMA_SM = 80;
/** Joint choices that are all tried; beyond this, one class after the other. */
const MOST_CHOICES = 4096;

export const arrangeWarps = (options: ArrangeOptions): Pass => ({
  name: 'arrange-warps',
  summary: 'Chooses the instruction of every dot and how warps share out its rows and columns.',
  requires: ['inline', 'pad-tiles'],
  run(kernel) {
    const warps = options.warps(kernel);
    for (const op of walk(kernel.body)) if (op.name === 'dot') setInstruction(op as Op<'dot'>, options.sm);
    const classes = dotClasses(kernel);
    const byMma = classes.filter((c) => c.dots.some((d) => d.op.attrs.instr !== 'fma'));
    const chosen = chooseAll(components(byMma), log2(warps), memoryCycles(kernel));
    for (const c of classes) {
      const at = chosen.get(c);
      const layout = at === undefined ? fmaAccumulator(c.shape, warps * 32) : mmaAccumulator(c.shape, at.warps);
      for (const { op } of c.dots) (op.results[0] as Value).layout = layout;
    }
  },
});

function setInstruction(op: Op<'dot'>, sm: number): void {
  const a = op.operands[0]?.type;
  if (a?.kind !== 'tile') return;
  const mma: DotInstruction = is16Bit(a.dtype) ? 'm16n8k16' : 'm16n8k8';
  const exact = a.dtype === 'f32' && op.attrs.precision === 'ieee';
  const fits = sm >= MMA_SM && !exact && (a.shape[1] ?? 1) >= stepOf(mma);
  op.attrs.instr = fits ? mma : 'fma';
}

type Choice = Map<DotClass, Arrangement>;

/** Classes linked by left operands, in program order. */
function components(classes: readonly DotClass[]): DotClass[][] {
  const of = new Map<DotClass, DotClass[]>();
  for (const c of classes) {
    const linked = [c, ...c.dots.flatMap((d) => (d.left !== null && classes.includes(d.left) ? [d.left] : []))];
    const merged = new Set(linked.flatMap((x) => of.get(x) ?? [x]));
    const group = classes.filter((x) => merged.has(x));
    for (const x of group) of.set(x, group);
  }
  return [...new Set(classes.map((c) => of.get(c) ?? [c]))];
}

/** Each component at its best, given the others; memory and registers are shared by all. */
function chooseAll(groups: readonly (readonly DotClass[])[], warpBits: number, memory: number): Choice {
  const prices = new Map<readonly DotClass[], Price>();
  const chosen: Choice = new Map();
  const ROUNDS = 2;
  for (let round = 0; round < ROUNDS; round++)
    for (const group of groups) {
      const others = groups.filter((g) => g !== group).reduce((sum, g) => add(sum, prices.get(g) ?? NOTHING), NOTHING);
      const best = bestOf(group, warpBits, (p) => rankOf(add(p, others), memory));
      prices.set(group, priceOf(group, lookup(best)));
      for (const [c, at] of best) chosen.set(c, at);
    }
  for (const group of groups) balance(group, chosen);
  return chosen;
}

const lookup = (choice: Choice) => (c: DotClass) => {
  const at = choice.get(c);
  return at ?? arrangement(c.shape, []);
};

function bestOf(group: readonly DotClass[], warpBits: number, rank: (p: Price) => readonly number[]): Choice {
  const options = group.map((c) => splits(c.shape, warpBits));
  const total = options.reduce((n, list) => n * list.length, 1);
  const price = (choice: Choice) => rank(priceOf(group, lookup(choice)));
  if (total > MOST_CHOICES) return oneByOne(group, options, price);
  let best: { choice: Choice; key: readonly number[] } | null = null;
  for (let n = 0; n < total; n++) {
    let left = n;
    const choice: Choice = new Map();
    group.forEach((c, i) => {
      const list = options[i] ?? [];
      choice.set(c, list[left % list.length] as Arrangement);
      left = Math.floor(left / list.length);
    });
    const key = price(choice);
    if (best === null || before(key, best.key)) best = { choice, key };
  }
  return best?.choice ?? new Map();
}

/** Coordinate descent from the first split of each class. */
function oneByOne(
  group: readonly DotClass[],
  options: readonly (readonly Arrangement[])[],
  price: (choice: Choice) => readonly number[],
): Choice {
  const choice: Choice = new Map(group.map((c, i) => [c, options[i]?.[0] as Arrangement]));
  let least = price(choice);
  for (let improved = true; improved; ) {
    improved = false;
    for (const [i, c] of group.entries())
      for (const at of options[i] ?? []) {
        const old = choice.get(c) as Arrangement;
        const key = price(choice.set(c, at));
        if (before(key, least)) [least, improved] = [key, true];
        else choice.set(c, old);
      }
  }
  return choice;
}

function before(a: readonly number[], b: readonly number[]): boolean {
  const i = a.findIndex((x, at) => x !== b[at]);
  return i >= 0 && (a[i] ?? 0) < (b[i] ?? 0);
}

/** Ways to share out a tile: the low warp bits take the top rows, the next the top columns, the others repeat. */
function splits(shape: readonly [number, number], warpBits: number): Arrangement[] {
  const [M, N] = shape;
  const out: Arrangement[] = [];
  for (let rows = 0; rows <= warpBits && M / 2 ** rows >= Math.min(M, MMA_ROWS); rows++)
    for (let columns = 0; rows + columns <= warpBits && N / 2 ** columns >= Math.min(N, MMA_COLUMNS); columns++) {
      const warps = Array.from({ length: warpBits }, (_, i): WarpStep => {
        if (i < rows) return { row: (M / 2 ** rows) * 2 ** i, column: 0 };
        return { row: 0, column: i < rows + columns ? (N / 2 ** columns) * 2 ** (i - rows) : 0 };
      });
      out.push(arrangement(shape, warps));
    }
  return out;
}

/** Sub-cores get even work where all classes of a group have the same rows in a warp. */
function balance(group: readonly DotClass[], chosen: Choice): void {
  const at = group.map(lookup(chosen));
  const [first] = at;
  if (first === undefined || !at.every((x) => sameRows(x, first) && x.rows === first.rows)) return;
  const rows = balanceRows(
    first.warps,
    first.rows,
    group.flatMap((c) => c.dots),
  );
  group.forEach((c, i) => {
    const warps = (at[i] ?? first).warps.map((w, bit) => ({ row: rows[bit]?.row ?? w.row, column: w.column }));
    chosen.set(c, arrangement(c.shape, warps));
  });
}
