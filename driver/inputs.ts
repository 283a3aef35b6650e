import type { ArgSpec } from '../compiler/artifact.js';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { type DType, isFloat, sizeOf } from '../compiler/ir/types.js';
import { roundTo } from '../compiler/ops/round.js';
import { decode, encode, type TensorDType } from '../runtime/codec.js';
import { messageOf } from '../runtime/errors.js';
import { randomStream } from './random.js';
import type { Dims, InputContext, Reference } from './reference.js';

export type TensorArg = Extract<ArgSpec, { dims: readonly string[] }>;
export const isTensorArg = (arg: ArgSpec): arg is TensorArg => arg.dir !== 'scalar';

/** Dtype of an argument once the dtype parameters have their choices. */
export const dtypeOf = (arg: ArgSpec, dtypes: Readonly<Record<string, DType>>): DType =>
  dtypes[arg.dtype] ?? (arg.dtype as DType);

export function shapeOf(arg: TensorArg, dims: Dims): readonly number[] {
  return arg.dims.map((name) => {
    const extent = dims[name];
    if (extent === undefined) throw new LacError(missingDim(name, arg.name));
    return extent;
  });
}

const missingDim = (name: string, arg: string) =>
  diagnostic('LAC0910', `dimension ${name} of argument ${arg} has no size`, null, {
    help: [`give it one: --shape ${name}=64, or \`shape\` in the reference`],
  });

/**
 * Values that are drawn for a tensor at most; larger ones repeat them. A prime, so that no row, block or page of a tensor
 * begins where another one does: an access at a wrong place still meets other values.
 */
const PERIOD = 2 ** 20 + 7;

/** Values of an argument that its reference does not generate: standard normal; whole numbers 0..15 for integers. */
function defaultValues(dtype: DType, { shape, random, uniform }: InputContext): Float64Array {
  const draw = isFloat(dtype) ? random : () => Math.floor(uniform() * 16);
  const values = new Float64Array(Math.min(sizeOf(shape), PERIOD));
  for (let i = 0; i < values.length; i++) values[i] = draw();
  return values;
}

type Inputs = Record<string, Float64Array>;

/**
 * Values for every tensor that the kernel reads (`in` and `inout`), rounded to the argument's dtype; in row-major order,
 * from the beginning again where a tensor has more elements.
 */
export function drawInputs(
  args: readonly ArgSpec[],
  dtypes: Readonly<Record<string, DType>>,
  dims: Dims,
  reference: Pick<Reference, 'inputs'>,
  seed: number,
): Inputs {
  const made: Inputs = {};
  for (const arg of args) {
    if (!isTensorArg(arg) || arg.dir === 'out') continue;
    made[arg.name] = drawInput(arg, dtypeOf(arg, dtypes), dims, reference, seed);
  }
  return made;
}

/** As `drawInputs`, with a value for every element. */
export function makeInputs(...of: Parameters<typeof drawInputs>): Inputs {
  const [args, , dims] = of;
  return wholeInputs(args, dims, drawInputs(...of));
}

/** A value for every element, of values that may repeat. */
export function wholeInputs(args: readonly ArgSpec[], dims: Dims, drawn: Readonly<Inputs>): Inputs {
  const tensors = args.filter(isTensorArg).filter(({ name }) => name in drawn);
  return Object.fromEntries(
    tensors.map((arg) => [arg.name, repeated(drawn[arg.name] as Float64Array, sizeOf(shapeOf(arg, dims)))]),
  );
}

function repeated(values: Float64Array, length: number): Float64Array {
  if (values.length === length) return values;
  const all = new Float64Array(length);
  for (let at = 0; at < length; at += values.length) all.set(values.subarray(0, length - at), at);
  return all;
}

function drawInput(
  arg: TensorArg,
  dtype: DType,
  dims: Dims,
  reference: Pick<Reference, 'inputs'>,
  seed: number,
): Float64Array {
  const shape = shapeOf(arg, dims);
  const stream = randomStream(seed, arg.name);
  const context: InputContext = { dims, shape, random: stream.normal, uniform: stream.uniform };
  const generate = reference.inputs?.[arg.name];
  const values = generate ? generated(arg.name, generate, context) : defaultValues(dtype, context);
  if (generate && values.length !== sizeOf(shape)) {
    const what = `the reference generates ${values.length} values for ${arg.name}, which has ${extentText(shape)}`;
    throw new LacError(diagnostic('LAC0911', what));
  }
  return isFloat(dtype)
    ? decode(dtype as TensorDType, encode(dtype as TensorDType, values))
    : Float64Array.from(values);
}

type Generator = (context: InputContext) => Float64Array;

/** A generator is the user's own program: it may throw, and what it returns is numbers only by what it declares. */
function generated(arg: string, generate: Generator, context: InputContext): ArrayLike<number> {
  let values: unknown;
  try {
    values = generate(context);
  } catch (error) {
    throw new LacError(diagnostic('LAC0903', `the generator of ${arg} in the reference throws: ${messageOf(error)}`));
  }
  if (isNumbers(values)) return values;
  throw new LacError(diagnostic('LAC0911', `the reference generates no array of numbers for ${arg}`));
}

/** A typed array, or an array of nothing but numbers. */
export const isNumbers = (x: unknown): x is ArrayLike<number> =>
  (ArrayBuffer.isView(x) && 'length' in x && !(x instanceof BigInt64Array || x instanceof BigUint64Array)) ||
  (Array.isArray(x) && x.every((value) => typeof value === 'number'));

/** `5 x 3 = 15`. */
export function extentText(shape: readonly number[]): string {
  const elements = shape.reduce((n, extent) => n * extent, 1);
  return shape.length > 1 ? `${shape.join(' x ')} = ${elements}` : String(elements);
}

/** Values of the scalar arguments, rounded to their dtype; a scalar that nobody sets is an error. */
export function scalarValues(
  args: readonly ArgSpec[],
  dims: Dims,
  reference: Pick<Reference, 'scalars'>,
): Record<string, number> {
  const values: Record<string, number> = {};
  for (const arg of args) {
    if (isTensorArg(arg)) continue;
    const given = reference.scalars?.[arg.name];
    if (given === undefined) {
      throw new LacError(
        diagnostic('LAC0912', `scalar argument ${arg.name} has no value`, null, {
          help: [`add it to \`scalars\` of the reference: scalars: { ${arg.name}: 1 }`],
        }),
      );
    }
    values[arg.name] = roundTo(arg.dtype as DType, typeof given === 'function' ? given(dims) : given);
  }
  return values;
}
