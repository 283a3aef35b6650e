import type { ArgSpec } from '../compiler/artifact.js';
import { type DType, isFloat, sizeOf } from '../compiler/ir/types.js';
import { encode, type Raw, rawOf } from '../runtime/codec.js';
import type { Device } from '../runtime/device.js';
import { poisonPattern } from '../runtime/guards.js';
import { addressesOf, denseStrides, extentOf, isDense } from '../runtime/strides.js';
import type { Tensor } from '../runtime/tensor.js';
import { dtypeOf, isTensorArg, shapeOf, type TensorArg } from './inputs.js';
import type { Dims } from './reference.js';
import { stridesLike, type Window } from './windows.js';

/** How tensors lie in memory. */
export interface Placement {
  /**
   * Order of the axes in storage, slowest first: [0, 2, 1, 3] stores [B, H, N, D] as [B, N, H, D]. One list is for every
   * argument of its rank; a record is by argument. Default: as declared.
   */
  readonly layout?: readonly number[] | Readonly<Record<string, readonly number[]>>;
  /** Elements between two rows of the fastest axis, holding NaN. Default 0. */
  readonly rowPadding?: number;
  /** Tensors to lie like, by argument; these alone say how. What a kernel writes begins at an aligned address all the same. */
  readonly windows?: Readonly<Record<string, Window>>;
}

export interface PlacedTensors {
  readonly tensors: Readonly<Record<string, Tensor>>;
  /** Fills everything that a kernel writes as it was at first. */
  restore(): void;
  free(): void;
}

/** Elements of NaN on either side of an input; a multiple of every alignment that facts speak of. */
const MARGIN = 64;
const GUARD_BYTES = 1024;
/** Elements that are written at once: what is staged on the host stays small. Even, so that words stay whole. */
const CHUNK = 2 ** 22;
/** What stands for NaN among integers. */
const JUNK = 0x5a5a5a5a;

/**
 * A tensor for every tensor argument: inputs with their values among NaN, outputs filled with NaN between guard bands.
 * `inputs` are in row-major order of the shape, from the beginning again where a tensor has more elements.
 */
export function placeTensors(
  device: Device,
  args: readonly ArgSpec[],
  dtypes: Readonly<Record<string, DType>>,
  dims: Dims,
  inputs: Readonly<Record<string, Float64Array>>,
  placement: Placement,
): PlacedTensors {
  const tensors: Record<string, Tensor> = {};
  const written: (() => void)[] = [];
  const free = (): void => {
    for (const tensor of Object.values(tensors)) tensor.free();
  };
  try {
    for (const arg of args) {
      if (!isTensorArg(arg)) continue;
      const values = inputs[arg.name];
      const isAmong = arg.dir === 'in' && values !== undefined;
      const { tensor, around } = laid(device, arg, dtypes, dims, placement, isAmong);
      tensors[arg.name] = tensor;
      if (isAmong) {
        writeAmong(tensor, around, values);
        continue;
      }
      fillGuarded(tensor, values);
      written.push(() => fillGuarded(tensor, values));
    }
  } catch (error) {
    free();
    throw error;
  }
  const restore = (): void => {
    for (const fill of written) fill();
  };
  return { tensors, restore, free };
}

/** Tensors that lie as those of `placeTensors` do with values for every input; what they hold is unspecified. */
export function layTensors(
  device: Device,
  args: readonly ArgSpec[],
  dtypes: Readonly<Record<string, DType>>,
  dims: Dims,
  placement: Placement,
): Readonly<Record<string, Tensor>> {
  const lay = (arg: TensorArg): Tensor => laid(device, arg, dtypes, dims, placement, arg.dir === 'in').tensor;
  return Object.fromEntries(args.filter(isTensorArg).map((arg) => [arg.name, lay(arg)]));
}

/** `around`: all that there is of it and on either side. */
interface Laid {
  readonly tensor: Tensor;
  readonly around: Tensor;
}

function laid(
  device: Device,
  arg: TensorArg,
  dtypes: Readonly<Record<string, DType>>,
  dims: Dims,
  placement: Placement,
  isAmong: boolean,
): Laid {
  const dtype = dtypeOf(arg, dtypes) as Tensor['dtype'];
  const shape = shapeOf(arg, dims);
  const strides = stridesOf(arg, shape, placement);
  if (!isAmong) {
    const tensor: Tensor = device.empty(dtype, shape, { strides, guardBytes: GUARD_BYTES });
    return { tensor, around: tensor };
  }
  const first = MARGIN + (placement.windows?.[arg.name]?.shift ?? 0);
  const around: Tensor = device.empty(dtype, [first + extentOf(shape, strides) + MARGIN]);
  return { tensor: around.view(shape, strides, first), around };
}

function stridesOf(
  arg: TensorArg,
  shape: readonly number[],
  { layout, rowPadding = 0, windows }: Placement,
): readonly number[] {
  const window = windows?.[arg.name];
  if (window !== undefined) return stridesLike(window, shape);
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
function writeAmong(
  { dtype, shape, strides, offset: first, extent }: Tensor,
  around: Tensor,
  values: Float64Array,
): void {
  const nothing = encode(dtype, [isFloat(dtype) ? Number.NaN : JUNK])[0] as number;
  const between = rawOf(dtype, isDense(shape, strides) ? 0 : extent).fill(nothing);
  const stored = isDense(shape, strides) ? encode(dtype, values) : scattered(dtype, shape, strides, values, between);
  // From end to end: a row of 16-bit elements may begin inside a word.
  for (let begin = 0; begin < around.size; begin += CHUNK) {
    const raw = rawOf(dtype, Math.min(CHUNK, around.size - begin));
    const isInside = begin >= first && begin + raw.length <= first + extent;
    if (!isInside) raw.fill(nothing);
    copyRepeated(stored, begin - first, extent, raw);
    around.view([raw.length], [1], begin).write(raw);
  }
}

/** Elements `first` and on of `from`, said again and again up to `end`; the others stay as they are. */
function copyRepeated(from: Raw, first: number, end: number, to: Raw): void {
  for (let at = Math.max(0, -first); at < to.length && first + at < end; ) {
    const begin = (first + at) % from.length;
    const count = Math.min(from.length - begin, to.length - at, end - first - at);
    to.set(from.subarray(begin, begin + count), at);
    at += count;
  }
}

/** Elements at their addresses, in what lies in the gaps. */
function scattered(
  dtype: Tensor['dtype'],
  shape: readonly number[],
  strides: readonly number[],
  values: Float64Array,
  between: Raw,
): Raw {
  const raw = encode(dtype, values);
  addressesOf(shape, strides).forEach((address, i) => {
    between[address] = raw[i % raw.length] as number;
  });
  return between;
}

/** Gaps are written along, as they are: a row of 16-bit elements may begin inside a word. */
function fillGuarded(tensor: Tensor, values: Float64Array | undefined): void {
  const { dtype, shape, strides } = tensor;
  tensor.poison();
  if (values === undefined || sizeOf(shape) === 0) return;
  const extent = extentOf(shape, strides);
  const raw = poisonPattern(dtype, extent);
  if (isDense(shape, strides)) copyRepeated(encode(dtype, values), 0, extent, raw);
  else scattered(dtype, shape, strides, values, raw);
  tensor.view([extent], [1]).write(raw);
}
