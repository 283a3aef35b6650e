import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Diagnostic } from '../compiler/diag/diagnostic.js';
import { type Artifacts, makeArtifacts } from '../driver/artifacts.js';
import type { Compiled } from '../driver/compile.js';
import { makePlanArtifacts } from '../driver/plan-artifacts.js';
import { type Declaration, isPlan, SourceProject } from '../driver/source.js';
import type { Target } from '../driver/target.js';
import { writeFiles } from '../driver/write-files.js';
import type { Context, Verb } from './context.js';
import { EXIT, type ExitCode } from './exit.js';
import { milliseconds, pairs } from './figures.js';
import { displayName } from './output.js';
import { namedTarget } from './passes.js';
import { type Settings, specialised } from './settings.js';
import { readDeclarations } from './sources.js';
import { watchFiles } from './watch.js';

interface CompileOptions extends Settings {
  readonly output: string;
  readonly target: string;
  readonly kernel?: string;
  readonly watch?: boolean;
}

/** `lac compile FILE -o DIR`: a manifest for each kernel and a program for each variant. All files are written, or none. */
export const compile: Verb<string, CompileOptions> = async (file, options, context) => {
  const targets = namedTargets(options.target);
  const project = new SourceProject();
  const once = async (): Promise<ExitCode> => compileFile(project, file, targets, options, context);
  return options.watch === true ? watchFiles(context, project, once) : once();
};

/** Two names may mean one target: sm_95 is sm_90 to us. */
function namedTargets(names: string): readonly Target[] {
  const targets = names.split(',').map((name) => namedTarget(name.trim()));
  return [...new Map(targets.map((target) => [JSON.stringify(target), target])).values()];
}

function compileFile(
  project: SourceProject,
  file: string,
  targets: readonly Target[],
  options: CompileOptions,
  { output }: Context,
): ExitCode {
  const begin = performance.now();
  const kernels = readDeclarations(project, file, options.kernel, output);
  const readMs = performance.now() - begin;
  const source = { file: displayName(file), text: readFileSync(file, 'utf8') };
  const made = kernels.map((kernel) => {
    const { decl, dims } = specialised(kernel, options, output);
    const request = { dims, config: options.config ?? {}, dtypes: options.dtype ?? {}, targets };
    return {
      decl,
      artifacts: isPlan(decl) ? makePlanArtifacts(decl, source, request) : makeArtifacts(decl, source, request),
    };
  });
  for (const { artifacts } of made) output.diagnostics(distinct(artifacts.compiled.flatMap((c) => c.diagnostics)));
  writeFiles(
    options.output,
    made.flatMap(({ artifacts }) => artifacts.files),
  );
  for (const { decl, artifacts } of made) tell(decl, artifacts, options, output, readMs);
  return EXIT.ok;
}

/** Variants of one source warn of the same. */
const distinct = (list: readonly Diagnostic[]): Diagnostic[] =>
  list.filter((d, i) => list.findIndex((e) => e.message === d.message && e.span?.start === d.span?.start) === i);

function tell(
  decl: Declaration,
  { manifest, files, compiled }: Artifacts,
  options: CompileOptions,
  output: Context['output'],
  readMs: number,
): void {
  const paths = files.map((f) => join(options.output, f.name));
  const compileMs = compiled.reduce((sum, c) => sum + c.timings.total, 0);
  const config = 'steps' in manifest ? manifest.config : (compiled[0]?.config ?? {});
  const configs = compiled.map((c) => ({ variant: variantName(c), config: c.config, chosen: c.chosen }));
  output.result(paths.join('\n'), { kernel: decl.name, files: paths, readMs, compileMs, config, configs });
  output.detail(`${decl.name}: reading ${milliseconds(readMs)}`);
  for (const c of compiled) output.detail(`  ${variantName(c)}: ${pairs(c.config)}, ${c.chosen}; ${effort(c)}`);
}

function variantName({ variant }: Compiled): string {
  const target = variant.target === 'cuda' ? `sm_${variant.sm}` : variant.target;
  return [target, ...Object.values(variant.when.dtypes)].join(' ');
}

/** `120 ms, 3 refused, 40 skipped`. */
function effort({ timings, refused, skipped }: Compiled): string {
  const counts = [`${refused.length} refused`, `${skipped} skipped`].filter((text) => !text.startsWith('0 '));
  return [milliseconds(timings.total), ...counts].join(', ');
}
