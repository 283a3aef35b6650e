import { join } from 'node:path';
import {
  type ClassDeclaration,
  type ClassInstanceMemberTypes,
  type ExportedDeclarations,
  ModuleKind,
  ModuleResolutionKind,
  Node,
  Project,
} from 'ts-morph';
import { ROOT } from '../house/sources.js';

/** What a public name is declared as: the text of its declaration without bodies, and its docstring. */
export interface Declared {
  readonly signature: string;
  readonly doc: string;
}

/** Interfaces whose members are the methods of views. */
const VIEWS = ['Readable', 'Writable', 'InView', 'OutView', 'InOutView'];
/** Interfaces of which every member has an entry of its own. */
const FIELDS = [
  'KernelSpec',
  'PlanSpec',
  'LoadOptions',
  'StoreOptions',
  'RangeOptions',
  'DotOptions',
  'Kernel',
  'PlanTensor',
];

/** Every name that `lac` exports, and `view.load`, `KernelSpec.prune` and the like, with how it is declared. */
export function declarations(): ReadonlyMap<string, Declared> {
  const compilerOptions = { module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext, types: [] };
  const project = new Project({ compilerOptions, skipLoadingLibFiles: true });
  const index = project.addSourceFileAtPath(join(ROOT, 'index.ts'));
  const found = new Map<string, Declared>();
  for (const [name, declared] of index.getExportedDeclarations()) {
    found.set(name, { signature: declared.filter(isShown).map(signatureOf).join('\n'), doc: docOf(declared) });
    for (const d of declared) if (FIELDS.includes(name)) collectMembers(d, name, found);
  }
  const types = project.addSourceFileAtPath(join(ROOT, 'dsl/types.ts'));
  for (const name of VIEWS) collectMembers(types.getInterfaceOrThrow(name), 'view', found);
  return found;
}

/** Of a function with overloads its callers see only those. */
const isShown = (d: Node): boolean =>
  !Node.isFunctionDeclaration(d) || !d.isImplementation() || d.getOverloads().length === 0;

function collectMembers(d: Node, owner: string, into: Map<string, Declared>): void {
  if (!Node.isInterfaceDeclaration(d)) return;
  for (const m of [...d.getMethods(), ...d.getProperties()]) {
    const name = `${owner}.${m.getName()}`;
    const before = into.get(name);
    if (before === undefined || before.doc === '')
      into.set(name, { signature: before?.signature ?? m.getText(), doc: docOf([m]) });
  }
}

function signatureOf(d: ExportedDeclarations): string {
  if (Node.isFunctionDeclaration(d)) return `function ${(d.getName() ?? '') + headOf(d)}`;
  if (Node.isClassDeclaration(d)) return classText(d);
  if (Node.isVariableDeclaration(d)) return `const ${d.getText().replace(/ = [\s\S]*/, '')}`;
  return d
    .getText()
    .replace(/^export /, '')
    .replaceAll(/^(\s*)readonly /gm, '$1');
}

/** Parameters and result of a function: an overload whole, an implementation up to its body. */
function headOf(d: Node): string {
  const text = d.getText().replace(/^export (async )?function \w+/, '');
  const body = Node.isFunctionDeclaration(d) ? (d.getBody()?.getText() ?? '') : '';
  return text
    .slice(0, text.length - body.length)
    .trim()
    .replace(/;$/, '')
    .replaceAll(/(?<=[\s(])_(?=\w+\??: )/g, '');
}

/** A class with what its users see: no bodies, nothing private. */
function classText(d: ClassDeclaration): string {
  const head = d
    .getText()
    .replace(/^export /, '')
    .replace(/ \{\n[\s\S]*/, ' {');
  const members = d.getInstanceMembers().filter((m) => !m.getName().startsWith('#'));
  const shown = members.map((m) => `  ${memberText(m)}`);
  return [head, ...new Set(shown), '}'].join('\n');
}

function memberText(m: ClassInstanceMemberTypes): string {
  if (Node.isGetAccessorDeclaration(m))
    return `readonly ${m.getName()}: ${m.getReturnTypeNode()?.getText() ?? 'unknown'};`;
  const body = Node.isMethodDeclaration(m) ? (m.getBodyText() === undefined ? '' : (m.getBody()?.getText() ?? '')) : '';
  const text = m.getText().slice(0, m.getText().length - body.length);
  return `${text
    .replace(/\/\*\*[\s\S]*?\*\/\s*/, '')
    .replace(/ = [^=>]*;$/, '')
    .replace(/;$/, '')
    .trim()};`;
}

/** The first docstring among the declarations, or that of the type which a constant is declared with. */
function docOf(declared: readonly Node[]): string {
  for (const d of declared) {
    const holder = Node.isVariableDeclaration(d) ? d.getVariableStatement() : d;
    const docs = Node.isJSDocable(holder) ? holder.getJsDocs().map((j) => j.getDescription()) : [];
    const text = docs.at(-1)?.trim() ?? '';
    if (text !== '') return text;
    const type = Node.isVariableDeclaration(d) ? d.getTypeNode()?.getText() : undefined;
    const alias = type === undefined ? undefined : d.getSourceFile().getTypeAlias(type);
    if (alias !== undefined) return docOf([alias]);
  }
  return '';
}
