import { readFileSync } from 'node:fs';
import type { CudaVariant, Manifest, PlanManifest } from '../../compiler/artifact.js';
import { evaluateExpr } from '../../compiler/expr.js';
import type { DType } from '../../compiler/ir/types.js';
import { configuredPlan, valuesOf } from '../../driver/bind.js';
import { dimNames } from '../../driver/choices.js';
import { compileKernel } from '../../driver/compile.js';
import { isTensorArg } from '../../driver/inputs.js';
import { manifestOf } from '../../driver/manifest.js';
import { type Declaration, isPlan, type KernelDecl, type PlanDecl } from '../../driver/source.js';
import { alignedFacts, type Target } from '../../driver/target.js';
import type { OutputFile } from '../../driver/write-files.js';
import { type Row, splitConfig } from './rows.js';

/** A row in one configuration, as lac_torch.py loads it. */
export interface Program {
  readonly manifest: Manifest | PlanManifest;
  readonly files: readonly OutputFile[];
  readonly compileMs: number;
}

type Numbers = Readonly<Record<string, number>>;

/**
 * One variant of each kernel, for tensors that are aligned as those of the benchmark are; the steps that a plan takes at
 * this shape, and no others.
 */
export function programOf(
  decl: KernelDecl | PlanDecl,
  row: Row,
  config: Row['configs'][number],
  dtype: string,
  target: Target,
): Program {
  const dtypes = dtypesOf(decl, dtype);
  if (!isPlan(decl)) {
    const { variant, file, ms } = variantOf(decl, row.shape, dtypes, config, target, decl.name);
    return { manifest: manifestWith(decl, [variant]), files: [file], compileMs: ms };
  }
  const { own, steps } = splitConfig(config);
  const { spec, uses, choice } = configuredPlan(decl, { dims: row.shape, dtypes, config: own, inner: steps, target });
  const known = { ...row.shape, ...choice.config };
  const taken = spec.steps.filter((step) => step.when === null || evaluateExpr(step.when, known) !== 0);
  const kernels: Record<string, Manifest> = {};
  const made: ReturnType<typeof variantOf>[] = [];
  for (const step of taken) {
    const use = uses[spec.steps.indexOf(step)];
    if (use === undefined) continue;
    const inner = Object.fromEntries([...use.dtypes].map(([name, d]) => [name, dtypes[d] ?? (d as DType)]));
    const knobs = { ...steps[use.decl.name], ...valuesOf(Object.entries(use.config), known) };
    const one = variantOf(use.decl, valuesOf(use.dims, known), inner, knobs, target, `${step.kernel}.${made.length}`);
    made.push(one);
    const variants = [...(kernels[step.kernel]?.variants ?? []), one.variant];
    kernels[step.kernel] = manifestWith(use.decl, variants);
  }
  const { args, comptime, tune, prune, tuneKey } = decl;
  const declared = { kernel: decl.name, args, dtypes: decl.dtypes, comptime, tune, prune, tuneKey };
  const source = { file: row.file, sha256: '' };
  return {
    manifest: { lac: 1, source, ...declared, ...spec, steps: taken, kernels },
    files: made.map(({ file }) => file),
    compileMs: made.reduce((sum, { ms }) => sum + ms, 0),
  };
}

const dtypesOf = ({ dtypes }: Declaration, wish: string): Record<string, DType> =>
  Object.fromEntries(Object.entries(dtypes).map(([name, all]) => [name, all.find((d) => d === wish) ?? 'f32']));

const manifestWith = (decl: KernelDecl, variants: Manifest['variants']): Manifest =>
  manifestOf(decl, readFileSync(decl.file, 'utf8'), decl.name, variants);

function variantOf(
  decl: KernelDecl,
  sizes: Numbers,
  dtypes: Readonly<Record<string, DType>>,
  config: Numbers,
  target: Target,
  name: string,
): { readonly variant: Manifest['variants'][number]; readonly file: OutputFile; readonly ms: number } {
  const facts = Object.fromEntries(decl.args.filter(isTensorArg).map((a) => [a.name, alignedFacts(target)]));
  const dims = Object.fromEntries(Object.entries(sizes).filter(([dim]) => dimNames(decl).includes(dim)));
  const { variant, timings } = compileKernel(decl, { dtypes, dims, config, facts, target });
  const { text, ...bare } = variant as CudaVariant;
  const file = { name: `${name}.ptx`, text };
  const ms = timings.lower + timings.passes + timings.codegen;
  return { variant: { ...bare, text: '', file: file.name }, file, ms };
}
