import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { loadReference, referenceFileOf } from '../../driver/load-reference.js';
import { codesOf } from './codes-of.js';

const folder = mkdtempSync(join(tmpdir(), 'lac-reference-'));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};
describe('references are loaded from TypeScript', () => {
  test('types vanish, helpers beside it are found under their .js name', async () => {
    file('factor.ts', 'export const factor = (x: number): number => 2 * x;');
    const path = file(
      'scale.ref.ts',
      `import type { Reference } from './nowhere.js';
       import { sep } from 'node:path';
       import { factor } from './factor.js';
       export const scale: Reference = { shape: { N: sep.length }, run: ({ inputs: { x } }) => ({ y: x.map(factor) }) };`,
    );
    const reference = await loadReference(path, 'scale');
    expect(reference.shape).toEqual({ N: 1 });
    const x = Float64Array.of(1, 2);
    expect(reference.run({ inputs: { x }, dims: {}, scalars: {}, options: {} }).y).toEqual(Float64Array.of(2, 4));
  });

  test('a changed file is read again', async () => {
    const text = (n: number): string => `export const k = { shape: { N: ${n} }, run: () => ({}) };`;
    expect((await loadReference(file('again.ref.ts', text(1)), 'k')).shape).toEqual({ N: 1 });
    expect((await loadReference(file('again.ref.ts', text(2)), 'k')).shape).toEqual({ N: 2 });
  });

  test('what cannot be used says why', async () => {
    expect(await codesOf(loadReference(join(folder, 'none.ref.ts'), 'k'))).toEqual(['LAC0001']);
    expect(await codesOf(loadReference(file('syntax.ref.ts', 'export const k = {;'), 'k'))).toEqual(['LAC0903']);
    expect(await codesOf(loadReference(file('throws.ref.ts', 'throw new Error("no");'), 'k'))).toEqual(['LAC0903']);
    expect(await codesOf(loadReference(file('other.ref.ts', 'export const a = 1;'), 'k'))).toEqual(['LAC0902']);
    expect(await codesOf(loadReference(file('shapeless.ref.ts', 'export const k = 1;'), 'k'))).toEqual(['LAC0903']);
  });

  test('it lies beside the kernel', () => {
    const path = file('beside.ref.ts', '');
    expect(referenceFileOf(join(folder, 'beside.ts'))).toBe(path);
    expect(referenceFileOf(join(folder, 'alone.ts'))).toBe(null);
  });
});
