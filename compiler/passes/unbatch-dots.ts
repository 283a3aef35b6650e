/**
 * Enters: any kernel. Leaves: no dot of rank 3. Each is one product of matrices for each index of the batch, whose
 * operands are parts of the tiles and whose results are parts of the result. Sound: this is the definition of the batch.
 */
import { Builder } from '../ir/builder.js';
import type { Block, Op, Value } from '../ir/module.js';
import { type TileType, tileType } from '../ir/types.js';
import type { Pass } from './pass.js';

export const unbatchDots: Pass = {
  name: 'unbatch-dots',
  summary: 'Makes products of batches products of matrices.',
  requires: [],
  run(kernel) {
    unbatchBlock(kernel.body);
  },
};

function unbatchBlock(block: Block): void {
  const ops = block.ops;
  block.ops = [];
  const b = new Builder(block);
  for (const op of ops) {
    for (const region of op.regions) unbatchBlock(region);
    const type = op.results[0]?.type;
    if (op.name === 'dot' && type?.kind === 'tile' && type.shape.length === 3) unbatch(op as Op<'dot'>, type, b);
    else block.ops.push(op);
  }
}

function unbatch(op: Op<'dot'>, type: TileType, b: Builder): void {
  b.loc = op.loc;
  const [batch = 1] = type.shape;
  const zero = b.constant(0, 'i32');
  let made = b.value('const', [], { value: 0 }, type);
  for (let i = 0; i < batch; i++) {
    const origin = [b.constant(i, 'i32'), zero, zero];
    const operands = op.operands.map((x) => matrixOf(b, x, origin));
    const product = b.value('dot', operands, { ...op.attrs });
    const part = b.value('reshape', [product], {}, tileType('f32', [1, ...type.shape.slice(1)]));
    made = batch === 1 ? part : b.value('insert', [made, part, ...origin], {});
  }
  const last = made.def as Op;
  const [result] = op.results;
  if (result === undefined) return;
  // The users of the product keep its value.
  last.results = [result];
  result.def = last;
}

function matrixOf(b: Builder, x: Value, origin: readonly Value[]): Value {
  const { dtype, shape } = x.type as TileType;
  const one = tileType(dtype, [1, ...shape.slice(1)]);
  const part = shape[0] === 1 ? x : b.value('slice', [x, ...origin], {}, one);
  return b.value('reshape', [part], {}, tileType(dtype, shape.slice(1)));
}
