import { median } from '../table.js';
import type { BlockMeasurements, CasePoints } from './measurements.js';
import { caseText } from './problem.js';

export interface Medians {
  readonly measurements: BlockMeasurements;
  /** What was left out, and why. */
  readonly said: readonly string[];
}

/**
 * Of several runs with the same cases, the median of each time. A case counts where every run has it, and a configuration
 * too; a shape that one run had no time for has none. Throws where runs are of different devices, or cases of different shapes.
 */
export function medians(runs: readonly [BlockMeasurements, ...BlockMeasurements[]]): Medians {
  const [first, ...others] = runs;
  for (const key of ['device', 'api', 'architecture'] as const)
    for (const other of others)
      if (other[key] !== first[key]) throw new Error(`${key} differs: ${first[key]} and ${other[key]}.`);
  const said: string[] = [];
  const byText = new Map<string, CasePoints[]>();
  for (const of of runs.flatMap(({ cases }) => cases))
    byText.set(caseText(of), [...(byText.get(caseText(of)) ?? []), of]);
  const cases = [...byText].flatMap(([text, alike]) => {
    const [one] = alike;
    if (one === undefined || alike.length < runs.length) {
      said.push(`${text}: left out, in ${alike.length} of ${runs.length} runs`);
      return [];
    }
    const shape = JSON.stringify([one.shapes, one.knobs]);
    if (alike.some(({ shapes, knobs }) => JSON.stringify([shapes, knobs]) !== shape))
      throw new Error(`${text} has other shapes or knobs in another run`);
    const times = one.times.flatMap(({ config }) => {
      const own = alike.flatMap(({ times: all }) => all.find((t) => t.config.join() === config.join()) ?? []);
      if (own.length < runs.length) return [];
      return [{ config, ms: one.shapes.map((_, at) => medianAt(own.map(({ ms }) => ms[at] ?? null))) }];
    });
    const all = new Set(alike.flatMap((c) => c.times.map(({ config }) => config.join())));
    if (times.length < all.size) said.push(`${text}: ${all.size - times.length} configurations left out`);
    return times.length === 0 ? [] : [{ ...one, times }];
  });
  return { measurements: { ...first, cases }, said };
}

function medianAt(all: readonly (number | null)[]): number | null {
  const own = all.flatMap((ms) => ms ?? []);
  return own.length < all.length ? null : Number(median(own).toPrecision(4));
}
