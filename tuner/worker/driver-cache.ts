import type { DeviceDescription } from './protocol.js';

type Environment = Readonly<Record<string, string | undefined>>;

/** Switches by which drivers keep nothing on disk: CUDA's; those of NVIDIA's Vulkan driver and of Mesa. */
const SWITCHES = {
  cuda: { CUDA_CACHE_DISABLE: /^1$/ },
  webgpu: { __GL_SHADER_DISK_CACHE: /^(0|false)$/i, MESA_SHADER_CACHE_DISABLE: /^(1|true|yes|y)$/i },
} as const;

/** Whether a process finds with the driver what that compiled for another one. Those of GPUs keep it on disk. */
export function keepsPrograms(
  { backend, info }: Pick<DeviceDescription, 'backend' | 'info'>,
  environment: Environment = process.env,
): boolean {
  if (info.kind !== 'gpu' || (backend !== 'cuda' && backend !== 'webgpu')) return false;
  return !Object.entries(SWITCHES[backend]).some(([name, off]) => off.test(environment[name] ?? ''));
}
