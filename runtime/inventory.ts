/** What devices there are, and what a machine is missing: the data of `lac devices` and `lac doctor`. */
import { LacError } from '../compiler/diag/diagnostic.js';
import type { DeviceInfo, DeviceLimits } from './device.js';
import { messageOf } from './errors.js';
import { openDevice } from './open.js';
import { chosenDriver, gpuKernelDriver, installedDrivers } from './webgpu/drivers.js';

export interface DeviceEntry {
  /** Opens it: openDevice(which). */
  readonly which: string;
  readonly name: string;
  readonly info: DeviceInfo;
  readonly limits: DeviceLimits;
  readonly features: readonly string[];
}

export interface DeviceList {
  readonly devices: readonly DeviceEntry[];
  /** Devices that exist and do not open, and why. */
  readonly failures: readonly { readonly which: string; readonly reason: string }[];
}

/** Every device that opens here, best first. Each is opened and destroyed on the way. */
export async function listDevices(): Promise<DeviceList> {
  const devices: DeviceEntry[] = [];
  const failures: { which: string; reason: string }[] = [];
  const gpus = [...(await gpuNumbers(failures)), ...(await adapterNumbers(failures))];
  for (const which of [...gpus, 'webgpu:software', 'emulate', 'interpret']) {
    try {
      const device = await openDevice(which);
      const { name, info, limits, features } = device;
      device.destroy();
      // Two adapters of WebGPU may be the same GPU; two of CUDA are not.
      const repeated = devices.some((d) => d.name === name && d.info.driver === info.driver);
      if (!repeated || !which.startsWith('webgpu'))
        devices.push({ which, name, info, limits, features: [...features] });
    } catch (e) {
      if (!(e instanceof LacError)) throw e;
      failures.push({ which, reason: e.message });
    }
  }
  return { devices, failures };
}

async function gpuNumbers(failures: { which: string; reason: string }[]): Promise<string[]> {
  try {
    const { listCudaDevices } = await import('./cuda/open.js');
    return listCudaDevices().map((_, i) => `cuda:${i}`);
  } catch (e) {
    failures.push({ which: 'cuda', reason: messageOf(e) });
    return [];
  }
}

async function adapterNumbers(failures: { which: string; reason: string }[]): Promise<string[]> {
  try {
    const { listAdapters } = await import('./webgpu/open.js');
    const { names } = await listAdapters();
    return names.flatMap((name, i) => (names.indexOf(name) === i ? [`webgpu:${i}`] : []));
  } catch (e) {
    failures.push({ which: 'webgpu', reason: messageOf(e) });
    return [];
  }
}

/** One thing that was looked at. `fix` is the one command, or the one step, that makes it good. */
export interface DoctorFact {
  readonly name: string;
  readonly status: 'ok' | 'note' | 'problem';
  readonly detail: string;
  readonly fix?: string;
}

/** Looks at Node, the packages, the drivers and the devices. Problems stop kernels from running; notes cost speed only. */
export async function doctorFacts(): Promise<DoctorFact[]> {
  const facts = [nodeFact()];
  if (process.platform === 'linux') facts.push(gpuFact(), driverFact(), await cudaFact());
  facts.push(await deviceFact('webgpu', 'WebGPU device'));
  if (process.platform === 'linux') facts.push(await deviceFact('webgpu:software', 'software driver'));
  return [...facts, await deviceFact('interpret', 'interpreter')];
}

function nodeFact(): DoctorFact {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
  const detail = `Node ${process.versions.node} on ${process.platform} ${process.arch}`;
  if (major > 20 || (major === 20 && minor >= 19)) return { name: 'Node', status: 'ok', detail };
  return { name: 'Node', status: 'problem', detail, fix: 'install Node 20.19 or newer: nvm install 20' };
}

function gpuFact(): DoctorFact {
  const gpu = gpuKernelDriver();
  if (gpu !== null) return { name: 'GPU', status: 'ok', detail: `${gpu}, with its kernel driver` };
  return { name: 'GPU', status: 'note', detail: 'none is visible to this machine or container; the CPU does the work' };
}

/** The one step that gives the machine's GPU a Vulkan driver. */
const driverFix = (): string =>
  gpuKernelDriver() === 'NVIDIA'
    ? "give the container the driver's graphics part: docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=all"
    : 'apt-get install mesa-vulkan-drivers';

function driverFact(): DoctorFact {
  const name = 'Vulkan driver';
  const chosen = chosenDriver();
  if (chosen) return { name, status: 'ok', detail: `${chosen.variable}=${chosen.files}` };
  const { found, mounted } = installedDrivers();
  const manifests = [...found, ...(found.length === 0 ? mounted : [])];
  if (manifests.length > 0) return { name, status: 'ok', detail: manifests.join(', ') };
  const fact = {
    name,
    status: 'note',
    detail: 'none is installed; the one that comes with lac runs on the CPU',
  } as const;
  return gpuKernelDriver() === null ? fact : { ...fact, fix: driverFix() };
}

/** CUDA is a faster way to a GPU that works through WebGPU too: what it lacks is a note. */
async function cudaFact(): Promise<DoctorFact> {
  const fact = await deviceFact('cuda:0', 'CUDA device');
  return fact.status === 'problem' ? { ...fact, status: 'note' } : fact;
}

async function deviceFact(which: string, name: string): Promise<DoctorFact> {
  try {
    const device = await openDevice(which);
    const { kind, driver } = device.info;
    device.destroy();
    const idle = which === 'webgpu' && kind === 'software' && gpuKernelDriver() !== null;
    const cuda = device.backend === 'cuda' ? `${device.name}, ${device.info.architecture}, ${driver}` : device.name;
    const detail = idle ? `${device.name}, though there is a GPU` : cuda;
    return idle ? { name, status: 'note', detail, fix: driverFix() } : { name, status: 'ok', detail };
  } catch (e) {
    if (!(e instanceof LacError)) throw e;
    const [first] = e.diagnostics;
    const fix = first?.help[0]?.text;
    const fact = { name, status: 'problem', detail: first?.message ?? e.message } as const;
    return fix === undefined ? fact : { ...fact, fix };
  }
}
