import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { verifyModule } from '../../compiler/ir/verify.js';
import { checkKernel, lowerKernel, representatives, SourceProject } from '../../dsl/source.js';
import { kernelText, projectWith } from './kernel-text.js';

const examples = join(import.meta.dirname, 'fixtures/examples');
const sources = ['lightning', 'simple_gla', 'flash', 'rmsnorm', 'mistakes', 'recurrences', 'segments'].map((f) =>
  readFileSync(join(examples, `${f}.ts`), 'utf8').replace('../../../../dsl/index.js', 'lac'),
);

/** Tokens that mean something to the reader, so that mutations reach past the parser. */
const TOKENS = [
  't',
  'qi',
  'N',
  'C',
  '0',
  '1',
  '-1',
  '0.5',
  '1e9',
  'Infinity',
  'true',
  "'x'",
  'null',
  '()',
  '[]',
  '{}',
  '+',
  '**',
  '>>>',
  '&&',
  '!',
  '?',
  ':',
  ',',
  '=>',
  'if',
  'for',
  'of',
  'return',
  'return;',
  'continue;',
  'while (t',
  'scan([t, t], 0, ',
  'reduce(t, 0, (a, b) =>',
  'let',
  'f16',
  'u32',
  'col(',
  'dot(',
  'range(',
  '.at(',
  '.load(',
  '.store(',
  '...',
];

interface Cut {
  readonly source: number;
  readonly edits: readonly { readonly at: number; readonly drop: number; readonly put: string }[];
}

function mutate({ source, edits }: Cut): string {
  let text = sources[source % sources.length] ?? '';
  for (const e of edits) {
    const words = [...text.matchAll(/[\w$.]+|\S/g)];
    const from = words[e.at % Math.max(words.length, 1)];
    const to = words[Math.min((e.at % Math.max(words.length, 1)) + e.drop, words.length - 1)];
    if (from?.index === undefined || to?.index === undefined) continue;
    text = text.slice(0, from.index) + e.put + text.slice(to.index);
  }
  return text;
}

const cut = fc.record({
  source: fc.nat(100),
  edits: fc.array(fc.record({ at: fc.nat(4000), drop: fc.nat(3), put: fc.constantFrom('', ...TOKENS) }), {
    minLength: 1,
    maxLength: 3,
  }),
});

test('broken source gives diagnostics or valid IR, never an exception', { timeout: 60_000 }, () => {
  const dir = projectWith({});
  const project = new SourceProject();
  fc.assert(
    fc.property(cut, (c) => {
      const file = join(dir, 'k.ts');
      project.override(file, mutate(c));
      const { kernels, diagnostics } = project.read(file);
      for (const d of diagnostics) expect(d.message).not.toBe('');
      for (const decl of kernels) {
        const lowered = lowerKernel(decl, representatives(decl).base);
        if (lowered.module === null) expect(lowered.diagnostics.length).toBeGreaterThan(0);
        else expect(verifyModule(lowered.module)).toEqual([]);
        checkKernel(decl);
      }
    }),
    { numRuns: 200 },
  );
});

test('truncated source gives diagnostics, never an exception', () => {
  const project = new SourceProject();
  const file = join(projectWith({}), 'k.ts');
  for (const text of sources)
    for (let n = 0; n < text.length; n += 97) {
      project.override(file, text.slice(0, n));
      const { kernels } = project.read(file);
      for (const decl of kernels) lowerKernel(decl, representatives(decl).base);
    }
});

test('a kernel exported under a path is refused: names become names of files', () => {
  const text = kernelText('y.store([m, 0], t)').replace('export const probe', 'const probe');
  const again = "export { '../../probe' as '/tmp/probe' } from './k.js';";
  const dir = projectWith({ 'k.ts': `${text}\nexport { probe as '../../probe' };`, 'again.ts': again });
  for (const file of ['k.ts', 'again.ts']) {
    const { kernels, diagnostics } = new SourceProject().read(join(dir, file));
    expect(kernels).toEqual([]);
    expect(diagnostics.map((d) => `${d.severity} ${d.code}`)).toEqual(['error LAC0308']);
  }
});
