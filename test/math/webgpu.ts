/** Elementwise ops on the software WebGPU device: whole arrays through one kernel. */
import type { Kernel, Value } from '../../compiler/ir/module.js';
import type { DType } from '../../compiler/ir/types.js';
import type { ElementwiseOp } from '../../compiler/ops/accuracy.js';
import { makeKernel, tile } from '../interp/make.js';
import { runBoth } from '../wgsl/run.js';

const BLOCK = 256;

interface Types {
  readonly from: DType;
  readonly to?: DType;
  readonly attrs?: object;
}

/** Row r of z is op r of x, or of x and y, lane by lane. */
function kernelOf(ops: readonly ElementwiseOp[], { from, to = from, attrs = {} }: Types, arity: number): Kernel {
  const params = { x: ['in', from, 'N'], y: ['in', from, 'N'], z: ['out', to, 'R', 'N'] } as const;
  return makeKernel(params, ['n'], (b, { x, y, z }) => {
    const origin = b.value('mul', [b.value('program_id', [], { axis: 'n' }), b.constant(BLOCK, 'i32')], {});
    // 1 divides, where the last block is ragged.
    const load = (v: Value | undefined): Value => b.value('load', [v as Value, origin], { pad: 1 }, tile(from, BLOCK));
    const loaded = [load(x), load(y)].slice(0, arity);
    ops.forEach((op, r) => {
      const row = b.value('expand', [b.value(op, loaded, attrs as never)], { axis: 0 });
      b.op('store', [z as Value, row, b.constant(r, 'i32'), origin], {});
    });
  });
}

/** The results of ops of one type on the same columns of operands, a row each. */
export async function onWebGpu(
  ops: readonly ElementwiseOp[],
  types: Types,
  columns: readonly (readonly number[])[],
): Promise<Float64Array[]> {
  const count = columns[0]?.length ?? 0;
  const [x = [], y = x] = columns;
  const { got } = await runBoth({
    build: () => kernelOf(ops, types, columns.length),
    shapes: { x: [count], y: [count], z: [ops.length, count] },
    grid: { n: Math.ceil(count / BLOCK) },
    value: (arg, i) => (arg === 'x' ? x : y)[i] as number,
  });
  return ops.map((_, r) => (got.z as Float64Array).subarray(r * count, (r + 1) * count));
}
