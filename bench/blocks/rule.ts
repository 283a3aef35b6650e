import { elementBytes } from '../../driver/compile.js';
import { type Config, candidates } from '../../driver/configurations.js';
import { deviceNames } from '../../driver/target.js';
import { configKey } from './grid.js';
import type { BlockMeasurements, CasePoints } from './measurements.js';
import { declarationOf, dimsOf, dtypesOf, type Shape } from './problem.js';

/** What the default takes at one point of the grid, beside the best that was found there. */
export interface Pick {
  readonly of: CasePoints;
  readonly shape: Shape;
  readonly best: { readonly config: Config; readonly ms: number };
  /** Null: the default was not among what was timed. */
  readonly taken: { readonly config: Config; readonly ms: number } | null;
}

const named = ({ knobs }: CasePoints, values: readonly number[]): Config =>
  Object.fromEntries(knobs.map((knob, i) => [knob, values[i] ?? 0]));

/** Configurations that were timed at a shape, best first. */
export function timedAt(of: CasePoints, at: number): { readonly config: Config; readonly ms: number }[] {
  const timed = of.times.flatMap(({ config, ms }) => {
    const own = ms[at];
    return own === null || own === undefined ? [] : [{ config: named(of, config), ms: own }];
  });
  return timed.sort((a, b) => a.ms - b.ms);
}

/** What a kernel's declaration alone would choose at every point: no rows of a file, no cache. */
export function picks(measured: BlockMeasurements): Pick[] {
  return measured.cases.flatMap((of) => of.shapes.flatMap((shape, at) => pickAt(measured, of, shape, at) ?? []));
}

function pickAt({ target, maxInvocations }: BlockMeasurements, of: CasePoints, shape: Shape, at: number): Pick | null {
  const timed = timedAt(of, at);
  const [best] = timed;
  if (best === undefined) return null;
  const decl = declarationOf(of.kernel);
  const refused = new Set(of.refused);
  const names = { ...deviceNames(target), ...elementBytes(decl, dtypesOf(of, decl)) };
  for (const config of candidates(decl, dimsOf(of, shape), {}, maxInvocations, names)) {
    // Parts of a sequence exceed what the whole of it does; not all of them were tried.
    const whole = 'G' in config ? { ...config, G: 1 } : config;
    if (refused.has(configKey(config)) || refused.has(configKey(whole))) continue;
    const taken = timed.find((t) => configKey(t.config) === configKey(config)) ?? null;
    return { of, shape, best, taken };
  }
  return null;
}

/** How much slower than the best. */
export const lossOf = ({ taken, best }: Pick): number | null => (taken === null ? null : taken.ms / best.ms - 1);
