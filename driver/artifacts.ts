import type { ArgFacts, CudaVariant, Manifest, PlanManifest, WgslVariant } from '../compiler/artifact.js';
import { Bug, LacError } from '../compiler/diag/diagnostic.js';
import type { DType } from '../compiler/ir/types.js';
import { checkDims } from './choices.js';
import { type Compiled, type CompileRequest, compileKernel } from './compile.js';
import type { Config } from './configurations.js';
import { isTensorArg } from './inputs.js';
import { manifestOf } from './manifest.js';
import type { Dims } from './reference.js';
import type { Declaration, KernelDecl } from './source.js';
import { alignedFacts, GENERIC, type Target } from './target.js';
import type { OutputFile } from './write-files.js';

export interface ArtifactRequest {
  readonly dims: Dims;
  readonly config: Config;
  /** Choices to compile for each dtype parameter; all of them where one is missing. */
  readonly dtypes: Readonly<Record<string, string>>;
  /** Each gives its own variants, in one manifest. */
  readonly targets: readonly Target[];
}

export interface Artifacts {
  readonly manifest: Manifest | PlanManifest;
  /** Program texts, and the manifest last. */
  readonly files: readonly OutputFile[];
  readonly compiled: readonly Compiled[];
}

/** Every variant of a kernel: choices of dtypes, times what is assumed of its tensors. Most special first. */
export function makeArtifacts(
  decl: KernelDecl,
  source: { file: string; text: string },
  request: ArtifactRequest,
): Artifacts {
  checkDims(decl, request.dims);
  const choices = dtypeChoices(decl, request.dtypes);
  const compiled = request.targets.flatMap((target) =>
    choices.flatMap((dtypes) => variantsFor(decl, request, target, dtypes)),
  );
  const manifest = manifestOf(decl, source.text, source.file, variantsWithFiles(decl.name, compiled));
  return { manifest, files: [...programFiles(manifest), manifestFile(manifest)], compiled };
}

/** `name` begins the names of the files. */
export const variantsWithFiles = (name: string, compiled: readonly Compiled[]): Manifest['variants'] =>
  compiled.map((c) => withFile(name, programOf(c)));

export const programFiles = ({ variants }: Manifest): OutputFile[] =>
  variants.map(({ file = '', text }) => ({ name: file, text }));

/** The manifest as a file: program texts lie in their own. */
export function manifestFile(manifest: Manifest | PlanManifest): OutputFile {
  const bare =
    'kernels' in manifest
      ? {
          ...manifest,
          kernels: Object.fromEntries(Object.entries(manifest.kernels).map(([key, k]) => [key, withoutTexts(k)])),
        }
      : withoutTexts(manifest);
  return { name: `${manifest.kernel}.json`, text: `${JSON.stringify(bare, null, 1)}\n` };
}

const withoutTexts = (manifest: Manifest) => ({
  ...manifest,
  variants: manifest.variants.map(({ text: _text, ...rest }) => rest),
});

/** With what is usually true of tensors assumed, and without: in one configuration, if it fits both. */
export function variantsFor(
  decl: KernelDecl,
  { dims, config }: Pick<ArtifactRequest, 'dims' | 'config'>,
  target: Target,
  dtypes: Readonly<Record<string, DType>>,
): Compiled[] {
  const request = { dims, config, target, dtypes };
  const aligned = programFor(decl, request, target);
  const generic = compileLike(aligned, decl, { ...request, facts: factsForAll(decl, GENERIC) });
  // Assumptions that change nothing are not worth a variant.
  return textOf(aligned) === textOf(generic) ? [generic] : [aligned, generic];
}

/** A program that assumes what is usually true of tensors. Throws as `compileKernel` does. */
export function programFor(
  decl: KernelDecl,
  request: Omit<CompileRequest, 'facts' | 'target'>,
  target: Target,
): Compiled & { readonly variant: Program } {
  const compiled = compileKernel(decl, { ...request, target, facts: factsForAll(decl, alignedFacts(target)) });
  return { ...compiled, variant: programOf(compiled) };
}

function compileLike(first: Compiled, decl: KernelDecl, request: CompileRequest): Compiled {
  try {
    return { ...compileKernel(decl, { ...request, config: first.config }), chosen: first.chosen };
  } catch (error) {
    const tooLarge = error instanceof LacError && error.diagnostics.every((d) => d.code.startsWith('LAC05'));
    if (!tooLarge) throw error;
    return compileKernel(decl, request);
  }
}

const factsForAll = (decl: KernelDecl, facts: ArgFacts): Record<string, ArgFacts> =>
  Object.fromEntries(decl.args.filter(isTensorArg).map((a) => [a.name, a.dims.length > 0 ? facts : GENERIC]));

type Program = WgslVariant | CudaVariant;

function programOf({ variant }: Compiled): Program {
  if (variant.target === 'interpret') throw new Bug('an artifact for the interpreter');
  return variant;
}

const textOf = (compiled: Compiled): string => programOf(compiled).text;

/** Every combination of the choices that are open. */
export function dtypeChoices(decl: Declaration, given: Readonly<Record<string, string>>): Record<string, DType>[] {
  let combinations: Record<string, DType>[] = [{}];
  for (const [name, choices] of Object.entries(decl.dtypes)) {
    const wish = given[name] ?? given['*'];
    const open = wish === undefined ? choices : [wish as DType];
    combinations = combinations.flatMap((c) => open.map((choice) => ({ ...c, [name]: choice })));
  }
  return combinations;
}

/** `lightningFwd.D64.E64.bf16.aligned.wgsl`, `lightningFwd.D64.E64.bf16.generic.sm_90.ptx`. */
function withFile(kernel: string, variant: Program): Program & { file: string } {
  const { dtypes, comptime, facts } = variant.when;
  const sizes = Object.entries(comptime).map(([name, size]) => `${name}${size}`);
  const parts = [kernel, ...sizes, ...Object.values(dtypes), assumption(Object.values(facts))];
  const ending = variant.target === 'webgpu' ? 'wgsl' : `sm_${variant.sm}.ptx`;
  return { ...variant, file: `${parts.join('.')}.${ending}` };
}

/** What a variant assumes of tensors, in a word: rows at multiples, or rows without gaps, or nothing. */
function assumption(facts: readonly ArgFacts[]): string {
  if (facts.some((f) => f.align > 1)) return 'aligned';
  return facts.some((f) => f.contiguous) ? 'contiguous' : 'generic';
}
