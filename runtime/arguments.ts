/** Reads the arguments of a launch against the kernel's declaration: names, dtypes, ranks, dimensions. */
import type { ArgSpec, Manifest } from '../compiler/artifact.js';
import type { Code } from '../compiler/diag/codes.js';
import { type Diagnostic, diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { DType } from '../compiler/ir/types.js';
import type { Device } from './device.js';
import { Tensor } from './tensor.js';

/** Values of a launch by argument name; null for a tensor that the options in force never touch, or nothing where it is optional. */
export type LaunchArgs = Readonly<Record<string, Tensor | number | null | undefined>>;

/** The part of a manifest that a launch reads. */
export type LaunchSpec = Pick<Manifest, 'kernel' | 'args' | 'dtypes' | 'grid'>;

/** The part of a plan that its arguments are read by. */
type ArgumentSpec = Omit<LaunchSpec, 'grid'>;

export interface Signature {
  readonly tensors: Readonly<Record<string, Tensor | null>>;
  readonly scalars: Readonly<Record<string, number>>;
  /** Extent of every dimension that a tensor shows. */
  readonly dims: Readonly<Record<string, number>>;
  /** Dtype of every dtype parameter that a tensor shows. */
  readonly dtypes: Readonly<Record<string, DType>>;
}

export type TensorSpec = Exclude<ArgSpec, { dir: 'scalar' }>;
export type ScalarSpec = Extract<ArgSpec, { dir: 'scalar' }>;

export const isTensorSpec = (a: ArgSpec): a is TensorSpec => a.dir !== 'scalar';
const isScalarSpec = (a: ArgSpec): a is ScalarSpec => a.dir === 'scalar';

/** Findings of one stage; a stage that found something ends the reading, so that one cause gives one report. */
export class Findings {
  readonly #list: Diagnostic[] = [];
  readonly #kernel: string;
  constructor(kernel: string) {
    this.#kernel = kernel;
  }
  add(code: Code, message: string, ...help: string[]): void {
    this.#list.push(diagnostic(code, `${this.#kernel}: ${message}`, null, { help }));
  }
  raise(): void {
    if (this.#list.length > 0) throw new LacError(this.#list);
  }
}

/** Everything that the arguments alone say; throws LacError LAC06xx for what contradicts the declaration. */
export function readArguments(spec: ArgumentSpec, args: LaunchArgs, device: Device): Signature {
  const found = new Findings(spec.kernel);
  checkNames(spec, args, found);
  found.raise();
  const tensors: Record<string, Tensor | null> = {};
  for (const a of spec.args.filter(isTensorSpec)) tensors[a.name] = tensorOf(a, args[a.name], device, found);
  const scalars: Record<string, number> = {};
  for (const a of spec.args.filter(isScalarSpec)) scalars[a.name] = scalarOf(a, args[a.name], found);
  found.raise();
  const dtypes = unifyDtypes(spec, tensors, found);
  const dims = unifyDims(spec, tensors, found);
  found.raise();
  return { tensors, scalars, dims, dtypes };
}

function checkNames(spec: ArgumentSpec, args: LaunchArgs, found: Findings): void {
  const names = spec.args.map((a) => a.name);
  for (const name of Object.keys(args))
    if (!names.includes(name))
      found.add('LAC0601', `no argument is named ${name}`, `its arguments are ${names.join(', ')}`);
  for (const a of spec.args)
    if (args[a.name] === undefined && !(isTensorSpec(a) && a.optional))
      found.add('LAC0602', `argument ${a.name} is missing`);
}

function tensorOf(a: TensorSpec, value: LaunchArgs[string], device: Device, found: Findings): Tensor | null {
  if (value === null || value === undefined) return null;
  if (!(value instanceof Tensor)) {
    found.add(
      'LAC0623',
      `${a.name} takes a tensor, not ${describe(value)}`,
      'make one with empty(device, dtype, shape)',
    );
    return null;
  }
  if (value.device !== device)
    found.add('LAC0610', `${a.name} lives on ${value.device.name}, the launch is on ${device.name}`);
  else if (value.freed) found.add('LAC0609', `${a.name} was freed`);
  return value;
}

const describe = (value: unknown): string => {
  if (typeof value === 'number') return `the number ${value}`;
  return Array.isArray(value) ? 'an array' : typeof value;
};

const INT_RANGE = { i32: [-(2 ** 31), 2 ** 31 - 1], u32: [0, 2 ** 32 - 1] } as const;

function scalarOf(a: ScalarSpec, value: LaunchArgs[string], found: Findings): number {
  if (typeof value !== 'number') {
    found.add('LAC0612', `${a.name} takes a number (${a.dtype}), not ${value === null ? 'null' : 'a tensor'}`);
    return 0;
  }
  const range = a.dtype === 'i32' || a.dtype === 'u32' ? INT_RANGE[a.dtype] : null;
  if (range && !(Number.isInteger(value) && value >= range[0] && value <= range[1]))
    found.add('LAC0612', `${a.name} = ${value} is no ${a.dtype}`, `whole numbers from ${range[0]} to ${range[1]}`);
  return value;
}

function unifyDtypes(spec: ArgumentSpec, tensors: Signature['tensors'], found: Findings): Record<string, DType> {
  const dtypes: Record<string, DType> = {};
  const from: Record<string, string> = {};
  for (const a of spec.args.filter(isTensorSpec)) {
    const tensor = tensors[a.name];
    if (!tensor) continue;
    const choices = spec.dtypes[a.dtype] ?? [a.dtype as DType];
    if (!choices.includes(tensor.dtype)) {
      found.add('LAC0604', `${a.name} has dtype ${tensor.dtype}; it takes ${choices.join(' or ')}`);
    } else if (spec.dtypes[a.dtype]) {
      const known = dtypes[a.dtype];
      if (known !== undefined && known !== tensor.dtype)
        found.add('LAC0604', `${a.name} has dtype ${tensor.dtype}, but ${a.dtype} is ${known} in ${from[a.dtype]}`);
      dtypes[a.dtype] ??= tensor.dtype;
      from[a.dtype] ??= a.name;
    }
  }
  return dtypes;
}

function unifyDims(spec: ArgumentSpec, tensors: Signature['tensors'], found: Findings): Record<string, number> {
  const dims: Record<string, number> = {};
  const from: Record<string, string> = {};
  for (const a of spec.args.filter(isTensorSpec)) {
    const shape: readonly number[] | undefined = tensors[a.name]?.shape;
    if (!shape) continue;
    if (shape.length !== a.dims.length) {
      const [has, takes] = [`[${shape.join(', ')}]`, `[${a.dims.join(', ')}]`];
      found.add('LAC0603', `${a.name} has ${shape.length} axes ${has}; it takes ${a.dims.length}, ${takes}`);
      continue;
    }
    for (const [axis, dim] of a.dims.entries()) {
      const extent = shape[axis] as number;
      if (dim in dims && dims[dim] !== extent)
        found.add('LAC0605', `${dim} is ${dims[dim]} in ${from[dim]}, but ${extent} in ${a.name} (axis ${axis})`);
      dims[dim] ??= extent;
      from[dim] ??= a.name;
    }
  }
  return dims;
}
