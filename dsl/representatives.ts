import { evaluateExpr } from '../compiler/expr.js';
import type { DType } from '../compiler/ir/types.js';
import type { Specialisation } from './lower/kernel.js';
import type { KernelDecl } from './read/declaration.js';

/** Sizes tried for comptime dimensions. Powers of two: kernels may divide them. */
const SIZES = [64, 128, 256, 32, 16, 512, 8, 1024];
/** For kernels with several comptime extents in one tile, or that divide one by a later one: small, each half the last. */
const SMALL_SIZES = [64, 32, 16, 8, 4, 2];
const MOST_TRIES = 1000;

/** `name` is the knob or dtype parameter that differs from the base, `what` says how. */
export interface Other {
  readonly name: string;
  readonly what: string;
  readonly spec: Specialisation;
}

export interface Representatives {
  readonly base: Specialisation;
  /** Variants that differ from the base in one value. */
  readonly others: readonly Other[];
  /** No configuration that was tried passed prune; the base is the first one all the same. */
  readonly pruned: boolean;
}

type Numbers = Readonly<Record<string, number>>;

/**
 * Variants at which a kernel is checked: extents with different names get different values where prune allows it.
 * `small`: comptime dimensions stay small.
 */
export function representatives(decl: KernelDecl, { small = false } = {}): Representatives {
  const tried = small ? SMALL_SIZES : SIZES;
  const dtypes = Object.fromEntries(Object.entries(decl.dtypes).map(([name, choices]) => [name, choices[0] ?? 'f32']));
  const best = bestSizes(decl, tried);
  const { config, comptime } = best ?? { config: firstConfig(decl), comptime: sizesFor(decl, {}, tried) };
  const base: Specialisation = { dtypes, config, comptime };
  return { base, others: [...otherDTypes(decl, base), ...otherConfigs(decl, base)], pruned: best === null };
}

function* otherConfigs(decl: KernelDecl, base: Specialisation) {
  for (const [knob, values] of Object.entries(decl.tune))
    for (const value of values) {
      const config = { ...base.config, [knob]: value };
      if (value !== base.config[knob] && passes(decl, config, base.comptime))
        yield { name: knob, what: `${knob} = ${value}`, spec: { ...base, config } };
    }
}

function* otherDTypes(decl: KernelDecl, base: Specialisation) {
  for (const [name, choices] of Object.entries(decl.dtypes))
    for (const choice of choices.slice(1)) {
      const dtypes: Record<string, DType> = { ...base.dtypes, [name]: choice };
      yield { name, what: `${name} = ${choice}`, spec: { ...base, dtypes } };
    }
}

/** Whether prune lets a configuration live at some sizes of the dimensions that stay unknown until launch. */
function passes(decl: KernelDecl, config: Numbers, comptime: Numbers): boolean {
  const { prune } = decl;
  if (prune === null) return true;
  return runTimeSizes(decl).some((sizes) => evaluateExpr(prune, { ...sizes, ...config, ...comptime }) !== 0);
}

/** All large, all small, and one large among small ones: long sequences of few heads, many heads of short ones. */
function runTimeSizes(decl: KernelDecl): readonly Numbers[] {
  const all = (size: number) => Object.fromEntries(decl.dims.map((d) => [d, size]));
  return [all(1000), all(1), ...decl.dims.map((d) => ({ ...all(2), [d]: 4096 }))];
}

const firstConfig = (decl: KernelDecl): Numbers =>
  Object.fromEntries(Object.entries(decl.tune).map(([knob, values]) => [knob, values[0] ?? 1]));

/** Configurations in the order of declaration, the first knob slowest. */
function* configs(decl: KernelDecl): Generator<Numbers> {
  const knobs = Object.entries(decl.tune);
  const total = knobs.reduce((n, [, values]) => n * values.length, 1);
  for (let i = 0; i < total; i++) {
    let rest = i;
    const config: Record<string, number> = {};
    for (const [knob, values] of [...knobs].reverse()) {
      config[knob] = values[rest % values.length] ?? 1;
      rest = Math.floor(rest / values.length);
    }
    yield config;
  }
}

/** The allowed choice with the fewest equal extents among different names; null if prune rejects all that are tried. */
function bestSizes(decl: KernelDecl, tried: readonly number[]): { config: Numbers; comptime: Numbers } | null {
  let best: { config: Numbers; comptime: Numbers; equal: number } | null = null;
  let tries = 0;
  for (const config of configs(decl))
    for (const sizes of [tried, ...tried.map((s) => [s])]) {
      if (best?.equal === 0 || tries++ > MOST_TRIES) return best;
      const comptime = sizesFor(decl, config, sizes);
      const equal = coincidences(config, comptime);
      if ((best === null || equal < best.equal) && passes(decl, config, comptime)) best = { config, comptime, equal };
    }
  return best;
}

/** A size for each comptime dimension, different from those in use while the list lasts. */
function sizesFor(decl: KernelDecl, config: Numbers, sizes: readonly number[]): Numbers {
  const used = new Set(Object.values(extentsOf(config)));
  const comptime: Record<string, number> = {};
  for (const d of decl.comptime) {
    const size = sizes.find((s) => !used.has(s)) ?? sizes[0] ?? 64;
    comptime[d] = size;
    used.add(size);
  }
  return comptime;
}

const extentsOf = ({ warps: _w, stages: _s, ...extents }: Numbers): Numbers => extents;

function coincidences(config: Numbers, comptime: Numbers): number {
  const values = Object.values({ ...extentsOf(config), ...comptime });
  return values.length - new Set(values).size;
}
