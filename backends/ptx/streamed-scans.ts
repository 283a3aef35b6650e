import { type Block, type Op, type Value, walk } from '../../compiler/ir/module.js';
import { equalLayouts, registerCount } from '../../compiler/layout/layout.js';
import { isElementwise } from '../../compiler/ops/table.js';
import { ownersOf } from './lower/axis-bits.js';
import { isLazy } from './lower/lazy.js';

/** A scan whose lanes are gone as soon as they are made. Indices are those of the block. */
export interface Streamed {
  /** The fold that takes them in, for which the operands are computed. */
  readonly fold: number;
  /** Registers of a thread that stay: a position of each line, and lanes that slices take out. */
  readonly words: number;
  /** The last op that reads any of them. */
  readonly last: number;
}

/**
 * Scans along an axis that lies in the registers of a thread, read line for line by one fold along another axis, before
 * anything else happens: ptxas takes both position by position, so that only the results of the fold are held.
 */
export function streamedScans(block: Block): ReadonlyMap<Op, Streamed> {
  const found = new Map<Op, Streamed>();
  for (const [i, op] of block.ops.entries()) {
    if (op.name !== 'scan' && op.name !== 'scan_by') continue;
    const streamed = streamedAt(block, i, op);
    if (streamed !== null) found.set(op, streamed);
  }
  return found;
}

function streamedAt({ ops }: Block, at: number, scan: Op): Streamed | null {
  const axis = axisOf(scan);
  const layout = scan.results[0]?.layout;
  if (layout === undefined) return null;
  const inPlace = (v: Value): boolean => v.layout !== undefined && equalLayouts(v.layout, layout);
  const owners = ownersOf(layout, axis);
  if (owners === null || owners.some(({ dim }) => dim !== 'register')) return null;
  if (![...scan.operands, ...scan.results].every(inPlace)) return null;

  const lanes = new Set<Value>(scan.results);
  let [fold, taken, last] = [-1, 0, -1];
  for (const [k, op] of ops.entries()) {
    if (k <= at || !readsAny(op, lanes)) continue;
    if (isElementwise(op.name) && op.results.every(inPlace)) for (const v of op.results) lanes.add(v);
    else if (op.name === 'reduce' && axisOf(op) !== axis && fold < 0) fold = last = k;
    else if (op.name === 'slice' && fold >= 0) {
      taken += op.results.reduce((n, v) => n + (v.layout === undefined ? 0 : registerCount(v.layout)), 0);
      last = k;
    } else return null;
  }
  if (fold < 0 || !ops.slice(at + 1, fold).every(isLazy)) return null;
  const line = registerCount(layout) / 2 ** owners.length;
  return { fold, last, words: (line + taken) * scan.results.length };
}

const axisOf = (op: Op): number => (op.attrs as { axis: number }).axis;

const readsAny = (op: Op, values: ReadonlySet<Value>): boolean =>
  [op, ...op.regions.flatMap((region) => [...walk(region)])].some((x) => x.operands.some((v) => values.has(v)));
