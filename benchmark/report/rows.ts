import type { Dims } from '../../driver/reference.js';
import { errorFigure, milliseconds, pairs } from '../../reporting/figures.js';
import type { BenchRun, Entry, Point } from '../types.js';
import { isTimed } from '../types.js';
import { ratesOf } from '../work.js';

/** The points of one kernel with its dtypes and options: a table. */
export interface Section {
  readonly title: string;
  /** Sizes that all points share. */
  readonly fixed: string;
  /** Dimensions whose sizes differ. */
  readonly swept: readonly string[];
  readonly points: readonly Point[];
}

export function sectionsOf({ points }: Pick<BenchRun, 'points'>): Section[] {
  const groups = new Map<string, Point[]>();
  for (const point of points) {
    const title = titleOf(point);
    groups.set(title, [...(groups.get(title) ?? []), point]);
  }
  return [...groups].map(([title, of]) => {
    const names = Object.keys(of[0]?.dims ?? {});
    const swept = names.filter((name) => new Set(of.map((p) => p.dims[name])).size > 1);
    return { title, fixed: pairs(without(of[0]?.dims ?? {}, swept)), swept, points: of };
  });
}

const without = (dims: Dims, names: readonly string[]): Dims =>
  Object.fromEntries(Object.entries(dims).filter(([name]) => !names.includes(name)));

function titleOf({ kernel, dtypes, options }: Point): string {
  const set = Object.fromEntries(
    Object.entries(options).filter(([, value]) => typeof value !== 'string' && value !== false),
  );
  return [kernel, pairs(dtypes), pairs(set)].filter((text) => text !== '').join('  ');
}

interface Column {
  readonly name: string;
  readonly number?: boolean;
  readonly of: (point: Point, entry: Entry) => string;
}

const timed = (
  of: (point: Point, entry: Entry & { readonly time: NonNullable<Entry['time']> }) => string,
): Column['of'] => {
  return (point, entry) => (isTimed(entry) ? of(point, entry) : '');
};

/** A rate in units of `unit` a second. */
const rate = (what: 'bytes' | 'flops' | 'tokens', unit: number): Column['of'] =>
  timed(({ work, bound }, { time }) => {
    const amount = ratesOf(work, bound, time)?.[what] ?? null;
    return amount === null ? '' : digits(amount / unit);
  });

/** Three significant digits, none lost before the point. */
export const digits = (x: number): string => (x >= 100 ? x.toFixed(0) : String(Number(x.toPrecision(3))));

const percent = (part: number): string => `${digits(100 * part)} %`;

const FIGURES: readonly Column[] = [
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
  { name: 'GB/s', number: true, of: rate('bytes', 1e9) },
  { name: 'TFLOP/s', number: true, of: rate('flops', 1e12) },
  { name: 'tokens/s', number: true, of: rate('tokens', 1) },
  {
    name: 'of roofline',
    number: true,
    of: timed(({ work, bound }, { time }) => {
      const part = ratesOf(work, bound, time)?.ofBound ?? null;
      return part === null || bound === null ? '' : `${percent(part)} (${bound.by})`;
    }),
  },
  { name: 'kernel takes', number: true, of: timed((point, entry) => againstKernel(point, entry)) },
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
  const sizes = swept.map((name): Column => ({ name, number: true, of: ({ dims }) => String(dims[name] ?? '') }));
  const who: Column = { name: 'what', of: (_, { name }) => name };
  const all = points.flatMap((point) => point.entries.map((entry) => ({ point, entry })));
  const columns = [...sizes, who, ...FIGURES].filter((c) => all.some(({ point, entry }) => c.of(point, entry) !== ''));
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
      const [unit, per] = name === 'copy' ? ['GB/s', 1e9] : ['TFLOP/s', 1e12];
      return [`${name} ${digits(ceiling.perSecond / Number(per))} ${unit}`];
    })
    .join(', ');
}
