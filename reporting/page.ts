import { escaped } from './escape.js';

/** HTML that is whole: what came from outside is escaped in it. Made by the functions of this file, and by charts. */
export type Html = string;

/** One file without script and without anything fetched; in the colours that the reader's system asks for. */
export function page(title: string, parts: readonly Html[]): Html {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>${escaped(title)}</title>
<style>
${STYLE}</style>
</head>
<body>
<h1>${escaped(title)}</h1>
${parts.join('\n')}
</body>
</html>
`;
}

const STYLE = `:root { color-scheme: light dark; --paper: #fff; --ink: #1c1c1c; --rule: #d8d8d8; --soft: #6a6a6a; --good: #e2f1ea; }
@media (prefers-color-scheme: dark) {
  :root { --paper: #16181c; --ink: #e6e6e6; --rule: #3a3d44; --soft: #a0a4ab; --good: #16382c; }
}
body { background: var(--paper); color: var(--ink); font: 15px/1.5 system-ui, sans-serif; max-width: 72rem; margin: 2rem auto; padding: 0 1rem; }
svg { --plot-background: var(--paper); color: var(--ink); max-width: 100%; height: auto; overflow: visible; }
figure { margin: 1.5rem 0; }
figcaption, .note { color: var(--soft); }
.scroll { overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--rule); padding: 0.2rem 0.8rem 0.2rem 0; text-align: left; vertical-align: top; }
th { white-space: nowrap; }
td.number, th.number { text-align: right; }
tr.marked { background: var(--good); font-weight: 600; }
a { color: inherit; }
code { font-family: ui-monospace, monospace; }
`;

/** `id`: where links of `TableRow` lead. */
export const heading = (text: string, id?: string): Html =>
  `<h2${id === undefined ? '' : ` id="${escaped(id)}"`}>${escaped(text)}</h2>`;
export const paragraph = (text: string): Html => `<p>${escaped(text)}</p>`;
export const note = (text: string): Html => `<p class="note">${escaped(text)}</p>`;

/** A chart of this folder, made for pages. */
export const figure = (svg: Html, caption: string): Html =>
  `<figure><div class="scroll">${svg}</div><figcaption>${escaped(caption)}</figcaption></figure>`;

export interface Column {
  readonly name: string;
  /** Set to the right. */
  readonly number?: boolean;
}

export interface TableRow {
  readonly cells: readonly string[];
  readonly marked?: boolean;
  /** The heading that its first cell leads to. */
  readonly to?: string;
}

export function table(columns: readonly Column[], rows: readonly TableRow[]): Html {
  const kind = (i: number): string => (columns[i]?.number === true ? ' class="number"' : '');
  const head = columns.map(({ name }, i) => `<th scope="col"${kind(i)}>${escaped(name)}</th>`).join('');
  const body = rows.map(({ cells, marked, to }) => {
    const content = (text: string, i: number): Html =>
      to === undefined || i > 0 ? escaped(text) : `<a href="#${escaped(to)}">${escaped(text)}</a>`;
    const tds = cells.map((text, i) => `<td${kind(i)}>${content(text, i)}</td>`).join('');
    return `<tr${marked === true ? ' class="marked"' : ''}>${tds}</tr>`;
  });
  return `<div class="scroll"><table><thead><tr>${head}</tr></thead><tbody>\n${body.join('\n')}\n</tbody></table></div>`;
}
