import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { ROWS } from './rows.js';

const FOLDER = new URL('./', import.meta.url);
const questions: readonly string[] = Object.values(ROWS).flat();

test('every row of semantics.md has tests', () => {
  const files = readdirSync(FOLDER).filter((file) => file.endsWith('.test.ts') && file !== 'rows.test.ts');
  const tested = files.flatMap((file) => {
    const text = readFileSync(new URL(file, FOLDER), 'utf8');
    return [...text.matchAll(/^row\('(.*)', \(\) => \{$/gm)].map((m) => m[1]);
  });
  expect(questions.filter((question) => !tested.includes(question))).toEqual([]);
});

const DESIGN = new URL('../../../shared/design/dsl/semantics.md', import.meta.url);

test.skipIf(!existsSync(DESIGN))('the rows are those of semantics.md', () => {
  const lines = readFileSync(DESIGN, 'utf8').split('\n');
  const cells = lines
    .filter((line) => line.startsWith('| '))
    .map((line) => line.split(' | ')[0]?.slice(2).replaceAll('\\|', '|'));
  expect(cells.filter((cell) => cell !== 'question')).toEqual(questions);
});
