import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';

const folder = join(import.meta.dirname, 'fixtures');
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc');

/** tsc also reports an @ts-expect-error that is not needed: so every mistake that is marked as one is one that it sees. */
test('tsc --strict accepts the examples and sees every mistake that is marked', () => {
  const run = spawnSync(process.execPath, [tsc, '-p', join(folder, 'tsconfig.json')], { encoding: 'utf8' });
  expect(run.stdout).toBe('');
  expect(run.status).toBe(0);
  const marked = (file: string) => readFileSync(join(folder, file), 'utf8').match(/^\s*\/\/ @ts-expect-error/gm);
  expect(marked('examples/mistakes.ts')).toHaveLength(26);
  expect(marked('types/addresses.ts')).toHaveLength(13);
});
