import { basename, dirname, extname } from 'node:path';
import { type BenchRequest, bench as benchAll, checkRequest, type Job, type StoredRun } from '../benchmark/bench.js';
import { compareRuns, type RunComparison, storedEntry } from '../benchmark/compare.js';
import { checkSameArguments } from '../benchmark/contender.js';
import type { Peers } from '../benchmark/peers.js';
import { pageOf } from '../benchmark/report/page.js';
import { sectionsOf } from '../benchmark/report/rows.js';
import { closingText, comparisonText, markdownOf, sectionText } from '../benchmark/report/text.js';
import { readRun, savedRun } from '../benchmark/saved-run.js';
import { startPeers } from '../benchmark/start-peers.js';
import { pointsOf, type SweepAxis } from '../benchmark/sweep.js';
import type { BenchRun, Place, Point } from '../benchmark/types.js';
import { type Diagnostic, diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { dimNames } from '../driver/choices.js';
import { deviceKey } from '../driver/device-key.js';
import { loadReference, referenceFileOf } from '../driver/load-reference.js';
import type { Dims, OptionValue, Reference } from '../driver/reference.js';
import { type KernelDecl, type PlanDecl, SourceProject } from '../driver/source.js';
import { expectWritable, writeFiles } from '../driver/write-files.js';
import { type Device, openDevice } from '../runtime/index.js';
import { holdClocks } from '../runtime/steady-clocks.js';
import { optionValue } from './arguments.js';
import type { Context, Verb } from './context.js';
import { EXIT, type ExitCode } from './exit.js';
import { limitLaunchesOf } from './limit-launches.js';
import { displayName, type Output } from './output.js';
import { withReferences } from './references.js';
import { deviceLine } from './report.js';
import { sizeOf } from './settings.js';
import { readDeclarations } from './sources.js';

interface BenchOptions {
  readonly device: string;
  readonly shape?: Dims;
  readonly sweep?: readonly SweepAxis[];
  readonly dtype?: Readonly<Record<string, string>>;
  readonly set?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, number>>;
  readonly kernel?: string;
  readonly seed: number;
  readonly samples: number;
  readonly budget?: number;
  /** Milliseconds of a launch. */
  readonly timeout?: number;
  readonly check?: string | boolean;
  readonly baseline?: string;
  readonly peers?: boolean;
  readonly compare?: string;
  /** Part of the time: 0.05 is 5 %. */
  readonly threshold: number;
  readonly output?: readonly string[];
}

/** `lac bench FILE`: exit code 1 for a kernel that is wrong or not measured at some point, or slower than a stored run. */
export const bench: Verb<string, BenchOptions> = async (file, options, context) => {
  const { output } = context;
  for (const path of options.output ?? []) writerOf(path);
  for (const path of options.output ?? []) expectWritable(path, ELSEWHERE);
  const before = options.compare === undefined ? null : readRun(options.compare);
  const project = new SourceProject();
  const jobs = (await jobsOf(project, file, options, output)).map((job) => withInterrupts(job, context));
  let soFar: BenchRun | null = null;
  const request = requestOf(jobs, options, context, (run) => {
    soFar = run;
  });
  const places = checkRequest(request);
  if (before !== null) checkSamePlace(before, places, options.compare ?? '');
  if (request.stored !== null) checkSamePlace(request.stored.run, places, options.baseline ?? '');
  output.progress('opening a device');
  const device = await openDevice(options.device);
  const letGo = await holdClocks(device);
  const started = options.peers === true ? await peersOn(device, context) : null;
  const [peers, notes] =
    started !== null && 'why' in started ? [null, [`without peers: ${started.why}`]] : [started, []];
  try {
    if (context.signal.aborted) return EXIT.interrupted;
    // It computes in this thread, so that no handler would run.
    if (device.limitMs !== undefined) context.endAtOnce();
    for (const stored of [before, request.stored?.run ?? null])
      if (stored !== null) checkSameDevice(stored, device, output);
    output.result(deviceLine(device), { device: { name: device.name, backend: device.backend, ...device.info } });
    limitLaunchesOf(device, options.timeout, context, ([found]) => {
      peers?.close();
      if (soFar !== null) report(stopped(soFar, found), null, options, output);
    });
    const run = await benchAll(device, { ...request, peers, notes });
    const comparison = before === null ? null : compareRuns(before, run, options.threshold);
    return report(run, comparison, options, output);
  } finally {
    peers?.close();
    letGo();
    device.destroy();
  }
};

const stopped = (run: BenchRun, why: Diagnostic | undefined): BenchRun => ({
  ...run,
  notes: [...run.notes, `stopped, points are missing: ${why?.message}`],
});

/** References compute in this thread, some for ever. */
function withInterrupts(job: Job, { endAtOnce }: Context): Job {
  const { reference, baseline } = job;
  const heard = <R extends Reference | null>(of: R): R =>
    of === null ? of : { ...of, run: (context) => endAtOnce(() => of.run(context)) };
  return {
    ...job,
    reference: heard(reference),
    baseline: baseline && { ...baseline, reference: heard(baseline.reference) },
  };
}

function requestOf(
  jobs: readonly Job[],
  options: BenchOptions,
  { output, signal }: Context,
  onRun: (soFar: BenchRun) => void,
): Omit<BenchRequest, 'peers' | 'notes'> {
  const { dims, options: own } = splitSet(jobs, options);
  const base = { ...dims, ...options.shape };
  return {
    jobs,
    points: pointsOf(options.sweep ?? []).map((point) => ({ ...base, ...point })),
    dtypes: options.dtype ?? {},
    options: own,
    config: options.config ?? {},
    seed: options.seed,
    samples: options.samples,
    budgetMs: options.budget ?? null,
    stored: storedBaseline(options),
    signal,
    onProgress: (what) => output.progress(what),
    onPoint(point, soFar) {
      output.event('result', { point });
      onRun(soFar);
    },
  };
}

/** `--set` speaks of dimensions and of options, as for `lac compile`. */
function splitSet(jobs: readonly Job[], { set = {} }: BenchOptions) {
  const names = new Set(jobs.flatMap(({ decl }) => dimNames(decl)));
  const dims: Record<string, number> = {};
  const options: Record<string, OptionValue> = {};
  for (const [name, value] of Object.entries(set)) {
    if (names.has(name)) dims[name] = sizeOf(name, value);
    else options[name] = optionValue(value);
  }
  return { dims, options };
}

const isStored = (file: string): boolean => extname(file) === '.json';

function storedBaseline({ baseline }: BenchOptions): StoredRun | null {
  if (baseline === undefined || !isStored(baseline)) return null;
  return { name: basename(baseline), run: readRun(baseline) };
}

async function jobsOf(project: SourceProject, file: string, options: BenchOptions, output: Output): Promise<Job[]> {
  const { kernel, check, baseline } = options;
  const own = await withReferences(file, readDeclarations(project, file, kernel, output), options, output);
  const checked = check !== false;
  if (baseline === undefined || isStored(baseline)) return own.map((job) => ({ ...job, checked, baseline: null }));
  const others = readDeclarations(project, baseline, undefined, output);
  const jobs: Job[] = [];
  for (const job of own) {
    const decl = counterpart(job.decl, others, baseline);
    const reference = (await ownReference(baseline, decl.name)) ?? job.reference;
    jobs.push({ ...job, checked, baseline: { name: `${displayName(baseline)}: ${decl.name}`, decl, reference } });
  }
  return jobs;
}

/** A file that has no reference of its own is held to that of the kernel: null. */
async function ownReference(file: string, kernel: string): Promise<Reference | null> {
  const path = referenceFileOf(file);
  if (path === null) return null;
  try {
    return await loadReference(path, kernel);
  } catch (error) {
    if (error instanceof LacError && error.diagnostics.every((d) => d.code === 'LAC0902')) return null;
    throw error;
  }
}

/** The kernel of the same name, or the only one of the file. */
function counterpart(
  decl: KernelDecl | PlanDecl,
  others: readonly (KernelDecl | PlanDecl)[],
  file: string,
): KernelDecl | PlanDecl {
  const other = others.find((o) => o.name === decl.name) ?? (others.length === 1 ? others[0] : undefined);
  if (other !== undefined) {
    checkSameArguments(decl, other);
    return other;
  }
  const message = `${displayName(file)} has no kernel ${decl.name} to compare with`;
  const help = [`it has ${others.map((o) => o.name).join(', ')}; --kernel chooses one of the first file`];
  throw new LacError(diagnostic('LAC0933', message, null, { help }));
}

/** Where nothing is compared, nothing would ever be slower. */
function checkSamePlace(stored: BenchRun, places: readonly Place[], file: string): void {
  if (places.some((place) => storedEntry(stored, place, file) !== null)) return;
  const help = ['what compares has the same kernel, sizes, dtypes and options'];
  throw new LacError(diagnostic('LAC0933', `${file} has no time of any point of this run`, null, { help }));
}

function checkSameDevice(stored: BenchRun, device: Device, output: Output): void {
  if (stored.device !== device.name) {
    const message = `the stored run is of ${stored.device}; this is ${device.name}`;
    throw new LacError(diagnostic('LAC0933', message, null, { help: ['compare runs of one device'] }));
  }
  const { device: now } = deviceKey(device);
  if (stored.fingerprint !== now) output.warn(`the stored run was measured with ${stored.fingerprint}; this is ${now}`);
}

/** Libraries may be silent for minutes: an interrupted run does without them, and keeps what it has. */
async function peersOn(device: Device, { output, signal }: Context): Promise<Peers | { readonly why: string }> {
  if (device.backend !== 'cuda') return { why: `${device.name} is no NVIDIA GPU through CUDA` };
  output.progress('starting python3 with torch');
  return startPeers({ signal });
}

function report(run: BenchRun, comparison: RunComparison | null, options: BenchOptions, output: Output): ExitCode {
  const compared = comparison === null ? null : comparisonText(comparison, options.compare ?? '');
  const parts = [...sectionsOf(run).map(sectionText), closingText(run), compared ?? ''].filter((part) => part !== '');
  const { points: _each, ...rest } = run;
  output.result(`\n${parts.join('\n\n')}`, { run: rest, ...(comparison === null ? {} : { comparison }) });
  for (const path of options.output ?? []) {
    const text = writerOf(path)(run, compared);
    writeFiles(dirname(path), [{ name: basename(path), text }], ELSEWHERE);
  }
  const slower = comparison?.changes.some((change) => change.verdict === 'slower') === true;
  return slower || run.points.some(isAmiss) ? EXIT.failed : EXIT.ok;
}

/** Whether the kernel was not measured, or something that was asked for is wrong. */
const isAmiss = ({ entries }: Point): boolean =>
  entries.some(
    ({ role, state }) => (role === 'kernel' && state === 'failed') || (role !== 'peer' && state === 'wrong'),
  );

const ELSEWHERE = 'name another file with --output';

type Writer = (run: BenchRun, comparison: string | null) => string;
const WRITERS: ReadonlyMap<string, Writer> = new Map<string, Writer>([
  ['.json', savedRun],
  ['.md', markdownOf],
  ['.html', pageOf],
]);

function writerOf(path: string): Writer {
  const writer = WRITERS.get(extname(path));
  if (writer !== undefined) return writer;
  const help = [`its name ends in ${[...WRITERS.keys()].join(', ')}`];
  throw new LacError(diagnostic('LAC0901', `--output ${path}: lac bench writes no such file`, null, { help }));
}
