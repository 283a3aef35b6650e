import { type Diagnostic, diagnostic } from '../compiler/diag/diagnostic.js';
import { type Expr, evaluateExpr, namesOf } from '../compiler/expr.js';
import type { DType } from '../compiler/ir/types.js';
import { configText } from '../runtime/config-text.js';
import type { Offer } from '../store/types.js';
import { dimNames } from './choices.js';
import type { Config } from './configurations.js';
import { type Described, deviceKey } from './device-key.js';
import type { Dims, OptionValue } from './reference.js';
import { type Declaration, type KernelDecl, optionValues, type PlanDecl } from './source.js';
import type { Target } from './target.js';
import { type Range, readTunedRows, type TunedRow } from './tuned-file.js';
import { tunedHere } from './tuned-here.js';
import { keyOf } from './tuning-key.js';
import { storeWarnings, tuningStore } from './tuning-store.js';
import { verdictOf } from './verdicts.js';

/** What a configuration is wanted for. */
export interface TunedQuery {
  readonly target: Target;
  readonly dtypes: Readonly<Record<string, DType>>;
  /** All comptime dimensions, and what is known of the others. */
  readonly dims: Dims;
  /** Knobs that are settled already. */
  readonly config: Config;
  /** The device at hand; without one the cache is not asked. */
  readonly device?: Described;
}

/** A configuration, and why it was chosen: for people. */
export interface TunedChoice {
  readonly config: Config;
  readonly why: string;
  /** The device or architecture that it was measured on, where that is another one, and nobody has tried it here. */
  readonly elsewhere?: string;
  /** It was timed: registers suffice, or spilling is worth it, whatever is predicted. Others are somebody's guess. */
  readonly isMeasured: boolean;
}

export interface Tuned {
  /** Best first. */
  readonly choices: readonly TunedChoice[];
  /** Warnings: rows of this kernel that its declaration has outgrown, configurations that are wrong here. */
  readonly stale: readonly Diagnostic[];
}

/** Sizes that are off by more than this many doublings, all taken together, are another problem. */
const NEAR = 3;

/** A choice with the places that it is ranked by. */
interface Ranked extends TunedChoice {
  /** 0: for these sizes; 1: for others; 2: from elsewhere. */
  readonly stage: number;
}

/**
 * Configurations that were measured to be good, best first: those for these sizes, then those for the nearest, then those
 * of other devices; at each stage what the file beside the kernel's source says (and beside that of its `.with`) before
 * the cache. Of the file, rows for this target, these dtypes, options and comptime sizes count, by how many doublings the
 * sizes are away from those of the row, then those of newer generations of GPUs, then in order. A size that is not known
 * fits. What was found wrong on this device is left out.
 * Throws LacError LAC0916 for a file that cannot be read.
 */
export function tunedFor(decl: KernelDecl | PlanDecl, query: TunedQuery): Tuned {
  const { ranked, stale } = fromFile(decl, query);
  const all = [...ranked, ...fromHere(decl, query), ...fromCache(decl, query)].sort((a, b) => a.stage - b.stage);
  const judged = all.map((choice) => judge(decl, query, choice));
  return {
    choices: judged.flatMap((j) => j.choice ?? []),
    stale: [...stale, ...judged.flatMap((j) => j.warning ?? []), ...storeWarnings()],
  };
}

function fromFile(
  decl: KernelDecl | PlanDecl,
  query: TunedQuery,
): { readonly ranked: readonly Ranked[]; readonly stale: readonly Diagnostic[] } {
  const files = new Set([decl.span.file, decl.declaredIn]);
  const rows = [...files].flatMap(readTunedRows).filter((row) => row.kernel === decl.name);
  const stale = rows.flatMap((row) => {
    const why = staleness(row, decl);
    return why === null ? [] : [{ row, why }];
  });
  const here = architectureOf(query);
  const options = optionValues(decl);
  const fitting = rows
    .filter((row) => applies(row, decl, query, options) && comparable(row, here) && staleness(row, decl) === null)
    .map((row) => ({ row, away: distance(row, decl, query.dims) }))
    .filter(({ away }) => away <= NEAR)
    .sort((a, b) => a.away - b.away || b.row.sm - a.row.sm || stated(b.row) - stated(a.row));
  return {
    ranked: fitting.map(({ row, away }) => {
      const foreign = here !== null && row.architecture !== null && row.architecture !== here;
      const stage = foreign ? 2 : away === 0 ? 0 : 1;
      const isMeasured = row.architecture !== null;
      const choice = { config: inOrder(row.config, decl), why: reason(row, away), stage, isMeasured };
      return foreign ? { ...choice, elsewhere: row.architecture as string } : choice;
    }),
    stale: stale.map(({ row, why }) => staleWarning(row, why)),
  };
}

/** Of rows that fit equally, one that says that it was measured here. */
const stated = ({ architecture }: TunedRow): number => (architecture === null ? 0 : 1);

/** Null: nobody knows, as where programs are written for devices that are not there. */
function architectureOf({ target, device }: TunedQuery): string | null {
  if (target.kind === 'cuda') return `sm_${target.target.sm}`;
  return device === undefined ? null : deviceKey(device).architecture;
}

/** Devices that compute on the CPU and GPUs have no configuration in common. */
function comparable({ architecture }: TunedRow, here: string | null): boolean {
  return architecture === null || isSoftware(architecture) === isSoftware(here ?? '');
}

const isSoftware = (architecture: string): boolean => architecture.startsWith('software');

/** What this process tuned itself. */
function fromHere(decl: KernelDecl | PlanDecl, query: TunedQuery): Ranked[] {
  if (!canBeMeasured(decl, query)) return [];
  const found = tunedHere(keyOf(decl, query));
  const why = 'tuned by this process, for sizes like these';
  if (found === null || !agrees(found, query.config)) return [];
  return [{ config: inOrder(found, decl), why, stage: 0, isMeasured: true }];
}

/** Nothing is measured of the interpreter, nor of kernels without knobs. */
const canBeMeasured = (
  decl: KernelDecl | PlanDecl,
  query: TunedQuery,
): query is TunedQuery & Required<Pick<TunedQuery, 'device'>> =>
  query.device !== undefined && query.target.kind !== 'interpret' && Object.keys(decl.tune).length > 0;

/** Whether it has the knobs that are settled already. */
const agrees = (config: Config, settled: Config): boolean =>
  Object.entries(settled).every(([name, value]) => config[name] === value);

/** The cache may know configurations that the declaration has no more. */
function fromCache(decl: KernelDecl | PlanDecl, query: TunedQuery): Ranked[] {
  if (!canBeMeasured(decl, query)) return [];
  const store = tuningStore();
  if (store === null) return [];
  return store.offers(keyOf(decl, query)).flatMap((offer) => {
    if (!agrees(offer.config, query.config) || knobFault(offer.config, decl) !== null) return [];
    const foreign = offer.imported || offer.how === 'architecture';
    const stage = foreign ? 2 : offer.how === 'exact' ? 0 : 1;
    const choice = { config: inOrder(offer.config, decl), why: cacheReason(offer), stage, isMeasured: true };
    return [foreign ? { ...choice, elsewhere: offer.device } : choice];
  });
}

function cacheReason({ how, doublings, device, imported }: Offer): string {
  const where = how === 'architecture' ? `on ${device}` : imported ? 'on such a device (imported)' : 'on this device';
  return doublings === 0 ? `tuned ${where} (cache)` : `tuned ${where} for other sizes, ${away(doublings)} (cache)`;
}

/** What was found out on this device about a configuration from elsewhere. */
function judge(
  decl: KernelDecl | PlanDecl,
  query: TunedQuery,
  { stage: _, ...choice }: Ranked,
): { readonly choice?: TunedChoice; readonly warning?: Diagnostic } {
  const { device, dims, dtypes } = query;
  const { elsewhere, ...known } = choice;
  if (elsewhere === undefined || device === undefined) return { choice };
  const verdict = verdictOf({ decl, device, dims, dtypes, config: choice.config });
  if (verdict === null) return { choice };
  if (verdict === 'wrong') return { warning: wrongHere(decl, choice) };
  const checked = verdict === 'right' ? 'checked on this device' : 'not checked for want of a reference';
  return { choice: { ...known, why: `${known.why}, ${checked}` } };
}

function wrongHere({ name }: KernelDecl | PlanDecl, { config, why }: TunedChoice): Diagnostic {
  const knobs = configText(config);
  const message = `${name} is wrong on this device with ${knobs}, ${why}; it is left out`;
  const help = [`lac run FILE --kernel ${name} --config ${knobs} shows what it does`];
  return diagnostic('LAC0919', message, null, { severity: 'warning', help });
}

const reason = ({ name }: TunedRow, doublings: number): string =>
  doublings === 0 ? `tuned (${name})` : `tuned for other sizes, ${away(doublings)} (${name})`;

const away = (doublings: number): string => `${Number(doublings.toFixed(1))} doublings away`;

/** Knobs in the order of the declaration, so that equal configurations are equal as text. */
const inOrder = (config: Config, decl: Declaration): Config =>
  Object.fromEntries(Object.keys(decl.tune).map((name) => [name, config[name] as number]));

/** Found before: every row of a file is asked for each time that a call has new sizes. */
const stalenessOf = new WeakMap<TunedRow, WeakMap<Declaration, string | null>>();

/** What a row says that the kernel does not know (any more). Null: nothing. */
export function staleness(row: TunedRow, decl: Declaration): string | null {
  const ofRow = stalenessOf.get(row) ?? new WeakMap<Declaration, string | null>();
  stalenessOf.set(row, ofRow);
  const before = ofRow.get(decl);
  if (before !== undefined) return before;
  const why = strangerIn(row, decl);
  ofRow.set(decl, why);
  return why;
}

function strangerIn({ config, when }: TunedRow, decl: Declaration): string | null {
  const fault = knobFault(config, decl);
  if (fault !== null) return fault;
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

function knobFault(config: Config, { tune }: Declaration): string | null {
  for (const [name, values] of Object.entries(tune)) {
    const value = config[name];
    if (value === undefined) return `gives no value to the knob ${name}`;
    if (!values.includes(value)) return `has ${name} = ${value}, which is not in the tune space (${values.join(', ')})`;
  }
  return null;
}

const strangers = (what: string, names: readonly string[], known: readonly string[]): string[] =>
  names.filter((name) => !known.includes(name)).map((name) => `names the ${what} ${name}, which does not exist`);

export const staleWarning = ({ name, kernel }: TunedRow, why: string): Diagnostic =>
  diagnostic('LAC0917', `${name} for ${kernel} is out of date: it ${why}`, null, {
    severity: 'warning',
    help: ['correct the row, or take it out: it is not used'],
  });

/** What must hold: another dtype or a tile of another size is another program. */
function applies(
  row: TunedRow,
  decl: Declaration,
  { target, dtypes, dims, config }: TunedQuery,
  options: Readonly<Record<string, OptionValue>>,
): boolean {
  if (row.target !== target.kind) return false;
  if (target.kind === 'cuda' && row.sm > target.target.sm) return false;
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
