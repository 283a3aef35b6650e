import type { AnyOp, Block, Kernel, Op, Value } from '../../compiler/ir/module.js';
import { yielded } from '../../compiler/ir/rewrite.js';
import { project, transpose } from '../../compiler/layout/axes.js';
import { classifyConversion } from '../../compiler/layout/convert.js';
import { equalLayouts, isSurjective, type Layout } from '../../compiler/layout/layout.js';
import { DOT_INSTRUCTIONS, operandLayout } from '../../compiler/layout/mma.js';
import { collapseBroadcast, dropDuplicateRegisters, reshapeLayout } from '../../compiler/layout/shape.js';
import { isElementwise } from '../../compiler/ops/table.js';

const isTile = (v: Value | undefined): v is Value => v?.type.kind === 'tile' && v.type.shape.length > 0;

/** What is wrong with the layouts of a kernel over lanes and warps: every edge must be what its op can do in registers. */
export function disagreements(kernel: Kernel, warpBits: number): string[] {
  const faults: string[] = [];
  const say = (op: Op, what: string): void => {
    faults.push(`${op.name} ${op.results[0]?.hint ?? ''}: ${what}`);
  };
  const whole = (v: Value): boolean =>
    v.layout !== undefined &&
    isSurjective(v.layout) &&
    v.layout.ins.lane?.length === 5 &&
    v.layout.ins.warp?.length === warpBits &&
    v.layout.ins.invocation === undefined;
  const visit = (block: Block): void => {
    for (const op of block.ops as AnyOp[]) {
      for (const v of [...op.results, ...op.operands, ...op.regions.flatMap((r) => r.args)])
        if (isTile(v) && !whole(v)) say(op, 'a tile without a whole layout');
      for (const [i, wanted] of demands(op)) {
        const v = op.operands[i];
        if (isTile(v) && (v.layout === undefined || !equalLayouts(v.layout, wanted)))
          say(op, `operand ${i} lies otherwise`);
      }
      for (const [a, b] of faces(op))
        if (isTile(a) && (a.layout === undefined || b?.layout === undefined || !equalLayouts(a.layout, b.layout)))
          say(op, 'a region disagrees');
      if (op.name === 'convert') planned(op, say);
      op.regions.forEach(visit);
    }
  };
  visit(kernel.body);
  return faults;
}

function planned(op: Op, say: (op: Op, what: string) => void): void {
  const [from, to] = [op.operands[0]?.layout, op.results[0]?.layout];
  if (from === undefined || to === undefined) return;
  if (equalLayouts(from, to)) say(op, 'converts nothing');
  classifyConversion(from, to);
}

/** Values that stand for one tile on both sides of a region. */
function faces(op: AnyOp): (readonly [Value | undefined, Value | undefined])[] {
  if (op.name === 'if') return op.regions.flatMap((r) => op.results.map((v, i) => [v, yielded(r)[i]] as const));
  if (op.name !== 'for') return [];
  const [body] = op.regions;
  return op.results.flatMap((v, i) => [
    [v, op.operands[i + 3]] as const,
    [v, body?.args[i + 1]] as const,
    [v, body && yielded(body)[i]] as const,
  ]);
}

/** The layout that each operand must have, given the result's. */
function demands(op: AnyOp): (readonly [number, Layout])[] {
  const [result] = op.results;
  const all = (l: Layout) => op.operands.map((_, i) => [i, l] as const);
  const value = op.operands[1]?.layout;
  if (op.name === 'store') return value === undefined ? [] : all(value);
  const layout = result?.layout;
  if (!isTile(result) || layout === undefined) return [];
  if (isElementwise(op.name) || op.name === 'load' || op.name === 'scan') return all(layout);
  const shape = op.operands[0]?.type.kind === 'tile' ? op.operands[0].type.shape : [];
  switch (op.name) {
    case 'trans':
      return [[0, transpose(layout)]];
    case 'reshape':
      return [[0, reshapeLayout(layout, shape)]];
    case 'expand':
      return [[0, dropDuplicateRegisters(project(layout, op.attrs.axis))]];
    case 'broadcast':
      return [[0, dropDuplicateRegisters(collapseBroadcast(layout, shape))]];
    case 'reduce': {
      const from = op.operands[0]?.layout;
      const right = from && dropDuplicateRegisters(project(from, op.attrs.axis));
      return right !== undefined && equalLayouts(right, layout) ? [] : [[0, layout]];
    }
    case 'dot': {
      const instr = DOT_INSTRUCTIONS.find((name) => name === op.attrs.instr) ?? 'fma';
      return [
        [0, operandLayout(instr, layout, shape[1] ?? 1, 'a')],
        [1, operandLayout(instr, layout, shape[1] ?? 1, 'b')],
        [2, layout],
      ];
    }
    default:
      return [];
  }
}
