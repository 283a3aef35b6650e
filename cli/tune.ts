import { setMaxListeners } from 'node:events';
import { existsSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, dirname, resolve } from 'node:path';
import { createColors } from 'picocolors';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { readTunedRows } from '../driver/tuned-file.js';
import { version } from '../driver/version.js';
import { expectWritable, writeFiles } from '../driver/write-files.js';
import { writeTunedRows } from '../driver/write-tuned-rows.js';
import { TuningStore } from '../store/store.js';
import { nothingMeasured } from '../tuner/nothing-measured.js';
import { hasRoofline, tuningPage } from '../tuner/report/report.js';
import { standings } from '../tuner/report/standing.js';
import { type Tuned, type TuneTools, tune as tuneProblem } from '../tuner/tune.js';
import { tunedRowOf, whyUnwritten } from '../tuner/tuned-row.js';
import type { Outcome, Row } from '../tuner/types.js';
import type { HostOptions } from '../tuner/worker/host.js';
import { devicesOf } from '../tuner/worker/pool.js';
import { measuredCeilings } from './ceilings.js';
import type { Context, Verb } from './context.js';
import { EXIT, type ExitCode, exitCodeOfError } from './exit.js';
import { displayName, type Output } from './output.js';
import { deviceLine } from './report.js';
import type { StatusLine } from './status-line.js';
import { type JobOptions, jobsBelow, jobsOfFile, type TuneJob } from './tune-jobs.js';
import { lineOf, TuneProgress } from './tune-progress.js';
import { outcomeFields, outcomeText, problemText, rowFields } from './tune-text.js';
import { lanesOf, TuneWorkers } from './tune-workers.js';

export interface TuneOptions extends JobOptions {
  readonly device: string;
  readonly budget?: number;
  readonly resume?: boolean;
  readonly exhaustive?: boolean;
  readonly caches: 'cold' | 'warm';
  readonly all?: boolean;
  readonly write?: boolean;
  readonly report?: string;
}

interface Done extends Tuned {
  readonly job: TuneJob;
}

/**
 * `lac tune FILE`: the best configuration of each kernel of the file that has a reference. Exit code 1 where a kernel has
 * none that works.
 */
export const tune: Verb<string | undefined, TuneOptions> = async (path, options, context) => {
  const { output } = context;
  if (options.report !== undefined) expectWritable(resolve(options.report), ELSEWHERE);
  const jobs = await jobsOf(path, options, output);
  return await tuneJobs(jobs, lanesOf(await devicesOf(options.device), jobs.length), options, context);
};

/** Each lane takes every so many-th of the problems, on its devices. `child`: the program of workers; tests give another. */
export async function tuneJobs(
  jobs: readonly TuneJob[],
  lanes: readonly (readonly string[])[],
  options: TuneOptions,
  context: Context,
  child: Pick<HostOptions, 'entry'> = {},
): Promise<ExitCode> {
  const { output } = context;
  // Every lane listens to it; Node warns of more than ten.
  setMaxListeners(0, context.signal);
  if (lanes.length > 1) output.detail(`${lanes.length} problems at a time: on ${lanes.flat().join(', ')}`);
  const store = openStore(output);
  const line = lineOf(output);
  const codes: ExitCode[] = [];
  const done = new Map<TuneJob, Tuned>();
  const begun = lanes.map(async (devices, lane) => {
    const mine = jobs.filter((_, i) => i % lanes.length === lane);
    const workers = new TuneWorkers(devices, {
      ...{ signal: context.signal, coming: mine.map(({ problem }) => problem) },
      processors: Math.floor(availableParallelism() / lanes.length),
      ...child,
    });
    try {
      for (const [i, job] of mine.entries()) {
        if (context.signal.aborted) break;
        const keep = (tuned: Tuned): void => {
          if (done.size === 0) printDevice(tuned, output);
          done.set(job, tuned);
        };
        const open = workers.opener(i === mine.length - 1);
        const code = await tuneOne(job, { ...options, line }, { open, store }, context, keep);
        codes.push(code);
        if (code !== EXIT.noDevice) continue;
        const left = mine.length - 1 - i;
        if (left > 0) output.warn(`${left} more problems are left out, without ${devices.join(', ') || 'a device'}`);
        break;
      }
    } finally {
      await workers.close();
    }
  });
  try {
    const failed = (await Promise.allSettled(begun)).find((lane) => lane.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  } finally {
    store?.close();
  }
  const reported = jobs.flatMap((job) => {
    const tuned = done.get(job);
    return tuned === undefined ? [] : [{ ...tuned, job }];
  });
  if (options.report !== undefined && reported.length > 0)
    await writeReport(options.report, reported, options.device, context);
  return codes.findLast((code) => code !== EXIT.ok) ?? EXIT.ok;
}

function jobsOf(path: string | undefined, options: TuneOptions, output: Output): Promise<TuneJob[]> {
  if (options.all === true) return jobsBelow(path ?? folderOfAll(), options, output);
  if (path !== undefined) return jobsOfFile(path, options, output);
  const help = [
    'name a file: lac tune kernels/lightning/forward.ts',
    'or tune every kernel of a folder: lac tune --all',
  ];
  throw new LacError(diagnostic('LAC0901', 'nothing to tune is named', null, { help }));
}

function folderOfAll(): string {
  if (existsSync('kernels')) return 'kernels';
  const help = ['name a folder: lac tune --all FOLDER'];
  throw new LacError(diagnostic('LAC0901', 'there is no folder kernels here', null, { help }));
}

function openStore(output: Output): TuningStore | null {
  const store = TuningStore.open();
  if (store instanceof TuningStore) return store;
  output.warn(`results are not kept: ${store.why}`);
  return null;
}

/** Tunes, prints, and writes. What is wrong with one of several problems does not stop the others. */
async function tuneOne(
  job: TuneJob,
  options: TuneOptions & { readonly line: StatusLine | null },
  tools: Omit<TuneTools, 'now'>,
  { output, signal }: Context,
  keep: (tuned: Tuned) => void,
): Promise<ExitCode> {
  const progress = new TuneProgress(output, job.problem, options.line);
  try {
    const { budget, resume, exhaustive, device, caches } = options;
    // What it is written into has to be readable, which is said now.
    if (options.write === true || options.all === true) readTunedRows(job.problem.file);
    const request = {
      ...{ decl: job.decl, problem: job.problem, device, caches, signal },
      ...{ ...(budget && { budgetMs: budget }), ...(resume && { resume }), ...(exhaustive && { exhaustive }) },
      onEvent: progress.take.bind(progress),
    };
    const tuned = await tuneProblem(request, { ...tools, now: () => performance.now() });
    const { outcome } = tuned;
    progress.clear();
    keep(tuned);
    printOutcome(tuned, job, output);
    if ((options.write === true || options.all === true) && !signal.aborted) writeRow(job, tuned, output);
    if (outcome.best === null && !signal.aborted)
      throw nothingMeasured(outcome, (early) => helpFor(outcome, early, tuned.device.backend, budget));
    return EXIT.ok;
  } catch (error) {
    progress.clear();
    if (signal.aborted) return EXIT.interrupted;
    if (!(error instanceof LacError)) throw error;
    output.diagnostics(error.diagnostics);
    return exitCodeOfError(error);
  }
}

function printDevice({ device: { name, backend, info } }: Tuned, output: Output): void {
  output.result(deviceLine({ name, backend }), { device: { name, backend, ...info } });
}

function printOutcome(tuned: Tuned, { decl }: TuneJob, output: Output): void {
  const { outcome } = tuned;
  const ranked = standings(outcome);
  if (output.options.format === 'json')
    for (const row of outcome.rows) {
      const standing = ranked.find((s) => s.row === row);
      output.event('result', rowFields(outcome, row, standing));
    }
  const colors = createColors(output.colorOn(output.stdout));
  const text = outcomeText(tuned, Object.keys(decl.tune), colors, output.options.verbose);
  output.result(`\n${problemText(outcome.problem)}\n${text}`, outcomeFields(tuned));
}

const today = (): string => new Date().toISOString().slice(0, 10);

function writeRow({ decl, problem }: TuneJob, { outcome, device }: Tuned, output: Output): void {
  const row = tunedRowOf(decl, outcome, device, today());
  if (row !== null) writeTunedRows(problem.file, [row]);
  else if (outcome.best !== null)
    output.warn(`nothing is written of ${problem.kernel}: ${whyUnwritten(outcome, device)}`);
}

function helpFor(
  { problem, rows, elapsedMs }: Outcome,
  early: boolean,
  backend: string,
  budgetMs = 0,
): readonly string[] {
  if (early) return [`give it more: --budget ${Math.ceil(Math.max(4 * budgetMs, 2 * elapsedMs) / 1000)}s`];
  const { file, kernel } = problem;
  const all = (state: Row['state']): boolean => rows.every((row) => row.state === state || row.state === 'pruned');
  if (all('pruned')) return [`prune of ${kernel} leaves none at these sizes`];
  if (all('limit') && backend === 'webgpu')
    return [
      'smaller sizes may fit; a call takes the smallest configuration all the same, its products in slabs of workgroup memory',
    ];
  if (!all('wrong')) return [];
  return [
    `if the kernel is right, the reference beside it is not: lac run ${displayName(file)} --kernel ${kernel} compares one`,
  ];
}

const ELSEWHERE = 'name another file with --report';

async function writeReport(file: string, done: readonly Done[], which: string, context: Context): Promise<void> {
  const path = resolve(file);
  const ceilings = done.some(hasRoofline) ? await measuredCeilings(which, context) : null;
  const parts = done.map(({ job, ...tuned }) => ({ ...tuned, knobs: job.decl.tune, ceilings }));
  const made = `lac ${version()}, ${today()}`;
  writeFiles(dirname(path), [{ name: basename(path), text: tuningPage(parts, made) }], ELSEWHERE);
  context.output.detail(`report: ${path}`);
}
