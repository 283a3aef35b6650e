import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../../cli/program.js';
import type { Reference } from '../../driver/reference.js';
import { runKernel } from '../../driver/run.js';
import { checkFile, SourceProject } from '../../driver/source.js';
import * as lac from '../../index.js';
import { lightningFwd } from '../../kernels/lightning/forward.ref.js';
import { openDevice } from '../../runtime/index.js';
import { readable } from './sources.js';

const readme = readable('README.md') ?? '';
const folder = mkdtempSync(join(tmpdir(), 'lac-readme-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('the README tells the truth', () => {
  test('its kernel has no mistakes, and is Lightning Attention', async () => {
    const source = /```ts\n([\s\S]*?)```/.exec(readme)?.[1] ?? '';
    expect(source.trim().split('\n').length).toBeLessThanOrEqual(30);
    const file = join(folder, 'readme.ts');
    writeFileSync(file, source);
    const { kernels, diagnostics } = checkFile(new SourceProject(), file);
    expect(diagnostics.filter((d) => d.severity === 'error')).toEqual([]);
    const [decl] = kernels;
    if (decl === undefined) throw new Error('the README declares no kernel');
    const reference: Reference = { ...lightningFwd, shape: { B: 1, H: 2, N: 70, D: 16, E: 16 } };
    const report = await runKernel({ decl, reference, device: await openDevice('interpret') });
    expect(report.outputs.map((o) => o.ok)).toEqual([true]);
  });

  test('its table has every verb, and no other', () => {
    const program = buildProgram(async () => {});
    const shown = program.createHelp().visibleCommands(program);
    const verbs = shown.map((c) => c.name()).filter((name) => name !== 'help');
    const told = [...readme.matchAll(/`lac ([a-z]+)/g)].map(([, verb]) => verb);
    expect([...new Set(told)].sort()).toEqual([...verbs].sort());
  });

  test('what it imports from lac is there', () => {
    const imports = [...readme.matchAll(/import \{([^}]*)\}\s*from 'lac'/g)];
    const names = imports.flatMap(([, list = '']) => list.split(',').map((name) => name.trim()));
    expect(imports.length).toBe(2);
    expect(names.filter((name) => !(name in lac))).toEqual([]);
  });
});
