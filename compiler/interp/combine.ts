import { Bug } from '../diag/diagnostic.js';
import type { Op } from '../ir/module.js';
import { isFloat, sizeOf } from '../ir/types.js';
import { roundTo } from '../ops/round.js';
import { compileBlock } from './control.js';
import type { Machine, Step } from './machine.js';

/** `left` takes in `right`: both hold one lane of each operand. */
type Combine = (left: number[], right: readonly number[]) => void;

/** The region as a function of two groups of lanes. */
function combining(op: Op<'reduce_by'> | Op<'scan_by'>, m: Machine): Combine {
  const [region] = op.regions;
  const end = region?.ops.at(-1);
  if (region === undefined || end?.name !== 'yield') throw new Bug(`${op.name} without a function`);
  const args = region.args.map((v) => m.tile(v));
  const ends = end.operands.map((v) => m.tile(v));
  const run = compileBlock(region, m);
  const n = ends.length;
  return (left, right) => {
    for (let i = 0; i < n; i++) {
      (args[i] as Float64Array)[0] = left[i] as number;
      (args[n + i] as Float64Array)[0] = right[i] as number;
    }
    run();
    for (let i = 0; i < n; i++) left[i] = ends[i]?.[0] as number;
  };
}

/** Lines of lanes along the axis: where each begins, how far apart its lanes are, how many take part. */
function linesOf(op: Op<'reduce_by'> | Op<'scan_by'>) {
  const type = op.operands[0]?.type;
  if (type?.kind !== 'tile') throw new Bug(`${op.name} of no tile`);
  const { axis } = op.attrs;
  const extent = type.shape[axis] as number;
  const stride = sizeOf(type.shape.slice(axis + 1));
  const starts: number[] = [];
  for (let o = 0; o < sizeOf(type.shape.slice(0, axis)); o++)
    for (let i = 0; i < stride; i++) starts.push(o * extent * stride + i);
  return { starts, stride, length: Math.min(op.attrs.valid ?? extent, extent) };
}

/** Values of one lane, as its dtypes hold them. */
function rounding(op: Op, m: Machine): (x: number[]) => void {
  const dtypes = op.results.map((v) => v.type.dtype);
  if (m.mode === 'f64') return () => {};
  return (x) => {
    for (const [i, d] of dtypes.entries()) if (isFloat(d)) x[i] = roundTo(d, x[i] as number);
  };
}

export function reduceBy(op: Op<'reduce_by'>, m: Machine): Step {
  const combine = combining(op, m);
  const { starts, stride, length } = linesOf(op);
  const ins = op.operands.map((v) => m.tile(v));
  const outs = op.results.map((v) => m.tile(v));
  const round = rounding(op, m);
  return () => {
    for (const [line, start] of starts.entries()) {
      const sum = ins.map((x) => x[start] as number);
      for (let i = 1; i < length; i++)
        combine(
          sum,
          ins.map((x) => x[start + i * stride] as number),
        );
      round(sum);
      for (const [i, out] of outs.entries()) out[line] = sum[i] as number;
    }
  };
}

export function scanBy(op: Op<'scan_by'>, m: Machine): Step {
  const combine = combining(op, m);
  const { starts, stride, length } = linesOf(op);
  const ins = op.operands.map((v) => m.tile(v));
  const outs = op.results.map((v) => m.tile(v));
  const round = rounding(op, m);
  const reverse = op.attrs.reverse === true;
  return () => {
    for (const start of starts) {
      const at = (i: number): number => start + (reverse ? length - 1 - i : i) * stride;
      const sum = ins.map((x) => x[at(0)] as number);
      for (let i = 0; i < length; i++) {
        if (i > 0)
          combine(
            sum,
            ins.map((x) => x[at(i)] as number),
          );
        round(sum);
        for (const [j, out] of outs.entries()) out[at(i)] = sum[j] as number;
      }
    }
  };
}
