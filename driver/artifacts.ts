import type { ArgFacts, Manifest, WgslVariant } from '../compiler/artifact.js';
import { Bug } from '../compiler/diag/diagnostic.js';
import type { DType } from '../compiler/ir/types.js';
import { checkDims } from './choices.js';
import { type Compiled, compileKernel } from './compile.js';
import type { Config } from './configurations.js';
import { isTensorArg } from './inputs.js';
import { manifestOf } from './manifest.js';
import type { Dims } from './reference.js';
import type { KernelDecl } from './source.js';
import { ALIGNED, GENERIC, type Target } from './target.js';
import type { OutputFile } from './write-files.js';

export interface ArtifactRequest {
  readonly dims: Dims;
  readonly config: Config;
  /** Choices to compile for each dtype parameter; all of them where one is missing. */
  readonly dtypes: Readonly<Record<string, string>>;
  readonly target: Target;
}

export interface Artifacts {
  readonly manifest: Manifest;
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
  const { dims, config, target } = request;
  const compiled = dtypeChoices(decl, request.dtypes).flatMap((dtypes) => {
    const made = [ALIGNED, GENERIC].map((f) =>
      compileKernel(decl, { dims, config, target, dtypes, facts: factsForAll(decl, f) }),
    );
    // Assumptions that change nothing are not worth a variant.
    return textOf(made[0]) === textOf(made[1]) ? made.slice(1) : made;
  });
  const variants = compiled.map((c) => withFile(decl.name, wgslOf(c)));
  const files = variants.map((v) => ({ name: v.file, text: v.text }));
  const manifest = manifestOf(decl, source.text, source.file, variants);
  const bare = { ...manifest, variants: variants.map(({ text: _text, ...rest }) => rest) };
  const json = { name: `${decl.name}.json`, text: `${JSON.stringify(bare, null, 1)}\n` };
  return { manifest, files: [...files, json], compiled };
}

const factsForAll = (decl: KernelDecl, facts: ArgFacts): Record<string, ArgFacts> =>
  Object.fromEntries(decl.args.filter(isTensorArg).map((a) => [a.name, a.dims.length > 0 ? facts : GENERIC]));

function wgslOf({ variant }: Compiled): WgslVariant {
  if (variant.target !== 'webgpu') throw new Bug(`an artifact was compiled for ${variant.target}`);
  return variant;
}

const textOf = (compiled: Compiled | undefined): string | null =>
  compiled === undefined ? null : wgslOf(compiled).text;

/** Every combination of the choices that are open. */
function dtypeChoices(decl: KernelDecl, given: Readonly<Record<string, string>>): Record<string, DType>[] {
  let combinations: Record<string, DType>[] = [{}];
  for (const [name, choices] of Object.entries(decl.dtypes)) {
    const wish = given[name] ?? given['*'];
    const open = wish === undefined ? choices : [wish as DType];
    combinations = combinations.flatMap((c) => open.map((choice) => ({ ...c, [name]: choice })));
  }
  return combinations;
}

/** `lightningFwd.D64.E64.bf16.aligned.wgsl`. */
function withFile(kernel: string, variant: WgslVariant): WgslVariant & { file: string } {
  const { dtypes, comptime, facts } = variant.when;
  const aligned = Object.values(facts).some((f) => f.align > 1);
  const sizes = Object.entries(comptime).map(([name, size]) => `${name}${size}`);
  const parts = [kernel, ...sizes, ...Object.values(dtypes), aligned ? 'aligned' : 'generic'];
  return { ...variant, file: `${parts.join('.')}.wgsl` };
}
