import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { loadReference, referenceFileOf } from '../driver/load-reference.js';
import type { Reference } from '../driver/reference.js';
import type { KernelDecl, PlanDecl } from '../driver/source.js';
import { displayName, type Output } from './output.js';

export interface Job {
  readonly decl: KernelDecl | PlanDecl;
  readonly reference: Reference | null;
}

interface Wanted {
  /** A file; true when only the default is meant; false: run without. */
  readonly check?: string | boolean;
  readonly kernel?: string;
}

/** Kernels that have a reference; all of them, without one, where `check` is false. */
export async function withReferences(
  file: string,
  kernels: readonly (KernelDecl | PlanDecl)[],
  { check, kernel }: Wanted,
  output: Output,
  help = 'write it there, name another file with --check, or run with --no-check',
): Promise<Job[]> {
  const path = typeof check === 'string' ? check : referenceFileOf(file);
  if (path === null) {
    if (check === false) return kernels.map((decl) => ({ decl, reference: null }));
    const expected = displayName(file).replace(/(\.[mc]?ts)?$/, '.ref$1');
    const message = `${displayName(file)} has no reference: ${expected} does not exist`;
    throw new LacError(diagnostic('LAC0902', message, null, { help: [help] }));
  }
  const jobs: Job[] = [];
  for (const decl of kernels) {
    try {
      jobs.push({ decl, reference: await loadReference(path, decl.name) });
    } catch (error) {
      const missing = error instanceof LacError && error.diagnostics.every((d) => d.code === 'LAC0902');
      if (!missing || kernel !== undefined || kernels.length === 1) throw error;
      output.detail(`${decl.name} is left out: ${path} has no reference of that name`);
    }
  }
  if (jobs.length > 0) return jobs;
  const names = kernels.map((k) => k.name).join(', ');
  throw new LacError(diagnostic('LAC0902', `${path} has no reference for ${names}`));
}
