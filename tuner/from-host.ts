/** The tuner behind `kernel.tune(...)`; loaded when a program tunes. */
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Config } from '../driver/configurations.js';
import { type Described, deviceKey } from '../driver/device-key.js';
import type { TuneCall, Tuner } from '../driver/host-tune.js';
import { optionValues } from '../driver/source.js';
import type { TuneProgress } from '../dsl/index.js';
import { configText } from '../runtime/config-text.js';
import { isOff } from '../store/files.js';
import { TuningStore } from '../store/store.js';
import { nothingMeasured } from './nothing-measured.js';
import type { Progress } from './search/search.js';
import { medianInterval } from './statistics.js';
import { NOT_THE_INTERPRETER, type TuneEvent, type TuneTools, tune } from './tune.js';
import type { Outcome, Problem, Row } from './types.js';
import { WorkerHost } from './worker/host.js';

export const tuneFromHost: Tuner = (call) => {
  const hosts: WorkerHost[] = [];
  const open: TuneTools['open'] = (device, options) => {
    const host = new WorkerHost([device]);
    hosts.push(host);
    return host.open({ ...options, isLast: true });
  };
  const close = async (): Promise<void> => {
    for (const host of hosts) await host.close();
  };
  return tuneOne(call, { open, close, now: () => performance.now() });
};

interface HostTools extends Omit<TuneTools, 'store'> {
  /** Resolves when no process is left, also where `open` has not ended. */
  readonly close: () => Promise<void>;
}

/** The end of the tune that was asked for last, by what it runs on: two at once would take each other's time for their own. */
const last = new Map<string, Promise<unknown>>();

/** Tunes when those before it on the device have ended. */
export async function tuneOne(call: TuneCall, tools: HostTools): Promise<Config> {
  if (call.device.backend === 'interpret') throw NOT_THE_INTERPRETER;
  const place = call.device.info.kind === 'gpu' ? call.which : 'this CPU';
  const before = last.get(place);
  const work = inTurn(before, call, tools);
  const ended = Promise.allSettled([before, work]);
  last.set(place, ended);
  void ended.then(() => last.get(place) === ended && last.delete(place));
  return work;
}

async function inTurn(
  before: Promise<unknown> | undefined,
  call: TuneCall,
  { close, ...tools }: HostTools,
): Promise<Config> {
  call.signal.throwIfAborted();
  if (before !== undefined) await unlessAborted(before, call.signal);
  await call.device.synchronize();
  const store = openStore();
  try {
    const { outcome } = await tune(requestOf(call), { ...tools, store });
    if (outcome.ended === 'interrupted') throw call.signal.reason;
    if (outcome.best === null) throw nothingMeasured(outcome, (early) => helpFor(outcome, call, early));
    return outcome.best.config;
  } finally {
    store?.close();
    await close();
  }
}

function unlessAborted(work: Promise<unknown>, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
    void work.then(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
  });
}

function openStore(): TuningStore | null {
  const store = TuningStore.open();
  if (store instanceof TuningStore) return store;
  if (!isOff()) warn(`results are not kept: ${store.why}`);
  return null;
}

const warn = (message: string): void => process.emitWarning(message, { code: 'LAC0918' });

function requestOf(call: TuneCall) {
  const { decl, dims, dtypes, windows, facts, which, budgetMs, signal } = call;
  const problem: Problem = {
    ...{ file: decl.file, kernel: decl.name, dims, dtypes, options: optionValues(decl), seed: 0 },
    ...(Object.keys(windows).length === 0 ? {} : { windows }),
  };
  return {
    ...{ decl, problem, facts, device: which, signal, ...(budgetMs === null ? {} : { budgetMs }) },
    onEvent: (event: TuneEvent): void => {
      if (event.kind === 'row') call.onProgress(progressOf(event.row, event.progress));
      else if (event.kind === 'unkept') warn(`results are not kept: ${event.why}`);
      else if (event.kind === 'device') checkSame(call.device, event.device);
    },
  };
}

/** The worker may see other devices than this process did when it opened its own. */
function checkSame(device: Described, opened: Described): void {
  const [here, there] = [deviceKey(device).device, deviceKey(opened).device];
  if (here === there) return;
  const message = `the worker opened ${there}, and the tensors are on ${here}`;
  throw new LacError(diagnostic('LAC0925', message, null, { help: ['open the device by a name that says which'] }));
}

function progressOf(row: Row, { tried, toTry, best, elapsedMs, leftMs }: Progress): TuneProgress {
  const { config, state } = row;
  return {
    ...{ config, state, medianMs: medianOf(row), tried, toTry, elapsedMs, leftMs },
    best: best === null ? null : { config: best.config, medianMs: medianOf(best) ?? Number.NaN },
  };
}

const medianOf = ({ samples }: Row): number | null =>
  samples === undefined ? null : medianInterval(samples.ms).median;

/** Reasons that are shown: a program has no table. */
const MOST_REASONS = 3;

function helpFor({ rows }: Outcome, { budgetMs }: TuneCall, early: boolean): readonly string[] {
  if (early) return [`give it more: { budgetMs: ${Math.max(30_000, 4 * (budgetMs ?? 0))} }`];
  return rows
    .filter(({ why }) => why !== undefined)
    .slice(0, MOST_REASONS)
    .map(({ config, state, why }) => `${configText(config)}: ${state}: ${why}`);
}
