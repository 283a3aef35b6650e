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
 * the device; least `prefer` first where all that it names is known, else in order of declaration, which on a CPU is that of
 * few warps first. Where every knob is given, `prune` is not asked: the caller wants exactly that one.
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
  for (const config of inOrder({ ...space, tune: { ...space.tune, ...settled } }, { ...device, ...dims })) {
    if (!chosen && (config.warps ?? 0) * WARP > maxInvocations) continue;
    if (chosen || keeps(space, config, dims)) yield config;
  }
}

/** Orders that were found before, by the expression: a launch asks for the same one again and again. */
const orders = new WeakMap<object, Map<string, readonly Config[]>>();
const MOST_ORDERS = 256;

function inOrder(
  { tune, prefer = null }: KnobSpace,
  known: Readonly<Record<string, number | undefined>>,
): Iterable<Config> {
  if (prefer === null || typeof prefer !== 'object') return known.processors === 1 ? frugal(tune) : combinations(tune);
  const names = [...namesOf(prefer)].filter((name) => !(name in tune));
  const values: Record<string, number> = {};
  for (const name of names) {
    const value = known[name];
    if (value === undefined) return combinations(tune);
    values[name] = value;
  }
  const found = orders.get(prefer) ?? new Map<string, readonly Config[]>();
  orders.set(prefer, found);
  const key = JSON.stringify([values, tune]);
  const order = found.get(key) ?? sorted(tune, prefer, values);
  if (found.size >= MOST_ORDERS) found.clear();
  found.set(key, order);
  return order;
}

/** For a CPU, where the best mostly has few warps and loads nothing ahead (docs/performance.md): those first, else as declared. */
function* frugal(tune: KnobSpace['tune']): Generator<Config> {
  for (const warps of ascending(tune, 'warps'))
    for (const stages of ascending(tune, 'stages')) yield* combinations({ ...tune, ...warps, ...stages });
}

/** A knob with each of its values alone; of one that is not there, nothing, once. */
const ascending = (tune: KnobSpace['tune'], knob: string): readonly KnobSpace['tune'][] =>
  tune[knob] === undefined ? [{}] : [...tune[knob]].sort((a, b) => a - b).map((value) => ({ [knob]: [value] }));

function sorted(tune: KnobSpace['tune'], prefer: Expr, names: Dims): readonly Config[] {
  const ofKnobs = reduced(prefer, names);
  return [...combinations(tune)]
    .map((config) => ({ config, cost: evaluateExpr(ofKnobs, config) }))
    .sort((a, b) => a.cost - b.cost)
    .map(({ config }) => config);
}
