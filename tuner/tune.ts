import type { ArgFacts } from '../compiler/artifact.js';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Config } from '../driver/configurations.js';
import type { KernelDecl, PlanDecl } from '../driver/source.js';
import { keyOf } from '../driver/tuning-key.js';
import { LONGEST_MS } from '../runtime/clock.js';
import { configSpace } from './config-space.js';
import { headStart } from './head-start.js';
import { Kept, type RowStore } from './kept.js';
import type { Estimate } from './model/estimate.js';
import { configKey } from './search/knobs.js';
import { type Bench, type Progress, type SearchOptions, type SearchResult, search } from './search/search.js';
import type { Outcome, Problem, Row } from './types.js';
import type { OpenBench } from './worker/pool.js';
import type { Caches } from './worker/protocol.js';
import type { WorkerEvent, WorkerOptions } from './worker/worker.js';

export interface TuneRequest {
  /** The kernel of the problem, with its options. */
  readonly decl: KernelDecl | PlanDecl;
  readonly problem: Problem;
  /** What is true of its tensors, where that is not what follows from their sizes. */
  readonly facts?: Readonly<Record<string, ArgFacts>>;
  /** As `openDevice` takes it; `cuda` is every GPU of the host, of which the first takes all times. */
  readonly device: string;
  /** What everything may take, the opening of the device included. */
  readonly budgetMs?: number;
  readonly exhaustive?: boolean;
  /** What launches find in the caches of a GPU; `cold` where it does not say. */
  readonly caches?: Caches;
  /** Take rows of the cache as they are, and measure the rest. */
  readonly resume?: boolean;
  /** Ends the tune with what is measured. */
  readonly signal: AbortSignal;
  readonly onEvent: (event: TuneEvent) => void;
}

export type TuneEvent =
  | { readonly kind: 'stage'; readonly text: string }
  | { readonly kind: 'device'; readonly device: OpenBench['device'] }
  /** What the cache holds of this problem, and whether it is used. */
  | { readonly kind: 'known'; readonly rows: number; readonly used: boolean }
  | { readonly kind: 'row'; readonly row: Row; readonly progress: Progress }
  | { readonly kind: 'worker'; readonly event: WorkerEvent }
  /** Results could not be written to the cache. */
  | { readonly kind: 'unkept'; readonly why: string };

export interface Tuned {
  readonly outcome: Outcome;
  readonly device: OpenBench['device'];
  /** Null where the model was not asked. */
  readonly workOf: (config: Config) => Estimate['work'] | null;
  /** What a call takes that nothing was tuned for: the first of the declaration that fits. Null where that is not known. */
  readonly usual: Row | null;
}

/** What a tune works with; tests give others. */
export interface TuneTools {
  readonly open: (device: string, options: Omit<WorkerOptions, 'device'>) => Promise<OpenBench>;
  readonly store: RowStore | null;
  /** Milliseconds of a clock that does not go back. */
  readonly now: () => number;
  /** Aborts after so many milliseconds of it. Default: `AbortSignal.timeout`. */
  readonly after?: (ms: number) => AbortSignal;
}

/**
 * Finds the best configuration of a problem: enumerates, ranks by the cost model, and measures, on a worker. Every row is
 * kept as soon as it is settled. Faults of configurations are rows; throws LacError where nothing can be measured at all, or
 * the budget ends before, and the reason of the signal where it comes before the device is open.
 */
export async function tune(request: TuneRequest, tools: TuneTools): Promise<Tuned> {
  const begin = tools.now();
  const { problem, onEvent, signal } = request;
  onEvent({ kind: 'stage', text: 'opening the device, and asking the reference' });
  const { device, budgetMs, caches } = request;
  const opening = tools.open(device, {
    ...{ problem, onEvent: (event) => onEvent({ kind: 'worker', event }) },
    ...(caches && { caches }),
  });
  const expired = budgetMs === undefined ? null : after(tools, Math.ceil(budgetMs));
  const worker = await unlessAborted(opening, signal, expired);
  try {
    if (worker.device.backend === 'interpret') throw NOT_THE_INTERPRETER;
    onEvent({ kind: 'device', device: worker.device });
    const { found, ...more } = await searchOn(worker, request, tools, begin);
    const outcome = { problem, device: worker.device.name, elapsedMs: tools.now() - begin, ...found };
    return { outcome, device: worker.device, ...more };
  } finally {
    await worker.close();
  }
}

/** A device that opens after nobody waits for it any more is given back. */
async function unlessAborted(
  opening: Promise<OpenBench>,
  signal: AbortSignal,
  expired: AbortSignal | null,
): Promise<OpenBench> {
  const aborted = new Promise<never>((_, reject) => {
    const stop = (): void => reject(signal.aborted ? signal.reason : NOT_OPEN_IN_TIME);
    const signals = [signal, ...(expired === null ? [] : [expired])];
    if (signals.some((each) => each.aborted)) stop();
    for (const each of signals) each.addEventListener('abort', stop, { once: true });
    const forget = (): void => {
      for (const each of signals) each.removeEventListener('abort', stop);
    };
    opening.then(forget, forget);
  });
  try {
    return await Promise.race([opening, aborted]);
  } catch (error) {
    opening.then((worker) => worker.close()).catch(() => {});
    throw error;
  }
}

const NOT_OPEN_IN_TIME = new LacError(
  diagnostic('LAC0921', 'the budget ended before the device was open and the reference computed', null, {
    help: ['give it more, with --budget or budgetMs'],
  }),
);

export const NOT_THE_INTERPRETER = new LacError(
  diagnostic('LAC0701', 'the interpreter is no device to tune for: it runs every configuration alike', null, {
    help: ['lac devices lists what there is; --device webgpu:software is always there on Linux'],
  }),
);

interface Found extends Pick<Tuned, 'workOf' | 'usual'> {
  readonly found: SearchResult;
}

async function searchOn(worker: OpenBench, request: TuneRequest, tools: TuneTools, begin: number): Promise<Found> {
  const { decl, problem, signal, onEvent, resume = false } = request;
  const { now, store } = tools;
  const { budgetMs = Number.POSITIVE_INFINITY } = request;
  const left = (): number => budgetMs - Math.min(CLOSING_MS, CLOSING_SHARE * budgetMs) - (now() - begin);
  const unkept = (why: string): void => onEvent({ kind: 'unkept', why });
  const key = keyOf(decl, { ...problem, device: worker.device });
  const kept = store === null ? null : new Kept(store, key, problem.dims, unkept);
  const before = kept?.rows() ?? [];
  if (before.length > 0) onEvent({ kind: 'known', rows: before.length, used: resume });
  const known = resume ? before : [];
  const model = worker.model?.bind(worker);
  const space = configSpace({ device: worker.device, ...(model && { model }) }, request, now);
  const bench = withHeadStart(worker, space.leading, known);
  const rows = await space.rank(Math.min(RANKING_MS, left() * RANKING_SHARE));
  const found = await search(rows, bench, {
    ...limits(left(), tools),
    ...(request.exhaustive === undefined ? {} : { exhaustive: request.exhaustive }),
    ...{ seed: problem.seed, signal, now, known, first: space.leading, doubtful: space.doubtful() },
    onRow: (row, progress) => {
      kept?.put(row);
      onEvent({ kind: 'row', row, progress });
    },
  });
  if (found.best !== null && found.ended !== 'interrupted') kept?.choose(found.best);
  const usual = found.rows.find(({ config }) => space.usual !== null && isSame(config, space.usual)) ?? null;
  return { found, workOf: space.workOf, usual };
}

/** The first that will be timed is compiled and checked while the model ranks the others. */
function withHeadStart(worker: OpenBench, leading: readonly Config[], known: readonly Row[]): Bench {
  const next = leading.find((config) => !known.some((row) => isSame(row.config, config)));
  return next === undefined ? worker : headStart(worker, next);
}

const isSame = (a: Config, b: Config): boolean => configKey(a) === configKey(b);

/** What is kept of a budget for the end of the worker, and at most. */
const CLOSING_SHARE = 0.025;
const CLOSING_MS = 500;

/** A rank is worth less than a measurement: what ranking may take of the budget that is left, and at most. */
const RANKING_SHARE = 0.25;
const RANKING_MS = 6000;

function limits(leftMs: number, tools: TuneTools): Pick<SearchOptions, 'budgetMs' | 'expired'> {
  if (leftMs === Number.POSITIVE_INFINITY) return {};
  const budgetMs = Math.max(0, Math.floor(leftMs));
  return { budgetMs, expired: after(tools, budgetMs) };
}

const after = (tools: TuneTools, ms: number): AbortSignal =>
  tools.after?.(ms) ?? AbortSignal.timeout(Math.min(ms, LONGEST_MS));
