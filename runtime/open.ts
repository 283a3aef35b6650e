import { LacError } from '../compiler/diag/diagnostic.js';
import type { Device } from './device.js';
import { runtimeError } from './errors.js';
import type { OpenOptions, Wanted } from './webgpu/open.js';

export type { OpenOptions } from './webgpu/open.js';

/**
 * Opens a device by name.
 *   '' the best there is: a GPU, else the software driver, else the interpreter
 *   webgpu, webgpu:software, webgpu:N (adapter N of `listDevices`)
 *   interpret (f64), interpret:round (rounds to each dtype)
 * Throws LacError LAC0701 to LAC0711; `notes` of the device say what a fallback left out.
 */
export async function openDevice(which = '', options: OpenOptions = {}): Promise<Device> {
  if (which === '') return openBest(options);
  const [kind, rest, more] = which.split(':');
  if (kind === 'cuda') throw cudaError();
  if (kind === 'interpret' && more === undefined && (rest === undefined || rest === 'round' || rest === 'f64'))
    return openInterpreter(rest === 'round' ? 'round' : 'f64');
  const wanted = kind === 'webgpu' && more === undefined ? wantedOf(rest) : null;
  if (wanted === null)
    throw runtimeError('LAC0701', `there is no device '${which}'`, 'webgpu, webgpu:software, webgpu:N or interpret');
  const { openWebGpu } = await import('./webgpu/open.js');
  return openWebGpu(wanted, options);
}

const cudaError = (): LacError =>
  runtimeError('LAC0702', 'the CUDA backend is not built yet', 'NVIDIA GPUs work through WebGPU: use webgpu');

function wantedOf(rest: string | undefined): Wanted | null {
  if (rest === undefined) return { kind: 'best' };
  if (rest === 'software') return { kind: 'software' };
  return /^\d{1,3}$/.test(rest) ? { kind: 'index', index: Number(rest) } : null;
}

async function openInterpreter(mode: 'f64' | 'round', notes: readonly string[] = []): Promise<Device> {
  const { InterpretDevice } = await import('./interpret/device.js');
  return new InterpretDevice(mode, notes);
}

async function openBest(options: OpenOptions): Promise<Device> {
  try {
    const { openWebGpu } = await import('./webgpu/open.js');
    return await openWebGpu({ kind: 'best' }, options);
  } catch (e) {
    if (!(e instanceof LacError) || e.diagnostics.some((d) => d.code === 'LAC0710')) throw e;
    return openInterpreter('f64', [`no WebGPU device, so the interpreter does the work: ${e.message}`]);
  }
}
