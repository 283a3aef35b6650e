import type { Colors } from 'picocolors/types.js';
import { intervalText, knownFigures } from '../tuner/report/report.js';
import { type Cause, causes, STATES, type Standing, standings } from '../tuner/report/standing.js';
import type { Tuned } from '../tuner/tune.js';
import type { Outcome, Problem, Row } from '../tuner/types.js';
import { milliseconds, optionsText, pairs } from './figures.js';

/** Rows of a table that is not asked to be long. */
const SHOWN = 15;
const LABEL = 9;
const line = (label: string, text: string): string => `${label.padEnd(LABEL)} ${text}`;

export function problemText({ kernel, dims, dtypes, options }: Problem): string {
  const parts = [pairs(dims), pairs(dtypes), optionsText(options)].filter((text) => text !== '');
  return line('kernel', [kernel, ...parts].join('  '));
}

type Finding = Pick<Tuned, 'outcome' | 'usual'>;

/** The table of one problem, and what came of it. */
export function outcomeText(finding: Finding, knobs: readonly string[], colors: Colors, verbose: boolean): string {
  const { outcome } = finding;
  const ranked = standings(outcome);
  const shown = verbose ? ranked : ranked.slice(0, SHOWN);
  const hidden = ranked.length - shown.length;
  return [
    ...(shown.length === 0 ? [] : ['', ...tableLines(shown, knobs, colors), '']),
    ...(hidden > 0 ? [line('more', `${hidden} slower ${hidden === 1 ? 'one' : 'ones'}; -v shows all`)] : []),
    ...causes(outcome).map((cause) => line(cause.state === 'open' ? 'left' : 'out', causeText(cause))),
    line('measured', measuredText(outcome, ranked)),
    line('best', bestText(finding, ranked, colors)),
    ...usualLines(finding),
  ].join('\n');
}

function measuredText({ measured, rows, elapsedMs, ended }: Outcome, ranked: readonly Standing[]): string {
  const known = ranked.length > measured ? '; what else the table has is from the cache' : '';
  return `${measured} of ${rows.length} in ${milliseconds(elapsedMs)}${ENDED[ended]}${known}`;
}

const ENDED: Readonly<Record<Outcome['ended'], string>> = {
  done: '',
  budget: ': the budget is used up',
  interrupted: ': interrupted',
  failed: ': none of them works',
};

function tableLines(ranked: readonly Standing[], knobs: readonly string[], colors: Colors): string[] {
  const figures = knownFigures(ranked);
  const head = [...knobs, ...figures.map((f) => f.name)];
  const body = ranked.map((s) => [...knobs.map((k) => String(s.row.config[k] ?? '')), ...figures.map((f) => f.of(s))]);
  const widths = head.map((name, i) => Math.max(name.length, ...body.map((cells) => cells[i]?.length ?? 0)));
  const text = (cells: readonly string[]): string => cells.map((cell, i) => cell.padStart(widths[i] ?? 0)).join('  ');
  return [
    colors.dim(text(head)),
    ...body.map((cells, i) => (ranked[i]?.isBest ? colors.green(text(cells)) : text(cells))),
  ];
}

/** `12 over a limit of the device (LAC0602): C=128 BE=64: needs 65536 bytes, ...`: the first of them stands for all. */
function causeText({ state, code, rows }: Cause): string {
  const [first] = rows;
  const what = `${rows.length} ${STATES[state]}${code === null ? '' : ` (${code})`}`;
  if (first?.why === undefined) return what;
  return `${what}${rows.length > 1 ? ', such as' : ':'} ${pairs(first.config)}: ${first.why}`;
}

function bestText({ outcome, usual }: Finding, ranked: readonly Standing[], colors: Colors): string {
  const [first] = ranked;
  if (outcome.best === null || first === undefined) return colors.red('none: no configuration was measured');
  const { row } = first;
  return `${colors.green(pairs(row.config) || 'the only configuration')}  ${intervalText(first)}${tieText(ranked)}${againstUsual(usual, ranked)}`;
}

/** Why the best need not have the least time. */
function tieText([best, ...others]: readonly Standing[]): string {
  const faster = others.filter(({ ratio }) => ratio < 1).length;
  return best === undefined || faster === 0 ? '' : `, the smallest of ${faster + 1} that the noise does not tell apart`;
}

function againstUsual(usual: Row | null, ranked: readonly Standing[]): string {
  const standing = ranked.find(({ row }) => row === usual);
  if (standing === undefined) return '';
  if (standing.isBest) return ', which is the default';
  return standing.ratio > 1
    ? `, ${standing.ratio.toFixed(2)} times as fast as the default`
    : '; the noise does not tell the default apart';
}

/** What a call takes without a tune, where it has no time to compare with. */
function usualLines({ outcome, usual }: Finding): string[] {
  if (usual === null || usual.state === 'measured' || outcome.best === null) return [];
  return [line('default', `${pairs(usual.config)}: ${STATES[usual.state]}`)];
}

/** A row as an event. */
export function rowFields(
  outcome: Outcome,
  row: Row,
  standing: Standing | undefined,
): Readonly<Record<string, unknown>> {
  const { samples, ...rest } = row;
  const timing = standing && {
    medianMs: standing.interval.median,
    lowMs: standing.interval.low,
    highMs: standing.interval.high,
    samples: samples?.ms.length,
    how: samples?.how,
  };
  return { kernel: outcome.problem.kernel, ...rest, ...timing, best: standing?.isBest ?? false };
}

/** What came of a problem, as an event: without its rows, which are events of their own. */
export function outcomeFields({ outcome, usual }: Finding): Readonly<Record<string, unknown>> {
  const { rows, best, problem, ...rest } = outcome;
  const states: Record<string, number> = {};
  for (const { state } of rows) states[state] = (states[state] ?? 0) + 1;
  const settled = { best: best?.config ?? null, default: usual?.config ?? null };
  return { ...problem, ...rest, configurations: rows.length, states, ...settled };
}
