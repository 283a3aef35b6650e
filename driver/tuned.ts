import { type Diagnostic, diagnostic } from '../compiler/diag/diagnostic.js';
import { type Expr, evaluateExpr, namesOf } from '../compiler/expr.js';
import type { DType } from '../compiler/ir/types.js';
import { dimNames } from './choices.js';
import type { Config } from './configurations.js';
import type { Dims } from './reference.js';
import { type Declaration, optionValues } from './source.js';
import type { Target } from './target.js';
import { type Range, readTunedRows, type TunedRow } from './tuned-file.js';

/** What a configuration is wanted for. */
export interface TunedQuery {
  readonly target: Target;
  readonly dtypes: Readonly<Record<string, DType>>;
  /** All comptime dimensions, and what is known of the others. */
  readonly dims: Dims;
  /** Knobs that are settled already. */
  readonly config: Config;
}

/** A configuration of the file, and how well it fits: for people. */
export interface TunedChoice {
  readonly config: Config;
  readonly why: string;
}

export interface Tuned {
  /** Best first. */
  readonly choices: readonly TunedChoice[];
  /** Rows of this kernel that its declaration has outgrown: warnings. */
  readonly stale: readonly Diagnostic[];
}

/** Sizes that are off by more than this many doublings, all taken together, are another problem. */
const NEAR = 3;

/**
 * Configurations from the file beside the kernel's source, and beside that of its `.with`, that are for this target, these
 * dtypes, options and comptime sizes, those measured at such sizes first, then by how many doublings the sizes are away
 * from those of the row. Rows of newer generations of GPUs come before older ones, then the order of the file counts. A
 * size that is not known fits.
 * Throws LacError LAC0916 for a file that cannot be read.
 */
export function tunedFor(decl: Declaration, query: TunedQuery): Tuned {
  const files = new Set([decl.span.file, decl.declaredIn]);
  const rows = [...files].flatMap(readTunedRows).filter((row) => row.kernel === decl.name);
  const stale = rows.flatMap((row) => {
    const why = staleness(row, decl);
    return why === null ? [] : [{ row, why }];
  });
  const fitting = rows
    .filter((row) => !stale.some((s) => s.row === row) && applies(row, decl, query))
    .map((row) => ({ row, away: distance(row, decl, query.dims) }))
    .filter(({ away }) => away <= NEAR)
    .sort((a, b) => a.away - b.away || b.row.sm - a.row.sm);
  return {
    choices: fitting.map(({ row, away }) => ({ config: inOrder(row.config, decl), why: reason(row, away) })),
    stale: stale.map(({ row, why }) => staleWarning(row, why)),
  };
}

const reason = ({ name }: TunedRow, away: number): string =>
  away === 0 ? `tuned (${name})` : `tuned for other sizes, ${Number(away.toFixed(1))} doublings away (${name})`;

/** Knobs in the order of the declaration, so that equal configurations are equal as text. */
const inOrder = (config: Config, decl: Declaration): Config =>
  Object.fromEntries(Object.keys(decl.tune).map((name) => [name, config[name] as number]));

/** What a row says that the kernel does not know (any more). Null: nothing. */
function staleness({ config, when }: TunedRow, decl: Declaration): string | null {
  for (const [name, values] of Object.entries(decl.tune)) {
    const value = config[name];
    if (value === undefined) return `gives no value to the knob ${name}`;
    if (!values.includes(value)) return `has ${name} = ${value}, which is not in the tune space (${values.join(', ')})`;
  }
  const dims = dimNames(decl);
  const unknown = [
    ...strangers('knob', Object.keys(config), Object.keys(decl.tune)),
    ...strangers('dtype parameter', Object.keys(when.dtypes), Object.keys(decl.dtypes)),
    ...strangers('option', Object.keys(when.options), Object.keys(decl.options)),
    ...strangers('dimension', Object.keys(when.dims), dims),
  ];
  const [first] = unknown;
  if (first !== undefined) return first;
  const keys = decl.tuneKey?.length ?? 0;
  return when.key.length > keys ? `has ${when.key.length} ranges for a tuneKey of ${keys}` : null;
}

const strangers = (what: string, names: readonly string[], known: readonly string[]): string[] =>
  names.filter((name) => !known.includes(name)).map((name) => `names the ${what} ${name}, which does not exist`);

const staleWarning = ({ name, kernel }: TunedRow, why: string): Diagnostic =>
  diagnostic('LAC0917', `${name} for ${kernel} is out of date: it ${why}`, null, {
    severity: 'warning',
    help: ['correct the row, or take it out: it is not used'],
  });

/** What must hold: another dtype or a tile of another size is another program. */
function applies(row: TunedRow, decl: Declaration, { target, dtypes, dims, config }: TunedQuery): boolean {
  if (row.target !== target.kind) return false;
  if (target.kind === 'cuda' && row.sm > target.target.sm) return false;
  const options = optionValues(decl);
  return (
    Object.entries(row.when.dtypes).every(([name, choices]) => choices.some((choice) => choice === dtypes[name])) &&
    Object.entries(row.when.options).every(([name, value]) => options[name] === value) &&
    decl.comptime.every((name) => octavesOutside(dims[name], row.when.dims[name]) === 0) &&
    Object.entries(config).every(([name, value]) => row.config[name] === value)
  );
}

/** Doublings between the sizes at hand and those of the row, summed over what it names. */
function distance({ when }: TunedRow, { comptime, tuneKey }: Declaration, dims: Dims): number {
  const sizes = Object.entries(when.dims).filter(([name]) => !comptime.includes(name));
  const bySize = sizes.reduce((sum, [name, range]) => sum + octavesOutside(dims[name], range), 0);
  return when.key.reduce((sum, range, i) => sum + octavesOutside(keyValue(tuneKey?.[i], dims), range), bySize);
}

/** Undefined where a size that the expression names is not known. */
function keyValue(e: Expr | undefined, dims: Dims): number | undefined {
  if (e === undefined) return undefined;
  return [...namesOf(e)].every((name) => dims[name] !== undefined) ? evaluateExpr(e, dims) : undefined;
}

function octavesOutside(size: number | undefined, { least = 0, most = Number.POSITIVE_INFINITY }: Range = {}): number {
  if (size === undefined || (size >= least && size <= most)) return 0;
  const end = size < least ? least : most;
  return Math.abs(Math.log2(Math.max(size, 1) / Math.max(end, 1))) || Number.MIN_VALUE;
}
