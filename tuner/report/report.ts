import type { Config } from '../../driver/configurations.js';
import { errorFigure, milliseconds, pairs } from '../../reporting/figures.js';
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
}

/** Lines of the chart of times: more cannot be read. */
const SHOWN = 40;

/** A page on some problems: charts, and a table with every configuration and why it is out. */
export function tuningPage(tuned: readonly Reported[]): Html {
  const names = [...new Set(tuned.map(({ outcome }) => outcome.problem.kernel))];
  const title = `Tuning ${names.length > 3 ? `${names.length} kernels` : names.join(', ')}`;
  const devices = [...new Set(tuned.map(({ outcome }) => outcome.device))];
  return page(title, [paragraph(`On ${devices.join(', ')}.`), ...tuned.flatMap(section)]);
}

function section({ outcome, knobs, ceilings, workOf }: Reported): readonly Html[] {
  const ranked = standings(outcome);
  const { problem } = outcome;
  const options = Object.entries(problem.options).filter(([, value]) => typeof value !== 'string' && value !== false);
  const setting = [pairs(problem.dims), pairs(problem.dtypes), pairs(Object.fromEntries(options))].join('  ').trim();
  return [
    heading(problem.kernel),
    paragraph(setting),
    paragraph(summary(outcome, ranked)),
    ...(ranked.length === 0 ? [] : charts(ranked, knobs, ceilings, workOf)),
    ...(ranked.length === 0 ? [] : [measuredTable(ranked, Object.keys(knobs))]),
    ...outTables(causes(outcome)),
  ];
}

const ENDED: Readonly<Record<Outcome['ended'], string>> = {
  done: 'to the end',
  budget: 'until the budget was used up',
  interrupted: 'until it was interrupted',
  failed: 'until it failed',
};

function summary(outcome: Outcome, ranked: readonly Standing[]): string {
  const how = `${outcome.rows.length} configurations, ${outcome.measured} timed, in ${milliseconds(outcome.elapsedMs)}, ${ENDED[outcome.ended]}.`;
  const [first] = ranked;
  if (first === undefined) return `No configuration was measured. ${how}`;
  return `Best: ${pairs(first.row.config)}, ${intervalText(first)}. ${how}`;
}

export const intervalText = ({ interval: { median, low, high } }: Standing): string =>
  `${milliseconds(median)} (${milliseconds(low)} to ${milliseconds(high)})`;

function charts(
  ranked: readonly Standing[],
  knobs: Reported['knobs'],
  ceilings: Ceilings | null,
  workOf: Reported['workOf'],
): readonly Html[] {
  const spreads = ranked.slice(0, SHOWN).map(({ row, interval, isBest }) => ({
    ...{ name: pairs(row.config), marked: isBest },
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

function roofline(ranked: readonly Standing[], ceilings: Ceilings | null, workOf: Reported['workOf']): readonly Html[] {
  if (ceilings === null) return [];
  const points = ranked.flatMap(({ row, interval, isBest }) => {
    const work = workOf(row.config);
    const usable = work !== null && work.flops > 0 && work.bytes > 0 && interval.median > 0;
    return usable ? [{ ...work, name: pairs(row.config), ms: interval.median, marked: isBest }] : [];
  });
  if (points.length === 0) return [];
  const chart = rooflineChart(points, ceilings, 'Roofline');
  return [figure(chart, `What the configurations reach of the device: ${ceilings.source}.`)];
}

function measuredTable(ranked: readonly Standing[], knobs: readonly string[]): Html {
  const columns = [...knobs, ...FIGURES.map((f) => f.name)].map((name) => ({ name, number: true }));
  const rows = ranked.map((standing): TableRow => {
    const values = knobs.map((name) => String(standing.row.config[name] ?? ''));
    return { cells: [...values, ...FIGURES.map((f) => f.of(standing))], marked: standing.isBest };
  });
  return table(columns, rows);
}

const known = <T>(value: T | undefined, text: (value: T) => string): string => (value === undefined ? '' : text(value));

/** What is told of a configuration beside its knobs; texts are empty where nobody knows. */
export const FIGURES: readonly { readonly name: string; readonly of: (standing: Standing) => string }[] = [
  { name: 'time', of: ({ interval }) => milliseconds(interval.median) },
  { name: '95 % interval', of: ({ interval: { low, high } }) => `${milliseconds(low)} to ${milliseconds(high)}` },
  { name: 'of best', of: ({ ratio }) => (Number.isNaN(ratio) ? '' : `${ratio.toFixed(2)}x`) },
  { name: 'error', of: ({ row }) => known(row.rmse, errorFigure) },
  { name: 'registers', of: ({ row }) => known(row.resources?.registers, String) },
  { name: 'shared bytes', of: ({ row }) => known(row.resources?.sharedBytes, String) },
  { name: 'model', of: ({ row }) => known(row.estimateMs, milliseconds) },
];

/** The reasons in full: one table a cause. */
const outTables = (all: readonly Cause[]): readonly Html[] =>
  all.flatMap((cause) => {
    const { state, code, rows } = cause;
    const title = `${rows.length} ${STATES[state]}${code === null ? '' : ` (${code})`}`;
    const described = rows.filter((row) => row.why !== undefined);
    if (described.length === 0) return [note(title)];
    const cells = (row: Row): TableRow => ({ cells: [pairs(row.config), row.why ?? '', timeText(row)] });
    return [note(title), table([{ name: 'configuration' }, { name: 'why' }, { name: 'time' }], rows.map(cells))];
  });

/** A configuration may have been timed before it fell out. */
const timeText = ({ samples }: Row): string =>
  samples === undefined ? '' : milliseconds(medianInterval(samples.ms).median);
