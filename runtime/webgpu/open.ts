/** From the name of a device to an open one: which driver, which adapter, which limits. Node only. */
import { runtimeError } from '../errors.js';
import { adapterNames, type DawnOptions, requestAdapter } from './dawn.js';
import { WebGpuDevice } from './device.js';
import { checkChosenDriver, chosenDriver, installedDrivers } from './drivers.js';
import { loadLibrary } from './library.js';
import { type SoftwareDriver, softwareDriver } from './software.js';

export type Wanted = { readonly kind: 'best' | 'software' } | { readonly kind: 'index'; readonly index: number };

export interface OpenOptions {
  /** Default true: every access is clamped to its buffer by the driver too. */
  readonly robust?: boolean;
}

const NO_GPU_HELP = 'lac doctor says what is missing; the device interpret needs no driver';

/** Throws LAC0703 when nothing usable is found, LAC0704 and LAC0710 where the cause is known. */
export async function openWebGpu(wanted: Wanted, options: OpenOptions = {}): Promise<WebGpuDevice> {
  const robust = options.robust ?? true;
  if (wanted.kind === 'index') return openIndex(wanted.index, robust);
  const installed = await adapterOf(installedEnv(), robust);
  if (installed && (wanted.kind === 'best' || isSoftware(installed))) {
    const notes = isSoftware(installed) ? [softwareNote()] : [];
    return openAdapter(installed, wanted.kind === 'best' ? notes : []);
  }
  if (process.platform !== 'linux') throw runtimeError('LAC0703', 'no WebGPU adapter was found', NO_GPU_HELP);
  const carried = await adapterOf(softwareEnv(softwareDriver()), robust);
  if (!carried) throw runtimeError('LAC0703', 'the software driver was loaded, but gives no adapter', NO_GPU_HELP);
  return openAdapter(carried, wanted.kind === 'best' ? [softwareNote()] : []);
}

const softwareNote = (): string =>
  'no GPU with a Vulkan driver was found, so the CPU does the work; lac doctor says what a GPU would need';

const isSoftware = (adapter: GPUAdapter): boolean => adapter.info.isFallbackAdapter;

type LoaderEnv = Readonly<Record<string, string>>;

const adapterOf = async (env: LoaderEnv | null, robust: boolean): Promise<GPUAdapter | null> =>
  env === null ? null : requestAdapter({ robust, env });

const softwareEnv = (driver: SoftwareDriver): LoaderEnv => ({
  VK_DRIVER_FILES: driver.icd,
  VK_ICD_FILENAMES: driver.icd,
  XDG_RUNTIME_DIR: process.env.XDG_RUNTIME_DIR ?? driver.folder,
});

/**
 * Variables under which the loader finds the drivers of this machine, or null where there are none to find: asking
 * would make Dawn complain on stderr. A loader is loaded on the way: the system's, else the one that we carry.
 */
export function installedEnv(): LoaderEnv | null {
  if (process.platform !== 'linux') return {};
  const chosen = chosenDriver();
  if (chosen) checkChosenDriver(chosen);
  const { found, mounted } = installedDrivers();
  if (!chosen && found.length === 0 && mounted.length === 0) return null;
  if (loadLibrary('libvulkan.so.1', 'global') !== null) softwareDriver();
  const files = chosen?.files ?? (found.length === 0 ? mounted.join(':') : null);
  return files === null ? {} : { VK_DRIVER_FILES: files, VK_ICD_FILENAMES: files };
}

async function openIndex(index: number, robust: boolean): Promise<WebGpuDevice> {
  const { names, env } = await listAdapters();
  const name = names[index];
  const have = names.map((n, i) => `webgpu:${i} is ${n}`).join(', ');
  if (name === undefined || env === null)
    throw runtimeError('LAC0701', `there is no adapter ${index}${have === '' ? '' : `; ${have}`}`, 'see lac devices');
  if (names.indexOf(name) !== index)
    throw runtimeError('LAC0701', `adapters of one name cannot be told apart (${have})`, `use ${names.indexOf(name)}`);
  const options: DawnOptions = { robust, env, adapter: name };
  const adapter = await requestAdapter(options);
  if (!adapter) throw runtimeError('LAC0703', `adapter ${index} (${name}) does not open`, NO_GPU_HELP);
  return openAdapter(adapter, []);
}

/** Adapters of the drivers installed here; webgpu:N counts in this list. */
export async function listAdapters(): Promise<{ names: readonly string[]; env: LoaderEnv | null }> {
  const env = installedEnv();
  return { env, names: env === null ? [] : await adapterNames({ robust: true, env }) };
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
