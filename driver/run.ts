import type { ArgFacts } from '../compiler/artifact.js';
import type { Diagnostic } from '../compiler/diag/diagnostic.js';
import type { DType } from '../compiler/ir/types.js';
import type { Device, Timing } from '../runtime/device.js';
import { factsOf } from '../runtime/facts.js';
import type { LaunchSequence } from '../runtime/launch.js';
import type { GuardDamage } from '../runtime/tensor.js';
import type { PlanHow } from './bind.js';
import type { Comparison } from './compare.js';
import { type Compiled, type CompileTimings, inputDtypes } from './compile.js';
import type { Config } from './configurations.js';
import { drawInputs, isTensorArg, wholeInputs } from './inputs.js';
import { compareOutputs, runReference } from './outputs.js';
import { checkDeviceMemory, isChecked, settle, wantsValues } from './preflight.js';
import { type Prepared, prepare } from './prepare.js';
import type { Dims, OptionValue, Reference, ReferenceContext } from './reference.js';
import { type Declaration, type KernelDecl, optionValues, type PlanDecl } from './source.js';
import { type PlacedTensors, type Placement, placeTensors } from './tensors.js';
import { setVerdict } from './verdicts.js';

export interface RunRequest extends Placement {
  readonly decl: KernelDecl | PlanDecl;
  /** Null: sizes come from `dims`, scalars are an error, nothing is compared. */
  readonly reference: Reference | null;
  readonly device: Device;
  /** Sizes; those that are missing are the reference's. */
  readonly dims?: Dims;
  /** Choices for dtype parameters (`*`: for all); those that are missing are the reference's, else the first declared. */
  readonly dtypes?: Readonly<Record<string, string>>;
  readonly config?: Config;
  /** Knobs of kernels that a plan runs, where it leaves them to the sizes. */
  readonly steps?: PlanHow['steps'];
  readonly seed?: number;
  /** Options of the kernel, over its own. */
  readonly options?: Readonly<Record<string, OptionValue>>;
  /** Inputs by name, row-major, in the place of generated ones; rounded to the dtype. */
  readonly inputs?: Readonly<Record<string, Float64Array>>;
  /** Scalars in the place of the reference's. */
  readonly scalars?: Readonly<Record<string, number>>;
  /** Compare with the reference; default true. */
  readonly check?: boolean;
  /** Read the outputs of a run that is not checked; default true. A run that is checked reads them anyway. */
  readonly values?: boolean;
  /** Measure after the first launch; default false. */
  readonly time?: boolean;
  /** Interpreter only: run the passes before it. */
  readonly passes?: boolean;
  /** Verify the IR between passes. */
  readonly verify?: boolean;
  readonly onProgress?: (what: string) => void;
}

export interface Report {
  readonly kernel: string;
  readonly device: string;
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, DType>>;
  readonly options: Readonly<Record<string, OptionValue>>;
  readonly config: Config;
  readonly facts: Readonly<Record<string, ArgFacts>>;
  readonly compile: CompileTimings;
  /** Milliseconds in which the driver made a pipeline of the program text. */
  readonly pipelineMs: number;
  /** Milliseconds of the first launch, from submission to completion. */
  readonly firstRunMs: number;
  readonly timing: Timing | null;
  /** Tokens of one launch, where the reference says. */
  readonly tokens: number | null;
  readonly outputs: readonly Comparison[];
  /** Outputs whose neighbourhood was written to. */
  readonly damaged: readonly { readonly output: string; readonly damage: GuardDamage }[];
  /** Milliseconds on the host for drawing inputs, the reference, and the comparison with it. */
  readonly host: { readonly inputs: number; readonly reference: number; readonly comparison: number };
  /** Values of the outputs, row-major; none where nobody asked for them. */
  readonly values: Readonly<Record<string, Float64Array>>;
  readonly checked: boolean;
  readonly ok: boolean;
  readonly warnings: readonly Diagnostic[];
  /** Why this configuration, for people. */
  readonly chosen: string;
  readonly refused: Compiled['refused'];
  readonly skipped: number;
}

/**
 * Compiles a kernel, or those of a plan, for a device, runs it on seeded inputs and compares every output with the reference. Outputs are NaN
 * before and stand between guard bands; inputs lie among NaN. Throws LacError for whatever is refused on the way.
 */
export async function runKernel(request: RunRequest): Promise<Report> {
  const { device, reference } = request;
  const { decl, dims, dtypes, scalars } = settle(request);
  checkDeviceMemory(device, decl.args, dims, dtypes, wantsValues(request));
  const begin = performance.now();
  request.onProgress?.('making inputs');
  const drawn = drawInputs(decl.args, dtypes, dims, { ...reference, ...given(request) }, request.seed ?? 0);
  const placed = placeTensors(device, decl.args, dtypes, dims, drawn, request);
  const inputsMs = performance.now() - begin;
  const free = [() => placed.free()];
  try {
    const facts = Object.fromEntries(Object.entries(placed.tensors).map(([name, tensor]) => [name, factsOf(tensor)]));
    request.onProgress?.(`compiling ${decl.name}`);
    const { config = {} } = request;
    const { tensors } = placed;
    const prepared = prepare({ decl, device, tensors, scalars, config, how: how(request) });
    free.unshift(prepared.launches.free);
    const measured = await launch(prepared.launches, request);
    const read = await readOutputs(decl, placed, prepared.touched, wantsValues(request));
    const checked = isChecked(request);
    const context = { dims, scalars, options: optionValues(decl) };
    const inputs = (): Record<string, Float64Array> => wholeInputs(decl.args, dims, drawn);
    const check = checked ? compareAll(request, decl, dtypes, { ...context, inputs }, read.values) : UNCHECKED;
    const ok = read.damaged.length === 0 && check.outputs.every((o) => o.ok);
    if (checked) learn(prepared.untried, ok);
    const timing = request.time === true ? await measure(prepared.launches, measured.firstRunMs, request) : null;
    return {
      kernel: decl.name,
      device: device.name,
      dims,
      dtypes,
      options: context.options,
      config: prepared.config,
      facts,
      compile: prepared.timings,
      ...measured,
      timing,
      tokens: reference?.tokens?.(dims) ?? null,
      outputs: check.outputs,
      ...read,
      host: { inputs: inputsMs, reference: check.referenceMs, comparison: check.comparisonMs },
      checked,
      ok,
      warnings: prepared.diagnostics,
      chosen: prepared.chosen,
      refused: prepared.refused,
      skipped: prepared.skipped,
    };
  } finally {
    for (const each of free) each();
  }
}

/** A run that is checked tells of configurations from elsewhere. Of several, who is to blame for a wrong result is not known. */
function learn(untried: Prepared['untried'], ok: boolean): void {
  if (!ok && untried.length > 1) return;
  for (const tried of untried) setVerdict(tried, ok ? 'right' : 'wrong');
}

interface Check {
  readonly outputs: readonly Comparison[];
  readonly referenceMs: number;
  readonly comparisonMs: number;
}

const UNCHECKED: Check = { outputs: [], referenceMs: 0, comparisonMs: 0 };

/** `inputs` are made when the reference needs them, so that only one copy is there for long. */
function compareAll(
  { reference, device, onProgress }: RunRequest,
  decl: Declaration,
  dtypes: Readonly<Record<string, DType>>,
  { inputs, ...context }: Omit<ReferenceContext, 'inputs'> & { inputs: () => Record<string, Float64Array> },
  values: Report['values'],
): Check {
  if (reference === null) return UNCHECKED;
  const begin = performance.now();
  onProgress?.('computing the reference, in f64 on this CPU (--no-check leaves it out)');
  const expected = runReference(decl, reference, { ...context, inputs: inputs() });
  const referenceMs = performance.now() - begin;
  onProgress?.('comparing with the reference');
  const says = { ...reference, expected };
  const outputs = compareOutputs(decl, says, context.dims, dtypes, inputDtypes(decl, dtypes), values, device.backend);
  return { outputs, referenceMs, comparisonMs: performance.now() - begin - referenceMs };
}

const how = ({ passes, verify, steps }: RunRequest): PlanHow => ({
  ...(passes === undefined ? {} : { passes }),
  ...(verify === undefined ? {} : { verify }),
  ...(steps === undefined ? {} : { steps }),
});

/** Inputs that the caller has are generated by giving them back. */
function given({ inputs, reference }: RunRequest): Pick<Reference, 'inputs'> {
  const own = Object.entries(inputs ?? {}).map(([name, values]) => [name, () => values] as const);
  return { inputs: { ...reference?.inputs, ...Object.fromEntries(own) } };
}

async function launch(
  sequence: LaunchSequence,
  { device, onProgress }: RunRequest,
): Promise<{ pipelineMs: number; firstRunMs: number }> {
  const begin = performance.now();
  for (const { variant } of sequence.launches) await device.prepare(variant);
  const prepared = performance.now();
  onProgress?.(`running on ${device.name}`);
  await device.launchAll(sequence);
  await device.synchronize();
  return { pipelineMs: prepared - begin, firstRunMs: performance.now() - prepared };
}

const BUDGET_MS = 1000;
/** A launch that took so long is its own measurement: two more would only make somebody wait. */
const SLOW_MS = 3000;

/** About a second of launches: fewer where one takes long. */
async function measure(
  { launches }: LaunchSequence,
  firstRunMs: number,
  { device, onProgress }: RunRequest,
): Promise<Timing> {
  onProgress?.('measuring');
  const idle = launches.every((plan) => plan.programs === 0);
  if (device.backend === 'interpret' || idle || firstRunMs > SLOW_MS) {
    return { medianMs: firstRunMs, p10: firstRunMs, p90: firstRunMs, samples: [firstRunMs], how: 'host' };
  }
  const repeat = Math.max(1, Math.min(20, Math.floor(BUDGET_MS / Math.max(1, firstRunMs))));
  const quick = firstRunMs < 20;
  return device.time([launches], { warmup: quick ? 3 : 1, warmupMs: quick ? 500 : 0, repeat });
}

/** Outputs that a launch touched, and what was written beside any of them. */
export async function readOutputs(
  decl: Declaration,
  { tensors }: PlacedTensors,
  touched: Prepared['touched'],
  wanted: boolean,
) {
  const values: Record<string, Float64Array> = {};
  const damaged: { output: string; damage: GuardDamage }[] = [];
  for (const arg of decl.args) {
    const tensor = tensors[arg.name];
    if (!isTensorArg(arg) || arg.dir === 'in' || tensor === undefined || !touched.has(arg.name)) continue;
    if (wanted) values[arg.name] = await tensor.read();
    const damage = await tensor.checkGuards();
    if (damage !== null) damaged.push({ output: arg.name, damage });
  }
  return { values, damaged };
}
