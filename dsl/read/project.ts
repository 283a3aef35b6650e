import { resolve } from 'node:path';
import type { ts } from 'ts-morph';
import { type Diagnostic, diagnostic } from '../../compiler/diag/diagnostic.js';
import type { Observer } from '../lower/observer.js';
import type { KernelDecl } from './declaration.js';
import { type Findings, spanOf } from './diagnostics.js';
import { moduleOf, type SourceModule } from './module.js';
import { parseFile } from './parse-file.js';
import type { PlanDecl } from './plan-declaration.js';
import { readKernels } from './read-kernels.js';
import { readText, unsavedText } from './read-text.js';
import { isInside, isLanguage, projectRoot, realPath, sourceFileOf } from './resolve.js';

export interface ReadResult {
  /** Exported kernels, by the names they are exported under, in the order of the file. */
  readonly kernels: readonly KernelDecl[];
  /** Kernels that only this file can name; a host program may launch them. */
  readonly unexported: readonly KernelDecl[];
  /** Exported plans, like kernels. */
  readonly plans: readonly PlanDecl[];
  readonly unexportedPlans: readonly PlanDecl[];
  readonly diagnostics: readonly Diagnostic[];
}

const NOTHING = { kernels: [], unexported: [], plans: [], unexportedPlans: [] };

/** What an import statement leads to: the language, another file, or nothing (reported). */
export type Resolved = 'lac' | SourceModule | null;

interface Loaded {
  readonly module: SourceModule | null;
  readonly text: string;
  readonly diagnostics: readonly Diagnostic[];
}

/**
 * The source files of one project, read and parsed at most once until `invalidate`. Nothing in them is ever run.
 * Imports stay inside the root, symbolic links resolved.
 */
export class SourceProject {
  readonly #root: string | undefined;
  readonly #unsaved: ((file: string) => string | undefined) | undefined;
  readonly #files = new Map<string, Loaded>();

  /** `unsaved`: the text of a file that an editor holds, which comes before the one on the disk. */
  constructor(opts: { root?: string; unsaved?: (file: string) => string | undefined } = {}) {
    this.#root = opts.root === undefined ? undefined : realPath(resolve(opts.root));
    this.#unsaved = opts.unsaved;
  }

  read(file: string, observer: Observer | null = null): ReadResult {
    const loaded = this.#load(resolve(file));
    if (loaded.module === null) return { ...NOTHING, diagnostics: loaded.diagnostics };
    return readKernels(this, loaded.module, observer);
  }

  /** The syntax of a file; null where it has none. */
  module(file: string): SourceModule | null {
    return this.#load(resolve(file)).module;
  }

  /** Forgets a file: the next read looks at the disk again. */
  invalidate(file: string): void {
    this.#files.delete(resolve(file));
    for (const { module } of this.#files.values()) module?.values.clear();
  }

  /** Gives a file a text of its own, as an editor holds it; `invalidate` goes back to the disk. */
  override(file: string, text: string): void {
    this.invalidate(file);
    const path = resolve(file);
    this.#files.set(path, parsed(path, text));
  }

  /** Text of a file that was read, for rendering; undefined for any other. */
  text(file: string): string | undefined {
    return this.#files.get(resolve(file))?.text;
  }

  /** Files that were read so far: what a watch has to watch. */
  files(): string[] {
    return [...this.#files.keys()];
  }

  resolve(from: SourceModule, specifier: string, node: ts.Node, findings: Findings): Resolved {
    if (isLanguage(from.path, specifier)) return 'lac';
    const span = spanOf(importPath(node));
    if (!specifier.startsWith('.')) {
      const help = ["import from 'lac' and from files of the project only (relative paths)"];
      findings.add(diagnostic('LAC0006', `kernels cannot use the package '${specifier}'`, span, { help }));
      return null;
    }
    const file = sourceFileOf(from.path, specifier);
    if (file === null) {
      findings.add(diagnostic('LAC0004', `cannot find '${specifier}'`, span));
      return null;
    }
    if (!isInside(this.#rootOf(from.path), realPath(file))) {
      const help = ['move the file into the project, or name a wider root'];
      findings.add(diagnostic('LAC0005', `'${specifier}' lies outside the project`, span, { help }));
      return null;
    }
    const loaded = this.#load(file);
    findings.addAll(loaded.diagnostics);
    return loaded.module;
  }

  #rootOf(file: string): string {
    return this.#root ?? realPath(projectRoot(realPath(file)));
  }

  #load(file: string): Loaded {
    const known = this.#files.get(file);
    if (known !== undefined) return known;
    const loaded = this.#parse(file);
    this.#files.set(file, loaded);
    return loaded;
  }

  #parse(file: string): Loaded {
    const unsaved = this.#unsaved?.(file);
    const text = unsaved === undefined ? readText(file) : unsavedText(file, unsaved);
    if (typeof text !== 'string') return { module: null, text: '', diagnostics: [text] };
    return parsed(file, text);
  }
}

/** The path in the statement that a name is imported by: names of one import that leads nowhere are one finding. */
function importPath(node: ts.Node): ts.Node {
  for (let at: ts.Node | undefined = node; at !== undefined; at = at.parent)
    if ('moduleSpecifier' in at && at.moduleSpecifier !== undefined) return at.moduleSpecifier as ts.Node;
  return node;
}

function parsed(file: string, text: string): Loaded {
  const { source, diagnostics } = parseFile(file, text);
  return { module: source === null ? null : moduleOf(file, text, source), text, diagnostics };
}
