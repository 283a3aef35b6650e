import { createHash } from 'node:crypto';
import { dirname, join, relative } from 'node:path';
import type { Manifest, PlanManifest } from '../compiler/artifact.js';
import { type Expr, evaluateExpr, namesOf } from '../compiler/expr.js';
import type { DType } from '../compiler/ir/types.js';
import {
  type ArtifactRequest,
  type Artifacts,
  dtypeChoices,
  manifestFile,
  programFiles,
  variantsFor,
  variantsWithFiles,
} from './artifacts.js';
import { configuredPlan, valuesOf } from './bind.js';
import { checkDims, comptimeOf } from './choices.js';
import type { Compiled } from './compile.js';
import type { StepUse } from './expand-plan.js';
import { manifestOf } from './manifest.js';
import type { KernelDecl, PlanDecl } from './source.js';
import type { Target } from './target.js';

interface SourceText {
  readonly file: string;
  readonly text: string;
}

/**
 * A plan in one configuration, that for the first target and dtypes, with every variant of the kernels that its steps may
 * launch. Steps that the configuration and the comptime sizes rule out are left away.
 */
export function makePlanArtifacts(decl: PlanDecl, source: SourceText, request: ArtifactRequest): Artifacts {
  checkDims(decl, request.dims);
  const choices = dtypeChoices(decl, request.dtypes);
  const [target, dtypes] = [request.targets[0], choices[0]];
  if (target === undefined || dtypes === undefined) return { manifest: empty(decl, source), files: [], compiled: [] };
  const { spec, uses, choice } = configuredPlan(decl, { ...request, target, dtypes });
  const fixed = { ...choice.config, ...comptimeOf(decl, request.dims) };
  const kept = uses.map(({ when }) => when === null || mayHold(when, fixed));
  const steps = spec.steps.filter((_, i) => kept[i]);
  const made = new Map<string, KernelVariants>();
  for (const [i, step] of spec.steps.entries()) {
    const use = uses[i];
    if (use === undefined || !kept[i]) continue;
    const kernel = made.get(step.kernel) ?? new KernelVariants(use.decl);
    made.set(step.kernel, kernel);
    const known = { ...request.dims, ...choice.config };
    for (const one of request.targets) for (const each of choices) kernel.add(use, known, each, one);
  }
  const kernels = Object.fromEntries(
    [...made].map(([key, k]) => [key, k.manifest(`${decl.name}.${key}`, decl, source)]),
  );
  const manifest: PlanManifest = { ...empty(decl, source), ...spec, steps, kernels };
  const files = [...Object.values(kernels).flatMap(programFiles), manifestFile(manifest)];
  return { manifest, files, compiled: [...made.values()].flatMap((k) => k.compiled) };
}

function empty(
  { name, args, dtypes, comptime, tune, prune, tuneKey }: PlanDecl,
  { file, text }: SourceText,
): PlanManifest {
  const declared = { kernel: name, args, dtypes, comptime, tune, prune, tuneKey };
  return { lac: 1, source: sourceOf(file, text), ...declared, config: {}, temps: [], steps: [], kernels: {} };
}

const sourceOf = (file: string, text: string): Manifest['source'] => ({
  file,
  sha256: createHash('sha256').update(text).digest('hex'),
});

/** Whether a condition may hold of a launch with these sizes fixed. */
function mayHold(e: Expr, fixed: Readonly<Record<string, number>>): boolean {
  if ([...namesOf(e)].every((name) => fixed[name] !== undefined)) return evaluateExpr(e, fixed) !== 0;
  return typeof e !== 'object' || e[0] !== '&&' || (e.slice(1) as Expr[]).every((side) => mayHold(side, fixed));
}

/** Programs of one kernel of a plan. */
class KernelVariants {
  readonly compiled: Compiled[] = [];
  readonly #decl: KernelDecl;
  readonly #done = new Set<string>();

  constructor(decl: KernelDecl) {
    this.#decl = decl;
  }

  /** For the dtypes and sizes that a step has, once. */
  add(
    use: StepUse,
    known: Readonly<Record<string, number>>,
    planDtypes: Readonly<Record<string, DType>>,
    target: Target,
  ): void {
    const dtypes = Object.fromEntries([...use.dtypes].map(([name, d]) => [name, planDtypes[d] ?? (d as DType)]));
    const dims = valuesOf(use.dims, known);
    const config = valuesOf(Object.entries(use.config), known);
    const key = JSON.stringify([target, dtypes, config, comptimeOf(this.#decl, dims)]);
    if (this.#done.has(key)) return;
    this.#done.add(key);
    this.compiled.push(...variantsFor(this.#decl, { dims, config }, target, dtypes));
  }

  manifest(prefix: string, plan: PlanDecl, source: SourceText): Manifest {
    const { file, text } = this.#source(plan, source);
    return manifestOf(this.#decl, text, file, variantsWithFiles(prefix, this.compiled));
  }

  /** Kernels of other files are named as the plan's file is. */
  #source(plan: PlanDecl, source: SourceText): SourceText {
    const { file, body } = this.#decl;
    const text = body.project.text(file);
    if (file === plan.file || text === undefined) return source;
    return { file: join(dirname(source.file), relative(dirname(plan.file), file)), text };
  }
}
