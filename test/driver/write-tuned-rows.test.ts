import { execFileSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { readTunedRows, tuneFileOf } from '../../driver/tuned-file.js';
import { type NewTunedRow, writeTunedRows } from '../../driver/write-tuned-rows.js';
import { ROOT, readable, repositoryFiles } from '../house/sources.js';

const folder = mkdtempSync(join(tmpdir(), 'lac-rows-'));
afterAll(() => rmSync(folder, { recursive: true }));
const source = join(folder, 'k.ts');
const file = tuneFileOf(source);
beforeEach(() => rmSync(file, { force: true }));

const text = (): string => readFileSync(file, 'utf8');
const blocks = (): (number | undefined)[] => readTunedRows(source).map((row) => row.config.C);
const row = (C: number, parts: Partial<NewTunedRow> = {}): NewTunedRow => ({
  kernel: 'k',
  target: 'cuda',
  sm: 90,
  architecture: 'sm_90',
  config: { C },
  ...parts,
});

describe('rows that a tune writes', () => {
  test('make the file, are read back, and give way to later ones for the same', () => {
    const at = (N: number) => ({ when: { dims: { N }, dtypes: { T: ['bf16', 'f16'] as const } } });
    writeTunedRows(source, [row(16, at(100)), row(32, at(200))]);
    expect(blocks()).toEqual([16, 32]);
    writeTunedRows(source, [row(64, at(100))]);
    expect(blocks()).toEqual([64, 32]);
    const same = { when: { dtypes: { T: ['bf16', 'f16'] as const }, dims: { N: { least: 100, most: 100 } } } };
    writeTunedRows(source, [row(128, same), row(16, { ...at(100), architecture: 'sm_80' })]);
    expect(blocks()).toEqual([128, 32, 16]);
    expect(readTunedRows(source)[0]).toMatchObject({
      sm: 90,
      architecture: 'sm_90',
      when: { dtypes: { T: ['bf16', 'f16'] } },
    });
  });

  test('come behind the last of their kernel and target; notes, other rows and their order stay', () => {
    const others = [
      { kernel: 'a', target: 'cuda', config: { C: 1 }, note: 'by hand' },
      { kernel: 'k', target: 'cuda', sm: 80, when: { dims: { N: 5 } }, config: { C: 2 }, note: 'of old' },
      { kernel: 'k', target: 'webgpu', config: { C: 3 } },
    ];
    writeFileSync(file, JSON.stringify({ lac: 1, note: 'of the team', configurations: others }));
    writeTunedRows(source, [row(9), row(8, { kernel: 'b' })]);
    expect(readTunedRows(source).map((r) => [r.kernel, r.target, r.config.C])).toEqual([
      ['a', 'cuda', 1],
      ['k', 'cuda', 2],
      ['k', 'cuda', 9],
      ['k', 'webgpu', 3],
      ['b', 'cuda', 8],
    ]);
    const dims = { N: { least: 5, most: 5 } };
    writeTunedRows(source, [{ kernel: 'k', target: 'cuda', sm: 80, when: { dims }, config: { C: 7 } }]);
    expect(JSON.parse(text())).toMatchObject({
      note: 'of the team',
      configurations: [{ note: 'by hand' }, { note: 'of old', config: { C: 7 } }, {}, {}, {}],
    });
  });

  test('take the place of what is outdated, but for what is written anew', () => {
    const at = (N: number) => ({ when: { dims: { N } } });
    writeTunedRows(source, [row(1, at(1)), row(2, at(2)), row(3, { kernel: 'j' })]);
    writeTunedRows(source, [row(4, at(2)), row(5, at(3))], ({ kernel }) => kernel === 'k');
    expect(blocks()).toEqual([4, 5, 3]);
  });

  test('a file or a row that says something else is refused, and nothing is written', () => {
    writeFileSync(file, '{ "lac": 1 }');
    expect(() => writeTunedRows(source, [row(1)])).toThrow('LAC0916');
    expect(text()).toBe('{ "lac": 1 }');
    rmSync(file);
    expect(() => writeTunedRows(source, [row(0.5)])).toThrow('LAC0916');
    const long = join(folder, `${'k'.repeat(240)}.ts`);
    expect(() => writeTunedRows(long, [row(1)])).toThrow('LAC0908');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('leave a file as it is that has them all', () => {
    writeTunedRows(source, [row(1, { note: 'n' }), row(2, { kernel: 'j' })]);
    const before = text();
    writeTunedRows(source, [row(2, { kernel: 'j' }), row(1)]);
    expect(text()).toBe(before);
  });
});

describe('the form of the file', () => {
  test.each(repositoryFiles().filter((p) => /^kernels\/.*\.tune\.json$/.test(p)))(
    'rows of %s stay what they are',
    (path) => {
      const before = JSON.parse(readable(path) ?? '') as { configurations: NewTunedRow[] };
      writeFileSync(file, JSON.stringify(before));
      writeTunedRows(source, [row(1)]);
      const after = JSON.parse(text()) as typeof before;
      expect({ ...after, configurations: after.configurations.filter((r) => r.kernel !== 'k') }).toEqual(before);
      const again = text();
      writeTunedRows(source, [row(1)]);
      expect(text()).toBe(again);
    },
  );

  test('passes the formatter', () => {
    const range = fc.oneof(fc.nat(9999), fc.record({ least: fc.nat(99), most: fc.nat(9999) }));
    const rows = fc.sample(
      fc.record({
        dims: fc.dictionary(fc.constantFrom('N', 'M', 'K'), range, { noNullPrototype: true }),
        key: fc.array(range, { maxLength: 3 }),
        T: fc.subarray(['f16', 'bf16', 'f32'] as const),
      }),
      12,
    );
    writeTunedRows(
      source,
      rows.map(({ dims, key, T }, i) => row(i, { when: { dtypes: { T }, dims, key, options: { causal: true } } })),
    );
    const target = join(ROOT, 'build', 'formatted.tune.json');
    writeFileSync(target, text());
    try {
      const biome = join(ROOT, 'node_modules', '@biomejs', 'biome', 'bin', 'biome');
      const args = ['format', '--stdin-file-path=formatted.tune.json', '--config-path', ROOT];
      const after = execFileSync(process.execPath, [biome, ...args], { input: text(), cwd: ROOT }).toString();
      expect(after).toBe(text());
    } finally {
      rmSync(target);
    }
  });
});
