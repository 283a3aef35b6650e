import { createColors } from 'picocolors';
import { LacError } from '../compiler/diag/diagnostic.js';
import { settle } from '../driver/preflight.js';
import { type Report, runKernel } from '../driver/run.js';
import { SourceProject } from '../driver/source.js';
import { type Device, openDevice } from '../runtime/index.js';
import { optionValue } from './arguments.js';
import type { Context, Verb } from './context.js';
import { EXIT, type ExitCode, exitCodeOfError } from './exit.js';
import { limitLaunchesOf } from './limit-launches.js';
import { type Job, withReferences } from './references.js';
import { deviceLine, reportEvent, reportText } from './report.js';
import { readDeclarations } from './sources.js';

interface RunOptions {
  readonly device: string;
  readonly shape?: Readonly<Record<string, number>>;
  readonly dtype?: Readonly<Record<string, string>>;
  readonly set?: Readonly<Record<string, string>>;
  readonly config?: Readonly<Record<string, number>>;
  readonly seed: number;
  /** Milliseconds of a launch. */
  readonly timeout?: number;
  /** A file; true when only the default is meant; false with --no-check. */
  readonly check?: string | boolean;
  readonly kernel?: string;
}

/** `lac run FILE`: every kernel of the file that has a reference, on one device. Exit code 1 if any result is wrong. */
export const run: Verb<string, RunOptions> = async (file, options, context) => {
  const { output } = context;
  const begin = performance.now();
  const project = new SourceProject();
  const kernels = readDeclarations(project, file, options.kernel, output);
  const readMs = performance.now() - begin;
  const jobs = await withReferences(file, kernels, options, output);
  checkRequests(jobs, options);
  output.progress('opening a device');
  const device = await openDevice(options.device);
  const close = (): void => device.destroy();
  context.signal.addEventListener('abort', close, { once: true });
  try {
    if (context.signal.aborted) return EXIT.interrupted;
    context.endAtOnce();
    limitLaunchesOf(device, options.timeout, context);
    output.result(deviceLine(device), { device: { name: device.name, backend: device.backend, ...device.info } });
    // Nobody asked for the interpreter: what was wrong with the devices is said without -v.
    const fallback = options.device === '' && device.backend === 'interpret';
    for (const note of device.notes) fallback ? output.warn(note) : output.detail(note);
    return await runAll(jobs, device, options, context, readMs);
  } finally {
    device.destroy();
  }
};

/** Refuses what no device could run before one is opened. One kernel of several that can run is enough to go on. */
function checkRequests(jobs: readonly Job[], options: RunOptions): void {
  let first: unknown;
  for (const job of jobs) {
    try {
      settle({ ...request(options), ...job });
      return;
    } catch (error) {
      if (!(error instanceof LacError)) throw error;
      first ??= error;
    }
  }
  throw first;
}

async function runAll(
  jobs: readonly Job[],
  device: Device,
  options: RunOptions,
  { output }: Context,
  readMs: number,
): Promise<ExitCode> {
  let worst: ExitCode = EXIT.ok;
  const colors = createColors(output.colorOn(output.stdout));
  for (const job of jobs) {
    try {
      const report = await runKernel({
        ...request(options),
        ...job,
        device,
        onProgress: (what) => output.progress(what),
      });
      output.diagnostics(report.warnings);
      output.result(reportText(report, readMs, colors, output.options.verbose), reportEvent(report, readMs));
      if (!report.ok) worst = EXIT.failed;
    } catch (error) {
      // With several kernels in the file, one that cannot run does not silence the others.
      if (!(error instanceof LacError) || jobs.length === 1) throw error;
      output.diagnostics(error.diagnostics);
      worst = exitCodeOfError(error);
    }
  }
  return worst;
}

const request = ({ shape, dtype, set, config, seed, check }: RunOptions) => ({
  dims: shape ?? {},
  dtypes: dtype ?? {},
  config: config ?? {},
  options: Object.fromEntries(Object.entries(set ?? {}).map(([name, value]) => [name, optionValue(value)])),
  seed,
  check: check !== false,
  values: false,
  time: true,
});

export type { Report };
