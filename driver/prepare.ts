import type { Diagnostic } from '../compiler/diag/diagnostic.js';
import type { Kernel } from '../compiler/ir/module.js';
import { configText } from '../runtime/config-text.js';
import type { Device, HeldPlan, LaunchArgs, LaunchPlan, Tensor } from '../runtime/index.js';
import { bindDeclaredPlan, bindKernel, type PlanHow, type PlannedLaunch, type Untried } from './bind.js';
import type { Compiled, CompileTimings } from './compile.js';
import type { Config } from './configurations.js';
import { isPlan, type KernelDecl, type PlanDecl } from './source.js';

/** What a run launches, and how it came to that. */
export interface Prepared {
  readonly launches: HeldPlan;
  /** Tensor arguments that a launch touches. */
  readonly touched: ReadonlySet<string>;
  readonly config: Config;
  /** Knobs of the kernels that a plan runs; those that run in one configuration only. */
  readonly steps: ReadonlyMap<KernelDecl, Config>;
  /** IR of every program, after the passes. */
  readonly programs: () => readonly Kernel[];
  /** Of all programs. */
  readonly timings: CompileTimings;
  readonly diagnostics: readonly Diagnostic[];
  /** Why this configuration, for people. */
  readonly chosen: string;
  readonly refused: Compiled['refused'];
  readonly skipped: number;
  /** Configurations from elsewhere that nobody has tried on this device. */
  readonly untried: readonly Untried[];
}

export interface PrepareRequest {
  readonly decl: KernelDecl | PlanDecl;
  readonly device: Device;
  readonly tensors: Readonly<Record<string, Tensor>>;
  readonly scalars: Readonly<Record<string, number>>;
  readonly config: Config;
  readonly how: PlanHow;
}

/** Compiles and binds a kernel, or every step of a plan. Throws LacError for whatever is refused. */
export function prepare({ decl, device, tensors, scalars, config, how }: PrepareRequest): Prepared {
  const args: LaunchArgs = { ...scalars, ...tensors };
  if (isPlan(decl)) return ofPlan(bindDeclaredPlan(decl, device, args, config, how), tensors);
  const { steps: _, ...own } = how;
  const { plan, compiled, untried } = bindKernel(decl, device, args, config, own);
  const launches: HeldPlan = { key: plan, launches: [plan], free: () => {} };
  return {
    ...compiled,
    programs: () => [compiled.ir()],
    steps: new Map(),
    launches,
    touched: touchedBy([plan], tensors),
    untried,
  };
}

function ofPlan(
  { bound, choice, compiled, untried }: PlannedLaunch,
  tensors: Readonly<Record<string, Tensor>>,
): Prepared {
  const launches = bound.hold(tensors);
  const steps = compiled.map((c) => `${c.decl.name} ${configText(c.config, ' ')} ${c.chosen}`.replace(/ +/g, ' '));
  return {
    launches,
    touched: touchedBy(launches.launches, tensors),
    config: choice.config,
    steps: stepsOf(compiled),
    programs: () => compiled.map((c) => c.ir()),
    timings: total(compiled.map((c) => c.timings)),
    diagnostics: compiled.flatMap((c) => c.diagnostics),
    chosen: [choice.why, ...steps].join('; '),
    refused: compiled.flatMap((c) => c.refused),
    skipped: compiled.reduce((sum, c) => sum + c.skipped, 0),
    untried,
  };
}

function stepsOf(compiled: readonly Compiled[]): ReadonlyMap<KernelDecl, Config> {
  const differ = (a: Compiled): boolean =>
    compiled.some((b) => a.decl === b.decl && configText(a.config) !== configText(b.config));
  return new Map(compiled.filter((c) => !differ(c)).map((c) => [c.decl, c.config]));
}

function touchedBy(launches: readonly LaunchPlan[], tensors: Readonly<Record<string, Tensor>>): Set<string> {
  // A step may see a tensor through a view.
  const used = new Set(launches.flatMap((plan) => Object.values(plan.tensors).map((tensor) => tensor?.storage)));
  return new Set(Object.keys(tensors).filter((name) => used.has(tensors[name]?.storage)));
}

const total = (timings: readonly CompileTimings[]): CompileTimings => {
  const sum = (of: (t: CompileTimings) => number): number => timings.reduce((n, t) => n + of(t), 0);
  return {
    lower: sum((t) => t.lower),
    passes: sum((t) => t.passes),
    codegen: sum((t) => t.codegen),
    total: sum((t) => t.total),
  };
};
