import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { CODES } from '../../compiler/diag/codes.js';
import type { Diagnostic } from '../../compiler/diag/diagnostic.js';
import { checkFile, SourceProject } from '../../dsl/source.js';
import { temporaryFolder } from '../setup/temporary.js';
import { golden } from './findings.js';

const folder = join(import.meta.dirname, 'fixtures/golden');
const cases = readdirSync(folder)
  .filter((f) => /^LAC\d+\.ts$/.test(f))
  .map((f) => basename(f, '.ts'));

describe('every diagnostic code of the language, as golden text', () => {
  test.each(cases)('%s', async (code) => {
    const project = new SourceProject();
    const { diagnostics } = checkFile(project, join(folder, `${code}.ts`));
    expect(diagnostics.map((d) => d.code)).toContain(code);
    await expect(golden(project, folder, diagnostics)).toMatchFileSnapshot(join(folder, `${code}.json`));
  });

  test('no code is without a case', () => {
    // Files that are large, deep, missing or outside the project are made by read.test.ts; LAC0102 is said by backends.
    const elsewhere = ['LAC0001', 'LAC0002', 'LAC0003', 'LAC0005', 'LAC0102'];
    const mine = Object.keys(CODES).filter((c) => /^LAC0[0-3]/.test(c));
    expect(mine.filter((c) => !cases.includes(c) && !elsewhere.includes(c))).toEqual([]);
  });
});

describe('an edit that a help offers repairs what it is offered for', () => {
  test.each(cases)('%s', (code) => {
    const project = new SourceProject();
    const file = join(folder, `${code}.ts`);
    for (const d of checkFile(project, file).diagnostics)
      for (const h of d.help) if (h.edit !== undefined) expectRepaired(file, d, h.edit);
  });

  function expectRepaired(
    file: string,
    d: Diagnostic,
    edit: { span: { start: number; end: number }; newText: string },
  ) {
    const text = readFileSync(file, 'utf8');
    const dir = temporaryFolder('edit');
    writeFileSync(join(dir, 'package.json'), '{}');
    const edited = join(dir, 'edited.ts');
    writeFileSync(edited, text.slice(0, edit.span.start) + edit.newText + text.slice(edit.span.end));
    const after = checkFile(new SourceProject(), edited).diagnostics;
    const still = after.filter((a) => a.code === d.code && a.span?.start === d.span?.start);
    expect(still, `${d.message} after ${edit.newText}`).toEqual([]);
    expect(after.filter((a) => a.code === 'LAC0101')).toEqual([]);
  }
});
