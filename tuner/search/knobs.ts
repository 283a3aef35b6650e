import type { Config } from '../../driver/configurations.js';

/** The same for the same values of the same knobs, in whatever order. */
export const configKey = (config: Config): string =>
  JSON.stringify(Object.entries(config).sort(([a], [b]) => (a < b ? -1 : 1)));

/** Where configurations lie in the space of the knobs: of each knob, the place of its value among those that occur. */
export function coordinates(configs: readonly Config[]): readonly (readonly number[])[] {
  const knobs = [...new Set(configs.flatMap((config) => Object.keys(config)))];
  const levels = knobs.map((knob) => [...new Set(configs.map((c) => c[knob] ?? 0))].sort((a, b) => a - b));
  return configs.map((config) => knobs.map((knob, i) => (levels[i] ?? []).indexOf(config[knob] ?? 0)));
}

/** Steps from one value of a knob to the next, summed over the knobs. */
export const distance = (a: readonly number[], b: readonly number[]): number =>
  a.reduce((sum, x, i) => sum + Math.abs(x - (b[i] ?? 0)), 0);
