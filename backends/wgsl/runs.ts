import type { Value } from '../../compiler/ir/module.js';
import { permuteAxes } from '../../compiler/layout/axes.js';
import { basesOf, type Layout, log2, makeLayout, registerCount } from '../../compiler/layout/layout.js';
import type { Group } from './combine.js';
import { type AxisIndex, axisIndexOf, type Emitter, layoutOf, position, tileOf } from './emitter.js';
import { component } from './registers.js';

/**
 * A fold along an axis by runs: neighbours that an invocation holds side by side are one run, which it folds by itself.
 * What is left is [places, runs]: a place is a line along the axis, by its row-major number among all lines.
 */
export interface Runs {
  readonly places: number;
  readonly runs: number;
  /** Positions of one run. */
  readonly width: number;
  readonly layout: Layout;
  /** Runs that an invocation holds. */
  readonly held: number;
  readonly place: AxisIndex;
  readonly run: AxisIndex;
  /** The operands' lanes at position i of run r of this invocation. */
  readonly lanes: (r: number, i: number) => Group;
  /** The register that holds it. */
  readonly register: (r: number, i: number) => number;
}

export function runsOf(e: Emitter, operands: readonly Value[], axis: number): Runs {
  const l = layoutOf(operands[0] as Value);
  const { shape } = tileOf(operands[0] as Value);
  const extent = shape[axis] ?? 1;
  const others = [...shape.keys()].filter((i) => i !== axis);
  const line = permuteAxes(l, [...others, axis]);
  const along = lowBits(line, log2(extent));
  const register = line.ins.register ?? [];
  const rest = [...register.keys()].filter((bit) => !along.includes(bit));
  const width = 2 ** along.length;
  const places = shape.reduce((n, x) => n * x, 1) / extent;
  const shrunk = (bases: readonly number[]): number[] => bases.map((b) => b >>> along.length);
  const layout = makeLayout([places, extent / width], {
    register: shrunk(rest.map((bit) => register[bit] ?? 0)),
    invocation: shrunk(line.ins.invocation ?? []),
  });
  const tiles = operands.map((v) => e.rounded(e.tile(v)));
  const registerAt = (r: number, i: number): number => spread(r, rest) | spread(i, along);
  return {
    places,
    runs: extent / width,
    width,
    layout,
    held: registerCount(layout),
    place: axisIndexOf(e, layout, 0),
    run: axisIndexOf(e, layout, 1),
    lanes: (r, i) => tiles.map((t) => component(t, registerAt(r, i))),
    register: registerAt,
  };
}

/** Register bits that are the lowest bits of the last axis, which no other bit of the hardware moves. */
function lowBits(l: Layout, most: number): number[] {
  const found: number[] = [];
  for (let b = 0; b < most; b++) {
    const bit = (l.ins.register ?? []).indexOf(2 ** b);
    if (bit < 0 || basesOf(l).filter((basis) => (basis >>> b) & 1).length > 1) break;
    found.push(bit);
  }
  return found;
}

/** Bit i of `n` at bit `bits[i]`. */
const spread = (n: number, bits: readonly number[]): number =>
  bits.reduce((at, bit, i) => at | (((n >>> i) & 1) << bit), 0);

/** The index of register r along an axis, as text. */
export const indexAt = (index: AxisIndex, r: number): string => position(index.invocation, index, r);
