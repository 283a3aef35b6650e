import type { Block, Op, Value } from '../../compiler/ir/module.js';
import { yielded } from '../../compiler/ir/rewrite.js';
import type { DType } from '../../compiler/ir/types.js';
import { inside } from './control.js';
import { type Emitter, sum, tileOf } from './emitter.js';
import { emitBlock } from './lower.js';
import { fromWord, toWord } from './memory.js';
import { laneType } from './registers.js';
import { type Buffer, offsetMark, print } from './statement.js';

/** One lane of each operand of a fold, as scalar expressions. */
export type Group = readonly string[];

/** The function of a fold: what the lanes before, `left`, become with those after, `right`. */
export interface Combine {
  readonly dtypes: readonly DType[];
  /** Names what comes of the two. */
  readonly named: (left: Group, right: Group) => { readonly line: string; readonly group: Group };
}

/** The region as a function of its own: its text stands once, however often a fold calls it. */
export function combineOf(e: Emitter, op: Op<'reduce_by'> | Op<'scan_by'>): Combine {
  const region = op.regions[0] as Block;
  const dtypes = op.operands.map((v) => tileOf(v).dtype);
  const captured = capturedBy(region);
  const outer = captured.map((v) => e.scalar(v));
  const name = e.helper(e.name('fold'), (f) => write(e, f, region, captured, dtypes));
  captured.forEach((v, i) => {
    e.scalars.set(v, outer[i] as string);
  });
  return {
    dtypes,
    named: (left, right) => {
      const made = e.name('m');
      const args = ['inv', ...outer, ...left, ...right];
      return { line: `let ${made} = ${name}(${args.join(', ')});`, group: dtypes.map((_, i) => `${made}.x${i}`) };
    },
  };
}

/** Values from outside, in the order in which the region first reads them. */
function capturedBy(region: Block): Value[] {
  const own = new Set<Value>([...region.args, ...region.ops.flatMap((op) => op.results)]);
  return [...new Set(region.ops.flatMap((op) => op.operands).filter((v) => !own.has(v)))];
}

function write(e: Emitter, name: string, region: Block, captured: readonly Value[], dtypes: readonly DType[]): string {
  const params = [...captured, ...region.args].map((v) => {
    const param = e.name('g');
    e.scalars.set(v, param);
    return `${param}: ${laneType(tileOf(v).dtype)}`;
  });
  const body = inside(e, () => emitBlock(e, region));
  const fields = dtypes.map((d, i) => `x${i}: ${laneType(d)}`);
  return `struct ${name}_lanes { ${fields.join(', ')} }
fn ${name}(${['inv: u32', ...params].join(', ')}) -> ${name}_lanes {
${print(body, new Map()).join('\n')}
  return ${name}_lanes(${yielded(region)
    .map((v) => e.scalar(v))
    .join(', ')});
}`;
}

/** Variables that hold a group, from `init` on. */
export function variables(e: Emitter, dtypes: readonly DType[], init: Group): { lines: string[]; group: Group } {
  const group = dtypes.map(() => e.name('r'));
  return { group, lines: dtypes.map((d, i) => `var ${group[i]}: ${laneType(d)} = ${init[i]};`) };
}

export const assigned = (to: Group, from: Group): string[] => to.map((name, i) => `${name} = ${from[i]};`);

/** `yes` where the condition holds, else `no`; null: it always does. */
export const chosen = (condition: string | null, yes: Group, no: Group): Group =>
  condition === null ? yes : yes.map((x, i) => `select(${no[i]}, ${x}, ${condition})`);

/** Groups in workgroup memory, a word a lane. */
export interface Slots {
  readonly buffers: readonly Buffer[];
  readonly read: (at: string) => Group;
  readonly write: (at: string, group: Group) => string[];
}

export function slotsFor(e: Emitter, dtypes: readonly DType[], count: number): Slots {
  const buffers = dtypes.map(() => e.buffer('word', count));
  const word = (i: number, at: string): string => `mem1[${sum(offsetMark(buffers[i] as Buffer), at)}]`;
  return {
    buffers,
    read: (at) => dtypes.map((d, i) => fromWord(word(i, at), d)),
    write: (at, group) => dtypes.map((d, i) => `${word(i, at)} = ${toWord(group[i] as string, d)};`),
  };
}
