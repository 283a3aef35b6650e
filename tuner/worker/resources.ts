import type { Device } from '../../runtime/device.js';
import type { LaunchPlan } from '../../runtime/launch.js';
import type { Resources } from '../types.js';

/** What launches take of a device; the driver says what is known only after loading. */
export async function resourcesOf(device: Device, launches: readonly LaunchPlan[]): Promise<Resources> {
  const each: Resources[] = [];
  for (const plan of launches) each.push(await resourcesOfOne(device, plan));
  const largest = (of: (r: Resources) => number): number => Math.max(0, ...each.map(of));
  const told = each.some((r) => r.registers !== undefined);
  return {
    sharedBytes: largest((r) => r.sharedBytes),
    threads: largest((r) => r.threads),
    programs: each.reduce((n, r) => n + r.programs, 0),
    ...(told && { registers: largest((r) => r.registers ?? 0), spillBytes: largest((r) => r.spillBytes ?? 0) }),
  };
}

async function resourcesOfOne(device: Device, { variant, programs }: LaunchPlan): Promise<Resources> {
  if (variant.target === 'interpret') return { sharedBytes: 0, threads: 1, programs };
  const [x, y, z] = variant.block;
  const own = { sharedBytes: variant.sharedBytes, threads: x * y * z, programs };
  if (device.attributes === undefined) return own;
  const { registers, localBytes, sharedBytes } = await device.attributes(variant);
  return { ...own, sharedBytes, registers, spillBytes: localBytes };
}
