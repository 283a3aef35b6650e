import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Artifacts, makeArtifacts } from '../driver/artifacts.js';
import { type KernelDecl, SourceProject } from '../driver/source.js';
import type { Target } from '../driver/target.js';
import { writeFiles } from '../driver/write-files.js';
import type { Context, Verb } from './context.js';
import { EXIT, type ExitCode } from './exit.js';
import { milliseconds, pairs } from './figures.js';
import { displayName } from './output.js';
import { namedTarget } from './passes.js';
import { type Settings, specialised } from './settings.js';
import { readKernels } from './sources.js';
import { watchFiles } from './watch.js';

interface CompileOptions extends Settings {
  readonly output: string;
  readonly target: string;
  readonly kernel?: string;
  readonly watch?: boolean;
}

/** `lac compile FILE -o DIR`: a manifest for each kernel and a program for each variant. All files are written, or none. */
export const compile: Verb<string, CompileOptions> = async (file, options, context) => {
  const targets = options.target.split(',').map((name) => namedTarget(name.trim()));
  const project = new SourceProject();
  const once = async (): Promise<ExitCode> => compileFile(project, file, targets, options, context);
  return options.watch === true ? watchFiles(context, project, once) : once();
};

function compileFile(
  project: SourceProject,
  file: string,
  targets: readonly Target[],
  options: CompileOptions,
  { output }: Context,
): ExitCode {
  const begin = performance.now();
  const kernels = readKernels(project, file, options.kernel, output);
  const readMs = performance.now() - begin;
  const source = { file: displayName(file), text: readFileSync(file, 'utf8') };
  const made = kernels.map((kernel) => {
    const { decl, dims } = specialised(kernel, options, output);
    const request = { dims, config: options.config ?? {}, dtypes: options.dtype ?? {}, targets };
    return { decl, artifacts: makeArtifacts(decl, source, request) };
  });
  for (const { artifacts } of made) output.diagnostics(artifacts.compiled.flatMap((c) => c.diagnostics));
  writeFiles(
    options.output,
    made.flatMap(({ artifacts }) => artifacts.files),
  );
  for (const { decl, artifacts } of made) tell(decl, artifacts, options, output, readMs);
  return EXIT.ok;
}

function tell(
  decl: KernelDecl,
  { files, compiled }: Artifacts,
  options: CompileOptions,
  output: Context['output'],
  readMs: number,
): void {
  const paths = files.map((f) => join(options.output, f.name));
  const compileMs = compiled.reduce((sum, c) => sum + c.timings.total, 0);
  const config = compiled[0]?.config ?? {};
  output.result(paths.join('\n'), { kernel: decl.name, files: paths, readMs, compileMs, config });
  const proper = compiled.map((c) => milliseconds(c.timings.total)).join(', ');
  output.detail(`${decl.name}: ${pairs(config)}; reading ${milliseconds(readMs)}, variants ${proper}`);
}
