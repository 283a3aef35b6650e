import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CODES } from '../../compiler/diag/codes.js';
import { checkFile, SourceProject } from '../../driver/source.js';
import { ROOT } from '../house/sources.js';
import { devices } from '../kernels/session.js';
import { declarations } from './declarations.js';
import { readPage } from './page-source.js';
import { renderIndex } from './render-index.js';
import { anchorOf, renderErrors, renderPage } from './render-page.js';
import { runSnippet } from './run-snippet.js';

const FOLDER = join(ROOT, 'docs/reference');
/** In the order of the index. */
const PAGES = ['kernels', 'values', 'operators', 'tiles', 'math', 'folds', 'dot', 'views', 'control', 'plans', 'host'];
const pages = PAGES.map((stem) => ({
  stem,
  file: join(FOLDER, `${stem}.ts`),
  page: readPage(join(FOLDER, `${stem}.ts`)),
}));
const entries = pages.flatMap(({ stem, file, page }) => page.entries.map((entry) => ({ stem, file, entry })));
const declared = declarations();

describe('the language reference', () => {
  test('has a page for every source, and no other source', () => {
    const sources = readdirSync(FOLDER).filter((f) => f.endsWith('.ts'));
    expect(sources.sort()).toEqual(PAGES.map((p) => `${p}.ts`).sort());
  });

  test('has an entry for every exported name, every method of a view and every field of a declaration', () => {
    const told = new Set(entries.flatMap(({ entry }) => entry.names));
    expect([...declared.keys()].filter((name) => !told.has(name))).toEqual([]);
    expect(twice(entries.flatMap(({ entry }) => entry.names))).toEqual([]);
    expect(pages.flatMap(({ page }) => twice(page.entries.map(anchorOf)))).toEqual([]);
  });

  test('names only codes that there are, and the codes of every entry of the language', () => {
    expect(entries.flatMap(({ entry }) => entry.errors).filter((code) => !(code in CODES))).toEqual([]);
    const silent = entries.filter(({ entry, stem }) => entry.errors.length === 0 && stem !== 'host');
    expect(silent.map(({ entry }) => entry.names)).toEqual([]);
  });

  test('names every code of the language, of launches and of devices in an entry that can give it', () => {
    const told = new Set(entries.flatMap(({ entry }) => entry.errors));
    const owed = Object.keys(CODES).filter((code) => /^LAC0[0123567]/.test(code));
    expect(owed.filter((code) => !told.has(code))).toEqual(['LAC0102']); // of what is not built: nothing is
  });

  test('says of every entry what it means, and shows it', () => {
    const said = (names: readonly string[]): boolean => names.some((n) => (declared.get(n)?.doc ?? '') !== '');
    const wordless = entries.filter(({ entry: e }) => e.text === '' && e.ops.length === 0 && !said(e.names));
    expect(wordless.map(({ entry }) => entry.names)).toEqual([]);
    expect(entries.filter(({ entry }) => entry.snippet === '').map(({ entry }) => entry.names)).toEqual([]);
  });

  test.each(pages)('$stem: the page is what its source makes (LAC_UPDATE=1 writes it)', ({ stem, page }) =>
    isWritten(`${stem}.md`, renderPage(page, `${stem}.ts`, declared)),
  );

  test('errors.md and README.md are what the codes and the pages make', () => {
    isWritten('errors.md', renderErrors());
    isWritten('README.md', renderIndex(pages));
  });
});

const twice = (list: readonly string[]): string[] => list.filter((x, i) => list.indexOf(x) !== i);

function isWritten(name: string, text: string): void {
  const file = join(FOLDER, name);
  if (process.env.LAC_UPDATE === '1') writeFileSync(file, text);
  else expect(readFileSync(file, 'utf8')).toBe(text);
}

describe('snippets', () => {
  const open = devices('rounding', 'webgpu', 'sm80');
  const shown = entries.filter(({ entry, stem }) => entry.kernel !== null && stem !== 'host');

  test.each(pages.filter(({ stem }) => stem !== 'host'))('$stem has no findings', ({ file }) => {
    const { diagnostics } = checkFile(new SourceProject(), file);
    expect(diagnostics.map((d) => `${d.code} ${d.message}`)).toEqual([]);
  });

  test.each(shown.map((s) => ({ ...s, name: s.entry.kernel })))('$stem: $name gives what is written', async (s) => {
    for (const [key, device] of Object.entries(open))
      expect(await runSnippet(s.file, s.entry, device), key).toEqual([]);
  });
});
