import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { printModule } from '../../compiler/ir/print.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import { checkFile, type KernelDecl, lowerKernel, representatives, SourceProject } from '../../dsl/source.js';
import { body, projectWith } from './kernel-text.js';

const examples = join(import.meta.dirname, 'fixtures/examples');
const project = new SourceProject();
const kernelOf = (file: string, name: string): KernelDecl => {
  const found = project.read(join(examples, file)).kernels.find((k) => k.name === name);
  if (found === undefined) throw new Error(`no kernel ${name} in ${file}`);
  return found;
};

describe('the examples lower to IR that the verifier accepts, in every representative variant', () => {
  test.each([
    ['lightning.ts', 'lightningFwd'],
    ['simple_gla.ts', 'simpleGlaFwd'],
    ['flash.ts', 'flashFwd'],
    ['flash.ts', 'alibiFwd'],
    ['rmsnorm.ts', 'addRmsNorm'],
    ['segments.ts', 'localStates'],
    ['segments.ts', 'scanStates'],
    ['segments.ts', 'fullPass'],
    ['recurrences.ts', 'dropout'],
    ['recurrences.ts', 'selectiveScan'],
    ['dequant_gemm.ts', 'dequantGemm'],
  ])('%s %s', (file, name) => {
    const decl = kernelOf(file, name);
    const { base, others } = representatives(decl);
    for (const spec of [base, ...others.map((o) => o.spec)]) {
      const { module, diagnostics } = lowerKernel(decl, spec);
      expect(diagnostics).toEqual([]);
      expect(module && verifyModule(module)).toEqual([]);
    }
  });
});

test('a declaration is plain data', () => {
  const { body: _, span: __, file: ___, ...decl } = kernelOf('flash.ts', 'alibiFwd');
  expect(JSON.parse(JSON.stringify(decl))).toMatchObject({
    name: 'alibiFwd',
    args: [
      { name: 'q', dir: 'in', dtype: 'T', dims: ['B', 'H', 'M', 'D'] },
      { name: 'k', dir: 'in', dtype: 'T', dims: ['B', 'H', 'N', 'D'] },
      { name: 'v', dir: 'in', dtype: 'T', dims: ['B', 'H', 'N', 'D'] },
      { name: 'scale', dir: 'scalar', dtype: 'f32' },
      { name: 'o', dir: 'out', dtype: 'T', dims: ['B', 'H', 'M', 'D'] },
      { name: 'lse', dir: 'out', dtype: 'f32', dims: ['B', 'H', 'M'] },
    ],
    dtypes: { T: ['f16', 'bf16'] },
    dims: ['B', 'H', 'M', 'D', 'N'],
    comptime: ['D'],
    options: { causal: true, scoreMod: { function: 'alibi' } },
    tune: { BM: [64, 128], BN: [32, 64, 128], warps: [4, 8], stages: [2, 3, 4] },
    prune: ['<=', ['*', ['*', ['+', 'BM', ['*', 2, 'BN']], 'D'], 2], 163840],
    tuneKey: ['M', 'N'],
    grid: [
      ['m', ['cdiv', 'M', 'BM']],
      ['h', 'H'],
      ['b', 'B'],
    ],
  });
});

test('each silent mistake of mistakes.ts is one report', () => {
  const { diagnostics } = checkFile(project, join(examples, 'mistakes.ts'));
  const text = project.text(join(examples, 'mistakes.ts')) ?? '';
  const from = text.indexOf('export const silent');
  const found = diagnostics.filter((d) => (d.span?.start ?? 0) > from);
  expect(found.map((d) => [d.code, text.slice(d.span?.start, d.span?.end)])).toEqual([
    ['LAC0201', 't + trans(t)'],
    ['LAC0202', 't - max(t, 1)'],
    ['LAC0203', "t + 'x'"],
    ['LAC0208', 't > 0'],
    ['LAC0204', 'm / 2'],
  ]);
});

describe('what source becomes', () => {
  test('a function is compared with another at compile time: an option tells whether it is the default', () => {
    const module = 'const same = (v) => v; const twice = (v) => v + v;';
    const used = (test: string): string => body(`y.store([m, 0], ${test} ? t * 3 : t);`, 'const f = same;', module);
    for (const test of ['f === same', 'f !== twice']) expect(used(test)).toContain('mul');
    for (const test of ['f !== same', 'f === twice']) expect(used(test)).not.toContain('mul');
    expect(used('f < same')).toContain('LAC0203');
  });
  test('acc + dot stays two ops; dot(a, b, acc) is one', () => {
    expect(body('acc = acc + dot(t, t);', 'let acc = t;')).toMatch(/%\d+ = dot %t, %t : .*\n.*add %t, %\d+/);
    expect(body('acc = dot(t, t, acc);', 'let acc = t;')).toMatch(/dot %t, %t, %t/);
  });
  test('whole powers multiply, others take logarithms', () => {
    expect(body('acc = t ** 5;', 'let acc = t;').match(/ mul /g)).toHaveLength(3);
    expect(body('acc = t ** 0.5;', 'let acc = t;')).toMatch(/log2[\s\S]*mul[\s\S]*exp2/);
    expect(body('acc = t ** 0.5;', 'let acc = t;')).not.toMatch(/ select /);
    expect(body('acc = t ** t;', 'let acc = t;')).toMatch(/log2[\s\S]*mul[\s\S]*exp2[\s\S]* select /);
    expect(body('acc = cast(cast(t, f16) ** 0.5, f32);', 'let acc = t;')).toMatch(
      /log2 .*f32>[\s\S]*exp2 .*f32>[\s\S]*cast .*f16/,
    );
    expect(body('acc = t ** -2;', 'let acc = t;')).toMatch(/mul[\s\S]*div/);
  });
  test('a literal takes the dtype that the loop gives it', () => {
    const ir = body('for (const n of range(N)) s = s + sum(sum(t, 0), 0);', 'let s = 0;');
    expect(ir).toMatch(/for %\d+, %N, %\d+, %\w+ : f32/);
  });
  test('a literal that never gets a dtype is reported, though the rest of the loop hides it', () => {
    const count = 'for (const n of range(N)) if (n > 3) used += 1;\nif (used > 0) y.store([0, 0], t);';
    expect(body(count, 'let used = 0;')).toMatch(/^LAC0207: used differs[^\n]*$/);
    expect(body(count, 'let used = cast(0, i32);')).toMatch(/if %\w+ \{[\s\S]*store/);
  });
  test('a literal takes the dtype that one side of an if gives it', () => {
    expect(body('if (N > 3) s = N;', 'let s = 0;')).toMatch(/if %\d+ : i32/);
  });
  test('a loop carries arrays of tiles', () => {
    expect(body('for (const n of range(N)) [a, b] = [b, a];', 'let a = t; let b = t * 2;')).toMatch(
      /for .* : tile<32x32xf32>, tile<32x32xf32> .*\{\s*yield %(\w+), %(\w+)/,
    );
    expect(body('for (const n of range(N)) p = { a: p.b, b: p.a };', 'let p = { a: t, b: t * 2 };')).toMatch(/yield/);
  });
  test('a variable without a value before a loop has none after it', () => {
    expect(body('for (const n of range(N)) { u = t * 2; y.store([n, 0], u); }', 'let u: number;')).toMatch(/store/);
    expect(body('for (const n of range(N)) u = t * 2;\ny.store([0, 0], u);', 'let u: number;')).toMatch(/^LAC0222/);
  });
  test('an option decides at compile time, a scalar at run time', () => {
    expect(body('if (flag) y.store([0, 0], t);')).not.toMatch(/store|if/);
    expect(body('if (N > 3) y.store([0, 0], t);')).toMatch(/if %\d+ \{[\s\S]*store/);
    expect(body('const z = N > 3 ? t : t * 2;')).toMatch(/if %\d+ : tile<32x32xf32>/);
    expect(body('const z = t > 3 ? t : 0;')).toMatch(/select/);
  });
  test('an unrolled index is a constant, usable in shapes', () => {
    const ir = body(
      'for (const i of range(1, 4, { unroll: true, reverse: true })) y.store([0, 0], zeros([i, 1], f32));',
    );
    expect([...ir.matchAll(/tile<(\d)x1xf32>/g)].map((m) => m[1])).toEqual(['3', '2', '1']);
    expect(ir).not.toMatch(/for/);
  });
  test('range options become attributes', () => {
    expect(body('for (const i of range(0, N, 2, { reverse: true, stages: 3 })) void i;')).toMatch(
      /for .*\{reverse = true, stages = 3\}|for[\s\S]*reverse = true[\s\S]*stages = 3/,
    );
  });
  test('views: at keeps axes with all, slice narrows, scatter stores one element', () => {
    expect(body('void x.at(all, 3).get(0);')).toMatch(/view_at %x, %\d+ \{keep = \[true, false\]\}/);
    expect(body('void x.slice(1, N).get(0, 0);')).toMatch(/view_slice %x, %\d+, %N/);
    expect(body('y.scatter([1, 2], 3);')).toMatch(/store %y, %\d+, %\d+, %\d+/);
  });
  test('a view without axes stores a number; others say what makes a tile of it', () => {
    expect(body('y.at(1, 2).store([], -1);')).toMatch(/const \{value = -1\}[\s\S]*store/);
    expect(body('y.at(1).store([0], -1);')).toMatch(/^LAC0219/);
  });
  test('loads: pad, mask, promise', () => {
    const ir = body(
      'void x.load([0, 0], [32, 32], { pad: -Infinity, mask: col(iota(32)) < N, inBounds: true, cache: "keep" });',
    );
    expect(ir).toMatch(/pad = -inf/);
    expect(ir).toMatch(/masked = true/);
    expect(ir).toMatch(/in_bounds = true/);
    expect(ir).toMatch(/cache = "keep"/);
  });
  test('a helper that returns a closure over its tiles keeps them in scope', () => {
    const ir = body(
      'const f = scaled(t); y.store([0, 0], f(t));',
      '',
      'const scaled = (v: number) => { const w = v * 2; return (u: number) => u + w; };',
    );
    expect(ir).not.toMatch(/callee = "scaled"/);
  });
  test('constants fold, of modules and of Math', () => {
    expect(
      body('y.store([0, 0], t * SCALE);', '', 'const HALF = 1 / 2; const SCALE = Math.sqrt(HALF * 8) + [1, 2][1];'),
    ).toMatch(/value = 4\b/);
  });
  test('cdiv of scalars cannot overflow: no b - 1 is added', () => {
    expect(body('void cdiv(N, 3);')).toMatch(/idiv[\s\S]*rem[\s\S]*cmp[\s\S]*cast[\s\S]*add/);
  });
  test('masks are logical, also with true and false', () => {
    expect(body('void where(t > 0 && !flag, t, 0);')).not.toMatch(/ and /);
    expect(body('void where(t > 0 || N > 3, t, 0);')).not.toMatch(/LAC/);
  });
});

test('check chooses other sizes where comptime dimensions make a tile too large or do not divide', () => {
  const dims = "['A', 'B', 'C']";
  const dir = projectWith({
    'k.ts': `import { f32, input, kernel, output, reshape, sum } from 'lac';
export const cube = kernel({ args: { x: input(f32, ${dims}), y: output(f32, ${dims}) }, comptime: ${dims}, grid: () => ({ p: 1 }) },
({ x, y }, { A, B, C }) => y.store([0, 0, 0], x.load([0, 0, 0], [A, B, C])));
export const groups = kernel({ args: { x: input(f32, ['K']), y: output(f32, ['G']) }, comptime: ['K', 'G'], grid: () => ({ p: 1 }) },
({ x, y }, { K, G }) => y.store([0], sum(reshape(x.load([0], [K]), [G, K / G]), 1)));`,
  });
  expect(checkFile(new SourceProject(), join(dir, 'k.ts')).diagnostics).toEqual([]);
});

test('ops remember the calls through which they were inlined', () => {
  const { module } = lowerKernel(
    kernelOf('simple_gla.ts', 'simpleGlaFwd'),
    representatives(kernelOf('simple_gla.ts', 'simpleGlaFwd')).base,
  );
  expect(module && printModule(module)).toMatch(/inline \{callee = "causalDecay"\}/);
  const ops = module?.kernels[0]?.body.ops.flatMap((op) => op.regions.flatMap((r) => r.ops)) ?? [];
  const inlined = ops.find((op) => op.name === 'inline')?.regions[0]?.ops[0];
  expect(inlined?.loc?.callee).toBe('causalDecay');
  expect(inlined?.loc?.caller?.span.file).toBe(inlined?.loc?.span.file);
});

test.each([
  ['Math.min(8, C, 4, N)', ['min', ['min', 'C', 'N'], 4]],
  ['Math.max(C, N)', ['max', 'C', 'N']],
  ['Math.max(C, N, 2 * N)', ['max', ['max', 'C', 'N'], ['*', 2, 'N']]],
  ['Math.min(8, 4, 6)', 4],
])('sizes: %s', (text, expr) => {
  const source = `import { cdiv, f32, input, kernel, output } from 'lac';
export const k = kernel({ args: { x: input(f32, ['N']), y: output(f32, ['N']) }, tune: { C: [16, 32] },
  prefer: ({ C, N }) => C + ${text}, grid: ({ N, C }) => ({ n: cdiv(N, C) }) },
  ({ x, y }, { C }, { n }) => { y.store([n * C], x.load([n * C], [C])); });`;
  const { kernels, diagnostics } = new SourceProject().read(join(projectWith({ 'k.ts': source }), 'k.ts'));
  expect(diagnostics).toEqual([]);
  expect(kernels[0]?.prefer).toEqual(['+', 'C', expr]);
});
