/** bench/cuda/peers.py without a GPU: a configuration that dies or hangs costs itself, and no other its number. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readRows, splitConfig } from '../../bench/cuda/rows.js';
import { dimNames } from '../../driver/choices.js';
import { checkConfig } from '../../driver/configurations.js';
import { isPlan, SourceProject } from '../../driver/source.js';

const here = (file: string): string => fileURLToPath(new URL(file, import.meta.url));
const hasPython = spawnSync('python3', ['--version']).status === 0;

test('every configuration to be measured is one that its kernel or plan declares', () => {
  const project = new SourceProject();
  for (const row of Object.values(readRows(here('../../bench/cuda/configs.json')))) {
    const { kernels, plans } = project.read(here(`../../${row.file}`));
    const decl = [...kernels, ...plans].find((k) => k.name === row.kernel);
    expect(decl, `${row.file} ${row.kernel}`).toBeDefined();
    if (decl === undefined) continue;
    expect(Object.keys(row.shape)).toEqual(expect.arrayContaining([...dimNames(decl)]));
    for (const { own, steps } of row.configs.map(splitConfig)) {
      checkConfig(decl, own);
      if (!isPlan(decl)) expect(Object.keys(own).sort()).toEqual(Object.keys(decl.tune).sort());
      for (const [name, config] of Object.entries(steps)) {
        const inner = [...kernels, ...plans].find((k) => k.name === name);
        if (inner === undefined) throw new Error(`${row.file} has no ${name}`);
        checkConfig(inner, config);
      }
    }
  }
});

describe.skipIf(!hasPython)('peers.py', () => {
  test('leaves out what dies or hangs, and names the best of the rest', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'lac-peers-'));
    try {
      const entries = [1, 2, 3, 4].map((C) => ({ row: 'r', config: { C }, manifests: [], compileMs: 0 }));
      writeFileSync(path.join(folder, 'index.json'), JSON.stringify({ rows: { r: {} }, entries }));
      const options = ['--artifacts', folder, '--worker', here('fake_measure.py'), '--rows', 'r', '--patience', '8'];
      const env = { ...process.env, PYTHONDONTWRITEBYTECODE: '1' };
      const script = here('../../bench/cuda/peers.py');
      const { stdout, status } = spawnSync('python3', [script, ...options], { encoding: 'utf8', env });
      const line = (start: string): string =>
        (stdout.split('\n').findLast((l) => l.startsWith(start)) ?? stdout).replaceAll(/ +/g, ' ').trim();
      expect(line('| r ')).toBe('| r | 0.500 | C=4 | 0.600 | 1.20 | other | 1.200 | 0.50 | 1.50e-03 | 1.50e-03 |');
      expect(line('| r | C=2')).toContain('its process ended with 3');
      expect(line('| r | C=3')).toContain('no result after 8 s');
      expect(status).toBe(0);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
