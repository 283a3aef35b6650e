import { afterAll, expect, test } from 'vitest';
import type { Config } from '../../driver/configurations.js';
import { bindLaunch, type Device, type LaunchPlan, openDevice } from '../../runtime/index.js';
import { measure } from '../../tuner/measure.js';
import { type Bench, search } from '../../tuner/search/search.js';
import type { Row, Samples } from '../../tuner/types.js';
import { ADD, addVariant } from '../runtime/variants.js';

const device: Device = await openDevice('webgpu:software');
afterAll(() => device.destroy());

const N = 1 << 12;
const WRITE = 'z[p[1].z + i] = scale * x[p[0].z + i] + y[p[0].w + i];';

/** The sum of two vectors, computed over and over. */
const again = (times: number) => {
  const variant = addVariant('f32');
  return { ...variant, text: variant.text.replace(WRITE, `for (var t = 0u; t < ${times}u; t++) { ${WRITE} }`) };
};

test('the search finds the fastest program on the software driver', async () => {
  const [x, y, z] = [1, 2, 3].map(() => device.empty('f32', [N]).fill(1));
  const plans = new Map([200, 600, 1].map((n) => [n, bindLaunch(device, ADD, again(n), { x, y, z, scale: 1 })]));
  const planOf = ({ times = 0 }: Config): LaunchPlan[] => [plans.get(times) ?? []].flat();
  const bench: Bench = {
    prepare: async (config) => ({ config, state: 'open' }),
    recheck: async () => null,
    sample: async (configs, count) => {
      const contenders = configs.map((config) => ({ sets: [planOf(config)] }));
      const measured = await measure(device, contenders, { count });
      return measured.map((m): Samples => ('ms' in m ? m : { ms: [m.tooSlow.ms], how: 'host' }));
    },
  };
  const rows = [...plans.keys()].map((times): Row => ({ config: { times }, state: 'open' }));
  const { signal } = new AbortController();
  const options = { seed: 1, now: () => performance.now(), signal, known: [], onRow: () => {} };
  const { best, measured, rows: after } = await search(rows, bench, options);
  expect([best?.config, measured]).toEqual([{ times: 1 }, 3]);
  for (const { samples } of after) expect(samples?.ms.every((ms) => ms > 0)).toBe(true);
});
