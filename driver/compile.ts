import { emitPtx } from '../backends/ptx/emit.js';
import type { Spills } from '../backends/ptx/registers.js';
import type { PtxTarget } from '../backends/ptx/target.js';
import { emitWgsl } from '../backends/wgsl/emit.js';
import type { ArgFacts, CudaVariant, Variant, WgslVariant } from '../compiler/artifact.js';
import type { Code } from '../compiler/diag/codes.js';
import { type Diagnostic, diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Kernel } from '../compiler/ir/module.js';
import { bytesOf, type DType } from '../compiler/ir/types.js';
import type { PassContext } from '../compiler/passes/pass.js';
import { runPipeline } from '../compiler/passes/pipeline.js';
import { configText } from '../runtime/config-text.js';
import type { AnyVariant } from '../runtime/device.js';
import { usedArguments, usedDims } from './arguments.js';
import { chooseDtypes, comptimeOf } from './choices.js';
import { type Config, candidates, checkConfig, type DeviceNames } from './configurations.js';
import type { Described } from './device-key.js';
import { foretold, type Refusal } from './foretell.js';
import { dtypeOf, isTensorArg } from './inputs.js';
import { type Made, madeBefore } from './made-before.js';
import type { Dims } from './reference.js';
import { type Declaration, type KernelDecl, lowerDecl, type PlanDecl } from './source.js';
import { sourcePosition } from './source-position.js';
import { deviceNames, maxInvocations, maxStorageElements, type Target } from './target.js';
import { type TunedChoice, tunedFor } from './tuned.js';

/** What one variant is compiled for. */
export interface CompileRequest {
  /** Choice for each dtype parameter; default: the first declared. */
  readonly dtypes?: Readonly<Record<string, DType>>;
  /** Sizes: all comptime dimensions; those of other dimensions help `prune` to choose. */
  readonly dims: Dims;
  /** Knobs; those that are missing are looked up in the tuned configurations, then searched. */
  readonly config?: Config;
  /** What may be assumed of each tensor; nothing where an argument is missing. */
  readonly facts?: Readonly<Record<string, ArgFacts>>;
  readonly target: Target;
  /** The device at hand: what was measured on it, and on others like it, is looked up. */
  readonly device?: Described;
  /** Run the passes before the interpreter too; it takes the IR as it comes from the source otherwise. */
  readonly passes?: boolean;
  /** Verify the IR between passes. */
  readonly verify?: boolean;
}

/** Milliseconds; of the configuration that was chosen, except `total`, which counts the search too. */
export interface CompileTimings {
  readonly lower: number;
  readonly passes: number;
  readonly codegen: number;
  readonly total: number;
}

export interface Compiled {
  readonly decl: KernelDecl;
  /** The IR after the passes; compiled once more where another process had done it. */
  readonly ir: () => Kernel;
  readonly variant: AnyVariant;
  readonly config: Config;
  readonly timings: CompileTimings;
  /** Warnings. */
  readonly diagnostics: readonly Diagnostic[];
  /** Why this configuration, for people: `tuned (gemm.tune.json, row 2)`. */
  readonly chosen: string;
  /** Where it was measured, if that is elsewhere, and nobody has tried it on this device. */
  readonly elsewhere: string | null;
  /** Configurations before the chosen one that were compiled, and what was against them. */
  readonly refused: readonly Refusal[];
  /** How many more were passed over because of those. */
  readonly skipped: number;
}

/** What a configuration may exceed where another may fit. */
const LIMITS: ReadonlySet<Code> = new Set(['LAC0501', 'LAC0502', 'LAC0503']);

type Exact = Omit<Compiled, 'chosen' | 'elsewhere' | 'refused' | 'skipped'>;

/**
 * Compiles one variant in the first configuration that fits the limits and compiles: of the tuned ones (`tunedFor`), then
 * of the others (`candidates`). What was compiled, or did not fit, is remembered as long as the declaration lives. Throws
 * LacError: the source's own errors; LAC0916 where the tuned configurations cannot be read; LAC0906 where no configuration
 * is left; LAC05xx where the one that was asked for in full does not fit.
 */
export function compileKernel(decl: KernelDecl, request: CompileRequest): Compiled {
  const begin = performance.now();
  const { choices, asked, stale } = choicesFor(decl, request);
  const refused: Refusal[] = [];
  const skipped: TunedChoice[] = [];
  const onWebGpu = request.target.kind === 'webgpu';
  // Where there is nothing to choose from, slow is better than not at all at once.
  const atAnyPrice = asked && (!onWebGpu || Object.keys(decl.tune).length === 0);
  const accept = (choice: TunedChoice, spills = spillsOf(choice, atAnyPrice)): Compiled | null => {
    const result = attempt(decl, request, choice.config, spills);
    if (!('variant' in result)) {
      if (asked) throw new LacError(result);
      if (!refused.some((r) => sameConfig(r.config, choice.config)))
        refused.push({ config: choice.config, why: result });
      return null;
    }
    const timings = { ...result.timings, total: performance.now() - begin };
    const diagnostics = [...result.diagnostics, ...stale];
    const { why: chosen, elsewhere = null } = choice;
    return { ...result, diagnostics, chosen, elsewhere, refused, skipped: skipped.length, timings };
  };
  for (const choice of choices) {
    // What is predicted of registers says nothing against a measurement.
    const against = choice.isMeasured ? refused.filter(({ why }) => why.code !== 'LAC0503') : refused;
    if (against.some((r) => sameConfig(r.config, choice.config))) continue;
    const hopeless = foretold(choice.config, against) !== undefined;
    const compiled = hopeless ? null : accept(choice);
    if (compiled !== null) return compiled;
    if (hopeless) skipped.push(choice);
  }
  // What was foretold is an estimate: before giving up, the smallest is tried.
  const smallest = skipped.sort((a, b) => volume(a.config) - volume(b.config))[0];
  const last = smallest === undefined ? null : accept(smallest);
  if (last !== null) return last;
  // Slow is better than not at all: registers that do not suffice spill, products go through workgroup memory in slabs.
  const [tight] = refused
    .filter(({ why }) => why.code === (onWebGpu ? 'LAC0501' : 'LAC0503') && request.target.kind !== 'interpret')
    .sort((a, b) => (onWebGpu ? volume(a.config) - volume(b.config) : 0));
  const slow =
    tight && accept({ config: tight.config, why: SLOW[onWebGpu ? 'webgpu' : 'cuda'], isMeasured: false }, 'any');
  if (slow) return slow;
  throw new LacError(nothingFits(decl, request, refused, skipped.length));
}

const SLOW = {
  cuda: 'the first that compiles, though its tiles spill',
  webgpu: 'the smallest, though its products go through workgroup memory in slabs',
} as const;

const spillsOf = ({ isMeasured }: TunedChoice, atAnyPrice: boolean): Spills =>
  atAnyPrice ? 'any' : isMeasured ? 'some' : 'none';

const sameConfig = (a: Config, b: Config): boolean => Object.entries(a).every(([name, value]) => b[name] === value);
const volume = (config: Config): number => Object.values(config).reduce((product, value) => product * value, 1);

/** The first configuration that would be tried, compiled or not. Null where `prune` leaves none. */
export function firstChoice(decl: KernelDecl | PlanDecl, request: Omit<CompileRequest, 'facts'>): TunedChoice | null {
  for (const choice of choicesFor(decl, request).choices) return choice;
  return null;
}

interface Choices {
  /** Best first; lazily, since a kernel may have thousands. */
  readonly choices: Iterable<TunedChoice>;
  /** Every knob was given. */
  readonly asked: boolean;
  /** Rows of the tuned configurations that are out of date. */
  readonly stale: readonly Diagnostic[];
}

function choicesFor(decl: KernelDecl | PlanDecl, request: CompileRequest): Choices {
  const { dims, config = {}, target, device } = request;
  checkConfig(decl, config);
  const asked = Object.keys(decl.tune).every((name) => name in config);
  const names = { ...deviceNames(target), ...elementBytes(decl, chooseDtypes(decl, request.dtypes)) };
  const untuned = candidates(decl, dims, config, maxInvocations(target), names);
  if (asked) return { choices: withReason(untuned, 'as asked for'), asked, stale: [] };
  const dtypes = chooseDtypes(decl, request.dtypes);
  const query = { target, dtypes, dims, config, ...(device && { device }) };
  const { choices, stale } = tunedFor(decl, query);
  const declared = 'prefer' in decl && decl.prefer !== null ? 'by its `prefer`' : 'of its declaration';
  const why = `the first ${names.processors === 1 ? 'for a CPU' : declared} that fits`;
  return { choices: inTurn(choices, withReason(untuned, why)), asked, stale };
}

/** What `prefer` is told of the dtypes. */
export function elementBytes(decl: Declaration, dtypes: Readonly<Record<string, DType>>): DeviceNames {
  const first = decl.args.find(isTensorArg);
  return first === undefined ? {} : { elementBytes: bytesOf(dtypeOf(first, dtypes)) };
}

function* withReason(configs: Iterable<Config>, why: string): Generator<TunedChoice> {
  for (const config of configs) yield { config, why, isMeasured: false };
}

function* inTurn<T>(...lists: readonly Iterable<T>[]): Generator<T> {
  for (const list of lists) yield* list;
}

/** One configuration: compiled, or the limit that it exceeds. Other errors are the source's, whatever the configuration. */
function attempt(decl: KernelDecl, request: CompileRequest, config: Config, spills: Spills): Exact | Diagnostic {
  const { dims, config: _knobs, device: _device, ...rest } = request;
  const key = JSON.stringify([rest, comptimeOf(decl, dims), config, spills]);
  const made = madeBefore(decl, key, () => compileOrRefuse(decl, request, config, spills));
  if (!('variant' in made)) return made;
  const ir = (): Kernel => irOf.get(made.variant) ?? compileExactly(decl, request, config, spills).kernel;
  return { decl, ...made, ir };
}

/** Of what was compiled here. */
const irOf = new WeakMap<AnyVariant, Kernel>();

function compileOrRefuse(decl: KernelDecl, request: CompileRequest, config: Config, spills: Spills): Made {
  try {
    const { kernel, ...made } = compileExactly(decl, request, config, spills);
    irOf.set(made.variant, kernel);
    return made;
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    const [first] = error.diagnostics;
    if (first === undefined || !error.diagnostics.every((d) => LIMITS.has(d.code))) throw error;
    return first;
  }
}

function nothingFits(
  decl: KernelDecl,
  { config = {}, dims }: CompileRequest,
  refused: readonly Refusal[],
  skipped: number,
): Diagnostic {
  const given = Object.entries(config).map(([name, value]) => `${name} = ${value}`);
  const with_ = given.length > 0 ? ` with ${given.join(', ')}` : '';
  const last = refused.at(-1);
  if (last === undefined) {
    const sizes = Object.entries(dims).map(([name, value]) => `${name} = ${value}`);
    const message = `prune of ${decl.name} rejects every configuration${with_} for ${sizes.join(', ')}`;
    return diagnostic('LAC0906', message, decl.span, { help: ['add smaller values to `tune`, or loosen `prune`'] });
  }
  const message = `no configuration of ${decl.name}${with_} fits the device; ${refused.length + skipped} were considered`;
  return diagnostic('LAC0906', message, decl.span, {
    help: [`the last one, ${configText(last.config)}: ${last.why.message}`, ...last.why.help],
  });
}

/** One configuration, and no other. `any` spills: also where it is slow for want of registers or memory. */
function compileExactly(
  decl: KernelDecl,
  request: CompileRequest,
  config: Config,
  spills: Spills,
): Exclude<Made, Diagnostic> & { readonly kernel: Kernel } {
  const begin = performance.now();
  const when = {
    dtypes: chooseDtypes(decl, request.dtypes),
    comptime: comptimeOf(decl, request.dims),
    facts: request.facts ?? {},
  };
  const { kernel, diagnostics } = lowerDecl(decl, { ...when, config });
  const lowered = performance.now();
  const { target } = request;
  if (target.kind !== 'interpret' || request.passes === true)
    runPipeline({ kernels: [kernel] }, passContext(decl, target), { verify: request.verify ?? false });
  const passed = performance.now();
  const variant = variantFor(target, kernel, when, config, spills);
  const end = performance.now();
  const timings = { lower: lowered - begin, passes: passed - lowered, codegen: end - passed, total: end - begin };
  return { kernel, variant, config, timings, diagnostics };
}

export const passContext = (decl: KernelDecl, target: Target): PassContext => ({
  target: target.kind,
  maxStorageElements: maxStorageElements(target),
  grid: Object.fromEntries(decl.grid),
});

function variantFor(target: Target, kernel: Kernel, when: Variant['when'], config: Config, spills: Spills): AnyVariant {
  if (target.kind === 'webgpu') return wgslVariant(kernel, when, target.limits, config, spills === 'any');
  if (target.kind === 'interpret') return irVariant(kernel, when, config);
  return ptxVariant(kernel, when, target.target, config, spills);
}

function ptxVariant(
  kernel: Kernel,
  when: Variant['when'],
  target: PtxTarget,
  config: Config,
  spills: Spills,
): CudaVariant {
  const { facts, ...program } = emitPtx(kernel, { facts: when.facts, target, spills, position: sourcePosition() });
  return { when: { ...when, facts }, target: 'cuda', sm: target.sm, config, ...program };
}

type WgslTarget = Extract<Target, { kind: 'webgpu' }>;

function wgslVariant(
  kernel: Kernel,
  when: Variant['when'],
  limits: WgslTarget['limits'],
  config: Config,
  slabs: boolean,
): WgslVariant {
  const { facts, ...program } = emitWgsl(kernel, { facts: when.facts, limits, slabs });
  return { when: { ...when, facts }, target: 'webgpu', config, ...program };
}

const irVariant = (kernel: Kernel, when: Variant['when'], config: Config): AnyVariant => {
  const used = usedArguments(kernel);
  const tensors = kernel.params.filter((p) => p.kind === 'view').map((p) => p.name);
  const unused = tensors.filter((name) => !used.has(name));
  return { target: 'interpret', ir: kernel, dims: usedDims(kernel), when, config, unused };
};

/** Dtypes of the tensors that a kernel reads, once its parameters have their choices. */
export const inputDtypes = (decl: Declaration, dtypes: Readonly<Record<string, DType>>): readonly DType[] =>
  decl.args.filter((a) => isTensorArg(a) && a.dir !== 'out').map((a) => dtypeOf(a, dtypes));
