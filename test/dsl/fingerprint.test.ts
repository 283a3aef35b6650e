import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { ts } from '../../dsl/read/typescript.js';
import { fingerprint, SourceProject } from '../../dsl/source.js';
import { ROOT, readable, repositoryFiles } from '../house/sources.js';

const folder = mkdtempSync(join(tmpdir(), 'lac-fingerprint-'));
afterAll(() => rmSync(folder, { recursive: true }));

const KERNEL = `import { cdiv, f32, input, kernel, output, plan, type Tile } from 'lac';
import { scaled } from './half.js';
const UNUSED = 3;
const OFFSET = 2 * 4;
const twice = (v) => v + v;
const other = (v) => v * 3;
export const k = kernel({
  args: { x: input(f32, ['N']), y: output(f32, ['N']) },
  options: { act: twice, causal: false },
  tune: { C: [16, 32] },
  prune: ({ C, N }) => C <= N,
  grid: ({ N, C }) => ({ n: cdiv(N, C) }),
}, ({ x, y }, { C, act }, { n }) => {
  const { a: b } = { a: x.load([n * C], [C]) };
  y.store([n * C], act(scaled(b)) + OFFSET);
});
export const third = k.with({ act: other });
export const both = plan({ args: { x: input(f32, ['N']), y: output(f32, ['N']) } }, ({ x, y }, _s, run) => { run(k, { x, y }); });
`;
const HELPER = `import { HALF as h } from './numbers.js';
export function scaled(v) { return v * h; }
export const unrelated = 1;
`;
const NUMBERS = 'export * from "./more.js";\nexport const QUARTER = 0.25;\n';
const MORE = 'export const HALF = 0.5;\n';

type Files = Readonly<Record<string, string>>;
const FILES: Files = { 'k.ts': KERNEL, 'half.ts': HELPER, 'numbers.ts': NUMBERS, 'more.ts': MORE };

/** Of the kernel, its variant and the plan. */
function prints(files: Files): Readonly<Record<string, string>> {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const project = new SourceProject();
  const { kernels, plans, diagnostics } = project.read(join(folder, 'k.ts'));
  expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
  return Object.fromEntries([...kernels, ...plans].map((decl) => [decl.name, fingerprint(decl)]));
}
const original = prints(FILES);
/** Names of those that another text changes. */
function changed(file: string, from: string, to: string): string[] {
  expect(FILES[file]).toContain(from);
  const after = prints({ ...FILES, [file]: (FILES[file] ?? '').replace(from, to) });
  return Object.keys(original).filter((name) => after[name] !== original[name]);
}

/** Texts between the tokens of a source, in order. */
function tokens(text: string): string[] {
  const scanner = ts.createScanner(ts.ScriptTarget.Latest, true, ts.LanguageVariant.Standard, text);
  const found: string[] = [];
  while (scanner.scan() !== ts.SyntaxKind.EndOfFileToken) found.push(scanner.getTokenText());
  return found;
}

describe('the fingerprint of a kernel', () => {
  test('is equal whatever comments and blanks are between the tokens', () => {
    const between = fc.constantFrom(' ', '  ', '\t', ' /* a */ ', ' /** of b; */ ');
    const lists = Object.fromEntries(Object.entries(FILES).map(([name, text]) => [name, tokens(text)]));
    fc.assert(
      fc.property(fc.infiniteStream(between), (blanks) => {
        const files = Object.fromEntries(
          Object.entries(lists).map(([name, list]) => [name, list.map((t) => t + blanks.next().value).join('')]),
        );
        expect(prints(files)).toEqual(original);
      }),
      { numRuns: 10 },
    );
  });

  test.each([
    ['trailing commas', 'k.ts', 'act: twice, causal: false }', 'act: twice, causal: false, }'],
    ['superfluous parentheses', 'k.ts', '2 * 4', '(2 * (4))'],
    ['parentheses of one parameter', 'k.ts', '(v) => v + v', 'v => v + v'],
    ['semicolons', 'half.ts', 'return v * h;', 'return v * h'],
    ['quotes', 'k.ts', "['N']", '["N"]'],
    ['quoted names', 'k.ts', 'grid:', "'grid':"],
    ['spellings of a number', 'more.ts', '0.5', '5e-1'],
    ['the list of configurations', 'k.ts', '[16, 32]', '[16, 32, 64]'],
    ['prune', 'k.ts', 'C <= N', 'C < N'],
    ['what nothing reaches', 'half.ts', 'unrelated = 1', 'unrelated = 2'],
    ['constants of the file that it does not name', 'k.ts', 'UNUSED = 3', 'UNUSED = 4'],
    ['other exports of a file that it reaches', 'numbers.ts', '0.25', '0.125'],
  ])('is not changed by %s', (_what, file, from, to) => {
    expect(changed(file, from, to)).toEqual([]);
  });

  test.each([
    ['its body', 'k.ts', '+ OFFSET', '- OFFSET'],
    ['an operator before a value', 'k.ts', '+ OFFSET', '+ -OFFSET'],
    ['a name that is taken apart', 'k.ts', '{ a: b } = { a:', '{ a: b } = { b: 1, a:'],
    ['its grid', 'k.ts', 'cdiv(N, C)', 'cdiv(N, C * 1)'],
    ['its arguments', 'k.ts', "output(f32, ['N'])", "output(f32, ['N'], { optional: true })"],
    ['a constant', 'k.ts', '2 * 4', '2 * 5'],
    ['a function of another file', 'half.ts', 'v * h', 'v / h'],
    ['a constant behind a re-export', 'more.ts', '0.5', '0.25'],
    ['what an import is renamed to', 'half.ts', 'HALF as h', 'QUARTER as h'],
  ])('is changed by %s', (_what, file, from, to) => {
    expect(changed(file, from, to)).toEqual(['k', 'third', 'both']);
  });

  test('of a variant is changed by the function that is its option', () => {
    expect(changed('k.ts', 'v * 3', 'v * 4')).toEqual(['third']);
    expect(changed('k.ts', 'v + v', 'v + v + v')).toEqual(['k', 'third', 'both']);
    expect(new Set(Object.values(original)).size).toBe(3);
  });

  test('of every kernel of the library is another one', () => {
    const project = new SourceProject();
    const all = repositoryFiles()
      .filter(
        (path) => /^kernels\/lightning\/.*\.ts$/.test(path) && !/\.ref\.ts$/.test(path) && readable(path) !== null,
      )
      .flatMap((path) => {
        const { kernels, plans } = project.read(`${ROOT}${path}`);
        return [...kernels, ...plans].filter((decl) => decl.file === `${ROOT}${path}`);
      });
    const seen = new Map(all.map((decl) => [fingerprint(decl), decl.name]));
    expect(all.filter((decl) => seen.get(fingerprint(decl)) !== decl.name).map((decl) => decl.name)).toEqual([]);
    expect(seen.size).toBeGreaterThan(20);
  });
});
