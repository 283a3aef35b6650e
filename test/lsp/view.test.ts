import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { BUILTINS } from '../../dsl/lower/builtins/table.js';
import { TENSOR_METHODS } from '../../dsl/lower/builtins/tensors.js';
import { VIEW_METHODS } from '../../dsl/lower/builtins/views.js';
import { SourceProject } from '../../dsl/source.js';
import { type Analysis, analyse } from '../../lsp/analysis.js';
import { completions } from '../../lsp/complete.js';
import { entryOf } from '../../lsp/documentation.js';
import { findDeclaration } from '../../lsp/find-declaration.js';
import { hoverAt } from '../../lsp/hover.js';
import { hintsIn } from '../../lsp/inlay.js';
import { outline } from '../../lsp/outline.js';
import { View } from '../../lsp/view.js';
import { scratch } from '../cli/lac.js';
import { ROOT, repositoryFiles } from '../house/sources.js';
import { offsetIn } from './editor.js';

const folder = scratch({ 'package.json': '{}' });
afterAll(() => folder.remove());

function analysed(file: string, text: string): Analysis {
  const steps = analyse(new SourceProject({ unsaved: (path) => (path === file ? text : undefined) }), file, text);
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

function viewOf(text: string, file = folder.path('k.ts')): View {
  const view = View.of(file, text, [analysed(file, text)]);
  if (view === null) throw new Error('no view');
  return view;
}

const hintsOf = (text: string): Record<string, string[]> => {
  const found: Record<string, string[]> = {};
  for (const { at, label } of hintsIn(viewOf(text), { file: '', start: 0, end: text.length })) {
    const name = /[\w$]+$/.exec(text.slice(0, at))?.[0] ?? '';
    found[name] = [...(found[name] ?? []), label];
  }
  return found;
};

/** A kernel with a body, and functions before it. */
const kernelOf = (body: string, before = ''): string => `import {
  cast, col, concat, dot, f16, f32, i32, input, iota, kernel, output, plan, range, row, sum, trans, zeros,
} from 'lac';
${before}
export const k = kernel(
  { args: { x: input(f16, ['N', 'M']), y: output(f32, ['N', 'M']) }, options: { wide: false }, tune: { C: [32, 64] }, grid: () => ({ n: 1 }) },
  ({ x, y }, { N, C, wide }, { n }) => {
    const t = x.load([0, 0], [C, 16]);
    ${body}
    y.store([0, 0], cast(t, f32));
  },
);
`;

describe('hints', () => {
  test('arithmetic: what is broadcast, promoted, compared, folded', () => {
    const text = kernelOf(`
      const a = t * 2;
      const b = t + cast(t, f32);
      const c = col(iota(C)) - row(iota(16));
      const d = c >= 0;
      const e = sum(b, 1);
      const f = dot(t, trans(t));
      const g = sum(e, 0) * 2;
      const h = g > 0;`);
    expect(hintsOf(text)).toMatchObject({
      t: [': f16[C, 16]'],
      a: [': f16[C, 16]'],
      b: [': f32[C, 16]'],
      c: [': i32[C, 16]'],
      d: [': mask[C, 16]'],
      e: [': f32[C]'],
      f: [': f32[C, C]'],
      g: [': f32'],
      h: [': mask'],
    });
  });

  test('numbers, functions and written types have none; the index of a loop neither', () => {
    const text = kernelOf(
      'const c = C * 2; const f = (v) => v; const typed: number = t + 1; for (const i of range(3)) f(t);',
    );
    expect(Object.keys(hintsOf(text)).sort()).toEqual(['t', 'v']);
  });

  test('a number that becomes a tile in a loop is what the loop carries', () => {
    const text = kernelOf(
      'let m = 0; for (const i of range(N)) { const before = m; m = m + sum(sum(cast(t, f32), 0), 0); }',
    );
    expect(hintsOf(text).before).toEqual([': f32']);
  });

  test('a function that is called with other shapes shows each', () => {
    const text = kernelOf('const a = twice(t); const b = twice(sum(t, 1));', 'const twice = (v) => v * 2;');
    expect(hintsOf(text)).toMatchObject({ v: [': f16[C, 16] | f16[C]'], a: [': f16[C, 16]'], b: [': f16[C]'] });
  });

  test('an unrolled loop shows what changes from trip to trip', () => {
    const text = kernelOf('for (const s of [8, 16]) { const part = iota(s); }');
    expect(hintsOf(text).part).toEqual([': i32[8] | i32[16]']);
  });

  test('what differs between options is shown for those in force', () => {
    expect(hintsOf(kernelOf('const own = cast(t, wide ? f32 : f16);')).own).toEqual([': f16[C, 16]']);
  });

  test('a branch that only another option takes is known', () => {
    const text = kernelOf('if (wide) { const own = sum(t, 0); }');
    expect(hintsOf(text).own).toEqual([': f16[16]']);
  });
});

describe('plans', () => {
  const PLAN = `import { dtypes, f16, f32, input, kernel, output, plan, temp } from 'lac';
const T = dtypes('T', f32, f16);
const part = kernel({ args: { x: input(T, ['N']), p: output(f32, ['N', 'G']) }, tune: { C: [32] }, grid: ({ N }) => ({ n: N }) }, ({ x, p }, { C }, { n }) => {
  p.store([n, 0], x.load([n], [1]));
});
export const whole = plan(
  {
    args: { x: input(T, ['N']), y: output(f32, ['N', 'K']) },
    tune: { G: [1, 2] },
    temps: ({ N, G }) => ({ p: temp(f32, [N, G]) }),
  },
  ({ x, y, p }, { G }, run) => {
    run(part, { x, p });
    run(part, { x, p: y });
  },
);
`;
  const view = viewOf(PLAN);
  const hover = (mark: string): string => hoverAt(view, offsetIn(PLAN, mark))?.markdown ?? '';
  test('hover', () => {
    expect(hover('const |whole')).toContain('plan whole(\n  x: in T [N],');
    expect(hover('const |whole')).toContain('knobs: G of 1 2');
    expect(hover('run(|part')).toContain('kernel part(');
    expect(hover('run(part, { |x, p }')).toContain('x: tensor T [N]');
    expect(hover('run(part, { x, |p }')).toContain('p: temporary f32 [N, G]');
    expect(hover('y, p }, { |G }')).toContain('knob: [1, 2]');
  });
  test('definition', () => {
    const target = (mark: string): number | undefined => {
      const node = view.nodeAt(offsetIn(PLAN, mark));
      return node === null ? undefined : findDeclaration(view.project, view.module, node)?.span.start;
    };
    expect(target('run(part, { x, |p }')).toBe(offsetIn(PLAN, '{ |p: temp'));
    expect(target('run(|part')).toBe(offsetIn(PLAN, 'const |part'));
    expect(target('|run(part')).toBe(offsetIn(PLAN, '|run) =>'));
    expect(target('y, p }, { |G }')).toBe(offsetIn(PLAN, 'tune: { |G'));
  });
  test('outline', () => {
    expect(outline(view.module.source).map((i) => `${i.what} ${i.name}`)).toEqual(['kernel part', 'plan whole']);
  });
});

describe('completion', () => {
  const labels = (text: string, line: string) => completions(viewOf(text), line).map((c) => c.name);
  test('not in strings and comments', () => {
    for (const line of ["input(f32, ['", '// x.', "'a' + \"x."]) expect(labels(kernelOf(''), line)).toEqual([]);
    expect(labels(kernelOf(''), "f('a', x.")).toContain('load');
    expect(labels(kernelOf(''), 'Math.')).toContain('PI');
    expect(labels(kernelOf(''), 't.')).toEqual([]);
    const plan = `${kernelOf('')}\nexport const p = plan({ args: { x: input(f32, ['N']) } }, ({ x: seen }, _s, run) => {});`;
    expect(labels(plan, 'seen.')).toEqual(['reshape', 'permute', 'slice']);
  });
});

describe('documentation', () => {
  test('every function of the language and every method of a view is declared where authors see it', () => {
    const names = [
      ...Object.keys(BUILTINS),
      ...Object.keys(VIEW_METHODS).map((m) => `view.${m}`),
      ...Object.keys(TENSOR_METHODS).map((m) => `tensor.${m}`),
    ];
    const entries = names.map((name) => [name, entryOf(name)] as const);
    expect(entries.filter(([, e]) => e?.declared == null).map(([name]) => name)).toEqual([]);
    const spelled = ([name, e]: (typeof entries)[number]): boolean => {
      const { file = '', start = 0, end = 0 } = e?.declared ?? {};
      return readFileSync(file, 'utf8').slice(start, end) === name.replace(/^(view|tensor)\./, '');
    };
    expect(entries.filter((e) => !spelled(e)).map(([name]) => name)).toEqual([]);
  });
  test('comments lose their stars', () => {
    expect(entryOf('cast')?.doc).not.toMatch(/\*/);
    expect(entryOf('exp')?.doc).not.toBe('');
    expect(entryOf('view.load')?.doc).not.toBe('');
    expect(entryOf('constructor')).toBeUndefined();
  });
});

/** Kernels of the repository, and sources with mistakes. */
const files = repositoryFiles().filter(
  (f) => /^(kernels|test\/dsl\/fixtures)\/.*\.ts$/.test(f) && !/\.(ref|test)\.ts$/.test(f) && !f.includes('LAC0007'),
);

test('every place of every source answers, and about a node around it', () => {
  expect(files.length).toBeGreaterThan(20);
  for (const name of files.filter((f, i) => f.startsWith('kernels/') || i % 4 === 0)) {
    const file = join(ROOT, name);
    const text = readFileSync(file, 'utf8');
    const view = View.of(file, text, [analysed(file, text)]);
    if (view === null) continue;
    for (let at = 0; at <= text.length; at += text.length > 4000 ? 17 : 5) {
      const found = hoverAt(view, at);
      const span = found === null ? null : view.spanOf(found.node);
      if (span !== null) expect(span.start <= at && at <= span.end, `${name}:${at}`).toBe(true);
      const node = view.nodeAt(at);
      if (node !== null) findDeclaration(view.project, view.module, node);
    }
  }
});

test('a definition has the name that is asked for', () => {
  const file = join(ROOT, 'kernels/lightning/forward.ts');
  const text = readFileSync(file, 'utf8');
  const view = viewOf(text, file);
  let named = 0;
  for (const { 0: word, index } of text.matchAll(/[A-Za-z_]\w*/g)) {
    const node = view.nodeAt(index);
    if (node === null || node.getText() !== word) continue;
    const found = findDeclaration(view.project, view.module, node);
    if (found === null) continue;
    named++;
    const there = readFileSync(found.span.file, 'utf8').slice(found.span.start, found.span.end);
    // A pattern may give another name: { g: part }.
    const renamed = new RegExp(`(\\w+): ${word}\\b`).exec(text)?.[1];
    expect([word, renamed]).toContain(there.replace(/'/g, ''));
  }
  expect(named).toBeGreaterThan(200);
});
