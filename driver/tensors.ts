import type { ArgSpec } from '../compiler/artifact.js';
import { type DType, isFloat, sizeOf } from '../compiler/ir/types.js';
import type { Device } from '../runtime/device.js';
import { addressesOf, denseStrides, extentOf } from '../runtime/strides.js';
import type { Tensor } from '../runtime/tensor.js';
import { dtypeOf, isTensorArg, shapeOf, type TensorArg } from './inputs.js';
import type { Dims } from './reference.js';

/** How tensors lie in memory. */
export interface Placement {
  /**
   * Order of the axes in storage, slowest first: [0, 2, 1, 3] stores [B, H, N, D] as [B, N, H, D]. One list is for every
   * argument of its rank; a record is by argument. Default: as declared.
   */
  readonly layout?: readonly number[] | Readonly<Record<string, readonly number[]>>;
  /** Elements between two rows of the fastest axis, holding NaN. Default 0. */
  readonly rowPadding?: number;
}

export interface PlacedTensors {
  readonly tensors: Readonly<Record<string, Tensor>>;
  free(): void;
}

/** Elements of NaN on either side of an input; a multiple of every alignment that facts speak of. */
const MARGIN = 64;
const GUARD_BYTES = 1024;
/** What stands for NaN among integers. */
const JUNK = 0x5a5a5a5a;

/** A tensor for every tensor argument: inputs with their values among NaN, outputs filled with NaN between guard bands. */
export function placeTensors(
  device: Device,
  args: readonly ArgSpec[],
  dtypes: Readonly<Record<string, DType>>,
  dims: Dims,
  inputs: Readonly<Record<string, Float64Array>>,
  placement: Placement,
): PlacedTensors {
  const tensors: Record<string, Tensor> = {};
  const free = (): void => {
    for (const tensor of Object.values(tensors)) tensor.free();
  };
  try {
    for (const arg of args) {
      if (!isTensorArg(arg)) continue;
      const dtype = dtypeOf(arg, dtypes) as Tensor['dtype'];
      const shape = shapeOf(arg, dims);
      const strides = stridesOf(arg, shape, placement);
      const values = inputs[arg.name];
      tensors[arg.name] =
        arg.dir === 'in' && values
          ? among(device, dtype, shape, strides, values)
          : guarded(device, dtype, shape, strides, values);
    }
  } catch (error) {
    free();
    throw error;
  }
  return { tensors, free };
}

function stridesOf(arg: TensorArg, shape: readonly number[], { layout, rowPadding = 0 }: Placement): number[] {
  const order = Array.isArray(layout)
    ? layout
    : (layout as Readonly<Record<string, readonly number[]>> | undefined)?.[arg.name];
  const axes = order?.length === shape.length ? order : shape.map((_, axis) => axis);
  const stored = axes.map((axis) => shape[axis] as number);
  const last = stored.length - 1;
  const dense = denseStrides(stored.map((extent, i) => (i === last && last > 0 ? extent + rowPadding : extent)));
  return shape.map((_, axis) => dense[axes.indexOf(axis)] as number);
}

/** A read that leaves the tensor on either side meets NaN, which no tolerance forgives. */
function among(
  device: Device,
  dtype: Tensor['dtype'],
  shape: readonly number[],
  strides: number[],
  values: Float64Array,
): Tensor {
  const around = device.empty(dtype, [extentOf(shape, strides) + 2 * MARGIN]);
  const stored = new Float64Array(around.size).fill(isFloat(dtype) ? Number.NaN : JUNK);
  addressesOf(shape, strides).forEach((address, i) => {
    stored[MARGIN + address] = values[i] as number;
  });
  // Written whole: a row of 16-bit elements may begin inside a word.
  return around.write(stored).view(shape, strides, MARGIN);
}

function guarded(
  device: Device,
  dtype: Tensor['dtype'],
  shape: readonly number[],
  strides: number[],
  values?: Float64Array,
): Tensor {
  const tensor: Tensor = device.empty(dtype, shape, { strides, guardBytes: GUARD_BYTES }).poison();
  if (values !== undefined && sizeOf(shape) > 0) tensor.write(values);
  return tensor;
}
