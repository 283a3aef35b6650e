import { totalmem } from 'node:os';
import type { ArgSpec } from '../compiler/artifact.js';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { bytesOf, type DType } from '../compiler/ir/types.js';
import type { Device } from '../runtime/device.js';
import { checkDims, chooseDtypes, comptimeOf, dimNames } from './choices.js';
import { checkConfig } from './configurations.js';
import { dtypeOf, extentText, isTensorArg, scalarValues, shapeOf } from './inputs.js';
import type { Dims, Reference } from './reference.js';
import type { RunRequest } from './run.js';
import { type KernelDecl, withOptions } from './source.js';

/** What a run asks for, with its names and sizes checked. */
export interface Settled {
  readonly decl: KernelDecl;
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly scalars: Readonly<Record<string, number>>;
}

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
  checkHostMemory(decl.args, dims);
  return { decl, dims, dtypes, scalars };
}

function sizes(decl: KernelDecl, reference: Reference | null, given: Dims): Dims {
  checkDims(decl, given);
  const all: Dims = { ...reference?.shape, ...given };
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

/** An element on the host: an input as made and as stored, an output as read and as the reference has it; f64 each. */
const HOST_BYTES = 2 * 8;

/** Counted in numbers that do not overflow, before anything is made: a machine that swaps looks like one that hangs. */
function checkHostMemory(args: readonly ArgSpec[], dims: Dims): void {
  const tensors = args.filter(isTensorArg).map((arg) => {
    const shape = shapeOf(arg, dims);
    return { arg, shape, elements: shape.reduce((n, extent) => n * extent, 1) };
  });
  const need = tensors.reduce((sum, t) => sum + t.elements * HOST_BYTES, 0);
  if (need <= totalmem()) return;
  const largest = tensors.reduce((a, b) => (b.elements > a.elements ? b : a));
  const message = `inputs and outputs need ${gibibytes(need)} of memory, and this machine has ${gibibytes(totalmem())}`;
  const help = [`the largest is ${largest.arg.name}: ${extentText(largest.shape)} elements; give smaller sizes`];
  throw new LacError(diagnostic('LAC0913', message, null, { help }));
}

/** What the device refuses to hold, before values for it are made. */
export function checkDeviceMemory(
  device: Device,
  args: readonly ArgSpec[],
  dims: Dims,
  dtypes: Readonly<Record<string, DType>>,
): void {
  const most = Math.min(device.limits.maxBufferBytes, device.limits.maxBindingBytes);
  for (const arg of args) {
    if (!isTensorArg(arg)) continue;
    const shape = shapeOf(arg, dims);
    const bytes = shape.reduce((n, extent) => n * extent, bytesOf(dtypeOf(arg, dtypes)));
    if (bytes <= most) continue;
    const message = `${arg.name} has ${extentText(shape)} elements in ${gibibytes(bytes)}; a tensor on ${device.name} has at most ${gibibytes(most)}`;
    throw new LacError(diagnostic('LAC0614', message, null, { help: ['give smaller sizes'] }));
  }
}

function gibibytes(bytes: number): string {
  const gib = bytes / 2 ** 30;
  return `${gib >= 100 ? Math.round(gib).toLocaleString('en') : Number(gib.toPrecision(2))} GiB`;
}
