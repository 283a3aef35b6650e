import { lineChart, type Series, tokensText } from '../../reporting/chart.js';
import { digits, table } from '../table.js';
import type { LengthPoint, Measurements } from './measurements.js';
import { groupBy, NOTE, type Page, slug, sourceText } from './page.js';

const GIGA = 2 ** 30;

/** Speed and memory against N, up to what the GPU holds. */
export function lengthsPage(all: readonly Measurements[]): Page {
  const svgs: Record<string, string> = {};
  const parts = all.flatMap((measured) => {
    const groups = groupBy(measured.lengths ?? [], (p) => `${p.pass} B=1 H=${p.H} D=${p.D}`);
    return [...groups].map(([name, points]) => section(name, points, measured, svgs));
  });
  const markdown = [
    NOTE,
    '# Speed and memory against the length of a sequence',
    'One sequence that grows until it no longer fits. Linear attention does as much for a token of a long sequence as for one ' +
      'of a short one, so that its lines are straight, and softmax attention bends away. Memory is the most that was allocated, ' +
      'drawn in units of the inputs and outputs: what lies above 1 is what an implementation keeps for itself. ' +
      '`ours` is the plan over segments, at every length in the one configuration for 64k tokens: the states of its segments ' +
      'are a constant few dozen MiB, which short sequences would not need.',
    ...parts,
  ];
  return { name: 'lengths', markdown: `${markdown.join('\n\n')}\n`, svgs };
}

function section(
  name: string,
  points: readonly LengthPoint[],
  measured: Measurements,
  svgs: Record<string, string>,
): string {
  const byWhat = groupBy(points, (p) => p.what);
  const times = seriesOf(byWhat, (p) => p.ms);
  const memory = seriesOf(byWhat, (p) => (p.peakBytes === null ? null : p.peakBytes / p.tensorBytes));
  const [timeFile, memoryFile] = [`lengths-${slug(name)}-time.svg`, `lengths-${slug(name)}-memory.svg`];
  svgs[timeFile] = lineChart(times, { title: `${name}: time`, x: 'tokens', y: 'ms' }, true);
  const memoryAxes = { title: `${name}: memory`, x: 'tokens', y: 'memory / inputs and outputs' };
  svgs[memoryFile] = lineChart(memory, memoryAxes, false);
  return [
    `## ${name[0]?.toUpperCase()}${name.slice(1)}`,
    sourceText(measured),
    `![time against tokens](${timeFile})`,
    `![memory against tokens](${memoryFile})`,
    figures(points, [...byWhat.keys()]),
    ends(byWhat),
  ].join('\n\n');
}

const seriesOf = (byWhat: Map<string, LengthPoint[]>, value: (p: LengthPoint) => number | null): Series[] =>
  [...byWhat].map(([name, points]) => ({
    name,
    points: points.flatMap((p) => {
      const y = value(p);
      return y === null ? [] : [{ x: p.N, y }];
    }),
  }));

/** Milliseconds and GiB of everyone at every length. */
function figures(points: readonly LengthPoint[], names: readonly string[]): string {
  const shortestFirst = [...points].sort((a, b) => a.N - b.N);
  const rows = [...groupBy(shortestFirst, (p) => String(p.N))].map(([N, here]) => [
    tokensText(Number(N)),
    ...names.map((name) => cell(here.find((p) => p.what === name))),
  ]);
  return table(['tokens', ...names.map((name) => `${name}, ms / GiB`)], rows);
}

const cell = (p: LengthPoint | undefined): string =>
  p === undefined || p.ms === null ? '' : `${digits(p.ms)} / ${digits((p.peakBytes ?? 0) / GIGA)}`;

/** Calls that take longer end a line. */
const MOST_MS = 1500;

const endOf = ({ why, ms }: LengthPoint): string => {
  if (why !== undefined) return why;
  return (ms ?? 0) > MOST_MS ? `a call takes more than ${MOST_MS / 1000} s` : 'its share of the session was over';
};

/** Why a line ends. */
const ends = (byWhat: Map<string, LengthPoint[]>): string =>
  [...byWhat]
    .flatMap(([name, points]) => points.slice(-1).map((p) => ({ name, p })))
    .map(({ name, p }) => `- ${name}: ends at ${tokensText(p.N)}, ${endOf(p)}`)
    .join('\n');
