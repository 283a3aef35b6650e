import { basename } from 'node:path';
import type { Config } from '../../driver/configurations.js';
import { errorFigure, milliseconds, optionsText, pairs } from '../../reporting/figures.js';
import { figure, type Html, heading, note, page, paragraph, type TableRow, table } from '../../reporting/page.js';
import { parallelChart } from '../../reporting/parallel.js';
import { type Ceilings, rooflineChart } from '../../reporting/roofline.js';
import { spreadChart } from '../../reporting/spread.js';
import { medianInterval } from '../statistics.js';
import type { Outcome, Row } from '../types.js';
import { type Cause, causes, STATES, type Standing, standings } from './standing.js';

/** Work of one launch of a configuration. */
export interface Work {
  readonly flops: number;
  readonly bytes: number;
}

/** One problem, and what is known beside its outcome. */
export interface Reported {
  readonly outcome: Outcome;
  /** Knobs and their values, as the kernel declares them. */
  readonly knobs: Readonly<Record<string, readonly number[]>>;
  /** Null where nobody can say. */
  readonly ceilings: Ceilings | null;
  readonly workOf: (config: Config) => Work | null;
  /** What a call takes that nothing was tuned for; null where that is not known. */
  readonly usual: Row | null;
}

/** Lines of the chart of times: more cannot be read. */
const SHOWN = 40;

/** A page on some problems: charts, and a table with every configuration and why it is out. `made`: when, and by what. */
export function tuningPage(tuned: readonly Reported[], made: string): Html {
  const nameOf = namer(tuned);
  const names = [...new Set(tuned.map(nameOf))];
  const title = `Tuning ${names.length > 3 ? `${names.length} kernels` : names.join(', ')}`;
  const devices = [...new Set(tuned.map(({ outcome }) => outcome.device))];
  const seeds = [...new Set(tuned.map(({ outcome }) => outcome.problem.seed))];
  return page(title, [
    paragraph(`On ${devices.join(', ')}.`),
    note(`${made}, seed ${seeds.join(', ')}`),
    ...(tuned.length > 1 ? [overview(tuned, nameOf)] : []),
    ...tuned.flatMap((one, i) => section(one, nameOf(one), idOf(i))),
  ]);
}

/** Kernels of one name in several files have the name of the file beside it. */
function namer(tuned: readonly Reported[]): (one: Reported) => string {
  const filesOf = (kernel: string): Set<string> =>
    new Set(tuned.flatMap(({ outcome: { problem } }) => (problem.kernel === kernel ? problem.file : [])));
  const many = new Set(tuned.map(({ outcome }) => outcome.problem.kernel).filter((name) => filesOf(name).size > 1));
  return ({ outcome: { problem } }) =>
    many.has(problem.kernel) ? `${problem.kernel} (${basename(problem.file)})` : problem.kernel;
}

const idOf = (i: number): string => `problem-${i + 1}`;

/** A row for each problem, which leads to its part of the page. */
function overview(tuned: readonly Reported[], nameOf: (one: Reported) => string): Html {
  const columns = [
    ...['kernel', 'sizes', 'best'].map((name) => ({ name })),
    ...['time', 'default / best', 'timed', 'configurations'].map((name) => ({ name, number: true })),
  ];
  const rows = tuned.map((one, i): TableRow => {
    const { outcome, usual } = one;
    const ranked = standings(outcome);
    const [first] = ranked;
    const cells = first === undefined ? ['none', ''] : [configText(first.row), milliseconds(first.interval.median)];
    const counts = [String(outcome.measured), String(outcome.rows.length)];
    return {
      cells: [nameOf(one), setting(outcome), ...cells, usualFigure(ranked, usual), ...counts],
      to: idOf(i),
    };
  });
  return table(columns, rows);
}

const configText = ({ config }: Row): string => pairs(config) || 'the only configuration';

function usualFigure(ranked: readonly Standing[], usual: Row | null): string {
  const found = ranked.find(({ row }) => row === usual);
  return found === undefined || Number.isNaN(found.ratio) ? '' : `${found.ratio.toFixed(2)}x`;
}

function setting({ problem }: Outcome): string {
  return [pairs(problem.dims), pairs(problem.dtypes), optionsText(problem.options)].join('  ').trim();
}

function section({ outcome, knobs, ceilings, workOf, usual }: Reported, name: string, id: string): readonly Html[] {
  const ranked = standings(outcome);
  return [
    heading(name, id),
    paragraph(setting(outcome)),
    paragraph(summary(outcome, ranked)),
    ...(usual === null ? [] : [paragraph(usualText(ranked, usual))]),
    ...(ranked.length === 0 ? [] : charts(ranked, knobs, ceilings, workOf)),
    ...(ranked.length === 0 ? [] : [measuredTable(ranked, Object.keys(knobs))]),
    ...outTables(causes(outcome)),
  ];
}

/** What would be without a tune. */
function usualText(ranked: readonly Standing[], usual: Row): string {
  const found = ranked.find(({ row }) => row === usual);
  if (found?.isBest === true) return 'It is the default, which a call takes that nothing was tuned for.';
  const what = `The default, which a call takes that nothing was tuned for, is ${configText(usual)}`;
  if (found === undefined) return `${what}: ${STATES[usual.state]}.`;
  return `${what}: ${intervalText(found)}, ${found.ratio.toFixed(2)} times the best.`;
}

const ENDED: Readonly<Record<Outcome['ended'], string>> = {
  done: 'to the end',
  budget: 'until the budget was used up',
  interrupted: 'until it was interrupted',
  failed: 'until it failed',
};

function summary(outcome: Outcome, ranked: readonly Standing[]): string {
  const all = outcome.rows.length;
  const how = `${all} configuration${all === 1 ? '' : 's'}, ${outcome.measured} timed, in ${milliseconds(outcome.elapsedMs)}, ${ENDED[outcome.ended]}.`;
  const [first] = ranked;
  if (first === undefined) return `No configuration was measured. ${how}`;
  return `Best: ${configText(first.row)}, ${intervalText(first)}. ${how}`;
}

/** One sample says nothing of the noise. */
const rangeText = ({ row, interval: { low, high } }: Standing): string =>
  row.samples?.ms.length === 1 ? 'one launch' : `${milliseconds(low)} to ${milliseconds(high)}`;

export const intervalText = ({ interval: { median, low, high } }: Standing): string =>
  `${milliseconds(median)} (${milliseconds(low)} to ${milliseconds(high)})`;

function charts(
  ranked: readonly Standing[],
  knobs: Reported['knobs'],
  ceilings: Ceilings | null,
  workOf: Reported['workOf'],
): readonly Html[] {
  const spreads = ranked.slice(0, SHOWN).map(({ row, interval, isBest }) => ({
    ...{ name: configText(row), marked: isBest },
    ...{ value: interval.median, low: interval.low, high: interval.high },
  }));
  const more = ranked.length > SHOWN ? `; the ${SHOWN} best of ${ranked.length}` : '';
  const varied = Object.entries(knobs).filter(([, values]) => values.length > 1);
  const axes = varied.map(([name, values]) => ({ name, values: [...values].sort((a, b) => a - b) }));
  const courses = ranked.map(({ row, interval }) => ({ at: row.config, value: interval.median }));
  return [
    figure(
      spreadChart(spreads, { title: 'Time by configuration', x: 'ms' }),
      `Median time of a launch, and the interval that holds it with 95 % confidence${more}. The one that was chosen is orange: of those that the noise does not tell apart, the smallest.`,
    ),
    ...(axes.length === 0
      ? []
      : [
          figure(
            parallelChart(axes, courses, 'Knobs and time', 'ms'),
            'Every configuration that was measured, from knob to knob: blue and thick is fast, orange slow.',
          ),
        ]),
    ...roofline(ranked, ceilings, workOf),
  ];
}

/** Whether ceilings are of use: something was measured whose operations are known. */
export const hasRoofline = ({ outcome, workOf }: Pick<Reported, 'outcome' | 'workOf'>): boolean =>
  pointsOf(standings(outcome), workOf).length > 0;

function pointsOf(ranked: readonly Standing[], workOf: Reported['workOf']) {
  return ranked.flatMap(({ row, interval, isBest }) => {
    const work = workOf(row.config);
    const usable = work !== null && work.flops > 0 && work.bytes > 0 && interval.median > 0;
    return usable ? [{ ...work, name: pairs(row.config), ms: interval.median, marked: isBest }] : [];
  });
}

function roofline(ranked: readonly Standing[], ceilings: Ceilings | null, workOf: Reported['workOf']): readonly Html[] {
  const points = pointsOf(ranked, workOf);
  if (ceilings === null || points.length === 0) return [];
  const chart = rooflineChart(points, ceilings, 'Roofline');
  return [figure(chart, `What the configurations reach of the device: ${ceilings.source}.`)];
}

function measuredTable(ranked: readonly Standing[], knobs: readonly string[]): Html {
  const figures = knownFigures(ranked);
  const columns = [...knobs, ...figures.map((f) => f.name)].map((name) => ({ name, number: true }));
  const rows = ranked.map((standing): TableRow => {
    const values = knobs.map((name) => String(standing.row.config[name] ?? ''));
    return { cells: [...values, ...figures.map((f) => f.of(standing))], marked: standing.isBest };
  });
  return table(columns, rows);
}

const known = <T>(value: T | undefined, text: (value: T) => string): string => (value === undefined ? '' : text(value));

/** What is told of a configuration beside its knobs; texts are empty where nobody knows. */
const FIGURES: readonly { readonly name: string; readonly of: (standing: Standing) => string }[] = [
  { name: 'time', of: ({ interval }) => milliseconds(interval.median) },
  { name: '95 % interval', of: rangeText },
  { name: 'of best', of: ({ ratio }) => (Number.isNaN(ratio) ? '' : `${ratio.toFixed(2)}x`) },
  { name: 'error', of: ({ row }) => known(row.rmse, errorFigure) },
  { name: 'registers', of: ({ row }) => known(row.resources?.registers, String) },
  { name: 'shared bytes', of: ({ row }) => known(row.resources?.sharedBytes, String) },
  { name: 'model', of: ({ row }) => known(row.estimateMs, milliseconds) },
];

/** Those that are told of any of them. */
export const knownFigures = (ranked: readonly Standing[]): typeof FIGURES =>
  FIGURES.filter(({ of }) => ranked.some((standing) => of(standing) !== ''));

/** The reasons in full: one table a cause. */
const outTables = (all: readonly Cause[]): readonly Html[] =>
  all.flatMap((cause) => {
    const { state, code, rows } = cause;
    const title = `${rows.length} ${STATES[state]}${code === null ? '' : ` (${code})`}`;
    const described = rows.filter((row) => row.why !== undefined);
    if (described.length === 0) return [note(title)];
    const times = rows.some(({ samples }) => samples !== undefined);
    const cells = (row: Row): TableRow => ({
      cells: [configText(row), row.why ?? '', ...(times ? [timeText(row)] : [])],
    });
    const columns = [{ name: 'configuration' }, { name: 'why' }, ...(times ? [{ name: 'time' }] : [])];
    return [note(title), table(columns, rows.map(cells))];
  });

/** A configuration may have been timed before it fell out. */
const timeText = ({ samples }: Row): string =>
  samples === undefined ? '' : milliseconds(medianInterval(samples.ms).median);
