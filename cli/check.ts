import { readFileSync } from 'node:fs';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { checkTuned } from '../driver/check-tuned.js';
import { checkFile, declaresKernels, SourceProject } from '../driver/source.js';
import type { Context, Verb } from './context.js';
import { EXIT, type ExitCode, exitCodeOf } from './exit.js';
import { milliseconds } from './figures.js';
import { displayName } from './output.js';
import { kernelFiles } from './sources.js';
import { watchFiles } from './watch.js';

interface CheckOptions {
  readonly watch?: boolean;
}

/** `lac check [FILES]`: shapes, dtypes, syntax, and tuned configurations beside the file. Findings are the result, so that they go to stdout. */
export const check: Verb<readonly string[], CheckOptions> = async (paths, { watch = false }, context) => {
  const roots = paths.length > 0 ? paths : ['.'];
  const project = new SourceProject();
  if (!watch) return checkAll(project, roots, context, paths.length === 0);
  return watchFiles(context, project, () => checkAll(project, roots, context, false));
};

function mayDeclareKernels(file: string): boolean {
  try {
    return declaresKernels(readFileSync(file, 'utf8'));
  } catch {
    return false;
  }
}

async function checkAll(
  project: SourceProject,
  roots: readonly string[],
  { output }: Context,
  guessed: boolean,
): Promise<ExitCode> {
  const begin = performance.now();
  const files = kernelFiles(roots, mayDeclareKernels);
  if (files.length === 0 && guessed) {
    const help = ['name files or folders: lac check kernels'];
    throw new LacError(diagnostic('LAC0904', 'no kernels below the current folder', null, { help }));
  }
  let kernels = 0;
  const findings = files.flatMap((file) => {
    const result = checkFile(project, file);
    kernels += result.kernels.length + result.plans.length;
    const isRead = result.diagnostics.every((d) => d.severity !== 'error');
    return isRead ? [...result.diagnostics, ...checkTuned(project, file)] : result.diagnostics;
  });
  output.diagnostics(findings, 'stdout');
  const errors = findings.filter((d) => d.severity === 'error').length;
  const ms = performance.now() - begin;
  const what = `${kernels} kernel${kernels === 1 ? '' : 's'} in ${files.length === 1 ? displayName(files[0] ?? '') : `${files.length} files`}`;
  const summary = { files: files.length, kernels, errors, warnings: findings.length - errors, ms };
  if (errors === 0 && !output.options.quiet) output.result(`ok: ${what} (${milliseconds(ms)})`, summary);
  else output.event('result', summary);
  return errors === 0 ? EXIT.ok : exitCodeOf(findings);
}
