import { existsSync } from 'node:fs';
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
import { measuredCeilings } from './ceilings.js';
import type { Context, Verb } from './context.js';
import { EXIT, type ExitCode, exitCodeOfError } from './exit.js';
import { displayName, type Output } from './output.js';
import { deviceLine } from './report.js';
import { type JobOptions, jobsBelow, jobsOfFile, type TuneJob } from './tune-jobs.js';
import { TuneProgress } from './tune-progress.js';
import { outcomeFields, outcomeText, problemText, rowFields } from './tune-text.js';
import { TuneWorkers } from './tune-workers.js';

interface TuneOptions extends JobOptions {
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
  const store = openStore(output);
  const done: Done[] = [];
  const problems = jobs.map(({ problem }) => problem);
  const workers = new TuneWorkers(context.signal, problems);
  let worst: ExitCode = EXIT.ok;
  try {
    for (const job of jobs) {
      if (context.signal.aborted) break;
      const open = workers.opener(job === jobs.at(-1));
      const keep = (tuned: Tuned): number => done.push({ ...tuned, job });
      const code = await tuneOne(job, { ...options, isFirst: done.length === 0 }, { open, store }, context, keep);
      if (code !== EXIT.ok) worst = code;
      if (code === EXIT.noDevice) break;
    }
  } finally {
    await workers.close();
    store?.close();
  }
  if (options.report !== undefined && done.length > 0) await writeReport(options.report, done, options.device, context);
  return worst;
};

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
  options: TuneOptions & { readonly isFirst: boolean },
  tools: Omit<TuneTools, 'now'>,
  { output, signal }: Context,
  keep: (tuned: Tuned) => void,
): Promise<ExitCode> {
  const progress = new TuneProgress(output, job.problem.kernel);
  try {
    const { budget, resume, exhaustive, device, caches, isFirst } = options;
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
    if (isFirst) printDevice(tuned, output);
    printOutcome(tuned, job, output);
    keep(tuned);
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
