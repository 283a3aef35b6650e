import { readFileSync } from 'node:fs';
import type { Config } from '../../driver/configurations.js';
import { randomStream } from '../../driver/random.js';
import { configKey } from '../../tuner/search/knobs.js';
import type { Row } from '../../tuner/types.js';

/** Milliseconds of every configuration of one problem. */
export interface Landscape {
  readonly name: string;
  readonly points: readonly { readonly config: Config; readonly ms: number }[];
}

const FILE = new URL('./fixtures/search-blocks.json', import.meta.url);
type Measured = readonly (readonly number[])[];
const measured = JSON.parse(readFileSync(FILE, 'utf8')) as Record<'cuda bf16' | 'webgpu f32', Measured>;

/** What was measured of each problem on a device: C, BE and warps. */
export function measuredLandscapes(device: 'cuda bf16' | 'webgpu f32'): Landscape[] {
  const nameOf = ([D, heads, N]: readonly number[]): string => `D ${D}, ${heads} heads, ${N} tokens`;
  return [...new Set(measured[device].map(nameOf))].map((name) => ({
    name,
    points: measured[device]
      .filter((row) => nameOf(row) === name)
      .map(([, , , C = 0, BE = 0, warps = 0, ms = 0]) => ({ config: { C, BE, warps }, ms })),
  }));
}

/**
 * The tuning space of lightningFwd, of which the session measured C from 16, BE from 16, 4 and 8 warps and 2 stages. The
 * other values continue what was measured, with a roughness of their own: fewer warps and smaller tiles as the step before,
 * but slower in any case; one stage a third slower, three stages 3 % slower, each give or take 5 %.
 */
export function lightningLandscape({ name, points }: Landscape): Landscape {
  const known = new Map(points.map(({ config, ms }) => [configKey(config), ms]));
  const { uniform } = randomStream(1, name);
  const all: { config: Config; ms: number }[] = [];
  const continued = (near: number | undefined, far: number | undefined): number | undefined =>
    near === undefined || far === undefined ? undefined : near * Math.max(1.02 + 0.15 * uniform(), near / far);
  const put = (config: Record<'C' | 'BE' | 'warps', number>, ms: number | undefined): void => {
    if (ms !== undefined) known.set(configKey(config), ms);
  };
  const at = (C: number, BE: number, warps: number): number | undefined => known.get(configKey({ C, BE, warps }));
  const [sizes, counts] = [
    [8, 16, 32, 64, 128],
    [2, 4, 8],
  ];
  for (const C of sizes) for (const BE of sizes) put({ C, BE, warps: 2 }, continued(at(C, BE, 4), at(C, BE, 8)));
  for (const C of sizes)
    for (const warps of counts) put({ C, BE: 8, warps }, continued(at(C, 16, warps), at(C, 32, warps)));
  for (const BE of sizes)
    for (const warps of counts) put({ C: 8, BE, warps }, continued(at(16, BE, warps), at(32, BE, warps)));
  for (const C of sizes)
    for (const BE of sizes)
      for (const warps of counts)
        for (const stages of [1, 2, 3]) {
          const ms = at(C, BE, warps);
          const factor = { 1: 1.3, 2: 1, 3: 1.03 }[stages] ?? 1;
          const rough = stages === 2 ? 1 : 0.95 + 0.1 * uniform();
          if (ms !== undefined) all.push({ config: { C, BE, warps, stages }, ms: ms * factor * rough });
        }
  return { name, points: all };
}

/** How far estimates lie from the truth. */
export type Model = 'good' | 'fair' | 'useless' | 'upside down' | 'none';

/**
 * Rows as the search gets them. `good` and `fair`: each value of a knob is misjudged by a factor of its own and each
 * configuration by another, as models do that do not know one effect; `useless` has nothing to do with the truth.
 */
export function rowsOf({ name, points }: Landscape, model: Model, seed: number): Row[] {
  const { normal } = randomStream(seed, `${name} ${model}`);
  const misjudged = new Map<string, number>();
  const spread = { good: 0.1, fair: 0.3, useless: 1, 'upside down': 0.2, none: 0 }[model];
  const factor = (key: string): number => {
    const held = misjudged.get(key) ?? spread * normal();
    misjudged.set(key, held);
    return held;
  };
  return points.map(({ config, ms }): Row => {
    if (model === 'none') return { config, state: 'open' };
    const own = spread * normal();
    const knobs = Object.entries(config).reduce((sum, [knob, value]) => sum + factor(`${knob} ${value}`), 0);
    const base = { good: ms, fair: ms, useless: 1, 'upside down': 1 / ms, none: 1 }[model];
    return { config, state: 'open', estimateMs: base * Math.exp(own + (model === 'useless' ? 0 : knobs)) };
  });
}
