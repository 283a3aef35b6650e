import type { Diagnostic } from '../compiler/diag/diagnostic.js';
import type { SourceModule } from '../dsl/read/module.js';
import { checkingFile, declaresKernels, type KernelDecl, type SourceProject } from '../dsl/source.js';
import { Facts } from './facts.js';

/** What one check of one file found out, and the texts that it is true of. */
export interface Analysis {
  readonly file: string;
  readonly diagnostics: readonly Diagnostic[];
  readonly kernels: readonly KernelDecl[];
  readonly facts: Facts;
  /** Syntax of every file that was read, as it was. */
  readonly modules: ReadonlyMap<string, SourceModule>;
  readonly project: SourceProject;
}

/** A check in steps, each of at most one lowering. A file that declares no kernel is only read. */
export function* analyse(project: SourceProject, file: string, text: string): Generator<void, Analysis> {
  const facts = new Facts();
  const { diagnostics, kernels } = declaresKernels(text)
    ? yield* checkingFile(project, file, facts)
    : { diagnostics: [], kernels: [] };
  project.module(file);
  const modules = new Map<string, SourceModule>();
  for (const path of project.files()) {
    const module = project.module(path);
    if (module !== null) modules.set(path, module);
  }
  return { file, diagnostics, kernels, facts, modules, project };
}

/** Something went wrong inside of the check: nothing is known of this text. */
export const nothingKnown = (project: SourceProject, file: string): Analysis => ({
  file,
  diagnostics: [],
  kernels: [],
  facts: new Facts(),
  modules: new Map(),
  project,
});
