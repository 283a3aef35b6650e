import type { AnyOp, Block, Kernel, Op, Value } from '../ir/module.js';
import { constantOf } from '../ir/rewrite.js';
import { layoutKey } from '../layout/shape.js';
import { rootOf } from './view-root.js';

/**
 * Outputs to which a program may store one element twice from different invocations: the later store has to win, so that
 * barriers must keep them apart. Nothing is kept apart where an element always has the same writer: stores of one layout
 * at one place, and a store in loops that moves on by at least its own extent with every trip of each.
 */
export function outputsInOrder(kernel: Kernel): Set<Value> {
  const stores = new Map<Value, Placed[]>();
  collect(kernel.body, [], stores);
  const found = new Set<Value>();
  for (const [root, list] of stores) {
    const [first] = list;
    const together = list.every((s) => first !== undefined && sameWriters(first, s));
    if (!together || !list.every(isApart)) found.add(root);
  }
  return found;
}

interface Placed {
  readonly op: Op<'store'>;
  /** Loops around it, outermost first. */
  readonly loops: readonly Op<'for'>[];
}

function collect(block: Block, loops: readonly Op<'for'>[], into: Map<Value, Placed[]>): void {
  for (const op of block.ops as AnyOp[]) {
    if (op.name === 'store') {
      const { root } = rootOf(op.operands[0] as Value);
      into.set(root, [...(into.get(root) ?? []), { op, loops }]);
    }
    for (const region of op.regions) collect(region, op.name === 'for' ? [...loops, op] : loops, into);
  }
}

/** Thread 0 stores scalars. */
const isScalar = ({ op }: Placed): boolean => op.operands[1]?.layout === undefined;

const writers = (s: Placed): string => {
  const layout = s.op.operands[1]?.layout;
  return layout === undefined ? 'scalar' : layoutKey(layout);
};

/** Whatever element both store, one invocation stores it. */
function sameWriters(a: Placed, b: Placed): boolean {
  if (a === b || (isScalar(a) && isScalar(b))) return true;
  const [x, y] = [a.op.operands, b.op.operands];
  const here = x.length === y.length && x.every((v, i) => i === 1 || v === y[i]);
  return here && writers(a) === writers(b) && a.loops.length === b.loops.length;
}

/** An i32 as a sum of multiples of loop indices and something that no loop around the store changes. */
type Motion = ReadonlyMap<Value, number>;

/** One axis of the argument: where the store begins, and how many elements it covers. Null: not known. */
interface Reach {
  readonly begin: Motion | null;
  readonly extent: number;
}

/** Whether each loop around a store leaves every element to one invocation. */
function isApart(s: Placed): boolean {
  if (isScalar(s) || s.loops.length === 0) return true;
  const reaches = reachesOf(s);
  return s.loops.every((loop) => standsOrMovesOn(reaches, loop));
}

/** All trips store at one place, or each trip behind the one before, along an axis that only this loop moves. */
function standsOrMovesOn(reaches: readonly Reach[], loop: Op<'for'>): boolean {
  const index = loop.regions[0]?.args[0] as Value;
  const stands = reaches.every(({ begin }) => begin?.size === 0);
  const step = constantOf(loop.operands[2] as Value) ?? 1;
  const moves = ({ begin, extent }: Reach): boolean =>
    begin?.size === 1 && Math.abs(begin.get(index) ?? 0) * step >= extent;
  return stands || reaches.some(moves);
}

/** Indices of `at` cover one element; `slice` moves the first axis that is left. */
function reachesOf(s: Placed): Reach[] {
  const { op } = s;
  const variant = variantIn(s.loops);
  const type = op.operands[1]?.type;
  const shape = type?.kind === 'tile' ? type.shape : [];
  const own = op.operands.slice(2, 2 + shape.length);
  let left = own.map((v, i): Reach => ({ begin: motionOf(v, variant), extent: op.attrs.valid?.[i] ?? shape[i] ?? 1 }));
  const fixed: Reach[] = [];
  for (let at = op.operands[0] as Value; at.def.kind === 'op'; at = at.def.operands[0] as Value) {
    const [, ...indices] = at.def.operands.map((v) => motionOf(v, variant));
    if (at.def.name === 'view_at') fixed.push(...indices.map((begin) => ({ begin, extent: 1 })));
    else left = left.map((r, i) => (i === 0 ? { ...r, begin: plus(r.begin, indices[0] ?? null, 1) } : r));
  }
  return [...left, ...fixed];
}

interface Variant {
  readonly indices: ReadonlySet<Value>;
  /** Whether a value may change from trip to trip. */
  readonly has: (v: Value) => boolean;
}

function variantIn(loops: readonly Op<'for'>[]): Variant {
  const inside = new Set<Value>();
  const add = (block: Block): void => {
    for (const v of block.args) inside.add(v);
    for (const op of block.ops) {
      for (const v of op.results) inside.add(v);
      for (const region of op.regions) add(region);
    }
  };
  for (const region of loops[0]?.regions ?? []) add(region);
  const indices = new Set(loops.map((loop) => loop.regions[0]?.args[0] as Value));
  return { indices, has: (v) => inside.has(v) };
}

function plus(a: Motion | null, b: Motion | null, factor: number): Motion | null {
  if (a === null || b === null) return null;
  const sum = new Map(a);
  for (const [v, n] of b) sum.set(v, (sum.get(v) ?? 0) + factor * n);
  return new Map([...sum].filter(([, n]) => n !== 0));
}

const NOTHING: Motion = new Map();

/** Null where the value depends on loops in another way. Depth is bounded: a longer chain is not known either. */
function motionOf(v: Value, variant: Variant, depth = 8): Motion | null {
  if (variant.indices.has(v)) return new Map([[v, 1]]);
  if (!variant.has(v)) return NOTHING;
  if (v.def.kind !== 'op' || depth === 0) return null;
  const op = v.def as AnyOp;
  const x = (i: number): Motion | null => motionOf(op.operands[i] as Value, variant, depth - 1);
  switch (op.name) {
    case 'const':
      return NOTHING;
    case 'add':
      return plus(x(0), x(1), 1);
    case 'sub':
      return plus(x(0), x(1), -1);
    case 'neg':
      return plus(NOTHING, x(0), -1);
    case 'mul': {
      const [a, b] = op.operands.map(constantOf);
      return b !== null && b !== undefined
        ? plus(NOTHING, x(0), b)
        : a !== null && a !== undefined
          ? plus(NOTHING, x(1), a)
          : null;
    }
    default:
      return null;
  }
}
