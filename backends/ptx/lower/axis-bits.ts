import { axisIndex } from '../../../compiler/layout/axes.js';
import { type Layout, log2, makeLayout, tileBits } from '../../../compiler/layout/layout.js';

/** Where a bit of the position along an axis lies in the hardware. */
export interface Owner {
  readonly dim: 'register' | 'lane' | 'warp';
  readonly bit: number;
}

/** The owner of each bit of the position, lowest first; null where one has several, or moves along other axes too. */
export function ownersOf(l: Layout, axis: number): Owner[] | null {
  const owners: Owner[] = [];
  for (const dim of ['register', 'lane', 'warp'] as const)
    for (const [bit, basis] of (l.ins[dim] ?? []).entries()) {
      const along = axisIndex(l.shape, axis, basis);
      if (along === 0) continue;
      const position = 31 - Math.clz32(along);
      if ((basis & (basis - 1)) !== 0 || owners[position] !== undefined) return null;
      owners[position] = { dim, bit };
    }
  return owners;
}

/** Neighbouring bits of the position that lie in one kind of hardware: their numbers there, lowest position first. */
export interface Run {
  readonly dim: Owner['dim'];
  readonly bits: readonly number[];
  /** Bits of the position below these. */
  readonly below: number;
}

export function runsOf(owners: readonly Owner[]): Run[] {
  const runs: Run[] = [];
  for (const [position, { dim, bit }] of owners.entries()) {
    const last = runs.at(-1);
    if (last?.dim === dim) runs[runs.length - 1] = { ...last, bits: [...last.bits, bit] };
    else runs.push({ dim, bits: [bit], below: position });
  }
  return runs;
}

const LANE_BITS = 5;

/** One owner for each bit, the nearest for those of the axis. */
export function straightLayout(l: Layout, axis: number, warps: number): Layout {
  const bits = Array.from({ length: tileBits(l.shape) }, (_, i) => 2 ** i);
  const along = (bit: number): boolean => axisIndex(l.shape, axis, bit) !== 0;
  const order = [...bits.filter(along), ...bits.filter((x) => !along(x))];
  const registers = Math.max(0, bits.length - LANE_BITS - log2(warps));
  const [lane, warp] = [registers, registers + LANE_BITS];
  const upTo = (from: number, n: number): number[] => Array.from({ length: n }, (_, i) => order[from + i] ?? 0);
  return makeLayout(l.shape, {
    register: upTo(0, registers),
    lane: upTo(lane, LANE_BITS),
    warp: upTo(warp, log2(warps)),
  });
}
