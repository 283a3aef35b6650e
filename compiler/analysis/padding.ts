/**
 * What the lanes hold that padding to powers of two will add, before it is added. A fact is one entry an axis: the
 * number in every lane at or past the logical extent of that axis, or null where that is not known. Facts only speak
 * of lanes, never of finiteness: 0 * unknown is unknown, since the unknown may be NaN.
 */
import type { Block, Kernel, Op, Value } from '../ir/module.js';
import { loopParts, yielded } from '../ir/rewrite.js';
import { type DType, isFloat, type TileType } from '../ir/types.js';
import { roundTo } from '../ops/round.js';
import type { AttrValue } from '../ops/schema.js';
import { type OpName, opRow } from '../ops/table.js';
import { groupAxes } from './reshape-groups.js';

export type Fact = readonly (number | null)[];

const same = (a: number | null, b: number | null): boolean => Object.is(a, b);
const meet = (a: Fact, b: Fact): Fact => a.map((x, i) => (same(x, b[i] ?? null) ? x : null));

export const nextPowerOfTwo = (n: number): number => 2 ** Math.ceil(Math.log2(n));
export const isPowerOfTwo = (n: number): boolean => nextPowerOfTwo(n) === n;

/** Facts of every tile value of a kernel whose tiles have their logical shapes. */
export function paddingFacts(kernel: Kernel): Map<Value, Fact> {
  const analysis: Analysis = { facts: new Map(), changed: true };
  while (analysis.changed) {
    analysis.changed = false;
    visitBlock(kernel.body, analysis);
  }
  return analysis.facts;
}

/** Facts of carried values start from the initial values and only ever get lost, until a round over the kernel loses none. */
interface Analysis {
  readonly facts: Map<Value, Fact>;
  changed: boolean;
}

function visitBlock(block: Block, a: Analysis): void {
  for (const op of block.ops) visitOp(op, a);
}

const shapeOf = (v: Value | undefined): readonly number[] => (v?.type.kind === 'tile' ? v.type.shape : []);
const unknown = (v: Value | undefined): Fact => shapeOf(v).map(() => null);

function visitOp(op: Op, a: Analysis): void {
  const of = (i: number): Fact => {
    const v = op.operands[i];
    return (v && a.facts.get(v)) ?? unknown(v);
  };
  if (op.name === 'for' || op.name === 'while') visitLoop(op as Op<'for'> | Op<'while'>, a);
  else if (op.name === 'reduce_by' || op.name === 'scan_by') for (const v of op.results) a.facts.set(v, unknown(v));
  else if (op.regions.length > 0) joinRegions(op, a);
  else setFact(op, of, a);
}

function setFact(op: Op, of: (i: number) => Fact, a: Analysis): void {
  const [result] = op.results;
  if (result?.type.kind !== 'tile') return;
  const fact = opRow(op.name).evaluate === undefined ? structural(op, of) : elementwise(op, of, result.type);
  a.facts.set(result, fact ?? unknown(result));
}

/** What a region ends with, as facts. */
function factsOf(block: Block, { facts }: Analysis): Fact[] {
  return yielded(block).map((v) => facts.get(v) ?? unknown(v));
}

function joinRegions(op: Op, a: Analysis): void {
  for (const region of op.regions) visitBlock(region, a);
  const ends = op.regions.map((r) => factsOf(r, a));
  op.results.forEach((v, i) => {
    a.facts.set(v, ends.map((e) => e[i] ?? unknown(v)).reduce(meet));
  });
}

function visitLoop(op: Op<'for'> | Op<'while'>, a: Analysis): void {
  const { inits, args: carried, body, condition } = loopParts(op);
  const initial = inits.map((v) => a.facts.get(v) ?? unknown(v));
  const entry = carried.map((v, i) => meet(a.facts.get(v) ?? initial[i] ?? unknown(v), initial[i] ?? unknown(v)));
  carried.forEach((v, i) => void a.facts.set(v, entry[i] ?? unknown(v)));
  condition?.args.forEach((v, i) => void a.facts.set(v, entry[i] ?? unknown(v)));
  if (condition !== null) visitBlock(condition, a);
  visitBlock(body, a);
  const end = factsOf(body, a);
  carried.forEach((v, i) => {
    const kept = meet(entry[i] ?? unknown(v), end[i] ?? unknown(v));
    if (!kept.every((x, axis) => same(x, entry[i]?.[axis] ?? null))) a.changed = true;
    a.facts.set(v, kept);
    const result = op.results[i];
    if (result !== undefined) a.facts.set(result, kept);
  });
}

/** A value that is the same in f64, in its dtype, and where denormals flush; null for any other. */
function exact(value: number, dtype: DType): number | null {
  if (!isFloat(dtype)) return value;
  return Object.is(roundTo(dtype, value), value) && (value === 0 || !(Math.abs(value) < 2 ** -126)) ? value : null;
}

function structural(op: Op, of: (i: number) => Fact): Fact | null {
  const result = op.results[0]?.type as TileType;
  const attrs = op.attrs as Readonly<Record<string, AttrValue | undefined>>;
  switch (op.name) {
    case 'const':
      return result.shape.map(() => exact(attrs.value as number, result.dtype));
    case 'load':
      return result.shape.map(() => exact(attrs.pad as number, result.dtype));
    case 'splat':
      return splatted(op, result);
    case 'broadcast':
      return of(0).map((x, i) => (shapeOf(op.operands[0])[i] === result.shape[i] ? x : null));
    case 'expand': {
      const axis = attrs.axis as number;
      return [...of(0).slice(0, axis), null, ...of(0).slice(axis)];
    }
    case 'trans':
      return [...of(0)].reverse();
    case 'convert':
      return of(0);
    case 'reshape':
      return reshaped(shapeOf(op.operands[0]), result.shape, of(0));
    case 'reduce':
      return reduced(of(0), attrs);
    case 'scan':
      return scanned(of(0), attrs);
    default:
      return null;
  }
}

function splatted(op: Op, result: TileType): Fact | null {
  const def = op.operands[0]?.def;
  if (def?.kind !== 'op' || def.name !== 'const') return null;
  const { value } = (def as Op<'const'>).attrs;
  return result.shape.map(() => exact(value, result.dtype));
}

/** In a group of merged or split axes only the leading one has padding, on both sides: the same lanes. */
function reshaped(from: readonly number[], to: readonly number[], fact: Fact): Fact {
  const result: (number | null)[] = to.map(() => null);
  for (const { source, target } of groupAxes(from, to) ?? []) {
    const [s, t] = [source[0], target[0]];
    if (s !== undefined && t !== undefined) result[t] = fact[s] ?? null;
  }
  return result;
}

/** The axes that stay: a fold of equal lanes is known where no arithmetic is. */
function reduced(x: Fact, attrs: Readonly<Record<string, AttrValue | undefined>>): Fact {
  const kept = x.filter((_, axis) => axis !== attrs.axis);
  if (attrs.op === 'max' || attrs.op === 'min') return kept;
  return kept.map((v) => (attrs.op === 'sum' && v === 0 ? 0 : null));
}

/** Sums of zeros are zeros; along the axis itself only where the padding comes first. */
function scanned(x: Fact, attrs: Readonly<Record<string, AttrValue | undefined>>): Fact {
  return x.map((v, axis) => (v === 0 && (axis !== attrs.axis || attrs.reverse === true) ? 0 : null));
}

/** Ops that give the same bits on every backend, so that a fact about their result may be computed here. */
const EXACT: ReadonlySet<OpName> = new Set<OpName>([
  'add',
  'sub',
  'mul',
  'max',
  'min',
  'and',
  'or',
  'xor',
  'not',
  'neg',
  'abs',
  'floor',
  'ceil',
  'round',
  'cmp',
  'cast',
]);
function elementwise(op: Op, of: (i: number) => Fact, result: TileType): Fact {
  const operands = op.operands.map((_, i) => of(i));
  return result.shape.map((_, axis) =>
    lane(
      op,
      operands.map((f) => f[axis] ?? null),
      result.dtype,
    ),
  );
}

function lane(op: Op, x: readonly (number | null)[], dtype: DType): number | null {
  if (op.name === 'select') return selected(x);
  const known = x.filter((v) => v !== null);
  if (known.length < x.length) return null;
  const evaluate = opRow(op.name).evaluate;
  if (evaluate === undefined || !EXACT.has(op.name)) return null;
  const from = op.operands[0]?.type.dtype ?? dtype;
  const value = evaluate(known, from, op.attrs as Readonly<Record<string, AttrValue | undefined>>);
  return exact(value, dtype);
}

function selected([mask, a, b]: readonly (number | null)[]): number | null {
  if (mask !== null && mask !== undefined) return (mask !== 0 ? a : b) ?? null;
  return a !== null && a !== undefined && same(a, b ?? null) ? a : null;
}
