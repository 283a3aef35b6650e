import { type AnyOp, type Block, type Kernel, type Op, type Value, walk } from '../../ir/module.js';
import { isLoop, loopParts, yielded } from '../../ir/rewrite.js';
import { isElementwise } from '../../ops/table.js';

/** Accumulators that have one layout: what is computed from one element by element, and what loops carry of it. */
export interface DotClass {
  readonly shape: readonly [number, number];
  readonly dots: readonly ArrangedDot[];
  /** Elementwise ops on its tiles, and folds along columns (axis 1) and rows (axis 0), each weighted by its trips. */
  readonly elementwise: number;
  readonly folds: readonly [number, number];
}

export interface ArrangedDot {
  readonly op: Op<'dot'>;
  /** How often it runs. */
  readonly trips: number;
  /** The class of operand a, where that is an accumulator: the rows of the warps should agree. */
  readonly left: DotClass | null;
}

/** Trips assumed of every loop; only the order of magnitude matters. */
export const TRIPS = 16;

const isMatrix = (v: Value): boolean => v.type.kind === 'tile' && v.type.shape.length === 2;

/** The classes of a kernel, in program order of their first dot. */
export function dotClasses(kernel: Kernel): DotClass[] {
  const groups = new Accumulators(kernel);
  const classes = new Map<Value, { -readonly [K in keyof DotClass]: DotClass[K] }>();
  const chained: [{ left: DotClass | null }, Value][] = [];
  const scan = (block: Block, trips: number): void => {
    for (const op of block.ops as AnyOp[]) {
      for (const region of op.regions) scan(region, isLoop(op) ? trips * TRIPS : trips);
      const of = op.name === 'reduce' ? op.operands[0] : op.results[0];
      const root = of === undefined ? null : groups.rootOf(of);
      if (of === undefined || root === null || of.type.kind !== 'tile') continue;
      const [M = 1, N = 1] = of.type.shape;
      const known = classes.get(root) ?? { shape: [M, N], dots: [], elementwise: 0, folds: [0, 0] };
      classes.set(root, known);
      if (op.name === 'dot') {
        const dot = { op, trips, left: null };
        known.dots = [...known.dots, dot];
        chained.push([dot, op.operands[0] as Value]);
      } else if (op.name === 'reduce') {
        const [rows, columns] = known.folds;
        known.folds = op.attrs.axis === 0 ? [rows + trips, columns] : [rows, columns + trips];
      } else if (isElementwise(op.name)) known.elementwise += trips;
    }
  };
  scan(kernel.body, 1);
  for (const [dot, operand] of chained) dot.left = classes.get(groups.rootOf(operand) ?? operand) ?? null;
  return [...classes.values()];
}

/** Union of tiles that hold accumulators. Masks, loads and other tiles that can be had in any layout belong to none. */
class Accumulators {
  readonly #parent = new Map<Value, Value>();
  #changed = true;

  constructor(kernel: Kernel) {
    for (const op of walk(kernel.body))
      if (op.name === 'dot') for (const result of op.results) this.#parent.set(result, result);
    while (this.#changed) {
      this.#changed = false;
      for (const op of walk(kernel.body)) this.#join(op as AnyOp);
    }
  }

  /** One value for each class; null where the value is no accumulator. */
  rootOf(v: Value): Value | null {
    let at = v;
    for (let up = this.#parent.get(at); up !== at; up = this.#parent.get(at)) {
      if (up === undefined) return null;
      at = up;
    }
    return at;
  }

  #join(op: AnyOp): void {
    if (op.name === 'dot') this.#unite(op.operands.slice(2), op.results);
    else if (isElementwise(op.name)) this.#unite(op.operands, op.results);
    else if (isLoop(op)) this.#joinLoop(op);
    else if (op.name === 'if')
      op.results.forEach((result, i) => {
        this.#unite(
          op.regions.flatMap((r) => yielded(r)[i] ?? []),
          [result],
        );
      });
  }

  #joinLoop(op: Op<'for'> | Op<'while'>): void {
    const { inits, args, body, condition } = loopParts(op);
    const ends = yielded(body);
    op.results.forEach((result, i) => {
      const [arg, end, init, tested] = [args[i], ends[i], inits[i], condition?.args[i]];
      if (arg && end && init) this.#unite([end, init], tested ? [arg, tested, result] : [arg, result]);
    });
  }

  /** The results hold an accumulator if one of the sources does; all that do are of one class. */
  #unite(sources: readonly Value[], results: readonly Value[]): void {
    const held = [...sources, ...results].filter((v) => isMatrix(v) && this.rootOf(v) !== null);
    const [first, ...others] = held;
    if (first === undefined) return;
    const root = this.rootOf(first) as Value;
    for (const v of others) this.#attach(this.rootOf(v) as Value, root);
    for (const v of results) if (isMatrix(v) && this.rootOf(v) === null) this.#attach(v, root);
  }

  #attach(v: Value, root: Value): void {
    if (v === root) return;
    this.#parent.set(v, root);
    this.#changed = true;
  }
}
