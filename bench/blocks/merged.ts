import type { BlockMeasurements, CasePoints } from './measurements.js';
import { type Case, caseText } from './problem.js';

const isSame = (a: Case, b: Case): boolean => a.kernel === b.kernel && a.D === b.D && a.dtype === b.dtype;

/** A case with the day and the program that it was measured with, where the file it came from says them for all. */
function dated(of: CasePoints, { date, commit }: BlockMeasurements): CasePoints {
  return { ...of, date: of.date ?? date, commit: of.commit ?? commit };
}

/** How many shapes have times at all. */
const timedShapes = ({ shapes, times }: CasePoints): number =>
  shapes.filter((_, at) => times.some(({ ms }) => typeof ms[at] === 'number')).length;

export interface Merged {
  readonly measurements: BlockMeasurements;
  /** Cases as `added`, `replaced`, or why they were left out. */
  readonly said: readonly string[];
}

/**
 * Measurements of a device with the cases of a later session in place of their own: by kernel, head dimension and dtype.
 * Cases that time was up for, with fewer shapes than those they would replace, are left out.
 */
export function merged(into: BlockMeasurements, from: BlockMeasurements, only = /(?:)/): Merged {
  for (const key of ['device', 'api', 'architecture'] as const)
    if (into[key] !== from[key])
      throw new Error(`${key} differs: ${into[key]} and ${from[key]}. Merge measurements of one device and API.`);
  const cases = [...into.cases];
  const said: string[] = [];
  for (const of of from.cases.filter((c) => only.test(caseText(c)))) {
    const at = cases.findIndex((own) => isSame(own, of));
    const own = cases[at];
    const [had, has] = [own === undefined ? 1 : timedShapes(own), timedShapes(of)];
    if (has < had) {
      said.push(`${caseText(of)}: left out, times at ${has} shapes only`);
      continue;
    }
    cases.splice(at < 0 ? cases.length : at, 1, dated(of, from));
    said.push(`${caseText(of)}: ${own === undefined ? 'added' : 'replaced'}, ${of.times.length} configurations`);
  }
  return { measurements: { ...into, cases }, said };
}

/** As JSON, a configuration a line: what changes is seen in a diff. */
export function measurementsText({ cases, ...rest }: BlockMeasurements): string {
  const entries = (of: object): string[] =>
    Object.entries(of).map(([k, v]) => `${JSON.stringify(k)}: ${JSON.stringify(v)}`);
  const blocks = cases.map(({ times, ...of }) => {
    const lines = times.map((t) => `    ${JSON.stringify(t)}`);
    return `  {${entries(of).join(', ')}, "times": [\n${lines.join(',\n')}\n  ]}`;
  });
  return `{\n${entries(rest).join(',\n')},\n"cases": [\n${blocks.join(',\n')}\n]\n}\n`;
}
