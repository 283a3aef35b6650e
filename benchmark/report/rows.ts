import type { Dims } from '../../driver/reference.js';
import { errorFigure, milliseconds, optionsText, pairs } from '../../reporting/figures.js';
import type { BenchRun, Entry, Figures, Point } from '../types.js';
import { isTimed } from '../types.js';
import { ratesOf } from '../work.js';

/** The points of one kernel with its dtypes and options: a table. */
export interface Section {
  readonly title: string;
  /** Sizes that all points share. */
  readonly fixed: string;
  /** Dimensions whose sizes differ; those that are equal at every point together. */
  readonly swept: readonly (readonly string[])[];
  readonly points: readonly Point[];
}

export function sectionsOf({ points }: Pick<BenchRun, 'points'>): Section[] {
  const groups = new Map<string, Point[]>();
  for (const point of points) {
    const title = titleOf(point);
    groups.set(title, [...(groups.get(title) ?? []), point]);
  }
  return [...groups].map(([title, of]) => {
    const swept = sweptOf(of);
    return { title, fixed: pairs(without(of[0]?.dims ?? {}, swept.flat())), swept, points: of };
  });
}

function sweptOf(points: readonly Point[]): string[][] {
  const bySizes = new Map<string, string[]>();
  for (const name of Object.keys(points[0]?.dims ?? {})) {
    const sizes = points.map((p) => p.dims[name]);
    if (new Set(sizes).size > 1) bySizes.set(String(sizes), [...(bySizes.get(String(sizes)) ?? []), name]);
  }
  return [...bySizes.values()];
}

/** How dimensions that go together are called: `M=N=K`. */
export const sweptName = (names: readonly string[]): string => names.join('=');
export const sizeAt = ({ dims }: Pick<Point, 'dims'>, [name = '']: readonly string[]): number => dims[name] ?? 0;

const without = (dims: Dims, names: readonly string[]): Dims =>
  Object.fromEntries(Object.entries(dims).filter(([name]) => !names.includes(name)));

function titleOf({ kernel, dtypes, options }: Point): string {
  return [kernel, pairs(dtypes), optionsText(options)].filter((text) => text !== '').join('  ');
}

interface Column {
  readonly name: string;
  readonly number?: boolean;
  readonly of: (point: Point, entry: Entry) => string;
}

type TimedEntry = Entry & { readonly time: Figures };
const timed = (of: (point: Point, entry: TimedEntry) => string): Column['of'] => {
  return (point, entry) => (isTimed(entry) ? of(point, entry) : '');
};

const SCALES = [
  [1e12, 'T'],
  [1e9, 'G'],
  [1e6, 'M'],
  [1, ''],
] as const;

/** Bandwidths are compared in GB/s, up to those of GPUs. */
const scaleOf = (most: number, what: 'bytes' | 'flops' | 'tokens'): readonly [scale: number, prefix: string] =>
  (what === 'bytes' ? SCALES.slice(1) : SCALES).find(([s]) => most >= s / 10) ?? [1, ''];

/** A rate, in the unit in which the largest of the table is at least a tenth. */
function rateColumn(what: 'bytes' | 'flops' | 'tokens', unit: string, points: readonly Point[]): Column {
  const amountOf = ({ work, bound }: Point, { time }: TimedEntry): number | null =>
    ratesOf(work, bound, time)?.[what] ?? null;
  const all = points.flatMap((point) => point.entries.filter(isTimed).map((entry) => amountOf(point, entry) ?? 0));
  const most = Math.max(0, ...all);
  const [scale, prefix] = scaleOf(most, what);
  return {
    name: `${prefix}${unit}`.trim(),
    number: true,
    of: timed((point, entry) => {
      const amount = amountOf(point, entry);
      return amount === null ? '' : digits(amount / scale);
    }),
  };
}

/** Three significant digits, none lost before the point. */
export const digits = (x: number): string => (x >= 100 ? x.toFixed(0) : String(Number(x.toPrecision(3))));

const percent = (part: number): string => `${digits(100 * part)} %`;

const TIMES: readonly Column[] = [
  { name: 'median', number: true, of: timed((_, { time }) => milliseconds(time.medianMs)) },
  {
    name: 'p10 to p90',
    number: true,
    of: timed((_, { time }) => `${milliseconds(time.p10)} to ${milliseconds(time.p90)}`),
  },
  {
    name: '95 % interval',
    number: true,
    of: timed((_, { time }) => `${milliseconds(time.low)} to ${milliseconds(time.high)}`),
  },
];

const VERDICTS: readonly Column[] = [
  {
    name: 'of roofline',
    number: true,
    of: timed(({ work, bound }, { time }) => {
      const part = ratesOf(work, bound, time)?.ofBound ?? null;
      return part === null || bound === null ? '' : `${percent(part)} (${bound.by})`;
    }),
  },
  { name: 'kernel / it', number: true, of: timed((point, entry) => againstKernel(point, entry)) },
  { name: 'error', number: true, of: (_, { rmse }) => (rmse === undefined ? '' : errorFigure(rmse)) },
  { name: 'configuration', of: (_, { config }) => (config === undefined ? '' : pairs(config)) },
  { name: 'note', of: (_, entry) => noteOf(entry) },
];

/** The time of the kernel over that of who stands beside it: below 1 the kernel is faster. */
function againstKernel({ entries }: Point, entry: Entry): string {
  const kernel = entries.find((e) => e.role === 'kernel');
  if (entry.role === 'kernel' || kernel === undefined || !isTimed(kernel) || !isTimed(entry)) return '';
  return `${digits(kernel.time.medianMs / entry.time.medianMs)} x`;
}

function noteOf({ state, why = '', time }: Entry): string {
  if (state === 'wrong') return `WRONG: ${why}`;
  if (state === 'failed') return `failed: ${why}`;
  const parts = [state === 'unchecked' ? 'not checked' : '', time?.how === 'host' ? 'host time' : ''];
  return parts.filter((part) => part !== '').join(', ');
}

export interface SectionTable {
  readonly columns: readonly { readonly name: string; readonly number?: boolean }[];
  readonly rows: readonly { readonly cells: readonly string[]; readonly marked: boolean }[];
}

/** Columns of which no cell says anything are left out. */
export function tableOf({ swept, points }: Section): SectionTable {
  const sizes = swept.map(
    (names): Column => ({ name: sweptName(names), number: true, of: (point) => String(sizeAt(point, names)) }),
  );
  const who: Column = { name: 'what', of: (_, { name }) => name };
  const all = points.flatMap((point) => point.entries.map((entry) => ({ point, entry })));
  const rates = [
    rateColumn('bytes', 'B/s', points),
    rateColumn('flops', 'FLOP/s', points),
    rateColumn('tokens', ' tokens/s', points),
  ];
  const columns = [...sizes, who, ...TIMES, ...rates, ...VERDICTS].filter((c) =>
    all.some(({ point, entry }) => c.of(point, entry) !== ''),
  );
  const rows = all.map(({ point, entry }) => ({
    cells: columns.map((column) => column.of(point, entry)),
    marked: entry.role === 'kernel' && points.length > 0 && point.entries.length > 1,
  }));
  return { columns: columns.map(({ name, number }) => ({ name, ...(number === true ? { number } : {}) })), rows };
}

/** `copy 2.9 TB/s, product bf16 640 TFLOP/s`; empty where nothing was measured. */
export function ceilingsText({ ceilings }: Pick<BenchRun, 'ceilings'>): string {
  return Object.entries(ceilings)
    .flatMap(([name, ceiling]) => {
      if (ceiling === undefined) return [];
      const [unit, what] = name === 'copy' ? (['B/s', 'bytes'] as const) : (['FLOP/s', 'flops'] as const);
      const [scale, prefix] = scaleOf(ceiling.perSecond, what);
      return [`${name} ${digits(ceiling.perSecond / scale)} ${prefix}${unit}`];
    })
    .join(', ');
}
