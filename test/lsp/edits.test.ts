import { pathToFileURL } from 'node:url';
import * as fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Diagnostic as Sent } from 'vscode-languageserver/node';
import type { Diagnostic } from '../../compiler/diag/diagnostic.js';
import { checkFile, declaresKernels, SourceProject } from '../../dsl/source.js';
import { Shift } from '../../lsp/shift.js';
import { buildLac, type Lac, scratch } from '../cli/lac.js';
import { type Edit, Editor, positionOf } from './editor.js';
import { HELPER, KERNEL } from './sources.js';

let lac: Lac;
let editor: Editor;
const folder = scratch({ 'package.json': '{}' });
beforeAll(async () => {
  lac = buildLac();
  editor = await Editor.start(lac.main);
});
afterAll(async () => {
  expect(await editor.stop()).toBe(0);
  folder.remove();
});

/** What is put in: parts of kernels, and what makes lines and columns hard to count. */
const PIECES = [
  '',
  ' ',
  '\n',
  '\r\n',
  '\r',
  '/* 𝒳é */ ',
  '// 𝒳\r\n',
  ';',
  '(',
  ')',
  '}',
  '* 2',
  ' + 1',
  ', ',
  '0',
  '1.5',
  'acc',
  'BM',
  'D',
  'x',
  'T',
  'trans(',
  'col(acc)',
  'sum(acc, 1)',
  "'N'",
  'const z = acc * acc;\n',
  'let ',
  'iota(BN)',
];

interface Step {
  readonly helper: boolean;
  readonly from: number;
  readonly length: number;
  readonly put: string;
  /** Waits for what is published before the next edit. */
  readonly wait: boolean;
}
const step: fc.Arbitrary<Step> = fc.record({
  helper: fc.boolean(),
  from: fc.double({ min: 0, max: 1, noNaN: true }),
  length: fc.oneof(
    { weight: 3, arbitrary: fc.constant(0) },
    { weight: 3, arbitrary: fc.integer({ min: 1, max: 12 }) },
    fc.integer({ min: 0, max: 400 }),
  ),
  put: fc.oneof(
    fc.constantFrom(...PIECES),
    fc.array(fc.constantFrom(...PIECES), { maxLength: 4 }).map((p) => p.join('')),
  ),
  wait: fc.boolean(),
});

function editOf(text: string, { from, length, put }: Step): Edit {
  const start = Math.floor(from * text.length);
  return { start, end: Math.min(text.length, start + length), put };
}

/** One line for each finding: the same from the server and from a check of the final text. */
const told = (d: Sent): string =>
  `${d.code} ${d.severity} ${d.range.start.line}:${d.range.start.character}-${d.range.end.line}:${d.range.end.character} ${d.message}`;

function expected(d: Diagnostic, text: string): string {
  const [from, to] = [positionOf(text, d.span?.start ?? 0), positionOf(text, d.span?.end ?? 0)];
  const help = d.help.map((h) => `\nhelp: ${h.text}`).join('');
  return `${d.code} ${d.severity === 'error' ? 1 : 2} ${from.line}:${from.character}-${to.line}:${to.character} ${d.message}${help}`;
}

/** What `lac check` says of both files, by the file that it says it of. */
function fresh(texts: ReadonlyMap<string, string>): Map<string, string[]> {
  const found = new Map<string, Set<string>>([...texts.keys()].map((file) => [file, new Set()]));
  for (const [file, text] of texts) {
    if (!declaresKernels(text)) continue;
    const { diagnostics } = checkFile(new SourceProject({ unsaved: (path) => texts.get(path) }), file);
    for (const d of diagnostics) {
      const at = d.span?.file ?? file;
      found.get(at)?.add(expected(d, texts.get(at) ?? ''));
    }
  }
  return new Map([...found].map(([file, all]) => [file, [...all].sort()]));
}

const runs = Number(process.env.LAC_RUNS ?? 25);

test('after any edits the server says what a check of the final text says', async () => {
  let round = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 8 }), async (steps) => {
      const [main, helper] = [folder.path(`main${++round}.ts`), folder.path(`decay${round}.ts`)];
      await editor.open(main, KERNEL.replace('./decay.js', `./decay${round}.js`));
      await editor.open(helper, HELPER);
      for (const s of steps) {
        const file = s.helper ? helper : main;
        await editor.edit(file, editOf(editor.text(file), s));
        if (s.wait) await editor.findings(file);
      }
      const wanted = fresh(new Map([main, helper].map((file) => [file, editor.text(file)])));
      for (const file of [main, helper]) {
        const lines = (all: readonly Sent[]): string[] => all.map(told).sort();
        const right = (all: readonly Sent[]): boolean =>
          JSON.stringify(lines(all)) === JSON.stringify(wanted.get(file));
        await editor.findings(file);
        await editor.connection.sendRequest('textDocument/documentSymbol', {
          textDocument: { uri: pathToFileURL(main).href },
        });
        await editor.connection.sendRequest('textDocument/documentSymbol', {
          textDocument: { uri: pathToFileURL(helper).href },
        });
        const now = await editor.findings(file);
        if (!right(now)) expect(lines(now)).toEqual(wanted.get(file));
      }
      await editor.close(main);
      await editor.close(helper);
    }),
    { numRuns: runs },
  );
  expect(editor.logged).toEqual([]);
});

test('a shift goes where the text around goes', () => {
  const text = fc.array(fc.constantFrom('a', 'b', '\n'), { maxLength: 12 }).map((c) => c.join(''));
  fc.assert(
    fc.property(text, text, text, text, (before, old, now, after) => {
      const shift = new Shift(before + old + after, before + now + after);
      for (let i = 0; i < before.length; i++) expect(shift.forwards(i)).toBe(i);
      for (let i = 0; i <= (before + old + after).length; i++) {
        const to = shift.forwards(i);
        if (to === null) continue;
        expect(to).toBeGreaterThanOrEqual(0);
        expect(to).toBeLessThanOrEqual((before + now + after).length);
        const back = shift.backwards(to);
        if (back !== null && old === now) expect(back).toBe(i);
      }
    }),
  );
});
