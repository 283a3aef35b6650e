import { LacError } from '../compiler/diag/diagnostic.js';
import type { CudaDevice } from './cuda/device.js';
import type { Device } from './device.js';
import { runtimeError } from './errors.js';
import { gpuKernelDriver } from './webgpu/drivers.js';
import type { OpenOptions, Wanted } from './webgpu/open.js';

export type { OpenOptions } from './webgpu/open.js';

/**
 * Opens a device by name.
 *   '' the best there is: an NVIDIA GPU through CUDA, a GPU through WebGPU, the software driver, the interpreter
 *   cuda (the first GPU), cuda:N
 *   webgpu, webgpu:software, webgpu:N (adapter N of `listDevices`)
 *   emulate, emulate:sm_80, emulate:sm_90 (PTX on the CPU, checked)
 *   interpret (f64), interpret:round (rounds to each dtype)
 * Throws LacError LAC0701 to LAC0711; `notes` of the device say what a fallback left out.
 */
export async function openDevice(which = '', options: OpenOptions = {}): Promise<Device> {
  const device = await open(which, options);
  names.set(device, nameOf(device, which));
  return device;
}

const names = new WeakMap<Device, string>();

/** The name by which another process opens this device; null where it was not opened by a name. */
export const openedAs = (device: Device): string | null => names.get(device) ?? null;

/** '' and `cuda` are names of what they stand for here. */
function nameOf(device: Device, which: string): string {
  if (device.backend === 'cuda') return `cuda:${(device as CudaDevice).ordinal}`;
  return which !== '' ? which : device.backend;
}

async function open(which: string, options: OpenOptions): Promise<Device> {
  if (which === '') return openBest(options);
  const [kind, rest, more] = which.split(':');
  if (kind === 'cuda' && more === undefined && (rest === undefined || NUMBER.test(rest))) return openGpu(rest);
  const sm = kind === 'emulate' && more === undefined ? EMULATED.get(rest ?? 'sm_90') : undefined;
  if (sm !== undefined) return openEmulator(sm);
  if (kind === 'interpret' && more === undefined && (rest === undefined || rest === 'round' || rest === 'f64'))
    return openInterpreter(rest === 'round' ? 'round' : 'f64');
  const wanted = kind === 'webgpu' && more === undefined ? wantedOf(rest) : null;
  if (wanted === null) throw runtimeError('LAC0701', `there is no device '${which}'`, NAMES);
  const { openWebGpu } = await import('./webgpu/open.js');
  return openWebGpu(wanted, options);
}

const NAMES = 'cuda, cuda:N, webgpu, webgpu:software, webgpu:N, emulate or interpret';
/** Generations that the emulator stands for. */
const EMULATED: ReadonlyMap<string, number> = new Map([
  ['sm_80', 80],
  ['sm_90', 90],
]);
const NUMBER = /^\d{1,3}$/;

async function openGpu(ordinal = '0'): Promise<Device> {
  const { openCuda } = await import('./cuda/open.js');
  return openCuda(Number(ordinal));
}

function wantedOf(rest: string | undefined): Wanted | null {
  if (rest === undefined) return { kind: 'best' };
  if (rest === 'software') return { kind: 'software' };
  return NUMBER.test(rest) ? { kind: 'index', index: Number(rest) } : null;
}

async function openEmulator(sm: number): Promise<Device> {
  const { EmulateDevice } = await import('./emulate/device.js');
  return new EmulateDevice(sm);
}

async function openInterpreter(mode: 'f64' | 'round', notes: readonly string[] = []): Promise<Device> {
  const { InterpretDevice } = await import('./interpret/device.js');
  return new InterpretDevice(mode, notes);
}

async function openBest(options: OpenOptions): Promise<Device> {
  try {
    return await openGpu();
  } catch (e) {
    if (!(e instanceof LacError)) throw e;
    // Without an NVIDIA GPU nothing is amiss; with one, a GPU through WebGPU is slower and says why.
    const noted = gpuKernelDriver() === 'NVIDIA' ? [`CUDA does not work: ${e.message}`] : [];
    return openWithoutCuda(options, noted);
  }
}

async function openWithoutCuda(options: OpenOptions, noted: readonly string[]): Promise<Device> {
  try {
    const { openWebGpu } = await import('./webgpu/open.js');
    return await openWebGpu({ kind: 'best' }, options, noted);
  } catch (e) {
    if (!(e instanceof LacError) || e.diagnostics.some((d) => d.code === 'LAC0710')) throw e;
    return openInterpreter('f64', [...noted, `no WebGPU device, so the interpreter does the work: ${e.message}`]);
  }
}
