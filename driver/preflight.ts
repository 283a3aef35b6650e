import { totalmem } from 'node:os';
import type { ArgSpec } from '../compiler/artifact.js';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { bytesOf, type DType } from '../compiler/ir/types.js';
import type { Device } from '../runtime/device.js';
import { checkDims, chooseDtypes, comptimeOf, dimNames } from './choices.js';
import { checkConfig } from './configurations.js';
import { dtypeOf, extentText, isTensorArg, scalarValues, shapeOf } from './inputs.js';
import { type Dims, type Reference, withDefaults } from './reference.js';
import type { RunRequest } from './run.js';
import { type Declaration, type KernelDecl, type PlanDecl, withOptions } from './source.js';

/** What a run asks for, with its names and sizes checked. */
export interface Settled {
  readonly decl: KernelDecl | PlanDecl;
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly scalars: Readonly<Record<string, number>>;
}

export const isChecked = ({ reference, check }: Pick<RunRequest, 'reference' | 'check'>): boolean =>
  reference !== null && check !== false;

/** Whether outputs are read back, and inputs kept for a reference. */
export const wantsValues = (request: Pick<RunRequest, 'reference' | 'check' | 'values'>): boolean =>
  isChecked(request) || request.values !== false;

/**
 * Everything about a run that can be refused before a device is opened: unknown names, dimensions without a size or with
 * one that this machine cannot hold, scalars without a value.
 */
export function settle(request: Omit<RunRequest, 'device'>): Settled {
  const decl = withOptions(request.decl, request.options ?? {});
  const { reference } = request;
  const dims = sizes(decl, reference, request.dims ?? {});
  comptimeOf(decl, dims);
  const dtypes = chooseDtypes(decl, request.dtypes, reference?.dtypes);
  checkConfig(decl, request.config ?? {});
  const scalars = scalarValues(decl.args, dims, { scalars: { ...reference?.scalars, ...request.scalars } });
  checkHostMemory(tensorsOf(decl.args, dims, dtypes), wantsValues(request), null);
  return { decl, dims, dtypes, scalars };
}

function sizes(decl: Declaration, reference: Reference | null, given: Dims): Dims {
  checkDims(decl, given);
  const all = withDefaults(reference?.shape ?? {}, given);
  const used = Object.fromEntries(
    dimNames(decl).flatMap((name) => (all[name] === undefined ? [] : [[name, checkedSize(name, all[name])]])),
  );
  for (const arg of decl.args) if (isTensorArg(arg)) shapeOf(arg, used);
  return used;
}

/** A reference is the user's own program: its sizes are numbers only by what they declare. */
function checkedSize(name: string, size: number): number {
  if (Number.isSafeInteger(size) && size >= 0) return size;
  const shown = typeof size === 'string' ? JSON.stringify(size) : String(size);
  throw new LacError(diagnostic('LAC0910', `the size of ${name} is ${shown}; sizes are whole numbers, 0 or more`));
}

/** Elements of a typed array: what every version of Node allows. */
const MAX_HOST_ELEMENTS = 2 ** 32 - 1;
/** Bytes of an element that the interpreter keeps: its value, and whether it was ever written. */
const INTERPRETED_BYTES = 9;

interface Sized {
  readonly name: string;
  readonly shape: readonly number[];
  readonly elements: number;
  /** Values of the reference: one array for an input, two for an output, the kernel's among them. */
  readonly arrays: number;
  readonly dtype: DType;
}

const tensorsOf = (args: readonly ArgSpec[], dims: Dims, dtypes: Readonly<Record<string, DType>>): readonly Sized[] =>
  args.filter(isTensorArg).map((arg) => {
    const shape = shapeOf(arg, dims);
    const elements = shape.reduce((n, extent) => n * extent, 1);
    const arrays = (arg.dir === 'out' ? 0 : 1) + (arg.dir === 'in' ? 0 : 2);
    return { name: arg.name, shape, elements, arrays, dtype: dtypeOf(arg, dtypes) };
  });

/**
 * What the host keeps: the values of a run that is read back, as f64, and the memory of devices that are no GPU. Counted in
 * numbers that do not overflow, before anything is made: a machine that swaps looks like one that hangs.
 */
function checkHostMemory(tensors: readonly Sized[], values: boolean, device: Device | null): void {
  const largest = tensors.reduce<Sized | null>((a, b) => (a === null || b.elements > a.elements ? b : a), null);
  if (largest === null) return;
  const need = tensors.reduce((sum, t) => {
    const kept = values ? t.arrays * Float64Array.BYTES_PER_ELEMENT : 0;
    return sum + t.elements * (kept + (device === null ? 0 : bytesOnHost(device, t.dtype)));
  }, 0);
  const [have, most] = [memoryBytes(), values ? MAX_HOST_ELEMENTS : Number.POSITIVE_INFINITY];
  if (need <= have && largest.elements <= most) return;
  const message =
    need > have
      ? `inputs and outputs need ${gibibytes(need)} of memory, and this machine has ${gibibytes(have)}`
      : `${largest.name} has more elements than an array of the host`;
  const without = values ? ['--no-check needs no values on the host'] : [];
  const help = [
    `the largest is ${largest.name}: ${extentText(largest.shape)} elements; give smaller sizes`,
    ...without,
  ];
  throw new LacError(diagnostic('LAC0913', message, null, { help }));
}

/** Bytes of an element that a device keeps in the memory of the host. */
function bytesOnHost({ backend, info }: Device, dtype: DType): number {
  if (backend === 'interpret') return INTERPRETED_BYTES;
  return info.kind === 'gpu' ? 0 : bytesOf(dtype);
}

/** Of the machine, or what a container may take of it. */
function memoryBytes(): number {
  const limit = process.constrainedMemory?.() ?? 0;
  return limit > 0 ? Math.min(limit, totalmem()) : totalmem();
}

/** What the device, or the host for it, cannot hold, before values for it are made. */
export function checkDeviceMemory(
  device: Device,
  args: readonly ArgSpec[],
  dims: Dims,
  dtypes: Readonly<Record<string, DType>>,
  values: boolean,
): void {
  const tensors = tensorsOf(args, dims, dtypes);
  const most = Math.min(device.limits.maxBufferBytes, device.limits.maxBindingBytes);
  for (const { name, shape, elements, dtype } of tensors) {
    const bytes = elements * bytesOf(dtype);
    if (bytes <= most) continue;
    const message = `${name} has ${extentText(shape)} elements in ${gibibytes(bytes)}; a tensor on ${device.name} has at most ${gibibytes(most)}`;
    throw new LacError(diagnostic('LAC0614', message, null, { help: ['give smaller sizes'] }));
  }
  checkHostMemory(tensors, values, device);
}

function gibibytes(bytes: number): string {
  const gib = bytes / 2 ** 30;
  return `${gib >= 100 ? Math.round(gib).toLocaleString('en') : Number(gib.toPrecision(2))} GiB`;
}
