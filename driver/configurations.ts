import type { TempSpec } from '../compiler/artifact.js';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { type Expr, evaluateExpr, namesOf, reduced } from '../compiler/expr.js';
import type { Dims } from './reference.js';
import type { DeviceName } from './source.js';

export type Config = Readonly<Record<string, number>>;

/** What a kernel declares about its knobs. */
export interface KnobSpace {
  readonly name: string;
  readonly tune: Readonly<Record<string, readonly number[]>>;
  readonly prune: Expr | null;
  /** Least first, for dimensions, knobs and what is known of the device. */
  readonly prefer?: Expr | null;
  /** Programs of a kernel. */
  readonly grid?: readonly (readonly [axis: string, extent: Expr])[];
  /** What the steps of a plan leave each other. */
  readonly temps?: readonly Pick<TempSpec, 'shape'>[];
}

/** Invocations that the knob `warps` counts in units of. */
const WARP = 32;

/** Every combination of the knobs, in order of declaration: the first knob changes slowest. One of none: {}. */
export function* combinations(tune: KnobSpace['tune']): Generator<Config> {
  const knobs = Object.entries(tune);
  const total = knobs.reduce((n, [, values]) => n * values.length, 1);
  for (let i = 0; i < total; i++) {
    let rest = i;
    const config: Record<string, number> = {};
    for (const [name, values] of [...knobs].reverse()) {
      config[name] = values[rest % values.length] as number;
      rest = Math.floor(rest / values.length);
    }
    yield Object.fromEntries(knobs.map(([name]) => [name, config[name] as number]));
  }
}

/** Whether `prune` keeps a configuration. A prune that names a size not known yet keeps everything: the launch decides. */
export function keeps({ prune }: Pick<KnobSpace, 'prune'>, config: Config, dims: Dims): boolean {
  if (prune === null) return true;
  const names = { ...dims, ...config };
  for (const name of namesOf(prune)) if (names[name] === undefined) return true;
  return evaluateExpr(prune, names) !== 0;
}

/** Checks that the knobs given exist and have declared values (LAC0907). */
export function checkConfig(space: KnobSpace, given: Config): void {
  for (const [name, value] of Object.entries(given)) {
    const values = space.tune[name];
    if (values === undefined) {
      const known = Object.keys(space.tune);
      const help = known.length > 0 ? `its knobs are ${known.join(', ')}` : 'it declares no knobs';
      throw new LacError(diagnostic('LAC0907', `${space.name} has no knob ${name}`, null, { help: [help] }));
    }
    if (!values.includes(value)) {
      const help = [`declared values: ${values.join(', ')}`];
      throw new LacError(
        diagnostic('LAC0907', `${name} = ${value} is not in the tune space of ${space.name}`, null, { help }),
      );
    }
  }
}

/** What `prefer` may ask besides dimensions and knobs: names of the language. */
export type DeviceNames = Readonly<Partial<Record<DeviceName, number>>>;

/**
 * Configurations worth compiling, best guess first: those that agree with `given`, survive `prune` and whose `warps` fit
 * the device. Where every knob is given, `prune` is not asked: the caller wants exactly that one.
 */
export function* candidates(
  space: KnobSpace,
  dims: Dims,
  given: Config,
  maxInvocations: number,
  device: DeviceNames = {},
): Generator<Config> {
  checkConfig(space, given);
  const chosen = Object.keys(space.tune).every((name) => name in given);
  const settled = Object.fromEntries(Object.entries(given).map(([name, value]) => [name, [value]]));
  for (const config of inOrder(space, { ...space.tune, ...settled }, { ...device, ...dims })) {
    if (!chosen && (config.warps ?? 0) * WARP > maxInvocations) continue;
    if (chosen || keeps(space, config, dims)) yield config;
  }
}

type Known = Readonly<Record<string, number | undefined>>;

/** Orders that were found before, by the declaration: a launch asks for the same one again and again. Null: as declared. */
const orders = new WeakMap<KnobSpace, Map<string, readonly Config[] | null>>();
const MOST_ORDERS = 256;

/**
 * Combinations of knobs in the order in which they are worth trying: least `prefer` first, on a CPU then least of `onCpu`,
 * of both what names nothing unknown; equal ones in order of declaration. `tune`: the knobs, some of them settled.
 */
function inOrder(space: KnobSpace, tune: KnobSpace['tune'], known: Known): Iterable<Config> {
  const isKnown = (e: Expr): boolean => [...namesOf(e)].every((name) => name in tune || known[name] !== undefined);
  const wanted = [[space.prefer ?? 0], ...(known.processors === 1 ? onCpu(space) : [])];
  const costs = wanted.filter((some) => some.every(isKnown)).flat();
  if (costs.every((e) => typeof e === 'number')) return combinations(tune);
  const names = new Set(costs.flatMap((e) => [...namesOf(e)]).filter((name) => !(name in tune)));
  const values = Object.fromEntries([...names].map((name) => [name, known[name] as number]));
  const found = orders.get(space) ?? new Map<string, readonly Config[] | null>();
  orders.set(space, found);
  const key = JSON.stringify([values, tune]);
  const order = found.has(key) ? found.get(key) : sorted(tune, costs, values);
  if (found.size >= MOST_ORDERS) found.clear();
  found.set(key, order ?? null);
  return order ?? combinations(tune);
}

/**
 * A CPU runs every invocation by itself, and hides no load behind anything: few warps, and nothing loaded ahead. Where a
 * kernel streams blocks (it has `stages`), few programs, which read more of them for each other, and of as many those with
 * the smallest blocks, which reach least beyond the ends; of a plan, the least memory between its steps.
 */
function onCpu({ tune, grid = [], temps = [] }: KnobSpace): readonly (readonly Expr[])[] {
  const threads = ['warps', 'stages'].filter((knob) => knob in tune);
  const extents = grid.map(([, extent]) => extent);
  const sizes = Object.keys(tune).filter((knob) => extents.some((e) => namesOf(e).has(knob)));
  const programs: Expr[] = 'stages' in tune ? [['max', product(extents), CORES], product(sizes)] : [];
  return [threads, programs, [temps.map(({ shape }) => product(shape)).reduce(plus, 0)]];
}

/** Every CPU has as many, which a single program would leave idle. */
const CORES = 2;

const plus = (a: Expr, b: Expr): Expr => (a === 0 ? b : ['+', a, b]);
const product = (factors: readonly Expr[]): Expr => factors.reduce<Expr>((a, b) => (a === 1 ? b : ['*', a, b]), 1);

/** By the first cost, equal ones by the next. Null: the knobs cost nothing. */
function sorted(tune: KnobSpace['tune'], costs: readonly Expr[], values: Dims): readonly Config[] | null {
  const ofKnobs = costs.map((e) => reduced(e, values)).filter((e) => typeof e !== 'number');
  if (ofKnobs.length === 0) return null;
  return [...combinations(tune)]
    .map((config) => ({ config, costs: ofKnobs.map((e) => evaluateExpr(e, config)) }))
    .sort((a, b) => a.costs.map((cost, i) => cost - (b.costs[i] as number)).find((less) => less !== 0) ?? 0)
    .map(({ config }) => config);
}
