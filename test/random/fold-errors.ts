import type { Machine, Step } from '../../compiler/interp/machine.js';
import type { Block, Op, Value } from '../../compiler/ir/module.js';
import { yielded } from '../../compiler/ir/rewrite.js';
import { isFloat, sizeOf, type TileType } from '../../compiler/ir/types.js';
import type { AccuracyBackend } from '../../compiler/ops/accuracy.js';
import { isElementwise, opRow } from '../../compiler/ops/table.js';
import { type Lane, laneError, rounded } from './lane-errors.js';

const U = 2 ** -24;
const FLUSH = 2 ** -126;

export function tileTypeOf(v: Value | undefined): TileType {
  if (v?.type.kind !== 'tile') throw new Error('a tile was expected');
  return v.type;
}

/** Relative error of one operand of a product, by precision. */
function operandError(op: Op<'dot'>): number {
  if (op.operands[0]?.type.dtype !== 'f32') return 0;
  const precision = op.attrs.precision ?? 'default';
  if (precision === 'ieee') return 0;
  return precision === 'tf32' ? 2 ** -11 : 2 ** -21;
}

export function productError(op: Op<'dot'>, m: Machine, errors: Machine): Step {
  const type = tileTypeOf(op.operands[0]);
  const batch = type.shape.length === 3 ? (type.shape[0] as number) : 1;
  const [M, K] = type.shape.slice(-2) as [number, number];
  const out = errors.tile(op.results[0]);
  const N = out.length / M / batch;
  const [a, b, acc] = op.operands.map((v) => m.tile(v)) as [Float64Array, Float64Array, Float64Array | undefined];
  const [ea, eb, eacc] = op.operands.map((v) => errors.tile(v)) as [
    Float64Array,
    Float64Array,
    Float64Array | undefined,
  ];
  const own = operandError(op);
  return () => {
    for (let s = 0; s < batch; s++)
      for (let i = 0; i < M; i++)
        for (let j = 0; j < N; j++) {
          const at = (s * M + i) * N + j;
          let error = eacc?.[at] ?? 0;
          let size = Math.abs(acc?.[at] ?? 0);
          for (let k = 0; k < K; k++) {
            const [p, q] = [(s * M + i) * K + k, (s * K + k) * N + j];
            const [x, y] = [Math.abs(a[p] as number), Math.abs(b[q] as number)];
            const [ex, ey] = [(ea[p] as number) + own * x, (eb[q] as number) + own * y];
            error += x * ey + y * ex + ex * ey + FLUSH;
            size += x * y;
          }
          error += (K + 2) * 2 * U * (size + error);
          out[at] = Number.isFinite(error) && size < 1e37 ? error : Infinity;
        }
  };
}

interface Lines {
  readonly starts: readonly number[];
  readonly stride: number;
  readonly length: number;
}

function linesOf(op: Op, axis: number): Lines {
  const { shape } = tileTypeOf(op.operands[0]);
  const stride = sizeOf(shape.slice(axis + 1));
  const length = shape[axis] as number;
  const starts = Array.from(
    { length: sizeOf(shape) / length },
    (_, line) => Math.floor(line / stride) * length * stride + (line % stride),
  );
  return { starts, stride, length };
}

const lanesOf = (x: Float64Array, e: Float64Array, start: number, l: Lines): Lane[] =>
  Array.from({ length: l.length }, (_, i) => ({
    x: x[start + i * l.stride] as number,
    e: e[start + i * l.stride] as number,
  }));

/** A sum in any order. */
function sumError(dtype: TileType['dtype'], lanes: readonly Lane[], total: number): number {
  if (!isFloat(dtype)) return lanes.every((l) => l.e === 0) ? 0 : Infinity;
  const e = lanes.reduce((s, l) => s + l.e, 0);
  const size = lanes.reduce((s, l) => s + Math.abs(l.x), 0);
  if (!(size < 1e37)) return Infinity;
  return rounded(dtype, total, e + lanes.length * U * (size + e) + FLUSH);
}

function extremeError(lanes: readonly Lane[]): number {
  if (lanes.some((l) => Number.isNaN(l.x))) return Infinity;
  return lanes.reduce((most, l) => Math.max(most, l.e), 0);
}

/** The winner is certain where nobody else comes as near. */
function positionError(lanes: readonly Lane[], at: number): number {
  if (lanes.some((l) => Number.isNaN(l.x) || !Number.isFinite(l.e))) return Infinity;
  const best = lanes[at] as Lane;
  const near = lanes.some((l, i) => i !== at && Math.abs(l.x - best.x) <= l.e + best.e && (l.e > 0 || best.e > 0));
  return near ? Infinity : 0;
}

export function foldError(
  op: Op<'reduce'> | Op<'reduce_by'>,
  m: Machine,
  errors: Machine,
  backend: AccuracyBackend,
): Step {
  const any = op as Op;
  const lines = linesOf(any, op.attrs.axis);
  const xs = any.operands.map((v) => [m.tile(v), errors.tile(v)] as const);
  const outs = any.results.map((v) => [m.tile(v), errors.tile(v)] as const);
  const dtype = any.operands[0]?.type.dtype ?? 'f32';
  return () => {
    lines.starts.forEach((start, line) => {
      const lanes = xs.map(([x, e]) => lanesOf(x, e, start, lines));
      const found =
        op.name === 'reduce'
          ? [oneFold(op.attrs.op, dtype, lanes[0] as Lane[], outs[0]?.[0][line] as number)]
          : combined(op, backend, lanes);
      outs.forEach(([, e], i) => {
        const error = found[i] as number;
        e[line] = Number.isNaN(error) ? Infinity : error;
      });
    });
  };
}

function oneFold(fold: string, dtype: TileType['dtype'], lanes: readonly Lane[], result: number): number {
  if (fold === 'sum') return sumError(dtype, lanes, result);
  return fold === 'max' || fold === 'min' ? extremeError(lanes) : positionError(lanes, result);
}

export function scanError(op: Op<'scan'> | Op<'scan_by'>, m: Machine, errors: Machine, backend: AccuracyBackend): Step {
  const any = op as Op;
  const lines = linesOf(any, op.attrs.axis);
  const xs = any.operands.map((v) => [m.tile(v), errors.tile(v)] as const);
  const outs = any.results.map((v) => [m.tile(v), errors.tile(v)] as const);
  const dtype = any.operands[0]?.type.dtype ?? 'f32';
  const reverse = op.attrs.reverse === true;
  return () => {
    for (const start of lines.starts) {
      const all = xs.map(([x, e]) => lanesOf(x, e, start, lines));
      for (let i = 0; i < lines.length; i++) {
        const upTo = all.map((l) => (reverse ? l.slice(i).reverse() : l.slice(0, i + 1)));
        const at = start + i * lines.stride;
        const found =
          op.name === 'scan'
            ? [sumError(dtype, upTo[0] as Lane[], outs[0]?.[0][at] as number)]
            : combined(op, backend, upTo);
        outs.forEach(([, e], j) => {
          const error = found[j] as number;
          e[at] = Number.isNaN(error) ? Infinity : error;
        });
      }
    }
  };
}

type Group = readonly Lane[];

/**
 * A function folded in several orders: the largest error of any of them, and how far their results are apart, twice.
 * Not all orders are tried, so this is an estimate, where all else here is a bound.
 */
function combined(
  op: Op<'reduce_by'> | Op<'scan_by'>,
  backend: AccuracyBackend,
  lanes: readonly (readonly Lane[])[],
): number[] {
  const region = op.regions[0] as Block;
  const groups = (lanes[0] as Lane[]).map((_, i): Group => lanes.map((l) => l[i] as Lane));
  const join = (a: Group, b: Group): Group => evaluateRegion(region, [...a, ...b], backend);
  const forward = groups.slice(1).reduce(join, groups[0] as Group);
  const backward = groups.slice(0, -1).reduceRight((right, left) => join(left, right), groups.at(-1) as Group);
  const halves = tree(groups, join);
  return forward.map((l, i) => {
    const others = [backward[i] as Lane, halves[i] as Lane];
    const apart = Math.max(...others.map((o) => (Object.is(o.x, l.x) ? 0 : Math.abs(o.x - l.x))));
    const e = Math.max(l.e, ...others.map((o) => o.e));
    return e === 0 && apart === 0 ? 0 : 2 * (e + apart);
  });
}

function tree(groups: readonly Group[], join: (a: Group, b: Group) => Group): Group {
  if (groups.length === 1) return groups[0] as Group;
  const half = groups.length >> 1;
  return join(tree(groups.slice(0, half), join), tree(groups.slice(half), join));
}

function evaluateRegion(region: Block, args: readonly Lane[], backend: AccuracyBackend): Group {
  const known = new Map(region.args.map((v, i) => [v, args[i] as Lane]));
  for (const op of region.ops) {
    const [result] = op.results;
    if (result === undefined) continue;
    if (op.name === 'const') known.set(result, { x: (op as Op<'const'>).attrs.value, e: 0 });
    else if (isElementwise(op.name))
      known.set(
        result,
        evaluateLane(
          op,
          op.operands.map((v) => known.get(v) ?? { x: NaN, e: Infinity }),
          backend,
        ),
      );
  }
  return yielded(region).map((v) => known.get(v) ?? { x: NaN, e: Infinity });
}

function evaluateLane(op: Op, x: readonly Lane[], backend: AccuracyBackend): Lane {
  const { dtype } = tileTypeOf(op.results[0]);
  const from = op.operands[0]?.type.dtype ?? dtype;
  const evaluate = opRow(op.name).evaluate as NonNullable<ReturnType<typeof opRow>['evaluate']>;
  const attrs = op.attrs as Readonly<Record<string, never>>;
  const y = evaluate(
    x.map((l) => l.x),
    from,
    attrs,
  );
  if (x.every((l) => l.e === 0) && !isFloat(dtype)) return { x: y, e: 0 };
  if (op.name === 'select')
    return {
      x: y,
      e: (x[0] as Lane).e !== 0 ? Infinity : (x[0] as Lane).x !== 0 ? (x[1] as Lane).e : (x[2] as Lane).e,
    };
  if (!isFloat(dtype) || op.name === 'cast')
    return { x: y, e: x.every((l) => l.e === 0) ? rounded(dtype, y, 0) : Infinity };
  const exact = op.name === 'max' || op.name === 'min' || op.name === 'neg' || op.name === 'abs';
  const e = laneError(op.name, backend, x, y, (v) => evaluate(v, from, attrs));
  return { x: y, e: exact ? e : rounded(dtype, y, e) };
}
