import { type Diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { KernelDecl, PlanDecl, SourceProject } from './source.js';
import { staleness, staleWarning } from './tuned.js';
import { readTunedRows, type TunedRow } from './tuned-file.js';

/** What is wrong with the file of tuned configurations beside a source: all of it, or rows that its kernels have outgrown. */
export function checkTuned(project: SourceProject, source: string): readonly Diagnostic[] {
  const { kernels, unexported, plans, unexportedPlans } = project.read(source);
  const all: readonly (KernelDecl | PlanDecl)[] = [...kernels, ...unexported, ...plans, ...unexportedPlans];
  try {
    return readTunedRows(source).flatMap((row) => {
      const why = outgrown(row, all);
      return why === null ? [] : [staleWarning(row, why)];
    });
  } catch (error) {
    if (error instanceof LacError) return error.diagnostics;
    throw error;
  }
}

function outgrown(row: TunedRow, all: readonly (KernelDecl | PlanDecl)[]): string | null {
  const decl = all.find(({ name }) => name === row.kernel);
  return decl === undefined ? 'names a kernel that is not there' : staleness(row, decl);
}
