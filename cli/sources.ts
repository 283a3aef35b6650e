import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { isPlan, type KernelDecl, type PlanDecl, type SourceProject } from '../driver/source.js';
import type { Output } from './output.js';

/** Folders that hold no kernels of this project. */
const SKIPPED = new Set(['node_modules', 'dist', 'build']);

/**
 * Files to check: those named, and in folders every .ts file that mentions the language, so that references, tests and
 * hosts are not read as kernels.
 */
export function kernelFiles(paths: readonly string[], mentions: (file: string) => boolean): string[] {
  return paths.flatMap((path) => (isFolder(path) ? filesBelow(path).filter(mentions) : [path]));
}

function isFolder(path: string): boolean {
  return existsSync(path) && statSync(path).isDirectory();
}

function filesBelow(folder: string): string[] {
  const entries = readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1));
  return entries.flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return SKIPPED.has(entry.name) || entry.name.startsWith('.') ? [] : filesBelow(path);
    return /(?<!\.d|\.ref|\.test)\.ts$/.test(entry.name) ? [path] : [];
  });
}

/** Kernels and plans of a file, or the one called `name`. Errors of the source are thrown; warnings are printed. */
export function readDeclarations(
  project: SourceProject,
  file: string,
  name: string | undefined,
  output: Output,
): (KernelDecl | PlanDecl)[] {
  const { kernels, plans, diagnostics } = project.read(file);
  const errors = diagnostics.filter((d) => d.severity === 'error');
  if (errors.length > 0) throw new LacError(errors);
  output.diagnostics(diagnostics);
  const all = [...kernels, ...plans];
  const chosen = name === undefined ? all : all.filter((k) => k.name === name);
  if (chosen.length > 0) return chosen;
  const has = all.length === 0 ? 'it exports no kernel' : `it has ${all.map((k) => k.name).join(', ')}`;
  const message = name === undefined ? `${file} has no kernels` : `${file} has no kernel ${name}`;
  throw new LacError(diagnostic('LAC0904', message, null, { help: [has] }));
}

/** As `readDeclarations`, with the kernels of plans in their place, each once. */
export const readKernels = (...of: Parameters<typeof readDeclarations>): KernelDecl[] => [
  ...new Set(readDeclarations(...of).flatMap(kernelsOf)),
];

const kernelsOf = (decl: KernelDecl | PlanDecl): KernelDecl[] =>
  isPlan(decl) ? decl.runs.flatMap((run) => kernelsOf(run.kernel)) : [decl];
