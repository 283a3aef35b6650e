/** `kernel.tune(...)`: from the arguments of a call to a problem, and from what was found to what later calls take. */
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { DType } from '../compiler/ir/types.js';
import type { TuneOptions, TuneProgress } from '../dsl/index.js';
import { LONGEST_MS } from '../runtime/clock.js';
import { type Device, factsOf, type LaunchArgs, openedAs, readArguments, type Tensor } from '../runtime/index.js';
import { chooseDtypes } from './choices.js';
import type { Config } from './configurations.js';
import { referenceFileOf } from './load-reference.js';
import type { Dims } from './reference.js';
import type { KernelDecl, PlanDecl } from './source.js';
import { rememberTuned } from './tuned-here.js';
import { keyOf } from './tuning-key.js';
import { type Window, windowOf } from './windows.js';

/** What is tuned, and where. */
export interface TuneCall {
  readonly decl: KernelDecl | PlanDecl;
  readonly device: Device;
  /** As `openDevice` takes it. */
  readonly which: string;
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  /** How tensors lie, by argument, where that is not as tensors usually do. */
  readonly windows: Readonly<Record<string, Window>>;
  readonly facts: Readonly<Record<string, ReturnType<typeof factsOf>>>;
  readonly budgetMs: number | null;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: TuneProgress) => void;
}

/** Searches, and gives the best configuration. Throws LacError, or the reason of the signal. */
export type Tuner = (call: TuneCall) => Promise<Config>;

/** Tunes with what `load` gives, and remembers the outcome for calls of this process. */
export async function tuneFor(
  decl: KernelDecl | PlanDecl,
  device: Device,
  args: LaunchArgs,
  { budgetMs, signal, onProgress }: TuneOptions,
  load: () => Promise<Tuner>,
): Promise<Config> {
  const { dims, dtypes: shown, tensors } = readArguments({ kernel: decl.name, ...decl }, args, device);
  if (Object.keys(decl.tune).length === 0) return {};
  const which = nameOf(device);
  checkReference(decl);
  signal?.throwIfAborted();
  const tune = await load();
  const dtypes = chooseDtypes(decl, shown);
  const config = await tune({
    ...{ decl, device, which, dims, dtypes, ...layoutOf(tensors) },
    budgetMs: budgetMs === undefined || budgetMs > LONGEST_MS ? null : Math.max(0, budgetMs || 0),
    signal: signal ?? new AbortController().signal,
    onProgress: onProgress ?? (() => {}),
  });
  rememberTuned(keyOf(decl, { dims, dtypes, device }), config);
  return config;
}

function nameOf(device: Device): string {
  const which = openedAs(device);
  if (which !== null) return which;
  const message = `${device.name} was not opened by a name, so that no other process can open it, as tuning has to`;
  throw new LacError(diagnostic('LAC0701', message, null, { help: ['tune on a device that openDevice() gave'] }));
}

function checkReference({ name, file }: KernelDecl | PlanDecl): void {
  if (referenceFileOf(file) !== null) return;
  const expected = file.replace(/(\.[mc]?ts)?$/, '.ref$1');
  const message = `${name} cannot be tuned without a reference: ${expected} does not exist`;
  const help = [
    `write it there: export const ${name}: Reference = { shape: { ... }, run: ({ inputs, dims }) => ({ ... }) };`,
    'every configuration is compared with it before it is timed',
  ];
  throw new LacError(diagnostic('LAC0902', message, null, { help }));
}

function layoutOf(tensors: Readonly<Record<string, Tensor | null>>): Pick<TuneCall, 'windows' | 'facts'> {
  const given = Object.entries(tensors).flatMap(([name, tensor]) => (tensor === null ? [] : [[name, tensor] as const]));
  return {
    windows: Object.fromEntries(
      given.flatMap(([name, tensor]) => {
        const window = windowOf(tensor);
        return window === null ? [] : [[name, window]];
      }),
    ),
    facts: Object.fromEntries(given.map(([name, tensor]) => [name, factsOf(tensor)])),
  };
}
