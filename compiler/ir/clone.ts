import { type Block, type Kernel, newBlock, newOp, type Op, type Param, type Value } from './module.js';

/** Old values to new ones. Values that are not in it stand for themselves: they lie outside what is cloned. */
export type ValueMap = Map<Value, Value>;

const mapped = (map: ValueMap, v: Value): Value => map.get(v) ?? v;

/** A copy of an op and its regions, operands replaced through `map`, to which its results and block arguments are added. */
export function cloneOp(op: Op, map: ValueMap): Op {
  const regions = op.regions.map((r) => cloneBlock(r, map));
  const copy = newOp(
    op.name,
    op.operands.map((v) => mapped(map, v)),
    { ...op.attrs },
    op.results.map((v) => v.type),
    regions,
    op.loc,
  );
  op.results.forEach((v, i) => {
    record(v, copy.results[i] as Value, map);
  });
  return copy;
}

function cloneBlock(block: Block, map: ValueMap): Block {
  const copy = newBlock(block.args.map((v) => v.type));
  block.args.forEach((v, i) => {
    record(v, copy.args[i] as Value, map);
  });
  copy.ops = block.ops.map((op) => cloneOp(op, map));
  return copy;
}

function record(from: Value, to: Value, map: ValueMap): void {
  if (from.hint !== undefined) to.hint = from.hint;
  if (from.layout !== undefined) to.layout = from.layout;
  map.set(from, to);
}

/** A kernel that shares nothing mutable with the original. */
export function cloneKernel(kernel: Kernel): Kernel {
  const map: ValueMap = new Map();
  const body = cloneBlock(kernel.body, map);
  const params = kernel.params.map((p): Param => ({ ...p, value: mapped(map, p.value) }));
  return {
    name: kernel.name,
    params,
    axes: [...kernel.axes],
    comptime: { ...kernel.comptime },
    config: { ...kernel.config },
    body,
  };
}
