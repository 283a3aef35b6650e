import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { SourceProject } from '../../dsl/source.js';
import { analyse } from '../../lsp/analysis.js';
import { hintsIn } from '../../lsp/inlay.js';
import { View } from '../../lsp/view.js';
import { buildLac, type Lac, scratch } from '../cli/lac.js';
import { ROOT } from '../house/sources.js';

const FOLDER = join(ROOT, 'docs/tutorial');
const files = readdirSync(FOLDER);
const read = (name: string): string => readFileSync(join(FOLDER, name), 'utf8');
const sources = files.filter((f) => f.endsWith('.ts')).map(read);
const pages = files.filter((f) => f.endsWith('.md')).map((name) => ({ name, text: read(name) }));

/** Blocks of a language: what stands between its fences. */
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, 'gm'))].map(([, block = '']) => block);

/** Whether a command printed what a page shows, where `...` stands for any text, and alone in a line for any lines. */
function isShown(printed: string, shown: string): boolean {
  const escaped = shown.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  const pattern = escaped.replaceAll(/^\\\.\\\.\\\.\n/gm, '(?:.*\\n)*?').replaceAll('\\.\\.\\.', '.*');
  return new RegExp(`^${pattern}$`).test(printed);
}

describe('the tutorial', () => {
  test('shows the code that lies beside it', () => {
    const shown = pages.flatMap(({ text }) => blocks(text, 'ts'));
    expect(shown.length).toBeGreaterThan(8);
    expect(shown.filter((code) => !sources.some((s) => s.includes(code)))).toEqual([]);
  });

  test('has a source and a reference for every step', () => {
    const steps = pages.map(({ name }) => name.replace(/\.md$/, '')).filter((name) => /^\d/.test(name));
    expect(steps.length).toBe(5);
    expect(steps.flatMap((s) => [`${s}.ts`, `${s}.ref.ts`]).filter((f) => !files.includes(f))).toEqual([]);
  });

  test('shows the hints that an editor gets', () => {
    const file = join(FOLDER, '2-softmax.ts');
    const text = read('2-softmax.ts');
    const steps = analyse(new SourceProject(), file, text);
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    const view = View.of(file, text, [step.value]);
    if (view === null) throw new Error('no view');
    const hints = hintsIn(view, { file, start: 0, end: text.length });
    const hinted = hints.reduceRight((t, { at, label }) => t.slice(0, at) + label + t.slice(at), text);
    const [shown = ''] = blocks(read('2-softmax.md'), 'text');
    expect(hinted.replaceAll(/^ +/gm, '')).toContain(shown);
  });

  test('a comparison can fail', () => {
    expect(isShown('run 3 ms\nok\n', 'run ... ms\nok\n')).toBe(true);
    expect(isShown('a\nb\nok\n', '...\nok\n')).toBe(true);
    expect(isShown('run 3 ms\nwrong\n', 'run ... ms\nok\n')).toBe(false);
    expect(isShown('run 3 ms\nok\nmore\n', 'run ... ms\nok\n')).toBe(false);
  });

  test('its program prints what the page says', async () => {
    const log = vi.spyOn(console, 'log').mockImplementation(() => {});
    try {
      await import('../../docs/tutorial/1-launch.js');
      expect(log.mock.calls).toEqual([[[11, 12, 13, 14, 15]]]);
    } finally {
      log.mockRestore();
    }
    expect(read('1-add.md')).toContain('[ 11, 12, 13, 14, 15 ]');
  });
});

describe('commands of the tutorial, and of the page on benchmarks, print what is shown', () => {
  const built: { lac?: Lac } = {};
  const folder = scratch();
  beforeAll(() => {
    built.lac = buildLac();
  });
  afterAll(() => {
    folder.remove();
  });
  const texts = [...pages.map(({ text }) => text), readFileSync(join(ROOT, 'docs/benchmarks.md'), 'utf8')];
  const commands = texts.flatMap((text) =>
    blocks(text, 'console').map((block) => {
      const [, command = '', shown = ''] = /^\$ npx lac (.*)\n([\s\S]*)$/.exec(block) ?? [];
      return { command, shown };
    }),
  );

  test.each(commands)('lac $command', async ({ command, shown }) => {
    const artifacts = folder.path('artifacts');
    const args = command.split(' ').map((a) => (a === 'artifacts' ? artifacts : a));
    const { stdout = '', stderr = '' } = (await built.lac?.run(args)) ?? {};
    const printed = (stdout === '' ? stderr : stdout).replaceAll(artifacts, 'artifacts');
    expect(isShown(printed, shown) ? shown : printed).toBe(shown);
  });
});
