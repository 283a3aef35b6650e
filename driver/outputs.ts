import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { type DType, sizeOf } from '../compiler/ir/types.js';
import type { Backend } from '../runtime/device.js';
import { messageOf } from '../runtime/errors.js';
import { type Comparison, compare, toleranceFor } from './compare.js';
import { dtypeOf, extentText, isNumbers, isTensorArg, shapeOf } from './inputs.js';
import type { Dims, Reference, ReferenceContext } from './reference.js';
import type { Declaration } from './source.js';

/** Largest finite value of each float dtype: what stands for an infinity on devices that have none. */
const LARGEST: Readonly<Partial<Record<DType, number>>> = {
  f32: 2 ** 128 - 2 ** 104,
  bf16: 2 ** 128 - 2 ** 120,
  f16: 65504,
};

type Outputs = Readonly<Record<string, Float64Array>>;

/** What a reference computed; `sizes` of outputs whose terms may cancel. */
export interface Expected {
  readonly outputs: Outputs;
  readonly sizes: Readonly<Record<string, number>>;
}

/** Compares every output that the kernel wrote with what is expected. Throws LAC0905 where the two do not speak of the same. */
export function compareOutputs(
  decl: Declaration,
  { tolerance, expected }: Pick<Reference, 'tolerance'> & { readonly expected: Expected },
  dims: Dims,
  dtypes: Readonly<Record<string, DType>>,
  inputs: readonly DType[],
  values: Outputs,
  backend: Backend,
): Comparison[] {
  return decl.args.filter(isTensorArg).flatMap((arg) => {
    const got = values[arg.name];
    if (got === undefined) return [];
    const dtype = dtypeOf(arg, dtypes);
    const shape = shapeOf(arg, dims);
    const want = expected.outputs[arg.name];
    if (want === undefined) throw disagree(decl, `returns no values for the output ${arg.name}`);
    const extreme = backend === 'webgpu' ? (LARGEST[dtype] ?? Infinity) : Infinity;
    const size = expected.sizes[arg.name] ?? 0;
    return [compare(arg.name, got, want, shape, toleranceFor(dtype, inputs, tolerance), { extreme, size })];
  });
}

/** What the reference says. Its inputs are its own: it may write to them. Throws LAC0903, LAC0905. */
export function runReference(decl: Declaration, reference: Reference, context: ReferenceContext): Expected {
  let returned: unknown;
  const sizes: Record<string, number> = {};
  const cancels = (output: string, size: number): void => {
    sizes[output] = size;
  };
  try {
    returned = reference.run({ ...context, cancels });
  } catch (error) {
    throw new LacError(diagnostic('LAC0903', `the reference of ${decl.name} throws: ${messageOf(error)}`));
  }
  return { outputs: checkedOutputs(decl, returned, context.dims), sizes };
}

/** A reference is the user's own program: what it returns is outputs only by what it declares. */
function checkedOutputs(decl: Declaration, returned: unknown, dims: Dims): Outputs {
  if (typeof returned !== 'object' || returned === null || returned instanceof Promise) {
    const what = returned instanceof Promise ? 'a promise' : String(returned);
    throw disagree(decl, `returns ${what}, not an object of outputs`);
  }
  const outputs = Object.entries(returned as Readonly<Record<string, unknown>>).map(([name, values]) => {
    const arg = decl.args.find((a) => a.name === name);
    if (arg === undefined || arg.dir === 'in' || arg.dir === 'scalar')
      throw disagree(decl, `returns values for ${name}, which is no output`);
    if (!isNumbers(values)) throw disagree(decl, `returns no array of numbers for ${name}`);
    const shape = shapeOf(arg, dims);
    if (values.length !== sizeOf(shape))
      throw disagree(decl, `returns ${values.length} values for ${name}, which has ${extentText(shape)}`);
    return [name, values instanceof Float64Array ? values : Float64Array.from(values)] as const;
  });
  return Object.fromEntries(outputs);
}

const disagree = (decl: Declaration, what: string): LacError =>
  new LacError(diagnostic('LAC0905', `the reference of ${decl.name} ${what}`));
