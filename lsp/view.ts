import type { ts as TS } from 'ts-morph';
import type { Span } from '../compiler/diag/diagnostic.js';
import type { SourceModule } from '../dsl/read/module.js';
import type { Analysis } from './analysis.js';
import type { Fact } from './facts.js';
import { nodeAt } from './node-at.js';
import { Shift } from './shift.js';

/** What is known of one file, seen from the text that the editor shows now, which may be newer. */
export class View {
  readonly file: string;
  readonly module: SourceModule;
  readonly project: Analysis['project'];
  readonly #analyses: readonly Analysis[];
  readonly #shift: Shift;

  /** `analyses`: those that know the file, the best first; null if there is none. */
  static of(file: string, text: string, analyses: readonly Analysis[]): View | null {
    const [best] = analyses;
    const module = best?.modules.get(file);
    return best === undefined || module === undefined ? null : new View(file, text, module, analyses);
  }

  private constructor(file: string, text: string, module: SourceModule, analyses: readonly Analysis[]) {
    this.file = file;
    this.module = module;
    this.#analyses = analyses;
    this.project = (analyses[0] as Analysis).project;
    this.#shift = new Shift(module.text, text);
  }

  /** The innermost node at an offset of the present text; null inside of what was changed since. */
  nodeAt(offset: number): TS.Node | null {
    const at = this.#shift.backwards(offset);
    return at === null ? null : nodeAt(this.module.source, at);
  }

  /** Where a node is in the present text. */
  spanOf(node: TS.Node): Span | null {
    const start = this.#shift.forwards(node.getStart(this.module.source));
    const end = this.#shift.forwards(node.getEnd());
    return start === null || end === null || end < start ? null : { file: this.file, start, end };
  }

  /** What a node's value is, in this file's own check or in that of a file which calls it. */
  factOf(node: TS.Node): Fact | undefined {
    for (const analysis of this.#analyses) {
      const module = analysis.modules.get(this.file);
      if (module === undefined) continue;
      const fact = analysis.facts.of(module === this.module ? node : (sameNode(module, node) ?? node));
      if (fact !== undefined) return fact;
    }
    return undefined;
  }

  kernels(): Analysis['kernels'] {
    return this.#analyses.flatMap((a) => a.kernels);
  }
}

/** The node of the same kind at the same place in another parse of the same text. */
function sameNode(module: SourceModule, node: TS.Node): TS.Node | null {
  const source = node.getSourceFile();
  if (source.text !== module.text) return null;
  const [start, end] = [node.getStart(source), node.getEnd()];
  for (let at: TS.Node | undefined = nodeAt(module.source, start); at !== undefined; at = at.parent)
    if (at.kind === node.kind && at.getStart(module.source) === start && at.getEnd() === end) return at;
  return null;
}
