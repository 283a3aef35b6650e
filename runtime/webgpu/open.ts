/** From the name of a device to an open one: which driver, which adapter, which limits. Node only. */
import { runtimeError } from '../errors.js';
import { adapterNames, requestAdapter } from './dawn.js';
import { WebGpuDevice } from './device.js';
import { checkChosenDriver, chosenDriver, gpuKernelDriver, installedDrivers } from './drivers.js';
import { loadLibrary } from './library.js';
import { headlessNvidia } from './nvidia.js';
import { type SoftwareDriver, softwareDriver, softwareSupported } from './software.js';

export type Wanted = { readonly kind: 'best' | 'software' } | { readonly kind: 'index'; readonly index: number };

export interface OpenOptions {
  /** Default true: every access is clamped to its buffer by the driver too. */
  readonly robust?: boolean;
}

const NO_GPU_HELP = 'lac doctor says what is missing; the device interpret needs no driver';

/**
 * `notes`: what was left out before. Throws LacError LAC0703 when nothing usable is found, LAC0704 and LAC0710 where the
 * cause is known.
 */
export async function openWebGpu(
  wanted: Wanted,
  options: OpenOptions = {},
  notes: readonly string[] = [],
): Promise<WebGpuDevice> {
  const robust = options.robust ?? true;
  if (wanted.kind === 'index') return openIndex(wanted.index, robust);
  if (wanted.kind === 'software') return openAdapter(await softwareAdapter(robust), notes);
  const found: GPUAdapter[] = [];
  for (const env of installedEnvs()) {
    const adapter = await requestAdapter({ robust, env });
    if (adapter && !isSoftware(adapter)) return openAdapter(adapter, notes);
    if (adapter) found.push(adapter);
  }
  const [adapter] = found;
  if (adapter) return openAdapter(adapter, chosenDriver() ? notes : [...notes, softwareNote()]);
  return openAdapter(await softwareAdapter(robust), [...notes, softwareNote()]);
}

const isSoftware = (adapter: GPUAdapter): boolean => adapter.info.isFallbackAdapter;

function softwareNote(): string {
  const [gpu, chosen] = [gpuKernelDriver(), chosenDriver()];
  const none = gpu === null ? 'no GPU was found' : `the ${gpu} GPU has no working Vulkan driver`;
  const why = chosen ? `the driver that ${chosen.variable} names gives no adapter` : none;
  return `${why}, so the CPU does the work; lac doctor says what helps`;
}

/** A driver on the CPU that the user chose, else the one that we carry, else whatever the system has. */
async function softwareAdapter(robust: boolean): Promise<GPUAdapter> {
  const chosen = chosenDriver();
  if (chosen || !softwareSupported())
    for (const env of installedEnvs()) {
      const adapter = await requestAdapter({ robust, env, software: true });
      if (adapter && isSoftware(adapter)) return adapter;
    }
  if (process.platform !== 'linux') throw runtimeError('LAC0703', 'no WebGPU adapter was found', NO_GPU_HELP);
  const adapter = await requestAdapter({ robust, env: softwareEnv(softwareDriver()), software: true });
  if (!adapter) throw runtimeError('LAC0703', 'the software driver was loaded, but gives no adapter', NO_GPU_HELP);
  return adapter;
}

type LoaderEnv = Readonly<Record<string, string>>;

const manifests = (files: string): LoaderEnv => ({ VK_DRIVER_FILES: files, VK_ICD_FILENAMES: files });

const softwareEnv = (driver: SoftwareDriver): LoaderEnv => ({
  ...manifests(driver.icd),
  XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? driver.folder,
});

/**
 * Variables under which the Vulkan loader may find the drivers of this machine, best first; none where there is no
 * driver to find, because asking would make Dawn complain on stderr. A loader is loaded on the way: the system's, else
 * the one that we carry.
 */
function installedEnvs(): LoaderEnv[] {
  if (process.platform !== 'linux') return [{}];
  const chosen = chosenDriver();
  if (chosen) checkChosenDriver(chosen);
  const { found, mounted } = installedDrivers();
  const envs: LoaderEnv[] = [];
  if (chosen) envs.push(manifests(chosen.files));
  else if (found.length > 0) envs.push({});
  else if (mounted.length > 0) envs.push(manifests(mounted.join(':')));
  const headless = headlessNvidia();
  if (headless !== null) {
    const others = found.filter((f) => !f.includes('nvidia'));
    const env = manifests([headless, ...others].join(':'));
    if (chosen || hasDisplay()) envs.push(env);
    else envs.unshift(env);
  }
  if (envs.length > 0 && loadLibrary('libvulkan.so.1', 'global') !== null) softwareDriver();
  return envs;
}

const hasDisplay = (): boolean => Boolean(process.env.DISPLAY || process.env.WAYLAND_DISPLAY);

async function openIndex(index: number, robust: boolean): Promise<WebGpuDevice> {
  const { names, env } = await listAdapters();
  const name = names[index];
  const have = names.map((n, i) => `webgpu:${i} is ${n}`).join(', ');
  if (name === undefined)
    throw runtimeError('LAC0701', `there is no adapter ${index}${have === '' ? '' : `; ${have}`}`, 'see lac devices');
  if (names.indexOf(name) !== index)
    throw runtimeError('LAC0701', `adapters of one name cannot be told apart (${have})`, `use ${names.indexOf(name)}`);
  const adapter = await requestAdapter({ robust, env, adapter: name });
  if (!adapter) throw runtimeError('LAC0703', `adapter ${index} (${name}) does not open`, NO_GPU_HELP);
  return openAdapter(adapter, []);
}

/** Adapters of the drivers installed here, under the first variables that give any; webgpu:N counts in this list. */
export async function listAdapters(): Promise<{ names: readonly string[]; env: LoaderEnv }> {
  for (const env of installedEnvs()) {
    const names = await adapterNames({ robust: true, env });
    if (names.length > 0) return { names, env };
  }
  return { names: [], env: {} };
}

/** Features that kernels or the runtime may use, where the adapter has them. */
const FEATURES = ['timestamp-query', 'shader-f16', 'subgroups', 'chromium-experimental-subgroup-matrix'];

/** Limits that are asked for in full. */
const LIMITS = [
  'maxStorageBufferBindingSize',
  'maxBufferSize',
  'maxComputeWorkgroupStorageSize',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupSizeX',
  'maxStorageBuffersPerShaderStage',
  'maxComputeWorkgroupsPerDimension',
] as const;

async function openAdapter(adapter: GPUAdapter, notes: readonly string[]): Promise<WebGpuDevice> {
  const requiredFeatures = FEATURES.filter((f) => adapter.features.has(f)) as GPUFeatureName[];
  const requiredLimits = Object.fromEntries(LIMITS.map((name) => [name, adapter.limits[name]]));
  const gpu = await adapter.requestDevice({ requiredFeatures, requiredLimits });
  return new WebGpuDevice(gpu, adapter.info, notes);
}
