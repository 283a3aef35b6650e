import type { ts as TS } from 'ts-morph';
import { MATH_CONSTANTS, MATH_FUNCTIONS } from '../dsl/lower/builtins/fold.js';
import { languageNames } from '../dsl/lower/builtins/table.js';
import { TENSOR_METHODS } from '../dsl/lower/builtins/tensors.js';
import { VIEW_METHODS } from '../dsl/lower/builtins/views.js';
import { ts } from '../dsl/read/typescript.js';
import { entryOf } from './documentation.js';
import type { Shown } from './shown.js';
import type { View } from './view.js';

export interface Completion {
  readonly name: string;
  readonly what: 'function' | 'method' | 'constant' | 'variable';
  readonly detail: string;
  readonly doc: string;
}

/**
 * What may stand at the end of `line`, the text of the line up to the cursor. It rarely has a syntax yet: the last text
 * that had one says what the names hold.
 */
export function completions(view: View | null, line: string): Completion[] {
  if (isQuoted(line)) return [];
  const owner = /([\w$]+)\s*\.\s*[\w$]*$/.exec(line)?.[1];
  const variables = view === null ? new Map<string, Shown>() : variablesOf(view);
  if (owner === undefined)
    return [
      ...languageNames().map(ofLanguage),
      ...[...variables].map(([name, { text }]) => ({ name, what: 'variable' as const, detail: text, doc: '' })),
    ];
  if (owner === 'Math')
    return [...Object.keys(MATH_FUNCTIONS), ...Object.keys(MATH_CONSTANTS)].map((name) => ({
      name,
      what: 'constant',
      detail: 'on compile-time numbers',
      doc: '',
    }));
  return methodsOf(variables.get(owner)?.kind);
}

function methodsOf(kind: Shown['kind'] | undefined): Completion[] {
  if (kind === 'view') return Object.keys(VIEW_METHODS).map((m) => ofLanguage(`view.${m}`));
  return kind === 'tensor' ? Object.keys(TENSOR_METHODS).map((m) => ofLanguage(`tensor.${m}`)) : [];
}

/** Inside of a string or behind `//`, as far as one line can tell. */
function isQuoted(line: string): boolean {
  const rest = line.replace(/'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|`(?:[^`\\]|\\.)*`/g, '');
  return /['"`]|\/\//.test(rest);
}

function ofLanguage(name: string): Completion {
  const entry = entryOf(name);
  const what = entry === undefined ? 'constant' : name.includes('.') ? 'method' : 'function';
  return { name: name.replace(/^(view|tensor)\./, ''), what, detail: entry?.usage ?? '', doc: entry?.doc ?? '' };
}

/** Names that the file declares, with what they hold; of those declared twice, the last. */
function variablesOf(view: View): Map<string, Shown> {
  const found = new Map<string, Shown>();
  const visit = (node: TS.Node): void => {
    const declares = ts.isVariableDeclaration(node) || ts.isParameter(node) || ts.isBindingElement(node);
    if (declares && ts.isIdentifier(node.name)) {
      const value = view.factOf(node.name)?.values[0];
      if (value !== undefined) found.set(node.name.text, value);
    }
    ts.forEachChild(node, visit);
  };
  visit(view.module.source);
  return found;
}
