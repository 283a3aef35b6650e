import type { Device } from './device.js';

/** What ends the contexts of each device; whoever is not referred to is ended by the collector. */
const held = new WeakMap<object, () => void>();

/** Whether the clocks of its GPU stay where they are while it rests. */
export const holdsClocks = (device: object): boolean => held.has(device);

/** Of a GPU through CUDA. */
interface Gpu {
  readonly name: string;
}

/** Opens a context, and gives what ends it. */
type OpenContext = (ordinal: number) => Promise<() => void>;

interface Cuda {
  readonly gpus: readonly Gpu[];
  readonly open: OpenContext;
}

/**
 * Keeps the clocks of a GPU up that is timed through WebGPU, where that can be: NVIDIA's driver lowers them while there is
 * little to do, unless somebody has a CUDA context on the GPU. On an H100 (driver 580) they were at 345 MHz after three
 * seconds of rest, reached 1980 after 370 ms of full work, and stayed below 620 where 16 launches alternated with pauses of
 * 30 ms; with a context launches took their least time from the first on. Returns what ends it; never throws.
 */
export async function holdClocks(device: Pick<Device, 'backend' | 'name' | 'info'>, cuda = here): Promise<() => void> {
  if (device.backend !== 'webgpu' || device.info.kind !== 'gpu' || !/nvidia/i.test(device.name)) return () => {};
  try {
    const { gpus, open } = await cuda();
    const own = gpus.flatMap(({ name }, ordinal) => (plain(device.name).includes(plain(name)) ? [ordinal] : []));
    // All of a kind: WebGPU does not say which one it is.
    const opened = await Promise.allSettled(own.map(open));
    const ends = opened.flatMap((o) => (o.status === 'fulfilled' ? [o.value] : []));
    const end = (): void => {
      held.delete(device);
      for (const each of ends.splice(0)) each();
    };
    if (ends.length === 0 || ends.length < own.length) end();
    else held.set(device, end);
    return end;
  } catch {
    return () => {};
  }
}

/** CUDA says `NVIDIA H100 80GB HBM3`, WebGPU `nvidia nvidia-h100-80gb-hbm3`. */
const plain = (name: string): string => name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-');

async function here(): Promise<Cuda> {
  const { listCudaDevices, openCuda } = await import('./cuda/open.js');
  const open = async (ordinal: number): Promise<() => void> => {
    const context = await openCuda(ordinal);
    return () => context.destroy();
  };
  return { gpus: listCudaDevices(), open };
}
