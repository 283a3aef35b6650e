import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { positionAt } from '../compiler/diag/source-text.js';
import type { HostHook, KernelHandle } from '../dsl/index.js';
import { setHost } from '../dsl/index.js';
import {
  bindLaunch,
  type Device,
  factsOf,
  KnownLaunches,
  type LaunchArgs,
  type LaunchPlan,
  openDevice,
  readArguments,
  type TensorDType,
} from '../runtime/index.js';
import { type Place, sourcePlace } from './call-site.js';
import { compileKernel } from './compile.js';
import { isTensorArg } from './inputs.js';
import type { OptionValue } from './reference.js';
import { launchSpec } from './run.js';
import { type KernelDecl, SourceProject, withOptions } from './source.js';
import { targetOf } from './target.js';

/** Lets kernels be called from TypeScript: `await lightningFwd(device, { q, k, v, slope, o })`. */
export function installHost(): void {
  setHost(HOST);
}

const NO_KNOBS: Readonly<Record<string, number>> = {};

const HOST: HostHook = {
  async launch(kernel, device, args, opts) {
    await launch(kernel, device as Device, args as LaunchArgs, opts?.config ?? NO_KNOBS);
  },
  tune: () => Promise.reject(notBuilt()),
  openDevice: (which) => openDevice(which),
  empty: (device, dtype, shape) => (device as Device).empty(dtype as TensorDType, shape),
};

const notBuilt = (): LacError =>
  new LacError(
    diagnostic('LAC0909', 'the autotuner is not built yet', null, {
      help: ['pass a configuration: kernel(device, args, { config: { C: 64 } })'],
    }),
  );

async function launch(
  handle: KernelHandle,
  device: Device,
  args: LaunchArgs,
  config: Readonly<Record<string, number>>,
): Promise<void> {
  const decl = declarationOf(handle);
  await device.launch(launchesOf(decl, config).plan(device, args, () => bindFirst(decl, device, args, config)));
}

/** Sizes, dtypes and alignment come from the tensors; the rest is as in `lac run`. */
function bindFirst(
  decl: KernelDecl,
  device: Device,
  args: LaunchArgs,
  config: Readonly<Record<string, number>>,
): LaunchPlan {
  const spec = launchSpec(decl);
  const { dims, dtypes, tensors } = readArguments(spec, args, device);
  const facts = Object.fromEntries(
    decl.args.filter(isTensorArg).flatMap(({ name }) => {
      const tensor = tensors[name];
      return tensor ? [[name, factsOf(tensor)] as const] : [];
    }),
  );
  const { variant } = compileKernel(decl, { dims, dtypes, config, facts, target: targetOf(device) });
  const touched = decl.args.map(({ name }) => [name, variant.unused.includes(name) ? null : args[name]]);
  return bindLaunch(device, spec, variant, Object.fromEntries(touched));
}

/** By declaration, then by the knobs that a call gives. */
const launches = new WeakMap<KernelDecl, Map<string, KnownLaunches>>();

function launchesOf(decl: KernelDecl, config: Readonly<Record<string, number>>): KnownLaunches {
  const known = launches.get(decl) ?? new Map<string, KnownLaunches>();
  launches.set(decl, known);
  const key = config === NO_KNOBS ? '' : JSON.stringify(config);
  const found = known.get(key) ?? new KnownLaunches(launchSpec(decl));
  known.set(key, found);
  return found;
}

const project = new SourceProject();
const declarations = new WeakMap<KernelHandle, KernelDecl>();

/** The declaration of a kernel that a program holds, read from its source once. */
export function declarationOf(handle: KernelHandle): KernelDecl {
  const known = declarations.get(handle);
  if (known !== undefined) return known;
  const place = sourcePlace(handle.site);
  const decl = declaredAt(place) ?? derived(handle);
  if (decl === undefined) throw notFound(place);
  declarations.set(handle, decl);
  return decl;
}

/** `.with` that runs inside a function has no declaration of its own: the kernel's, with the options given. */
function derived({ base, options }: KernelHandle): KernelDecl | undefined {
  if (base === null) return undefined;
  return withOptions(declarationOf(base), options as Readonly<Record<string, OptionValue>>);
}

/** The kernel whose declaration holds the place: the innermost, if one holds another. */
function declaredAt(place: Place): KernelDecl | undefined {
  const { kernels, unexported, diagnostics } = project.read(place.file);
  const text = project.text(place.file);
  if (text === undefined) return undefined;
  const holds = (decl: KernelDecl): boolean => {
    const [from, to] = [positionAt(text, decl.span.start), positionAt(text, decl.span.end)];
    return from.line <= place.line && place.line <= to.line;
  };
  const found = [...kernels, ...unexported].filter(holds).sort((a, b) => b.span.start - a.span.start)[0];
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
