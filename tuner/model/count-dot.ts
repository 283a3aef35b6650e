import type { Op, Value } from '../../compiler/ir/module.js';
import { axisIndex, spanInOrder } from '../../compiler/layout/axes.js';
import { rank } from '../../compiler/layout/gf2.js';
import { type Layout, registerCount } from '../../compiler/layout/layout.js';
import { MMA_COLUMNS, MMA_ROWS } from '../../compiler/layout/mma.js';
import { type Work, work } from './work.js';

/**
 * Cycles between two `mma.sync` of one sub-core, and until a sum may be added to (H100; design: ptx-lowering.md): of f32 half of
 * that, as Lightning's f32 kernels are ranked best; ptxas fills the rest with other sums.
 */
const MMA_CYCLES = 6.4;
const MMA_LATENCY = { m16n8k16: 33, m16n8k8: 12 } as const;
const SUB_CORES = 4;
/** What rounds a register to tf32, and what splits it in two (backends/ptx/lower/tf32.ts): all, and those at half rate. */
const ROUNDED = { issued: 1, halfRate: 1 } as const;
const SPLIT = { issued: 2, halfRate: 1 } as const;
/** Columns, or terms of the sum, that warps skip together (backends/ptx/lower/skip-zeros.ts). */
const UNIT = 32;

const STEPS = { m16n8k16: 16, m16n8k8: 8 } as const;

/** Distinct registers of a thread. */
export const ownRegisters = (l: Layout): number => 2 ** rank(l.ins.register ?? []);

/** What one product takes, fragments and their reading aside. */
export function dotWork(op: Op<'dot'>): Work {
  const layout = (op.results[0] as Value).layout as Layout;
  const [a, b] = op.operands as [Value, Value];
  const K = a.type.kind === 'tile' ? (a.type.shape.at(-1) ?? 1) : 1;
  const warps = 2 ** (layout.ins.warp?.length ?? 0);
  const { instr } = op.attrs;
  if (instr !== 'm16n8k16' && instr !== 'm16n8k8') {
    const each = ownRegisters(layout) * K;
    return work({ issued: each * warps, productFlops: 2 * each * 32 * warps, latency: 4 * K });
  }
  const [rows, columns] = [own(layout, 0), own(layout, 1)];
  const sums = Math.max(1, rows.inside.length / MMA_ROWS) * Math.max(1, columns.inside.length / MMA_COLUMNS);
  const exact = instr === 'm16n8k8' && op.attrs.precision !== 'tf32' ? 3 : 1;
  const steps = Math.ceil(K / STEPS[instr]);
  const live = liveParts(op);
  const each = sums * steps * exact;
  const busiest = Math.max(...subCores(live));
  const mma = each * live.reduce((n, x) => n + x, 0);
  const flops = mma * 2 * MMA_ROWS * MMA_COLUMNS * STEPS[instr];
  const registers = instr === 'm16n8k8' ? warps * (registersOf(a) + registersOf(b)) : 0;
  const conversion = exact === 3 ? SPLIT : ROUNDED;
  return work({
    ...(instr === 'm16n8k16' ? { tensorFlops: flops } : { tf32Flops: flops }),
    tensorCycles: each * busiest * MMA_CYCLES,
    issued: mma + registers * conversion.issued,
    halfRate: registers * conversion.halfRate,
    latency: Math.max(0, steps * exact * (MMA_LATENCY[instr] - sums * MMA_CYCLES)) + MMA_LATENCY[instr],
  });
}

const registersOf = (v: Value): number => (v.layout === undefined ? 0 : registerCount(v.layout));

interface Own {
  /** For each warp. */
  readonly warp: readonly number[];
  readonly inside: readonly number[];
}

function own({ shape, ins }: Layout, axis: number): Own {
  const bases = (list: readonly number[] = []): number[] => list.map((b) => axisIndex(shape, axis, b));
  return {
    warp: spanInOrder(bases(ins.warp)),
    inside: [...new Set(spanInOrder([...bases(ins.register), ...bases(ins.lane)]))],
  };
}

/** For each warp the part of its products that facts about zeros leave: 1 where there are none. */
export function liveParts(op: Op<'dot'>): readonly number[] {
  const layout = (op.results[0] as Value).layout as Layout;
  const [rows, columns] = [own(layout, 0), own(layout, 1)];
  const { zero_out: out, zero_a: a } = op.attrs;
  const facts = out ?? a;
  if (facts === undefined) return rows.warp.map(() => 1);
  const K = op.operands[0]?.type.kind === 'tile' ? (op.operands[0].type.shape.at(-1) ?? 1) : 1;
  const along = out === undefined ? Array.from({ length: K }, (_, k) => k) : columns.inside;
  const units = [...new Set(along.map((c) => Math.floor(c / UNIT)))].map((u) =>
    along.filter((c) => Math.floor(c / UNIT) === u),
  );
  return rows.warp.map((r, w) => {
    const offset = out === undefined ? 0 : (columns.warp[w] ?? 0);
    const isLive = (unit: readonly number[]): boolean =>
      triples(facts).every(([p, q, s]) => most(p, rows.inside, r) + most(q, unit, offset) + s >= 0);
    return units.filter(isLive).length / units.length;
  });
}

const triples = (facts: readonly number[]): [number, number, number][] =>
  Array.from({ length: facts.length / 3 }, (_, i) => facts.slice(3 * i, 3 * i + 3) as [number, number, number]);

const most = (factor: number, positions: readonly number[], offset: number): number =>
  Math.max(...positions.map((x) => factor * (x ^ offset)));

/** Warps by sub-core. */
function subCores(perWarp: readonly number[]): number[] {
  const load = new Array<number>(Math.min(SUB_CORES, perWarp.length)).fill(0);
  for (const [w, x] of perWarp.entries()) load[w % load.length] = (load[w % load.length] ?? 0) + x;
  return load;
}
