import type { ts as TS } from 'ts-morph';
import type { Span } from '../compiler/diag/diagnostic.js';
import { textOf } from '../dsl/lower/evaluator.js';
import { ts } from '../dsl/read/typescript.js';
import type { KernelDecl } from '../dsl/source.js';
import { entryOf } from './documentation.js';
import type { Fact, Variant } from './facts.js';
import { type Found, findDeclaration } from './find-declaration.js';
import { nodeAt, outwards } from './node-at.js';
import type { Shown } from './shown.js';
import type { View } from './view.js';

/** What an editor shows of a place: Markdown, and the node that it is about. */
export interface Hover {
  readonly markdown: string;
  readonly node: TS.Node;
}

/** The value of the name or of the innermost expression at an offset. */
export function hoverAt(view: View, offset: number): Hover | null {
  const at = view.nodeAt(offset);
  if (at === null) return null;
  const quoted = ts.isStringLiteralLike(at) ? dimension(view, at) : null;
  if (quoted !== null) return { markdown: quoted, node: at };
  for (const node of outwards(at)) {
    const fact = view.factOf(valueNode(node));
    if (fact !== undefined) return { markdown: markdownOf(view, node, fact), node };
    // Beyond the expression there are statements, whose values nobody asked for.
    if (!ts.isExpression(node) && !ts.isPropertyAssignment(node) && node !== at) return null;
  }
  return null;
}

/** The expression whose value a node shows: a member its access, the target of an assignment what it is given. */
function valueNode(node: TS.Node): TS.Node {
  const { parent } = node;
  if (parent === undefined) return node;
  if (ts.isPropertyAccessExpression(parent) && parent.name === node) return parent;
  if (ts.isBindingElement(parent) && parent.propertyName === node && ts.isIdentifier(parent.name)) return parent.name;
  if (ts.isPropertyAssignment(parent) && parent.name === node) return parent.initializer;
  const plain = ts.isBinaryExpression(parent) && parent.operatorToken.kind === ts.SyntaxKind.EqualsToken;
  return plain && parent.left === node ? parent.right : node;
}

function markdownOf(view: View, node: TS.Node, fact: Fact): string {
  const [first] = fact.values;
  if (first?.named != null) return [language(node, first.named) ?? code(first.text), ...gives(view, node)].join('\n\n');
  if (first?.kind === 'fn') return [code(first.text), ...gives(view, node)].join('\n\n');
  const found = ts.isIdentifier(node) ? findDeclaration(view.project, view.module, node) : null;
  const part = found?.part === undefined ? null : partText(view, nameOf(node), found, fact.variant?.decl);
  const parts = fact.values.map((v) => code(labelled(node, v)) + belowText(v, fact.variant));
  return [...parts, ...(part === null ? [] : [part])].join('\n\n');
}

/** `C = 64`, `acc: f32 [C, D]`, `kernel name(...)`. */
function labelled(node: TS.Node, { text, kind }: Shown): string {
  if (kind === 'kernel' || kind === 'plan') return `${kind} ${nameOf(node)}${text}`;
  return !ts.isIdentifier(node) || text.startsWith(`${node.text} = `) ? text : `${node.text}: ${text}`;
}

const nameOf = (node: TS.Node): string => (ts.isIdentifier(node) ? node.text : node.getText());
const code = (text: string): string => `\`\`\`ts\n${text}\n\`\`\``;

/** Extents with the values they were checked at, and what else a type depends on. */
function belowText({ kind, below }: Shown, variant: Variant | null): string {
  if (below === null || below === '') return '';
  const dtypes = Object.entries(variant?.spec.dtypes ?? {}).map(([name, dtype]) => `${name} = ${dtype}`);
  return `\n\n${below}${kind !== 'tile' || dtypes.length === 0 ? '' : `, with ${dtypes.join(', ')}`}`;
}

/** What the call around the name of a function gives. */
function gives(view: View, node: TS.Node): string[] {
  const access = ts.isPropertyAccessExpression(node.parent) ? node.parent : node;
  const call = access.parent;
  if (!ts.isCallExpression(call) || call.expression !== access) return [];
  const fact = view.factOf(call);
  return (fact?.values ?? [])
    .filter((v) => v.kind !== 'none')
    .map((v) => `gives \`${v.text}\`${belowText(v, fact?.variant ?? null)}`);
}

/** A function of the language. */
function language(node: TS.Node, name: string): string | null {
  const entry = entryOf(name) ?? entryOf(nameOf(node));
  return entry === undefined ? null : [code(entry.usage), entry.doc].filter((text) => text !== '').join('\n\n');
}

function partText(view: View, name: string, { span, part }: Found, decl: KernelDecl | undefined): string {
  switch (part) {
    case 'dimension':
      return decl === undefined ? 'dimension' : dimensionText(name, decl);
    case 'knob':
      return `knob: ${declaredText(view, span)}`;
    case 'option':
      return `option: ${declaredText(view, span)}, unless \`.with\` changes it`;
    case 'axis':
      return 'index of the program along this axis of the grid';
    case 'temporary':
      return 'temporary of the plan';
    default:
      return argumentText(name, decl);
  }
}

/** What a declaration gives a name, as it is written. */
function declaredText(view: View, { start }: Span): string {
  const { parent } = nodeAt(view.module.source, start);
  return ts.isPropertyAssignment(parent) ? textOf(parent.initializer) : '?';
}

function argumentText(name: string, decl: KernelDecl | undefined): string {
  const arg = decl?.args.find((a) => a.name === name);
  const how = { in: 'input', out: 'output', inout: 'updated in place', scalar: 'scalar, given at each launch' };
  return arg === undefined ? 'argument' : `${how[arg.dir]}, dtype ${arg.dtype}`;
}

function dimensionText(name: string, decl: KernelDecl): string {
  const where = decl.args.flatMap((a) =>
    a.dir === 'scalar' ? [] : a.dims.flatMap((d, axis) => (d === name ? [`axis ${axis} of ${a.name}`] : [])),
  );
  const known = decl.comptime.includes(name) ? 'comptime, one program for each value' : 'known at launch';
  return `dimension (${where.join(', ')}): ${known}`;
}

/** `'N'` in a declaration. */
function dimension(view: View, node: TS.StringLiteralLike): string | null {
  if (findDeclaration(view.project, view.module, node)?.part !== 'dimension') return null;
  const decl = view.kernels().find((k) => k.dims.includes(node.text) && around(k, node));
  return decl === undefined ? null : `${code(node.text)}\n\n${dimensionText(node.text, decl)}`;
}

const around = (k: KernelDecl, node: TS.Node): boolean =>
  k.span.file === node.getSourceFile().fileName && k.span.start <= node.pos && node.end <= k.span.end;
