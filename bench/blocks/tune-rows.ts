import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Config } from '../../driver/configurations.js';
import type { Range } from '../../driver/tuned-file.js';
import { type NewTunedRow, writeTunedRows } from '../../driver/write-tuned-rows.js';
import type { BlockMeasurements, CasePoints } from './measurements.js';
import { KERNELS, type Shape } from './problem.js';
import { lossOf, type Pick, picks, timedAt } from './rule.js';

/**
 * The rows of kernels/lightning/*.tune.json for the devices of the block measurements, in place of those that it wrote before:
 *   node dist/bench/blocks/tune-rows.js [--data bench/blocks/data]
 */
const { values: options } = parseArgs({ options: { data: { type: 'string', default: 'bench/blocks/data' } } });

/** One configuration serves all shapes where it is nowhere slower than the best by more than this. */
const ALIKE = 0.03;

/** Between shapes of the grid half of the doublings belong to each. */
const between = (a: number, b: number): number => Math.round(Math.sqrt(a * b));

/** Heads and tokens for which a point of the grid speaks: half of the way to the next one, and half of the fewest heads. */
function regionOf(shape: Shape, shapes: readonly Shape[]): readonly [heads: Range, tokens: Range] {
  const alike = shapes.filter((s) => s.heads === shape.heads);
  const range = (own: number, all: readonly number[]): Range => {
    const sorted = [...new Set(all)].sort((a, b) => a - b);
    const [below, above] = [sorted.filter((x) => x < own).at(-1), sorted.find((x) => x > own)];
    return {
      ...(below === undefined ? {} : { least: between(below, own) + 1 }),
      ...(above === undefined ? {} : { most: between(own, above) }),
    };
  };
  const tokens = alike.map((s) => s.N);
  const all = shapes.map((s) => s.heads);
  const least = Math.min(...all) === shape.heads ? { least: Math.max(1, shape.heads / 2) } : {};
  return [{ ...least, ...range(shape.heads, all) }, range(shape.N, tokens)];
}

/** The configuration that is nowhere far from the best, if it is by `most` at most; null: there is none. */
function forAll(of: CasePoints, most: number): Config | null {
  const byShape = of.shapes.map((_, at) => timedAt(of, at)).filter((timed) => timed.length > 0);
  const [first = []] = byShape;
  const worst = first.map(({ config }) => {
    const losses = byShape.map((timed) => {
      const own = timed.find((t) => JSON.stringify(t.config) === JSON.stringify(config));
      return own === undefined ? Number.POSITIVE_INFINITY : own.ms / (timed[0]?.ms ?? own.ms) - 1;
    });
    return { config, loss: Math.max(...losses) };
  });
  const [best] = worst.sort((a, b) => a.loss - b.loss);
  return best !== undefined && best.loss <= most ? best.config : null;
}

function rowsOf(measured: BlockMeasurements, of: CasePoints, picked: readonly Pick[]): NewTunedRow[] {
  const { target, architecture } = measured;
  // What is measured for one of the 16-bit dtypes alone holds for both.
  const twins = measured.cases.filter((c) => c.kernel === of.kernel && c.D === of.D && c.dtype !== 'f32');
  const dtypes = of.dtype === 'f32' || twins.length > 1 ? [of.dtype] : (['f16', 'bf16'] as const);
  const size = { ...(of.D > 32 ? { least: of.D / 2 + 1 } : {}), most: of.D };
  const row = (config: Config, key: readonly Range[]): NewTunedRow => ({
    kernel: of.kernel,
    ...(target.kind === 'cuda' ? { target: 'cuda', sm: target.target.sm } : { target: 'webgpu' }),
    architecture,
    when: { dtypes: { T: dtypes }, dims: { D: size, E: size }, ...(key.length > 0 ? { key } : {}) },
    config,
  });
  // Times on a CPU scatter by more than shapes differ.
  const isCpu = target.kind !== 'interpret' && target.processors === 1;
  const isWhole = of.shapes.every((_, at) => timedAt(of, at).length > 0);
  const common = isWhole || isCpu ? forAll(of, isCpu ? Number.MAX_VALUE : ALIKE) : null;
  if (common !== null) return [row(common, [])];
  return of.shapes.flatMap((shape, at) => {
    // What the rule says is good at other sizes of the region too.
    const pick = picked.find((p) => p.of === of && p.shape === shape);
    const isAlike = pick !== undefined && (lossOf(pick) ?? 1) <= ALIKE;
    const config = isAlike ? pick.taken?.config : timedAt(of, at)[0]?.config;
    if (config === undefined) return [];
    const [heads, tokens] = regionOf(shape, of.shapes);
    return [row(config, Object.keys(tokens).length > 0 ? [heads, tokens] : [heads])];
  });
}

const dtypesOf = ({ when }: NewTunedRow): readonly string[] => Object.values(when?.dtypes ?? {}).flat();

/** Whether a row is one of an earlier session for what `own` is for: other regions of the grid, or 16-bit dtypes in common. */
function isBefore(row: NewTunedRow, own: NewTunedRow): boolean {
  // Rows that `lac tune` wrote name options.
  const isOurs = row.when?.options === undefined && row.architecture === own.architecture && row.target === own.target;
  const isAlike = row.kernel === own.kernel && JSON.stringify(row.when?.dims) === JSON.stringify(own.when?.dims);
  return isOurs && isAlike && dtypesOf(row).some((dtype) => dtypesOf(own).includes(dtype));
}

for (const name of readdirSync(options.data).sort()) {
  const measured = JSON.parse(readFileSync(path.join(options.data, name), 'utf8')) as BlockMeasurements;
  const picked = picks(measured);
  for (const of of measured.cases) {
    const rows = rowsOf(measured, of, picked);
    writeTunedRows(KERNELS[of.kernel].file, rows, (row) => rows.some((own) => isBefore(row, own)));
  }
  console.log(`${name}: ${measured.cases.length} cases`);
}
