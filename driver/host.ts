import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { positionAt } from '../compiler/diag/source-text.js';
import type { HostHook, KernelHandle, TuneOptions } from '../dsl/index.js';
import { setHost } from '../dsl/index.js';
import {
  type Device,
  KnownLaunches,
  KnownPlans,
  type LaunchArgs,
  launchPlan,
  openDevice,
  type TensorDType,
} from '../runtime/index.js';
import { type BoundKernel, bindDeclaredPlan, bindKernel, launchSpec, type PlannedLaunch } from './bind.js';
import { type Place, sourcePlace } from './call-site.js';
import type { Config } from './configurations.js';
import { type Tuner, tuneFor } from './host-tune.js';
import type { OptionValue } from './reference.js';
import { isPlan, type KernelDecl, type PlanDecl, SourceProject, withOptions } from './source.js';
import { launchAfterTrials, trialOn, warnOnce } from './trials.js';

/**
 * Lets kernels be called from TypeScript: `await lightningFwd(device, { q, k, v, slope, o })`. `loadTuner` is called when
 * one is tuned: programs that only launch are not to wait for it.
 */
export function installHost(loadTuner: () => Promise<Tuner>): void {
  setHost({
    async launch(kernel, device, args, opts) {
      await launch(kernel, device as Device, args as LaunchArgs, opts?.config ?? NO_KNOBS);
    },
    tune: (kernel, device, args, opts) => tune(kernel, device as Device, args as LaunchArgs, opts ?? {}, loadTuner),
    openDevice: (which) => openDevice(which),
    empty: (device, dtype, shape) => (device as Device).empty(dtype as TensorDType, shape),
  } satisfies HostHook);
}

const NO_KNOBS: Readonly<Record<string, number>> = {};

/** Launches that were bound before know nothing of what was found, also where the tune was interrupted: they are bound anew. */
async function tune(
  handle: KernelHandle,
  device: Device,
  args: LaunchArgs,
  options: TuneOptions,
  load: () => Promise<Tuner>,
): Promise<Config> {
  try {
    return await tuneFor(declarationOf(handle), device, args, options, load);
  } finally {
    launchesOf.forget();
    plansOf.forget();
  }
}

async function launch(
  handle: KernelHandle,
  device: Device,
  args: LaunchArgs,
  config: Readonly<Record<string, number>>,
): Promise<void> {
  const decl = declarationOf(handle);
  for (let trial = trialOn(device); trial !== undefined; trial = trialOn(device)) await trial;
  if (isPlan(decl)) await launchPlanOf(decl, device, args, config);
  else await launchKernel(decl, device, args, config);
}

/** Nothing is waited for where nothing has to be tried: launches come in the order of their calls. */
async function launchKernel(decl: KernelDecl, device: Device, args: LaunchArgs, config: Config): Promise<void> {
  const launches = launchesOf(decl, config);
  const known = launches.known(device, args);
  if (known !== null) return device.launch(known);
  const bind = () => bindKernel(decl, device, args, config);
  const launch = ({ plan, compiled }: BoundKernel): Promise<void> => {
    warnOnce(compiled.diagnostics);
    return device.launch(launches.keep(plan, args));
  };
  const first = bind();
  await (first.untried.length === 0 ? launch(first) : launchAfterTrials(device, first, bind, launch));
}

async function launchPlanOf(decl: PlanDecl, device: Device, args: LaunchArgs, config: Config): Promise<void> {
  const plans = plansOf(decl, config);
  const known = plans.known(device, args);
  if (known !== null) return launchPlan(known, args);
  const bind = () => bindDeclaredPlan(decl, device, args, config);
  const launch = ({ bound, compiled }: PlannedLaunch): Promise<void> => {
    for (const { diagnostics } of compiled) warnOnce(diagnostics);
    return launchPlan(plans.keep(device, args, bound), args);
  };
  const first = bind();
  await (first.untried.length === 0 ? launch(first) : launchAfterTrials(device, first, bind, launch));
}

/** Made once for a declaration, and the knobs that a call gives. */
function remembering<D extends object, T>(make: (decl: D) => T) {
  let known = new WeakMap<D, Map<string, T>>();
  const of = (decl: D, config: Readonly<Record<string, number>>): T => {
    const made = known.get(decl) ?? new Map<string, T>();
    known.set(decl, made);
    const key = config === NO_KNOBS ? '' : JSON.stringify(config);
    const found = made.get(key) ?? make(decl);
    made.set(key, found);
    return found;
  };
  const forget = (): void => {
    known = new WeakMap();
  };
  return Object.assign(of, { forget });
}

const launchesOf = remembering((decl: KernelDecl) => new KnownLaunches(launchSpec(decl)));
const plansOf = remembering((decl: PlanDecl) => new KnownPlans(decl));

const project = new SourceProject();
const declarations = new WeakMap<KernelHandle, KernelDecl | PlanDecl>();

/** The declaration of a kernel or plan that a program holds, read from its source once. */
export function declarationOf(handle: KernelHandle): KernelDecl | PlanDecl {
  const known = declarations.get(handle);
  if (known !== undefined) return known;
  const place = sourcePlace(handle.site);
  const decl = declaredAt(place) ?? derived(handle);
  if (decl === undefined) throw notFound(place);
  declarations.set(handle, decl);
  return decl;
}

/** `.with` that runs inside a function has no declaration of its own: the kernel's, with the options given. */
function derived({ base, options }: KernelHandle): KernelDecl | PlanDecl | undefined {
  if (base === null) return undefined;
  return withOptions(declarationOf(base), options as Readonly<Record<string, OptionValue>>);
}

/** The kernel or plan whose declaration holds the place: the innermost, if one holds another. */
function declaredAt(place: Place): KernelDecl | PlanDecl | undefined {
  const { kernels, unexported, plans, unexportedPlans, diagnostics } = project.read(place.file);
  const text = project.text(place.file);
  if (text === undefined) return undefined;
  const holds = (decl: KernelDecl | PlanDecl): boolean => {
    const [from, to] = [positionAt(text, decl.span.start), positionAt(text, decl.span.end)];
    return from.line <= place.line && place.line <= to.line;
  };
  const all = [...kernels, ...unexported, ...plans, ...unexportedPlans];
  const found = all.filter(holds).sort((a, b) => b.span.start - a.span.start)[0];
  const errors = diagnostics.filter((d) => d.severity === 'error' && d.span?.file === place.file);
  if (found === undefined && errors.length > 0) throw new LacError(errors);
  return found;
}

const notFound = ({ file, line }: Place): LacError =>
  new LacError(
    diagnostic('LAC0915', `no kernel is declared at ${file === '' ? 'an unknown place' : `${file}:${line}`}`, null, {
      help: ['keep the TypeScript source, and the source map if the program is compiled, where the program runs'],
    }),
  );
