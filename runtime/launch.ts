/** From checked arguments and a variant to a plan that a device can run. Everything that can be refused is refused here. */
import { type CudaVariant, type ParamSlot, paramLayout, type Variant } from '../compiler/artifact.js';
import { Bug } from '../compiler/diag/diagnostic.js';
import { evaluateExpr, namesOf } from '../compiler/expr.js';
import { bytesOf } from '../compiler/ir/types.js';
import {
  Findings,
  isTensorSpec,
  type LaunchArgs,
  type LaunchSpec,
  readArguments,
  type Signature,
} from './arguments.js';
import { roundValue } from './codec.js';
import { type AnyVariant, type Device, variantTarget } from './device.js';
import { factsHold, factsOf } from './facts.js';
import { hasDistinctAddresses } from './strides.js';
import type { Tensor } from './tensor.js';

export interface LaunchPlan {
  readonly device: Device;
  readonly kernel: string;
  readonly variant: AnyVariant;
  readonly tensors: Readonly<Record<string, Tensor | null>>;
  readonly scalars: Readonly<Record<string, number>>;
  readonly dims: Readonly<Record<string, number>>;
  /** Programs on each axis. */
  readonly grid: Readonly<Record<string, number>>;
  /** Product of the axes; 0 launches nothing. */
  readonly programs: number;
  /** WebGPU: the parameter block, one 32-bit word a slot. Empty elsewhere. */
  readonly words: Uint32Array<ArrayBuffer>;
  /** CUDA: the parameter block behind the addresses, as `paramLayout` of compiler/artifact.ts says. Empty elsewhere. */
  readonly paramBytes: Uint8Array<ArrayBuffer>;
}

/**
 * Launches in order, each of which sees what earlier ones stored; launches of others come before or after all of them.
 * Sequences with one `key` differ in nothing but where their tensors lie.
 */
export interface LaunchSequence {
  readonly key: object;
  readonly launches: readonly LaunchPlan[];
}

/** Workgroups of a row: program id = x + y * GRID_WIDTH. The least that every WebGPU device allows. */
export const GRID_WIDTH = 65535;

/** Indices, program ids and, in WGSL, offsets are 32-bit and signed. */
const MAX_OFFSET = 2 ** 31;

const NO_WORDS = new Uint32Array(0);
const NO_BYTES = new Uint8Array(0);

/**
 * Checks everything that can be known before a launch and computes what it needs. Throws LacError LAC06xx, with one
 * diagnostic for each thing found.
 */
export function bindLaunch(device: Device, spec: LaunchSpec, variant: AnyVariant, args: LaunchArgs): LaunchPlan {
  const signature = touchedBy(variant, readArguments(spec, args, device));
  const found = new Findings(spec.kernel);
  checkExtents(signature, found);
  checkVariant(spec, signature, variant, found);
  checkAliasing(spec, signature, device, found);
  checkDevice(device, variant, signature, found);
  found.raise();
  const dims = { ...variant.when.comptime, ...signature.dims };
  const grid = gridOf(spec, { ...dims, ...variant.config }, found);
  found.raise();
  const programs = Object.values(grid).reduce((n, extent) => n * extent, 1);
  const most = mostPrograms(device);
  if (programs > most) found.add('LAC0616', `${programs} programs; ${device.name} runs at most ${most} in one launch`);
  found.raise();
  const { tensors, scalars } = signature;
  const { words, paramBytes } = paramsOf(spec, variant, { tensors, scalars, dims }, grid);
  // Spelled out: spreading objects here took three quarters of the call.
  return { device, kernel: spec.kernel, variant, tensors, scalars, dims, grid, programs, words, paramBytes };
}

/** What the variant never touches gives its sizes and nothing else: it may be null, and lie where it likes. */
function touchedBy({ unused }: AnyVariant, signature: Signature): Signature {
  if (unused.length === 0) return signature;
  const tensors = { ...signature.tensors };
  for (const name of unused) tensors[name] = null;
  return { ...signature, tensors };
}

function checkExtents({ dims }: Signature, found: Findings): void {
  for (const [dim, extent] of Object.entries(dims))
    if (extent >= MAX_OFFSET) found.add('LAC0615', `${dim} is ${extent}; indices end at 2^31 - 1`);
}

/** Checks that need no variant: extents, and that what is written has addresses of its own. Throws LacError LAC06xx. */
export function checkSignature(device: Device, spec: Pick<LaunchSpec, 'kernel' | 'args'>, signature: Signature): void {
  const found = new Findings(spec.kernel);
  checkExtents(signature, found);
  checkAliasing(spec, signature, device, found);
  found.raise();
}

/** Program ids are i32. WebGPU folds the line of programs into rows, and the last one may be incomplete. */
const mostPrograms = ({ backend, limits }: Device): number =>
  backend === 'cuda' || backend === 'emulate'
    ? Math.min(limits.maxGridAxis, MAX_OFFSET - 1)
    : Math.min(limits.maxGridAxis ** 2, MAX_OFFSET - 1 - GRID_WIDTH);

function checkVariant(spec: LaunchSpec, s: Signature, variant: AnyVariant, found: Findings): void {
  const { dtypes, comptime, facts } = variant.when;
  for (const [param, dtype] of Object.entries(s.dtypes))
    if (dtypes[param] !== undefined && dtypes[param] !== dtype)
      found.add('LAC0604', `${param} is ${dtype}, but this variant is compiled for ${dtypes[param]}`);
  for (const [dim, size] of Object.entries(comptime))
    if (dim in s.dims && s.dims[dim] !== size)
      found.add('LAC0606', `${dim} is ${s.dims[dim]}, but this variant is compiled for ${dim} = ${size}`);
  for (const a of spec.args.filter(isTensorSpec)) {
    const tensor = s.tensors[a.name];
    const assumed = facts[a.name];
    if (!tensor) {
      if (!variant.unused.includes(a.name)) found.add('LAC0611', `${a.name} is null, but this variant uses it`);
    } else if (assumed && !factsHold(assumed, factsOf(tensor))) {
      const is = `offset ${tensor.offset}, strides [${tensor.strides.join(', ')}]`;
      found.add('LAC0617', `${a.name} (${is}) is not ${describeFacts(assumed)}, as this variant assumes`);
    }
  }
}

const describeFacts = (f: { contiguous: boolean; align: number }): string =>
  [f.contiguous ? 'contiguous along its last axis' : '', f.align > 1 ? `aligned to ${f.align} elements` : '']
    .filter((text) => text !== '')
    .join(' and ');

function checkAliasing(spec: Pick<LaunchSpec, 'args'>, s: Signature, device: Device, found: Findings): void {
  const present: { readonly name: string; readonly written: boolean; readonly tensor: Tensor }[] = [];
  for (const { name, dir } of spec.args) {
    const tensor = s.tensors[name];
    if (tensor) present.push({ name, written: dir !== 'in', tensor });
  }
  present.forEach((a, i) => {
    if (a.written && !hasDistinctAddresses(a.tensor.shape, a.tensor.strides))
      found.add('LAC0607', `${a.name} has strides [${a.tensor.strides.join(', ')}]: two elements share an address`);
    for (const b of present.slice(i + 1)) {
      if (a.tensor.storage !== b.tensor.storage || !(a.written || b.written)) continue;
      const [out, other] = a.written ? [a.name, b.name] : [b.name, a.name];
      if (rangesMeet(a.tensor, b.tensor)) found.add('LAC0608', `the bytes of ${out} overlap those of ${other}`);
      else if (device.backend === 'webgpu')
        found.add('LAC0618', `${out} lies in the same allocation as ${other}`, `allocate ${out} with its own empty()`);
    }
  });
}

const rangesMeet = (a: Tensor, b: Tensor): boolean =>
  a.extent > 0 && b.extent > 0 && a.offset < b.offset + b.extent && b.offset < a.offset + a.extent;

function checkDevice(device: Device, variant: AnyVariant, s: Signature, found: Findings): void {
  if (variant.target !== variantTarget(device.backend))
    throw new Bug(`a variant for ${variant.target} was given to the ${device.backend} device ${device.name}`);
  if (variant.target === 'interpret') return;
  checkNeeds(device, variant, found);
  for (const { arg } of variant.bindings) {
    const tensor = s.tensors[arg];
    if (!tensor) continue;
    const bytes = tensor.storage.elements * bytesOf(tensor.dtype);
    if (bytes > device.limits.maxBindingBytes)
      found.add('LAC0614', `${arg} takes ${bytes} bytes; ${device.name} binds ${device.limits.maxBindingBytes}`);
    if (variant.target === 'webgpu' && tensor.offset + tensor.extent > MAX_OFFSET)
      found.add('LAC0615', `${arg} reaches element ${tensor.offset + tensor.extent - 1}; offsets end at 2^31 - 1`);
  }
}

/** Need and limit, for everything that a variant asks of the device. */
function checkNeeds(device: Device, variant: Variant, found: Findings): void {
  const { limits } = device;
  const [x, y, z] = variant.block;
  const needs = [
    ['bytes of workgroup memory', variant.sharedBytes, limits.maxWorkgroupBytes],
    ['invocations in a workgroup', x * y * z, limits.maxInvocations],
    ['storage buffers', variant.bindings.length, limits.maxStorageBindings],
  ] as const;
  for (const [what, need, limit] of needs)
    if (need > limit)
      found.add('LAC0613', `needs ${need} ${what}; ${device.name} has ${limit}`, 'choose another configuration');
  const { sm = 0 } = device.info;
  if (variant.target === 'cuda' && variant.sm > sm)
    found.add('LAC0613', `needs sm_${variant.sm}; ${device.name} is sm_${sm}`, `compile it with --target sm_${sm}`);
  for (const feature of variant.target === 'webgpu' ? variant.features : [])
    if (!device.features.has(feature)) found.add('LAC0613', `needs ${feature}, which ${device.name} does not have`);
}

function gridOf(spec: LaunchSpec, names: Record<string, number>, found: Findings): Record<string, number> {
  const grid: Record<string, number> = {};
  for (const [axis, extent] of spec.grid) {
    const unknown = [...namesOf(extent)].filter((n) => !(n in names));
    for (const n of unknown) found.add('LAC0619', `the grid needs ${n}, which no argument that is given has`);
    if (unknown.length > 0) continue;
    const count = evaluateExpr(extent, names);
    if (!Number.isSafeInteger(count) || count < 0 || count >= MAX_OFFSET)
      found.add(
        'LAC0616',
        `axis ${axis} of the grid has ${count} programs; it takes a whole number from 0 to 2^31 - 1`,
      );
    grid[axis] = count;
  }
  return grid;
}

type Words = Pick<Signature, 'dims' | 'scalars' | 'tensors'>;

function paramsOf(
  spec: LaunchSpec,
  variant: AnyVariant,
  s: Words,
  grid: Record<string, number>,
): Pick<LaunchPlan, 'words' | 'paramBytes'> {
  const found = new Findings(spec.kernel);
  if (variant.target === 'interpret') {
    for (const dim of variant.dims) slotValue({ dim }, s, grid, found);
    found.raise();
    return { words: NO_WORDS, paramBytes: NO_BYTES };
  }
  const values = variant.params.map((slot) => slotValue(slot, s, grid, found));
  found.raise();
  return variant.target === 'webgpu'
    ? { words: Uint32Array.from(values), paramBytes: NO_BYTES }
    : { words: NO_WORDS, paramBytes: packBytes(variant, values) };
}

/** Strides take 8 bytes. They are not negative, so that the two halves are quotient and remainder. */
function packBytes({ params }: CudaVariant, values: readonly number[]): Uint8Array<ArrayBuffer> {
  const { offsets, bytes } = paramLayout(params);
  const view = new DataView(new ArrayBuffer(bytes));
  for (const [i, slot] of params.entries()) {
    const [offset, value] = [offsets[i] as number, values[i] as number];
    if ('offset' in slot) throw new Bug(`parameter block of a CUDA variant has an offset (of ${slot.offset})`);
    view.setUint32(offset, value, true);
    if ('stride' in slot) view.setUint32(offset + 4, Math.floor(value / 2 ** 32), true);
  }
  return new Uint8Array(view.buffer);
}

/**
 * Nothing is at index 1 of an axis of extent 1, but asynchronous copies of nothing want an aligned address there, which a
 * stride that no fact speaks of would not give: it counts as 0.
 */
function strideOf(tensor: Words['tensors'][string] | undefined, axis: number): number {
  return (tensor?.shape[axis] ?? 0) <= 1 ? 0 : (tensor?.strides[axis] ?? 0);
}

/** Null tensors have stride and offset 0: nothing reads them. */
function slotValue(slot: ParamSlot, s: Words, grid: Record<string, number>, found: Findings): number {
  if ('dim' in slot) {
    const extent = s.dims[slot.dim];
    if (extent === undefined) found.add('LAC0619', `needs ${slot.dim}, which no argument that is given has`);
    return extent ?? 0;
  }
  if ('stride' in slot) return strideOf(s.tensors[slot.stride[0]], slot.stride[1]);
  if ('offset' in slot) return s.tensors[slot.offset]?.offset ?? 0;
  if ('scalar' in slot) return scalarWord(slot, s.scalars[slot.scalar]);
  const count = grid[slot.grid];
  if (count === undefined) throw new Bug(`parameter block names the grid axis ${slot.grid}, which does not exist`);
  return count;
}

/** One f32, and its bits. */
const SINGLE = new Float32Array(1);
const SINGLE_BITS = new Uint32Array(SINGLE.buffer);

/** Integers as they are; every float as the bits of an f32, rounded to its dtype first. */
function scalarWord(slot: Extract<ParamSlot, { scalar: string }>, value: number | undefined): number {
  if (value === undefined) throw new Bug(`parameter block names the scalar ${slot.scalar}, which does not exist`);
  if (slot.dtype === 'i32' || slot.dtype === 'u32' || slot.dtype === 'i1') return value >>> 0;
  SINGLE[0] = roundValue(slot.dtype, value);
  return SINGLE_BITS[0] as number;
}
