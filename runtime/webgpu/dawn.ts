/** Dawn, the WebGPU implementation that npm's `webgpu` carries: its instances and adapters. Node only. */
import { messageOf, runtimeError } from '../errors.js';

export interface DawnOptions {
  /** Dawn clamps every access to the bounds of its buffer. Off is faster; the compiler's own guards remain. */
  readonly robust: boolean;
  /** Variables that the Vulkan loader reads, set only while it looks for drivers. */
  readonly env: Readonly<Record<string, string>>;
  /** Adapter by name, as `adapterNames` gives it; the best one when absent. */
  readonly adapter?: string;
  /** Ask for an adapter that runs on the CPU; Dawn may still give a GPU where it finds no other. */
  readonly software?: boolean;
}

const ENABLED = ['allow_unsafe_apis', 'vulkan_enable_f16_on_nvidia', 'disable_workgroup_init'];

function flagsOf(options: DawnOptions): string[] {
  const enabled = options.robust ? ENABLED : [...ENABLED, 'disable_robustness'];
  return [
    ...(process.platform === 'linux' ? ['backend=vulkan'] : []),
    `enable-dawn-features=${enabled.join(',')}`,
    'disable-dawn-features=timestamp_quantization',
    ...(options.adapter === undefined ? [] : [`adapter=${options.adapter}`]),
  ];
}

/** Collected early, an instance takes Node down with it; so that all of them live as long as the process. */
const INSTANCES = Symbol.for('lac.dawn.instances');
type Pinned = { [INSTANCES]?: Map<string, GPU> };

async function instance(options: DawnOptions): Promise<GPU> {
  const flags = flagsOf(options);
  const pinned = globalThis as Pinned;
  pinned[INSTANCES] ??= new Map();
  const key = JSON.stringify([flags, options.env]);
  const known = pinned[INSTANCES].get(key);
  if (known) return known;
  const { create } = await loadDawn();
  const gpu = create(flags);
  pinned[INSTANCES].set(key, gpu);
  return gpu;
}

async function loadDawn(): Promise<typeof import('webgpu')> {
  try {
    return await import('webgpu');
  } catch (e) {
    const [reason] = messageOf(e).split('\n');
    throw runtimeError('LAC0711', `the npm package webgpu does not load: ${reason}`, 'run npm ci', 'use interpret');
  }
}

/** The adapter, or null where the drivers at hand give none. Drivers are looked for once an instance. */
export async function requestAdapter(options: DawnOptions): Promise<GPUAdapter | null> {
  const gpu = await instance(options);
  const forceFallbackAdapter = options.software ?? false;
  return withEnv(options.env, () => gpu.requestAdapter({ powerPreference: 'high-performance', forceFallbackAdapter }));
}

/** Names of all adapters. Dawn tells them only in the error for a name that does not exist. */
export async function adapterNames(options: Omit<DawnOptions, 'adapter'>): Promise<string[]> {
  try {
    await requestAdapter({ ...options, adapter: 'lac: list adapters' });
    return [];
  } catch (e) {
    return [...messageOf(e).matchAll(/^ \* backend: '[^']*', name: '(.*)'$/gm)].map((m) => m[1] as string);
  }
}

/**
 * Variables of the process are C's getenv too, which the Vulkan loader calls within the first requestAdapter of an
 * instance; so that they go back before anything else can run.
 */
function withEnv<T>(env: Readonly<Record<string, string>>, run: () => T): T {
  const before = Object.keys(env).map((name) => [name, process.env[name]] as const);
  Object.assign(process.env, env);
  try {
    return run();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}
