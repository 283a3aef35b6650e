import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { Code } from '../../compiler/diag/codes.js';
import type { Diagnostic } from '../../compiler/diag/diagnostic.js';
import { checkFile, SourceProject } from '../../dsl/source.js';
import { kernelText, projectWith } from './kernel-text.js';

/**
 * Mistakes as people make them who come from Triton, NumPy or PyTorch. Each has one report, which stands at the words
 * given; where a right text is given, applying the first help makes it of the wrong one, and nothing is left to say.
 */
interface Mistake {
  readonly wrong: string;
  readonly code: Code;
  readonly at: string;
  readonly right?: string;
}

const mistake = (code: Code, wrong: string, at: string, right?: string): Mistake =>
  right === undefined ? { wrong, code, at } : { wrong, code, at, right };

/** `t` and `u` are tiles [32, 64] of f32, `r` one of [32], `i` one of i32, `m` an i32 scalar. */
const BEFORE = `const u = x.load([m, 0], [32, 64]), r = sum(u, 1), i = iota(32);
  y.store([m, 0], u);`;

const BODIES: readonly Mistake[] = [
  mistake('LAC0202', 'void (u - r);', 'u - r', 'void (u - col(r));'),
  mistake(
    'LAC0202',
    'void where(col(i) < N && iota(64) < N, u, 0);',
    'col(i) < N && iota(64) < N',
    'void where(col(i) < N && row(iota(64) < N), u, 0);',
  ),
  mistake('LAC0201', 'void (u - col(sum(u, 0)));', 'u - col(sum(u, 0))', 'void (u - row(sum(u, 0)));'),
  mistake('LAC0202', 'let acc = zeros([32], f32); for (const n of range(N)) acc = acc + u;', 'acc + u'),
  mistake('LAC0109', 'void max(u, 1, true);', 'max(u, 1, true)'),
  mistake('LAC0213', 'void sum(u, -1);', '-1', 'void sum(u, 1);'),
  mistake('LAC0211', 'void dot(u, u);', 'dot(u, u)', 'void dot(u, trans(u));'),
  mistake('LAC0211', 'void dot(trans(u), trans(u));', 'dot(trans(u), trans(u))', 'void dot(trans(u), u);'),
  mistake('LAC0211', 'let acc = zeros([32, 32], f16); for (const n of range(N)) acc = dot(u, trans(u), acc);', 'acc'),
  mistake(
    'LAC0211',
    'void dot(cast(u, f16), trans(u));',
    'dot(cast(u, f16), trans(u))',
    'void dot(cast(u, f16), cast(trans(u), f16));',
  ),

  mistake('LAC0219', 'y.store([m, 0], r);', 'r'),
  mistake('LAC0219', 'y.store([m, 0], sum(r, 0));', 'sum(r, 0)', 'y.scatter([m, 0], sum(r, 0));'),
  mistake(
    'LAC0219',
    'y.store([m, 0], expand(u, 2));',
    'expand(u, 2)',
    'y.store([m, 0], reshape(expand(u, 2), [32, 64]));',
  ),
  mistake('LAC0222', 'y.store(u, [m, 0]);', 'u'),
  mistake('LAC0107', 'y[m, 0] = u;', 'y[m, 0]'),
  mistake('LAC0107', 'r[0] = 1;', 'r[0]'),
  mistake('LAC0107', 'm += 1;', 'm'),
  mistake('LAC0216', 'void x.load([m], [32]);', '[m]'),
  mistake('LAC0222', 'void x.at(0).load(m, [32]);', 'm', 'void x.at(0).load([m], [32]);'),
  mistake('LAC0222', 'void x.at(0).load([m], 32);', '32', 'void x.at(0).load([m], [32]);'),
  mistake(
    'LAC0216',
    'void x.at(0).load([x.get(0, 0)], [32]);',
    'x.get(0, 0)',
    'void x.at(0).load([cast(x.get(0, 0), i32)], [32]);',
  ),
  mistake(
    'LAC0110',
    'void x.load([m, 0], [32, 64], { other: 1 });',
    'other',
    'void x.load([m, 0], [32, 64], { pad: 1 });',
  ),
  mistake('LAC0113', 'void x.load([m, 0], [1, N]);', 'N'),

  mistake('LAC0216', 'void x.gather([col(i), u]);', 'u', 'void x.gather([col(i), cast(u, i32)]);'),
  mistake('LAC0202', 'void x.gather([i, col(i)]);', '[i, col(i)]'),
  mistake('LAC0201', 'void (x.at(0).gather([i]) + iota(64));', 'x.at(0).gather([i]) + iota(64)'),
  mistake('LAC0216', 'void x.gather([i]);', '[i]'),
  mistake('LAC0222', 'void x.at(0).gather(i);', 'i'),
  mistake('LAC0216', 'void x.at(i);', 'i'),
  mistake('LAC0216', 'void x.get(i, 0);', 'i'),
  mistake('LAC0209', 'void x.gather([i, 0], { mask: iota(64) < N });', 'iota(64) < N'),
  mistake('LAC0209', 'void x.gather([0, 0], { mask: i < N });', 'i < N'),
  mistake('LAC0222', 'y.scatter(u, [i, 0]);', 'u'),
  mistake('LAC0206', 'void x.gather([i, 0.5]);', '0.5'),
  mistake('LAC0217', 'y.scatterAdd([i, 0], r);', 'y.scatterAdd([i, 0], r)'),
  mistake('LAC0218', 'x.scatter([i, 0], r);', 'x.scatter([i, 0], r)'),
  mistake('LAC0222', 'void x.load([m, 0], [32, 64], { pad: r });', 'r'),

  mistake('LAC0228', 'void slice(u, [31, 0], [2, 64]);', '31'),
  mistake('LAC0228', 'void slice(u, [m, -1], [1, 64]);', '-1'),
  mistake('LAC0228', 'void slice(u, [0, 0], [33, 64]);', 'slice(u, [0, 0], [33, 64])'),
  mistake('LAC0202', 'void slice(u, [m, 0], [64]);', '[64]'),
  mistake('LAC0222', 'void slice(r, m, [2]);', 'm', 'void slice(r, [m], [2]);'),
  mistake('LAC0216', 'void slice(u, [m], [1, 1]);', '[m]'),
  mistake('LAC0216', 'void slice(r, [r], [1]);', 'r'),
  mistake(
    'LAC0216',
    'void slice(r, [cast(0, u32)], [1]);',
    'cast(0, u32)',
    'void slice(r, [cast(cast(0, u32), i32)], [1]);',
  ),
  mistake('LAC0228', 'void insert(u, [0, 60], x.load([0, 0], [32, 8]));', '60'),
  mistake('LAC0202', 'void insert(u, [0, 0], r);', 'r'),
  mistake('LAC0222', 'void insert(u, [0, 0], 1);', '1'),
  mistake('LAC0222', 'void insert(i > 0, [0], iota(2));', 'iota(2)'),
  mistake('LAC0202', 'void concat([u, r], 0);', 'r'),
  mistake('LAC0201', 'void concat([u, trans(u)], 0);', 'trans(u)'),
  mistake('LAC0205', 'void concat([r, i], 0);', 'i', 'void concat([r, cast(i, f32)], 0);'),
  mistake('LAC0213', 'void concat([r, r], 1);', '1'),
  mistake('LAC0222', 'void concat(u, 0);', 'u'),
  mistake('LAC0222', 'void concat([r, 1], 0);', '1'),
  mistake('LAC0216', 'void take(r, r, 0);', 'r', 'void take(r, cast(r, i32), 0);'),
  mistake('LAC0202', 'void take(u, i, 0);', 'i'),
  mistake('LAC0202', 'void take(r, m, 0);', 'm'),
  mistake('LAC0201', 'void take(u, row(i), 0);', 'row(i)'),
  mistake('LAC0213', 'void take(r, i, 1);', '1'),
  mistake('LAC0211', 'void dot(expand(u, 0), trans(u));', 'dot(expand(u, 0), trans(u))'),
  mistake('LAC0211', 'void dot(expand(u, 0), expand(u, 0));', 'dot(expand(u, 0), expand(u, 0))'),
  mistake(
    'LAC0211',
    'void dot(reshape(u, [2, 16, 64]), reshape(u, [4, 64, 8]));',
    'dot(reshape(u, [2, 16, 64]), reshape(u, [4, 64, 8]))',
  ),
  mistake('LAC0225', 'void sum(u > 0, 1);', 'sum(u > 0, 1)', 'void sum(cast(u > 0, i32), 1);'),

  mistake('LAC0205', 'void ((u > 0) * 1);', '(u > 0) * 1', 'void (cast(u > 0, f32) * 1);'),
  mistake('LAC0205', 'void (1 - (u > 0));', '1 - (u > 0)', 'void (1 - cast(u > 0, f32));'),
  mistake('LAC0205', 'void where(0 < i < N, r, 0);', '0 < i < N', 'void where(0 < i && i < N, r, 0);'),
  mistake('LAC0225', 'let a = i > 0; a &= i < N;', 'a &= i < N', 'let a = i > 0; a = a && i < N;'),
  mistake('LAC0225', 'void where(~(i < N), r, 0);', '~(i < N)', 'void where(!(i < N), r, 0);'),
  mistake('LAC0209', 'm > 0 && y.store([m, 0], u);', 'm > 0 && y.store([m, 0], u)', 'if (m > 0) y.store([m, 0], u);'),
  mistake('LAC0204', 'let k = m; k /= 2;', 'k /= 2', 'let k = m; k = idiv(k, 2);'),
  mistake('LAC0204', 'void Math.floor(N / 2);', 'N / 2', 'void idiv(N, 2);'),
  mistake('LAC0204', 'void Math.ceil(N / 2);', 'N / 2', 'void cdiv(N, 2);'),
  mistake('LAC0206', 'void (i + 2 ** 31);', '2 ** 31'),
  mistake('LAC0206', 'void full([32], -Infinity, i32);', '-Infinity'),
  mistake('LAC0206', 'for (const n of range(0, 1, 0.1)) void n;', '0.1'),
  mistake('LAC0222', 'for (const n of range(N, { stages: 0.5 })) void n;', '0.5'),
  mistake('LAC0222', 'for (const n of range(N, { unroll: 0 })) void n;', '0'),
  mistake('LAC0113', 'for (const n of range(N, { unroll: true })) void n;', 'range(N, { unroll: true })'),
  mistake('LAC0216', 'for (const n of range(cast(m, u32))) void n;', 'cast(m, u32)'),
  mistake('LAC0223', 'for (const n of range(N, 0, -1)) void n;', '-1'),
  mistake('LAC0116', 'for (const n of range(N)) { if (n > 3) break; }', 'break'),
  mistake('LAC0116', 'while (m > 0) { if (m > 3) return; }', 'return'),
  mistake('LAC0116', 'continue;', 'continue'),
  mistake('LAC0103', 'outer: for (const n of range(N)) void n;', 'outer'),
  mistake('LAC0117', 'while (1 > 0) void m;', '1 > 0'),
  mistake('LAC0208', 'while (u > 0) void m;', 'u > 0'),
  mistake('LAC0209', 'while (m) void m;', 'm'),
  mistake('LAC0207', 'let n = 0; while (n < 10) n += 1;', 'n'),
  mistake('LAC0210', 'let n = m; while (n < 10) n = cast(n, f32);', 'n = cast(n, f32)'),
  mistake('LAC0103', 'let n = m; while ((n = n + 1) < 10) void n;', 'n = n + 1'),
  mistake('LAC0230', 'void scan(u, 0, (a, b) => a + b * r);', 'b * r'),
  mistake(
    'LAC0230',
    'void reduce(i, 0, (a, b) => cast(a, f32) + b);',
    'cast(a, f32) + b',
    'void reduce(i, 0, (a, b) => cast(cast(a, f32) + b, i32));',
  ),
  mistake('LAC0106', 'let k = m; void reduce(i, 0, (a, b) => a + b * k);', 'k'),
  mistake('LAC0230', 'void reduce(i, 0, (a, b, c) => a + b);', '(a, b, c) => a + b'),
  mistake('LAC0230', 'void reduce(i, 0, ([a], [b]) => [a]);', '[a]'),
  mistake('LAC0222', 'void scan([u, 1], 0, ([a, c], [b, d]) => [a, c]);', '1'),
  mistake('LAC0213', 'void scan(u, 2, (a, b) => a + b);', '2'),
  mistake('LAC0225', 'void reduce(u > 0, 1, (a, b) => a);', 'u > 0', 'void reduce(cast(u > 0, i32), 1, (a, b) => a);'),
  mistake('LAC0203', 'let acc; for (const n of range(N)) acc = acc + u;', 'acc + u'),

  mistake('LAC0104', 'void np.exp(u);', 'np', 'void exp(u);'),
  mistake('LAC0104', 'void tl.program_id(0);', 'tl'),
  mistake('LAC0104', 'void arange(32);', 'arange'),
  mistake('LAC0104', 'void cast(u, float16);', 'float16', 'void cast(u, f16);'),
  mistake('LAC0113', 'void Math.max(u, 0);', 'Math.max(u, 0)', 'void maximum(u, 0);'),
  mistake('LAC0113', 'void Math.exp(u);', 'Math.exp(u)', 'void exp(u);'),
  mistake('LAC0110', 'void u.sum(1);', 'sum'),
  mistake('LAC0110', 'void u.to(f16);', 'to'),
  mistake('LAC0110', 'void [1, 2].includes(2);', 'includes'),
  mistake('LAC0220', "void cast(u, 'f16');", "'f16'", 'void cast(u, f16);'),
  mistake('LAC0103', 'void x?.load([m, 0], [32, 64]);', '?.', 'void x.load([m, 0], [32, 64]);'),
  mistake('LAC0103', 'return u;', 'u'),
  mistake('LAC0101', 'const a = u; const a = r;', 'a'),
  mistake('LAC0109', 'void twice(u, 3);', '3'),
  mistake('LAC0109', 'void f32(0.5);', 'f32'),
  mistake('LAC0104', 'void tl.load(x + m);', 'tl'),
  mistake('LAC0104', 'void full([32], -inf, f32);', 'inf'),
  mistake('LAC0209', 'if (x) y.store([m, 0], u);', 'x'),
  mistake('LAC0219', 'y.at(0).store([0], max(r, 0));', 'max(r, 0)'),
  mistake('LAC0109', 'void twice();', 'twice()'),
];
const MODULE = 'function twice(v: number): number {\n  return v * 2;\n}';

describe('mistakes in bodies', () => {
  test.each(BODIES)('$wrong', ({ wrong, code, at, right }) => {
    expectReport(kernelText(wrong, BEFORE, MODULE), code, wrong, at, right);
  });
});

const declared = (spec: string, body = '{ y.store([n], x.load([n], [32])); }', before = ''): string =>
  `import { bf16, cdiv, dtypes, exp, f16, f32, input, kernel, maximum, output, scalar } from 'lac';
${before}
export const probe = kernel({ ${spec} }, ({ x, y }, _, { n }) => ${body});
`;
const ARGS = "args: { x: input(f32, ['N']), y: output(f32, ['N']) }";
const GRID = 'grid: ({ N }) => ({ n: cdiv(N, 32) })';

const DECLARATIONS: readonly Mistake[] = [
  mistake('LAC0301', `${ARGS}, gird: ({ N }) => ({ n: cdiv(N, 32) })`, 'gird', `${ARGS}, ${GRID}`),
  mistake('LAC0302', `args: { x: input(f32, 'N'), y: output(f32, ['N']) }, ${GRID}`, "'N'", `${ARGS}, ${GRID}`),
  mistake('LAC0220', `args: { x: input('f32', ['N']), y: output(f32, ['N']) }, ${GRID}`, "'f32'", `${ARGS}, ${GRID}`),
  mistake('LAC0302', `args: { x: input(f32, ['N', 3]), y: output(f32, ['N']) }, ${GRID}`, '3'),
  mistake('LAC0303', `${ARGS}, comptime: ['N', 'N'], ${GRID}`, "'N'"),
  mistake(
    'LAC0304',
    `${ARGS}, tune: { C: 32 }, grid: ({ N, C }) => ({ n: cdiv(N, C) })`,
    '32',
    `${ARGS}, tune: { C: [32] }, grid: ({ N, C }) => ({ n: cdiv(N, C) })`,
  ),
  mistake(
    'LAC0304',
    `${ARGS}, tune: [{ C: 32 }, { C: 64 }], grid: ({ N, C }) => ({ n: cdiv(N, C) })`,
    '[{ C: 32 }, { C: 64 }]',
  ),
  mistake(
    'LAC0306',
    `${ARGS}, grid: ({ N }) => { n: cdiv(N, 32) }`,
    '{ n: cdiv(N, 32) }',
    `${ARGS}, grid: ({ N }) => ({ n: cdiv(N, 32) })`,
  ),
  mistake(
    'LAC0306',
    `${ARGS}, tune: { C: [32] }, prune: ({ C }) => { C < 64; }, ${GRID}`,
    '{ C < 64; }',
    `${ARGS}, tune: { C: [32] }, prune: ({ C }) => C < 64, ${GRID}`,
  ),
  mistake('LAC0306', `${ARGS}, grid: () => ({ n: 1.5 })`, '1.5'),
  mistake('LAC0313', `${ARGS}, tune: { num_warps: [4] }, ${GRID}`, 'num_warps'),
];

describe('mistakes in declarations', () => {
  test.each(DECLARATIONS)('$wrong', ({ wrong, code, at, right }) => {
    expectReport(declared(wrong), code, wrong, at, right);
  });

  test.each([
    ['makes nothing', '{ void x.load([n], [32]); }', 'LAC0313'],
    ['gives a value', 'x.load([n], [32])', 'LAC0103'],
  ])('a body that %s', (_, text, code) => {
    expect(codes(declared(`${ARGS}, ${GRID}`, text))).toEqual([code]);
  });

  test('an asynchronous body', () => {
    expect(codes(declared(`${ARGS}, ${GRID}`).replace('({ x, y }, _', 'async ({ x, y }, _'))).toEqual(['LAC0103']);
  });

  const call = `kernel({ ${ARGS}, ${GRID} }, ({ x, y }, _, { n }) => { y.store([n], x.load([n], [32])); })`;
  test.each([
    ['the default export', `export default ${call};`, 'LAC0308'],
    ['made by a function', `export const make = () => ${call};\nexport const a = make();`, 'LAC0308'],
    ['in an object', `export const all = { a: ${call} };`, 'LAC0308'],
    ['in a variable', `export let a = ${call};`, 'LAC0308'],
    ['declared twice', `export const a = ${call};\nexport const a = ${call};`, 'LAC0101'],
  ])('a kernel %s', (_, text, code) => {
    expect(codes(declared('').replace(/export const probe[\s\S]*/, text))).toEqual([code]);
  });
});

describe('unusual source that is right', () => {
  test.each([
    [
      'optional parameters',
      'y.store([m, 0], scaled(t));',
      'const scaled = (v: number, w?: number): number => (w === undefined ? v : v * w);',
    ],
    ['the rest of an object', 'const { a, ...more } = { a: t, b: t, c: t }; y.store([m, 0], a + more.b + more.c);', ''],
    [
      'overloads',
      'y.store([m, 0], f(t));',
      'function f(v: number): number;\nfunction f(v: number, w: number): number;\nfunction f(v: number, w = 2): number {\n  return v * w;\n}',
    ],
    [
      'one name in several blocks',
      '{ const t = 1; void t; } for (const t of range(3)) void t; const f = (t: number) => { const v = t; return v; }; y.store([m, 0], f(t));',
      '',
    ],
    [
      'fewer parameters than arguments',
      'const f: (a: number, b: number) => number = (a) => a; y.store([m, 0], f(t, 1));',
      '',
    ],
    ['NaN', 'y.store([m, 0], where(t !== t, NaN, t));', ''],
    ['numbers as keys', 'const o = { 3: t }; y.store([m, 0], o[3]);', ''],
  ])('%s', (_, statements, module) => {
    expect(codes(kernelText(statements, '', module))).toEqual([]);
  });

  test('default exports and whole re-exports', () => {
    const dir = projectWith({
      'k.ts': kernelText(
        'y.store([m, 0], twice(t) + ns.thrice(t) + thrice(t) * SCALE);',
        '',
        "import twice from './twice.js';\nimport SCALE from './scale.js';\nimport { ns, thrice } from './all.js';",
      ),
      'twice.ts': 'export default function (v: number): number {\n  return v * 2;\n}',
      'scale.ts': 'export default 3;',
      'all.ts': "export * from './thrice.js';\nexport * as ns from './thrice.js';",
      'thrice.ts': 'export const thrice = (v: number) => v * 3;',
    });
    expect(checkFile(new SourceProject(), join(dir, 'k.ts')).diagnostics).toEqual([]);
  });

  test('functions of the language as options', () => {
    const options = 'options: { act: exp, other: (v: number) => v }';
    const text = declared(`${ARGS}, ${options}, ${GRID}`, '{ y.store([n], act(other(x.load([n], [32])))); }').replace(
      '_,',
      '{ act, other },',
    );
    expect(codes(`${text}export const two = probe.with({ act: (v) => v * 2, other: exp });\n`)).toEqual([]);
  });
});

const checked = (text: string): readonly Diagnostic[] =>
  checkFile(new SourceProject(), join(projectWith({ 'k.ts': text }), 'k.ts')).diagnostics;
const codes = (text: string): string[] => checked(text).map((d) => d.code);

function expectReport(text: string, code: Code, wrong: string, at: string, right: string | undefined): void {
  const diagnostics = checked(text);
  expect(diagnostics.map((d) => d.code)).toEqual([code]);
  const [d] = diagnostics;
  expect(text.slice(d?.span?.start, d?.span?.end)).toBe(at);
  expect(d?.help).not.toEqual([]);
  if (right === undefined) return;
  const edit = d?.help[0]?.edit;
  const edited = text.slice(0, edit?.span.start) + edit?.newText + text.slice(edit?.span.end);
  expect(edited).toBe(text.replace(wrong, () => right));
  expect(codes(edited)).toEqual([]);
}
