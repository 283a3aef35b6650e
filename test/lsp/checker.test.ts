import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import type { Analysis } from '../../lsp/analysis.js';
import { Checker } from '../../lsp/checker.js';
import { scratch } from '../cli/lac.js';
import { ROOT } from '../house/sources.js';
import { HELPER, KERNEL } from './sources.js';

const folder = scratch({ 'package.json': '{}', 'gram.ts': KERNEL, 'decay.ts': HELPER });
const [gram, decay] = [folder.path('gram.ts'), folder.path('decay.ts')];
afterAll(() => folder.remove());

/** A checker over texts that the test holds; `fault` is thrown wherever a text is asked for. */
function checkerOver(texts: Map<string, string>) {
  const state: { fault: Error | null; checked: Analysis[]; failed: unknown[] } = {
    fault: null,
    checked: [],
    failed: [],
  };
  const checker = new Checker({
    text: (file) => {
      if (state.fault !== null) throw state.fault;
      return texts.get(file);
    },
    checked: (analysis) => state.checked.push(analysis),
    failed: (_file, error) => state.failed.push(error),
  });
  return { checker, state };
}

describe('Checker', () => {
  test('a mistake of the compiler is reported, and the next text is checked', async () => {
    const texts = new Map([[gram, KERNEL]]);
    const { checker, state } = checkerOver(texts);
    state.fault = new RangeError('Maximum call stack size exceeded');
    checker.opened(gram);
    expect(await checker.upToDate(gram)).toMatchObject({ diagnostics: [] });
    expect(state.failed).toEqual([state.fault]);
    state.fault = null;
    checker.changed(gram);
    expect((await checker.upToDate(gram))?.modules.has(gram)).toBe(true);
    expect(state.failed).toHaveLength(1);
  });

  test('a newer text ends the check of the older one', async () => {
    const many = Array.from({ length: 40 }, (_, i) => KERNEL.replace('gram', `gram${i}`).replace(/^import.*$/gm, ''));
    const text = `${KERNEL.split('\n').slice(0, 2).join('\n')}\n${many.join('\n').replaceAll(/^const T.*$/gm, '')}
      const T = dtypes('T', f32, f16);`;
    const texts = new Map([
      [gram, text],
      [decay, HELPER],
    ]);
    const { checker, state } = checkerOver(texts);
    checker.opened(gram);
    const first = checker.upToDate(gram);
    await new Promise((done) => setTimeout(done, 1));
    texts.set(gram, KERNEL);
    checker.changed(gram);
    expect((await first)?.modules.get(gram)?.text).toBe(KERNEL);
    expect(state.checked.map((a) => a.modules.get(gram)?.text)).toEqual([KERNEL]);
  });

  test('a file is checked again when one that it reads changes, and only then', async () => {
    const texts = new Map([
      [gram, KERNEL],
      [decay, HELPER],
    ]);
    const { checker, state } = checkerOver(texts);
    checker.opened(gram);
    checker.opened(decay);
    await Promise.all([checker.upToDate(gram), checker.upToDate(decay)]);
    state.checked = [];
    texts.set(decay, HELPER.replace('col(w)', 'w'));
    checker.changed(decay);
    await checker.upToDate(gram);
    expect(state.checked.find((a) => a.file === gram)?.diagnostics.map((d) => d.span?.file)).toEqual([decay]);
    await checker.upToDate(decay);
    state.checked = [];
    checker.changed(gram);
    await checker.upToDate(gram);
    expect(state.checked.map((a) => a.file)).toEqual([gram]);
  });

  test('a closed file is not checked any more', async () => {
    const { checker, state } = checkerOver(new Map([[gram, KERNEL]]));
    checker.opened(gram);
    checker.closed(gram);
    expect(await checker.upToDate(gram)).toBeNull();
    await new Promise((done) => setTimeout(done, 100));
    expect(state.checked).toEqual([]);
  });
});

test('Lightning Attention is checked quickly while one types', async () => {
  const file = join(ROOT, 'kernels/lightning/forward.ts');
  const texts = new Map([[file, readFileSync(file, 'utf8')]]);
  const { checker, state } = checkerOver(texts);
  checker.opened(file);
  const times: number[] = [];
  for (let i = 0; i < 25; i++) {
    texts.set(file, `${texts.get(file)} `);
    const before = process.cpuUsage();
    checker.changed(file);
    expect((await checker.upToDate(file))?.diagnostics).toEqual([]);
    const { user, system } = process.cpuUsage(before);
    times.push((user + system) / 1000);
  }
  expect(state.failed).toEqual([]);
  const best = Math.min(...times);
  if (process.env.LAC_TIMES !== undefined) console.log(`lightning: ${best.toFixed(0)} ms`);
  // Measured 30 to 60 where nobody else computes; 100 is the aim.
  expect(best).toBeLessThan(250);
});
