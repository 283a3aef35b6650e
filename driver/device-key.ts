import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import type { Device } from '../runtime/device.js';

/** A device as measurements of it are filed. */
export interface DeviceKey {
  /** The device with its driver, as far as results and times depend on it. */
  readonly device: string;
  /** What devices of one generation have in common. */
  readonly architecture: string;
}

/** A device, or what a worker says of one. */
export type Described = Pick<Device, 'backend' | 'name' | 'info' | 'limits'>;

/** `NVIDIA H100 80GB HBM3, sm_90, CUDA 12`; WebGPU: with its limits and the version of Dawn. */
export function deviceKey(device: Described): DeviceKey {
  const known = keys.get(device) ?? made(device);
  keys.set(device, known);
  return known;
}

/** Launches ask for it. */
const keys = new WeakMap<Described, DeviceKey>();

function made({ backend, name, info, limits }: Described): DeviceKey {
  if (backend === 'cuda') {
    const driver = info.driver.replace(/\..*$/, '');
    return { device: `${name}, sm_${info.sm}, ${driver}`, architecture: `sm_${info.sm}` };
  }
  if (backend !== 'webgpu') {
    const architecture = `${backend} ${info.architecture}`;
    return { device: architecture, architecture };
  }
  const { maxWorkgroupBytes, maxInvocations, maxStorageBindings, maxBindingBytes } = limits;
  const used = [maxWorkgroupBytes, maxInvocations, maxStorageBindings, maxBindingBytes].join('/');
  const parts = [name, info.vendor, info.architecture, majorOf(info.driver), `limits ${used}`, dawn()];
  return { device: parts.filter((part) => part !== '').join(', '), architecture: webgpuArchitecture(name, info) };
}

/** A driver that computes on the CPU has nothing in common with a GPU. Where Dawn knows no architecture, the device has a name. */
function webgpuArchitecture(name: string, { kind, vendor, architecture }: Device['info']): string {
  if (kind === 'gpu' && architecture === '') return name;
  const words = kind === 'software' ? ['software', architecture] : [vendor, architecture];
  return words.filter((word) => word !== '').join(' ') || 'unknown';
}

/** Drivers describe themselves with words, and a version somewhere. */
const majorOf = (driver: string): string => driver.replace(/(\d+)(?:\.\d+)+/g, '$1');

let dawnVersion: string | undefined;

function dawn(): string {
  dawnVersion ??= versionOf('webgpu');
  return dawnVersion === '' ? '' : `Dawn ${dawnVersion}`;
}

function versionOf(name: string): string {
  try {
    const file = createRequire(import.meta.url).resolve(`${name}/package.json`);
    return String((JSON.parse(readFileSync(file, 'utf8')) as { version?: unknown }).version ?? '');
  } catch {
    return '';
  }
}
