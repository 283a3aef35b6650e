import { ceilingsFor } from '../benchmark/ceilings.js';
import type { CeilingName } from '../benchmark/types.js';
import { LacError } from '../compiler/diag/diagnostic.js';
import type { Ceilings } from '../reporting/roofline.js';
import { type Device, openDevice } from '../runtime/index.js';
import { holdClocks } from '../runtime/steady-clocks.js';
import type { Context } from './context.js';
import type { Output } from './output.js';

const ROOFS: readonly CeilingName[] = ['multiply-add', 'product f32', 'product f16'];

/**
 * What a device was measured to do at most; null where it has no ceilings, or where they cannot be measured, and as soon as
 * the signal comes.
 */
export async function measuredCeilings(
  which: string,
  { output, signal }: Pick<Context, 'output' | 'signal'>,
  open: (which: string) => Promise<Device> = openDevice,
): Promise<Ceilings | null> {
  if (signal.aborted) return null;
  const aborted = new Promise<null>((resolve) => {
    signal.addEventListener('abort', () => resolve(null), { once: true });
  });
  return Promise.race([measured(() => open(which), output), aborted]);
}

async function measured(open: () => Promise<Device>, output: Output): Promise<Ceilings | null> {
  try {
    const device = await open();
    const letGo = await holdClocks(device);
    try {
      const measuring = (name: CeilingName): void => output.progress(`measuring what the device does at most: ${name}`);
      const found = await ceilingsFor(device, ['copy', ...ROOFS], measuring);
      const roofs = ROOFS.flatMap((name) => {
        const ceiling = found[name];
        return ceiling === undefined ? [] : [{ name, flopsPerSecond: ceiling.perSecond }];
      });
      if (found.copy === undefined || roofs.length === 0) return null;
      return {
        bytesPerSecond: found.copy.perSecond,
        roofs,
        source: 'ceilings were measured by a copy, and by products',
      };
    } finally {
      letGo();
      device.destroy();
    }
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    output.detail(`no ceilings were measured: ${error.message}`);
    return null;
  }
}
