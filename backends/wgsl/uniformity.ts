import type { AnyOp, Block, Kernel, Value } from '../../compiler/ir/module.js';
import { isLoop, loopParts, yielded } from '../../compiler/ir/rewrite.js';

/**
 * Scalars and views that WGSL's uniformity analysis will not know to be uniform: results of folds and whatever follows
 * from them, also around loops and out of branches. Control flow around barriers must go through workgroupUniformLoad
 * where it depends on one. Bounds and conditions themselves are made uniform where they are used, so they spread nothing.
 */
export function nonUniformValues(kernel: Kernel): Set<Value> {
  const found = new Set<Value>();
  for (let before = -1; before !== found.size; ) {
    before = found.size;
    spread(kernel.body, found);
  }
  return found;
}

function spread(block: Block, found: Set<Value>): void {
  const follow = (from: Value | undefined, to: Value | undefined): void => {
    if (from !== undefined && to !== undefined && isNarrow(to) && found.has(from)) found.add(to);
  };
  for (const op of block.ops as AnyOp[]) {
    for (const region of op.regions) spread(region, found);
    if (isLoop(op)) {
      const { inits, args, body, condition } = loopParts(op);
      args.forEach((arg, i) => {
        for (const from of [inits[i], yielded(body)[i]]) follow(from, arg);
        for (const to of [condition?.args[i], op.results[i]]) follow(arg, to);
      });
    } else if (op.name === 'if') {
      for (const [i, result] of op.results.entries())
        for (const region of op.regions) follow(yielded(region)[i], result);
    } else if (isSource(op)) for (const result of op.results) found.add(result);
    else for (const result of op.results) for (const from of op.operands) follow(from, result);
  }
}

const isScalar = (v: Value): boolean => v.type.kind === 'tile' && v.type.shape.length === 0;
/** Tiles differ from invocation to invocation anyway. */
const isNarrow = (v: Value): boolean => v.type.kind === 'view' || isScalar(v);

/** Makes a scalar from tiles, or from memory that the program itself may have changed. */
function isSource(op: AnyOp): boolean {
  const [result] = op.results;
  if (result === undefined || !isScalar(result)) return false;
  return op.operands.some((v) => (v.type.kind === 'view' ? v.type.access !== 'in' : !isScalar(v)));
}
