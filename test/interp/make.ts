import { interpretKernel } from '../../compiler/interp/interpret.js';
import { rowMajor } from '../../compiler/interp/lanes.js';
import type { Mode, TensorArg } from '../../compiler/interp/machine.js';
import { Builder } from '../../compiler/ir/builder.js';
import { type Block, type Kernel, newBlock, type Param, type Value } from '../../compiler/ir/module.js';
import { type Access, type DType, scalarType, sizeOf, type Type, tileType, viewType } from '../../compiler/ir/types.js';

type ParamSpec = readonly [Access, DType, ...string[]] | readonly ['scalar', DType];

/** Builds a kernel from its parameters (`x: ['in', 'f32', 'M', 'N']`, `s: ['scalar', 'f32']`) and its body. */
export function makeKernel(
  specs: Readonly<Record<string, ParamSpec>>,
  axes: string[],
  body: (b: Builder, args: Record<string, Value>) => void,
  comptime: Record<string, number> = {},
): Kernel {
  const names = Object.keys(specs);
  const types = Object.values(specs).map((s): Type => paramType(s));
  const block = newBlock(types, names);
  const params = names.map((name, i): Param => {
    const [kind, dtype, ...dims] = specs[name] as readonly [string, DType, ...string[]];
    const value = block.args[i] as Value;
    return kind === 'scalar' ? { kind: 'scalar', name, dtype, value } : { kind: 'view', name, dims, value };
  });
  body(new Builder(block), Object.fromEntries(params.map((p) => [p.name, p.value])));
  return { name: 'k', params, axes, comptime, config: {}, body: block };
}

function paramType(spec: ParamSpec): Type {
  const [kind, dtype, ...dims] = spec;
  return kind === 'scalar'
    ? scalarType(dtype)
    : viewType(
        dtype,
        kind,
        dims.map(() => null),
      );
}

/** A block whose ops `fill` appends; ends with a yield of what `fill` returns. */
export function region(argTypes: readonly Type[], fill: (b: Builder, args: Value[]) => readonly Value[]): Block {
  const block = newBlock(argTypes);
  const b = new Builder(block);
  b.op('yield', fill(b, block.args), {});
  return block;
}

export const tile = (dtype: DType, ...shape: number[]): Type => tileType(dtype, shape);

export function tensor(shape: number[], data: ArrayLike<number> | number = 0, dtype: DType = 'f32'): TensorArg {
  const values = new Float64Array(sizeOf(shape));
  if (typeof data === 'number') values.fill(data);
  else values.set(data);
  return { data: values, dtype, shape, strides: rowMajor(shape), offset: 0 };
}

/** A tensor in which nothing was ever written. */
export function unwritten(shape: number[], dtype: DType = 'f32'): TensorArg {
  return { ...tensor(shape, NaN, dtype), written: new Uint8Array(sizeOf(shape)) };
}

export function run(
  kernel: Kernel,
  args: Record<string, TensorArg | number>,
  grid: Record<string, number> = {},
  mode: Mode = 'f64',
  maxSteps?: number,
): void {
  const dims: Record<string, number> = {};
  for (const p of kernel.params) {
    const arg = args[p.name];
    if (p.kind !== 'view' || typeof arg !== 'object') continue;
    for (const [axis, d] of p.dims.entries()) dims[d] = arg.shape[axis] as number;
  }
  interpretKernel(kernel, args, { mode, grid, dims, ...(maxSteps === undefined ? {} : { maxSteps }) });
}
