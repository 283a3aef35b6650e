import { CODES, type Code } from '../../compiler/diag/codes.js';
import { ACCURACY, type Bound, type ElementwiseOp } from '../../compiler/ops/accuracy.js';
import { isOpName, opRow } from '../../compiler/ops/table.js';
import type { Declared } from './declarations.js';
import type { Entry, Page } from './page-source.js';

export const NOTE = (source: string): string =>
  `<!-- Written by \`LAC_UPDATE=1 npx vitest run test/docs\` from ${source}, the declarations and the op table. -->`;

/** A page of the reference as Markdown. `source` is the file that it is made from. */
export function renderPage(page: Page, source: string, declared: ReadonlyMap<string, Declared>): string {
  const parts = [
    NOTE(source),
    `# ${page.title}`,
    page.intro,
    page.imports === ''
      ? ''
      : `The snippets are those of [${source}](${source}), which begins with\n\n${fence(page.imports)}`,
    ...page.entries.map((e) => renderEntry(e, declared)),
  ];
  return `${parts.filter((p) => p !== '').join('\n\n')}\n`;
}

/** Where an entry is found on its page: GitHub's rule for headings. */
export const anchorOf = (entry: Entry): string =>
  headingOf(entry)
    .toLowerCase()
    .replaceAll(/[^\w\- ]/g, '')
    .replaceAll(' ', '-');

const namesOf = (entry: Entry): string => entry.names.map((n) => `\`${n}\``).join(', ');
export const headingOf = (entry: Entry): string => (entry.title === '' ? namesOf(entry) : entry.title);

function renderEntry(e: Entry, declared: ReadonlyMap<string, Declared>): string {
  const known = e.names.flatMap((n) => declared.get(n) ?? []);
  const signatures = [...new Set(known.map((d) => d.signature))].join('\n');
  const parts = [
    `## ${headingOf(e)}`,
    signatures === '' ? (e.title === '' ? '' : namesOf(e)) : fence(signatures),
    docsOf(e.names, declared),
    e.text,
    facts(e).join('\n'),
    e.snippet === '' ? '' : fence(e.snippet),
  ];
  return parts.filter((p) => p !== '').join('\n\n');
}

/** Docstrings of what an entry is about; with names where they differ. */
function docsOf(names: readonly string[], declared: ReadonlyMap<string, Declared>): string {
  const all = names.map((name) => ({ name, text: asText(declared.get(name)?.doc ?? '') }));
  const said = all.filter(({ text }, i) => text !== '' && all.findIndex((d) => d.text === text) === i);
  return said.length < 2
    ? (said[0]?.text ?? '')
    : said.map(({ name, text }) => `- \`${name}\`: ${text.replaceAll('\n', '\n  ')}`).join('\n');
}

function facts(e: Entry): string[] {
  const named = (name: string, text: string): string[] => (text === '' ? [] : [`- **${name}.** ${text}`]);
  return [
    ...named('Op', e.ops.map(opText).join(' ')),
    ...named('Shapes', e.shapes),
    ...named('Dtypes', e.dtypes),
    ...e.corners.map((c) => `- ${c}`),
    ...named('Accuracy', accuracyText(e.ops)),
    ...named(
      'Errors',
      e.errors.map((code) => `[${code}](errors.md#${code.toLowerCase()}) ${CODES[code as Code].title}`).join('; '),
    ),
  ];
}

function opText(op: string): string {
  if (!isOpName(op)) throw new Error(`the op table has no ${op}`);
  return `\`${op}\`: ${opRow(op).meaning.replaceAll('|', '\\|')}`;
}

/** The bounds of elementwise ops that round more than once, or are not the same on all devices. */
function accuracyText(ops: readonly string[]): string {
  const rows = ops.filter((op): op is ElementwiseOp => op in ACCURACY);
  const texts = rows.map((op) => {
    const { ptx, wgsl } = ACCURACY[op];
    const [a, b] = [boundText(ptx), boundText(wgsl)];
    return { op, text: a === b ? a : `${a} on PTX, ${b} on WGSL` };
  });
  if (new Set(texts.map((t) => t.text)).size === 1) return `${texts[0]?.text ?? ''} ([bounds](../math.md)).`;
  return texts.length === 0 ? '' : `${texts.map((t) => `\`${t.op}\` ${t.text}`).join('; ')} ([bounds](../math.md)).`;
}

const boundText = ({ ulp, perX }: Bound): string =>
  ulp === 0 ? 'exact' : perX === undefined ? `${ulp} ulp` : `${ulp} + ${perX} abs(x) ulp`;

const fence = (code: string): string => `\`\`\`ts\n${code}\n\`\`\``;
/** Prose of a docstring; what is indented stays as it is. */
const asText = (doc: string): string =>
  doc.split('\n').every((l) => !/^ {2,}/.test(l))
    ? doc.replaceAll(/\n */g, '\n')
    : fence(doc).replace('```ts', '```text');

/** Every diagnostic code, with what is wrong and what is right. */
export function renderErrors(): string {
  const codes = (Object.keys(CODES) as Code[]).sort();
  const parts = codes.map((code) => {
    const info: { title: string; explain: string; wrong?: string; right?: string } = CODES[code];
    const side = (name: string, text?: string): string => (text === undefined ? '' : `\n\n${name}:\n\n${fence(text)}`);
    return `## ${code}\n\n**${info.title}.** ${info.explain}${side('Wrong', info.wrong)}${side('Right', info.right)}`;
  });
  const head = `${NOTE('compiler/diag/codes.ts')}\n\n# Errors\n\nWhat \`lac explain\` says of each code. Codes never change their meaning.`;
  return `${[head, ...parts].join('\n\n')}\n`;
}
