import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { checkFile, lowerKernel, representatives, SourceProject } from '../../dsl/source.js';
import { temporaryFolder } from '../setup/temporary.js';
import { kernelText, projectWith } from './kernel-text.js';

const codes = (dir: string, file = 'k.ts'): string[] =>
  checkFile(new SourceProject(), join(dir, file)).diagnostics.map((d) => d.code);

describe('limits', () => {
  test('a missing file, and one over 1 MiB', () => {
    const dir = projectWith({ 'big.ts': `// ${'x'.repeat(1 << 20)}` });
    expect(codes(dir, 'none.ts')).toEqual(['LAC0001']);
    expect(codes(dir, 'big.ts')).toEqual(['LAC0002']);
  });
  test.each([
    ['brackets', `${'('.repeat(5000)}1${')'.repeat(5000)}`],
    ['open brackets', '['.repeat(100_000)],
    ['negations', `${'!'.repeat(20_000)}1`],
    ['conditionals', `${'1 ? 2 : '.repeat(20_000)}3`],
    ['sums', `${'1 + '.repeat(20_000)}1`],
    ['arrows', `${'x => '.repeat(20_000)}1`],
  ])('nesting: %s', (_, text) => {
    const dir = projectWith({ 'k.ts': kernelText(`const z = ${text};`) });
    expect(codes(dir)).toEqual(['LAC0003']);
  });
  test('128 brackets are not too many', () => {
    const dir = projectWith({ 'k.ts': kernelText(`y.store([0, 0], ${'('.repeat(100)}t${')'.repeat(100)});`) });
    expect(codes(dir)).toEqual([]);
  });
  test.each([
    ['a broadcast', 'const z = col(iota(8192)) + row(iota(8192));', '', 'LAC0215'],
    [
      'one in a loop that is walked twice',
      'for (const i of range(N)) s = s + sum(sum(col(iota(8192)) + row(iota(8192)), 0), 0);',
      'let s = 0;',
      'LAC0215',
    ],
    ['loops', `${'for (const i of range(N)) '.repeat(150)}s = s + N;`, 'let s = 0;', 'LAC0007'],
  ])('too large: %s', (_, statements, before, code) => {
    expect(codes(projectWith({ 'k.ts': kernelText(statements, before) }))).toEqual([code]);
  });
  test('exponential inlining ends', () => {
    const helpers = Array.from(
      { length: 60 },
      (_, i) => `const g${i + 1} = (v: number): number => g${i}(v) + g${i}(v);`,
    );
    const dir = projectWith({
      'k.ts': kernelText('g60(t);', '', `const g0 = (v: number) => v * 2;\n${helpers.join('\n')}`),
    });
    expect(codes(dir)).toEqual(['LAC0007']);
  });
});

describe('imports', () => {
  test('helpers of other files, re-exports, namespaces and JavaScript', () => {
    const dir = projectWith({
      'k.ts': kernelText(
        'y.store([0, 0], double(t) + more.triple(t) + OFFSET);',
        '',
        "import { double, OFFSET } from './barrel.js';\nimport * as more from './more.js';",
      ),
      'barrel.ts': "export { twice as double } from './more.js';\nexport const OFFSET = 3;",
      'more.js': 'export function twice(x) { return x * 2; }\nexport const triple = (x) => twice(x) + x;',
    });
    expect(codes(dir)).toEqual([]);
  });
  test('kernels and variants of other files', () => {
    const dir = projectWith({
      'k.ts': kernelText('if (flag) y.store([0, 0], t);'),
      'variant.ts':
        "import { probe } from './k.js';\nexport const on = probe.with({ flag: true });\nexport { probe as off } from './k.js';",
    });
    const { kernels } = new SourceProject().read(join(dir, 'variant.ts'));
    expect(kernels.map((k) => [k.name, k.options])).toEqual([
      ['on', { flag: true }],
      ['off', { flag: false }],
    ]);
  });
  test('outside the project, also through a symbolic link', () => {
    const outer = temporaryFolder('outer');
    writeFileSync(join(outer, 'secret.ts'), 'export const secret = 42;');
    const dir = join(outer, 'project');
    mkdirSync(dir);
    writeFileSync(join(dir, 'package.json'), '{}');
    symlinkSync(join(outer, 'secret.ts'), join(dir, 'link.ts'));
    writeFileSync(
      join(dir, 'k.ts'),
      kernelText('y.store([0, 0], t + secret);', '', "import { secret } from '../secret.js';"),
    );
    writeFileSync(join(dir, 'l.ts'), kernelText('const z = t + secret;', '', "import { secret } from './link.js';"));
    expect(codes(dir)).toEqual(['LAC0005']);
    expect(codes(dir, 'l.ts')).toEqual(['LAC0005']);
    const wider = new SourceProject({ root: outer });
    expect(checkFile(wider, join(dir, 'k.ts')).diagnostics).toEqual([]);
  });
  test('files that import each other', () => {
    const dir = projectWith({
      'k.ts': kernelText(
        'y.store([0, 0], t * A);',
        '',
        "import { B } from './b.js';\nexport const A = B + 1;\nexport const C = 2;",
      ),
      'b.ts': "import { C } from './k.js';\nexport const B = C;",
    });
    expect(codes(dir)).toEqual([]);
  });
});

test('a host program has no kernels, and what it does is nobody’s business', () => {
  const dir = projectWith({
    'h.ts': "const x = await fetch('http://localhost');\nexport const y = new Map();\nclass A {}\nthrow x;",
  });
  const read = new SourceProject().read(join(dir, 'h.ts'));
  expect(read).toEqual({ kernels: [], unexported: [], plans: [], unexportedPlans: [], diagnostics: [] });
});

test('a file is read once until it is invalidated', () => {
  const dir = projectWith({
    'k.ts': kernelText('y.store([0, 0], t * SCALE);', '', "import { SCALE } from './scale.js';"),
    'scale.ts': 'export const SCALE = 3;',
  });
  const project = new SourceProject();
  const value = (): string => {
    const [decl] = project.read(join(dir, 'k.ts')).kernels;
    if (decl === undefined) return 'no kernel';
    const ops = lowerKernel(decl, representatives(decl).base).module?.kernels[0]?.body.ops ?? [];
    return ops.flatMap((op) => (op.name === 'const' ? [(op.attrs as { value: number }).value] : [])).join(' ');
  };
  expect(value()).toContain('3');
  writeFileSync(join(dir, 'scale.ts'), 'export const SCALE = 5;');
  expect(value()).toContain('3');
  project.invalidate(join(dir, 'scale.ts'));
  expect(value()).toContain('5');
});

test('names that every object has are not declared by accident', () => {
  const text =
    "import { f32, input, kernel } from 'lac';\nexport const p = kernel({ args: { constructor: input(f32, ['toString']) }, tune: { valueOf: [1] }, grid: () => ({ __proto__: 1 }) }, ({ hasOwnProperty }, { isPrototypeOf }) => { void [hasOwnProperty, isPrototypeOf]; });";
  const dir = projectWith({ 'k.ts': text });
  expect(codes(dir)).toContain('LAC0302');
});
