/**
 * Who touches what of the arguments that a program may write: where in the kernel, which elements, which threads. Two
 * arguments never overlap, and elements of one have different addresses: the launch sees to both.
 */
import type { AnyOp, Block, Kernel, Op, Value } from '../ir/module.js';
import { constantOf } from '../ir/rewrite.js';
import { inOneThread } from '../layout/holders.js';
import type { Layout } from '../layout/layout.js';
import { layoutKey } from '../layout/shape.js';
import { meeting } from '../layout/shared-trip.js';
import { addPositions, ORIGIN, type Position, positionOf } from './positions.js';
import { type Path, pathsOf } from './program-paths.js';
import type { Meeting } from './shared-accesses.js';
import { rootOf } from './view-root.js';

export interface GlobalAccess {
  readonly op: AnyOp;
  readonly at: Path;
  /** Additions are atomic: they need no order among each other. */
  readonly kind: 'read' | 'write' | 'add';
  /** The argument. */
  readonly root: Value;
  /** By axis of the argument. */
  readonly reach: readonly Reach[];
  /** The axes of the argument along which the tile lies. */
  readonly along: readonly number[];
  /** The tile that is moved: its layout says which thread moves which element. */
  readonly tile: Value;
}

/** From `begin` on, `extent` elements; null: anywhere. */
interface Reach {
  readonly begin: Position | null;
  readonly extent: number;
}

type Access =
  | Op<'load'>
  | Op<'get'>
  | Op<'gather'>
  | Op<'store'>
  | Op<'scatter'>
  | Op<'scatter_add'>
  | Op<'atomic_add'>;

const KINDS: Readonly<Record<Access['name'], GlobalAccess['kind']>> = {
  load: 'read',
  get: 'read',
  gather: 'read',
  store: 'write',
  scatter: 'write',
  scatter_add: 'add',
  atomic_add: 'add',
};

const isAccess = (op: Op): op is Op & Access => Object.hasOwn(KINDS, op.name);

/** Accesses to arguments that the kernel may write, by argument, in program order. */
export function globalAccesses(kernel: Kernel): ReadonlyMap<Value, readonly GlobalAccess[]> {
  const found = new Map<Value, GlobalAccess[]>();
  for (const [op, at] of pathsOf(kernel.body)) {
    if (!isAccess(op)) continue;
    const [view] = op.operands as [Value];
    if (view.type.kind === 'view' && view.type.access === 'in') continue;
    const { root } = rootOf(view);
    const reads = KINDS[op.name] === 'read';
    const tile = (reads ? op.results[0] : op.operands[1]) as Value;
    const access = { op, at, kind: KINDS[op.name], root, tile, ...boxOf(op, tile, reads ? 1 : 2) };
    found.set(root, [...(found.get(root) ?? []), access]);
  }
  return found;
}

/** The axes of a view in those of its argument: what is left begins at `shift`, what is fixed lies at `fixed`. */
interface Axes {
  readonly left: readonly { readonly axis: number; readonly shift: Position }[];
  readonly fixed: readonly (Position | null)[];
}

function axesOf(view: Value): Axes {
  if (view.def.kind !== 'op') {
    const rank = view.type.kind === 'view' ? view.type.extents.length : 0;
    const axes = [...Array(rank).keys()];
    return { left: axes.map((axis) => ({ axis, shift: ORIGIN })), fixed: axes.map(() => null) };
  }
  const op = view.def as AnyOp;
  const from = axesOf(op.operands[0] as Value);
  const [, ...indices] = op.operands.map((v) => positionOf(v));
  if (op.name !== 'view_at')
    return {
      ...from,
      left: from.left.map((a, i) => (i === 0 ? { ...a, shift: addPositions(a.shift, indices[0] ?? ORIGIN) } : a)),
    };
  const fixed = [...from.fixed];
  for (const [i, { axis, shift }] of from.left.entries())
    if (!op.attrs.keep[i]) fixed[axis] = addPositions(shift, indices.shift() ?? ORIGIN);
  return { left: from.left.filter((_, i) => op.attrs.keep[i]), fixed };
}

/** `first`: the first operand that is an origin or an index. */
function boxOf(op: Access, tile: Value, first: number): Pick<GlobalAccess, 'reach' | 'along'> {
  const { left, fixed } = axesOf(op.operands[0] as Value);
  const shape = tile.type.kind === 'tile' ? tile.type.shape : [];
  const byLane = (op.name === 'gather' || op.name === 'scatter' || op.name === 'scatter_add') && shape.length > 0;
  const valid = op.name === 'get' ? undefined : op.attrs.valid;
  const reach = fixed.map((begin): Reach => ({ begin, extent: 1 }));
  for (const [i, { axis, shift }] of left.entries()) {
    const origin = op.operands[first + i];
    const begin = byLane || origin === undefined ? null : addPositions(shift, positionOf(origin));
    const box = op.name === 'load' || op.name === 'store' || op.name === 'atomic_add';
    reach[axis] = { begin, extent: box ? (valid?.[i] ?? shape[i] ?? 1) : 1 };
  }
  return { reach, along: left.map(({ axis }) => axis) };
}

/** How one access comes to run before another: in one run of all blocks around both, or some trips of a loop earlier. */
export type Apart = { readonly way: 'same run' } | { readonly way: 'later trip'; readonly loop: Op };

const WHOLE: Meeting = { scope: 'cta', meet: [] };

/** Who has to be ordered where `a` runs before `b`; null: nobody. */
export function globalConflict(a: GlobalAccess, b: GlobalAccess, apart: Apart): Meeting | null {
  if (a.kind === b.kind && a.kind !== 'write') return null;
  const distances = a.reach.map((r, i) => distanceOf(r, b.reach[i] as Reach, apart));
  if (distances.some((d, i) => d !== null && isBeyond(d, a.reach[i] as Reach, b.reach[i] as Reach))) return null;
  const [x, y] = [a.tile.layout, b.tile.layout];
  const bothWrite = a.kind !== 'read' && b.kind !== 'read';
  // One thread writes scalars.
  if (x === undefined && y === undefined && bothWrite) return null;
  const together = onePlace(distances, a, b) || sameLanes(a, b, apart);
  if (!together || x === undefined || y === undefined || x.shape.join() !== y.shape.join()) return WHOLE;
  return heldAlike(x, y, bothWrite) ? null : meetingOf(x, y);
}

/** Where b begins, seen from where a begins: `first` after one trip (or at once), `step` more with every other one. */
interface Distance {
  readonly first: number;
  readonly step: number;
}

function distanceOf(a: Reach, b: Reach, apart: Apart): Distance | null {
  if (a.begin === null || b.begin === null) return null;
  const { constant, terms } = addPositions(b.begin, a.begin, -1);
  if (terms.size > 0) return null;
  if (apart.way === 'same run') return { first: constant, step: 0 };
  const inside = valuesIn(apart.loop);
  const moving = [...b.begin.terms].filter(([v]) => inside.has(v));
  const step = moving.length === 0 ? 0 : stepOf(apart.loop, moving);
  return step === null ? null : { first: constant + step, step };
}

/** How far a multiple of the loop's index moves in a trip; null where anything else changes too. */
function stepOf(loop: Op, moving: readonly (readonly [Value, number])[]): number | null {
  const [[v, factor] = [null, 0], ...others] = moving;
  if (loop.name !== 'for' || v !== loop.regions[0]?.args[0] || others.length > 0) return null;
  const forward = (loop as unknown as Op<'for'>).attrs.reverse === true ? -1 : 1;
  return forward * factor * (constantOf(loop.operands[2] as Value) ?? 1);
}

const inLoops = new WeakMap<Op, ReadonlySet<Value>>();

function valuesIn(loop: Op): ReadonlySet<Value> {
  const known = inLoops.get(loop);
  if (known !== undefined) return known;
  const inside = new Set<Value>();
  const add = (block: Block): void => {
    for (const v of block.args) inside.add(v);
    for (const op of block.ops) {
      for (const v of op.results) inside.add(v);
      op.regions.forEach(add);
    }
  };
  loop.regions.forEach(add);
  inLoops.set(loop, inside);
  return inside;
}

/** No element in common along the axis, now or, as the distance only grows, ever. */
function isBeyond({ first, step }: Distance, a: Reach, b: Reach): boolean {
  return (first >= a.extent && step >= 0) || (-first >= b.extent && step <= 0);
}

/**
 * Where they have an element in common at all, all lanes of equal place have: of a moving box, in the next trip only. What
 * lies between axes that are fixed does not matter: there two boxes are equal or apart.
 */
function onePlace(distances: readonly (Distance | null)[], a: GlobalAccess, b: GlobalAccess): boolean {
  if (a.along.join() !== b.along.join()) return false;
  if (a.along.every((axis) => distances[axis]?.first === 0 && distances[axis]?.step === 0)) return true;
  const movesOn = (d: Distance | null, i: number): boolean =>
    d !== null && Math.abs(d.step) >= Math.max(a.reach[i]?.extent ?? 1, b.reach[i]?.extent ?? 1);
  return distances.every((d) => d?.first === 0) && (distances.every((d) => d?.step === 0) || distances.some(movesOn));
}

/** Lanes of equal number have the same address, and no two of a scatter do. */
function sameLanes(a: GlobalAccess, b: GlobalAccess, apart: Apart): boolean {
  const names = [a.op.name, b.op.name].sort().join(' ');
  if (apart.way !== 'same run' || names !== 'gather scatter') return false;
  const [x, y] = [a, b].map(({ op, tile }) => op.operands.filter((v, i) => !(i === 1 && v === tile)));
  const { valid: p = [] } = a.op.attrs as { valid?: readonly number[] };
  const { valid: q = [] } = b.op.attrs as { valid?: readonly number[] };
  return x?.length === y?.length && x?.every((v, i) => v === y?.[i]) === true && p.join() === q.join();
}

/** Whatever element both touch, one thread does. Of several holders of an element one writes, but all of them read. */
function heldAlike(a: Layout, b: Layout, bothWrite: boolean): boolean {
  if (layoutKey(a) !== layoutKey(b)) return false;
  return bothWrite || inOneThread(a);
}

function meetingOf(a: Layout, b: Layout): Meeting {
  const { scope, meet } = meeting(a, b);
  return { scope: scope === 'workgroup' ? 'cta' : scope, meet };
}
