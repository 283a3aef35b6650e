import type { Code } from '../compiler/diag/codes.js';
import type { Diagnostic } from '../compiler/diag/diagnostic.js';
import { diagnostic } from '../compiler/diag/diagnostic.js';
import { type Lowered, lowerKernel, type Specialisation } from './lower/kernel.js';
import type { Observer } from './lower/observer.js';
import { atomicWarnings } from './lower/warn-atomics.js';
import { infinityWarnings } from './lower/warn-infinity.js';
import { planWithoutEffect } from './plan-without-effect.js';
import { type KernelDecl, withValues } from './read/declaration.js';
import { Findings, spanOf } from './read/diagnostics.js';
import { isPlan, type PlanDecl } from './read/plan-declaration.js';
import type { SourceProject } from './read/project.js';
import { type Representatives, representatives } from './representatives.js';
import { withoutEffect } from './without-effect.js';

export interface FileCheck {
  readonly kernels: readonly KernelDecl[];
  readonly plans: readonly PlanDecl[];
  readonly diagnostics: readonly Diagnostic[];
}

/** Everything that can be said about a file without running or compiling it: its declarations, and all its kernels. */
export const checkFile = (project: SourceProject, file: string): FileCheck => finished(checkingFile(project, file));

/** `checkFile` in steps of one lowering, for who has something else to do, or may no longer want the answer. */
export function* checkingFile(
  project: SourceProject,
  file: string,
  observer: Observer | null = null,
): Generator<void, FileCheck> {
  const { kernels, unexported, plans, unexportedPlans, diagnostics } = project.read(file, observer);
  const findings = new Findings();
  findings.addAll(diagnostics);
  const own = [...plans, ...unexportedPlans].map((plan) => planVariants(plan, findings));
  const inPlans = own.flatMap(([plan]) => kernelsOf(plan));
  const seen = new Set<string>();
  const unseen = (k: KernelDecl): boolean => seen.size < seen.add(identityOf(k)).size;
  const sources = new Set<string>();
  for (const k of [...kernels, ...unexported, ...inPlans].filter(unseen)) {
    // What `.with` gives is checked whole as the first kernel of its source, and here for its own options.
    if (sources.size < sources.add(sourceOf(k)).size) findings.addAll(yield* checkingKernel(k, observer));
    else {
      yield;
      findings.addAll(representativeLowering(k, observer).first.diagnostics);
    }
  }
  for (const k of own.flatMap(([, ...others]) => others.flatMap(kernelsOf)).filter(unseen)) {
    yield;
    findings.addAll(representativeLowering(k, null).first.diagnostics);
  }
  if (!findings.hasErrors) for (const variants of own) findings.addAll(planWithoutEffect(variants));
  return { kernels, plans, diagnostics: findings.list };
}

/** The same for kernels of one body. */
function sourceOf({ body: { fn } }: KernelDecl): string {
  const { file, start } = spanOf(fn.node);
  return `${file} ${start}`;
}

/** The same for kernels of one body with the same options. */
const identityOf = (k: KernelDecl): string => `${sourceOf(k)} ${JSON.stringify(k.options)}`;

/** A plan with the options that it declares, then with each boolean one the other way. */
function planVariants(plan: PlanDecl, findings: Findings): readonly [PlanDecl, ...PlanDecl[]] {
  const others = Object.entries(plan.options).flatMap(([name, value]) => {
    if (typeof value !== 'boolean') return [];
    const { decl, diagnostics } = plan.reread(new Map([[name, { kind: 'bool', value: !value }]]));
    findings.addAll(diagnostics);
    return decl ?? [];
  });
  return [plan, ...others];
}

/** Kernels that a plan runs, those of other files too. */
const kernelsOf = (plan: PlanDecl): KernelDecl[] =>
  plan.runs.flatMap(({ kernel }) => (isPlan(kernel) ? kernelsOf(kernel) : [kernel]));

/**
 * Lowers a kernel at representative sizes: one base variant, then every other value of each knob, dtype parameter and
 * boolean option, one at a time. A finding that is new in a later variant says which one.
 */
export const checkKernel = (decl: KernelDecl): readonly Diagnostic[] => finished(checkingKernel(decl, null));

function finished<T>(steps: Generator<void, T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

function* checkingKernel(decl: KernelDecl, observer: Observer | null): Generator<void, readonly Diagnostic[]> {
  const findings = new Findings();
  const { first, base, others, pruned } = representativeLowering(decl, observer);
  if (pruned)
    findings.add(
      diagnostic('LAC0309', `prune rejects every configuration of ${decl.name} that was tried`, decl.span, {
        severity: 'warning',
      }),
    );
  const lowered = [first];
  findings.addAll(first.diagnostics);
  warn(first, findings);
  // A kernel that is too large is so in every variant, each time at another place.
  if (findings.list.some((d) => d.code === 'LAC0007')) return findings.list;
  for (const { name, what, spec } of others)
    if (first.named.has(name) || Object.hasOwn(decl.dtypes, name)) {
      yield;
      lowered.push(addVariant(decl, spec, what, findings));
    }
  for (const [name, value] of Object.entries(decl.options))
    if (typeof value === 'boolean' && first.named.has(name)) {
      yield;
      const flipped = withValues(decl, new Map([[name, { kind: 'bool', value: !value }]]));
      lowered.push(addVariant(flipped, base, `${name} = ${String(!value)}`, findings, observer));
    }
  // What is wrong with a kernel may be why it does not use something.
  if (!findings.hasErrors) findings.addAll(withoutEffect(decl, lowered));
  return findings.list;
}

/** An extent that is too large or not whole, a reshape to another size: it may be the choice of sizes. */
const OF_SIZES: ReadonlySet<Code> = new Set(['LAC0215', 'LAC0221']);

/** The base variant, lowered; at small sizes if it is only the choice of sizes that does not fit. */
function representativeLowering(
  decl: KernelDecl,
  observer: Observer | null,
): Representatives & { readonly first: Lowered } {
  const usual = representatives(decl);
  const first = lowerKernel(decl, usual.base, observer);
  const unfit = ({ diagnostics }: Lowered): boolean => diagnostics.some((d) => OF_SIZES.has(d.code));
  if (!unfit(first) || decl.comptime.length === 0) return { ...usual, first };
  const small = representatives(decl, { small: true });
  const again = lowerKernel(decl, small.base);
  return unfit(again) || small.pruned ? { ...usual, first } : { ...small, first: again };
}

function addVariant(
  decl: KernelDecl,
  spec: Specialisation,
  what: string,
  findings: Findings,
  observer: Observer | null = null,
): Lowered {
  const lowered = lowerKernel(decl, spec, observer);
  for (const d of lowered.diagnostics)
    findings.add(d.span === null ? d : { ...d, labels: [...d.labels, { span: d.span, text: `with ${what}` }] });
  warn(lowered, findings);
  return lowered;
}

function warn(lowered: Lowered, findings: Findings): void {
  for (const kernel of lowered.module?.kernels ?? [])
    findings.addAll([...infinityWarnings(kernel), ...atomicWarnings(kernel)]);
}
