import { expect, test } from 'vitest';
import type { Code } from '../../compiler/diag/codes.js';
import { checkFile, SourceProject } from '../../dsl/source.js';
import { sourceOf } from './launch-text.js';

/**
 * Mistakes of people who know Triton or PyTorch with addresses, atomics, parts of tiles, functions that combine, and control.
 * Each has one report, at the words given, and its help has those given.
 */
type Mistake = readonly [wrong: string, code: Code, at: string, help: string];

/** `u` is a tile [32, 64] of f32, `r` and `b` are [32] of f32, `i` is [32] of i32, `m` and `n` are i32 scalars. */
const ARGS =
  "x: input(f32, ['M', 'N']), y: output(f32, ['M', 'N']), w: inout(f32, ['N']), h: inout(i32, ['M']), n: scalar(i32)";
const BEFORE = `const m = p, u = x.load([m, 0], [32, 64]), r = sum(u, 1), i = iota(32), b = w.load([0], [32]);
  y.store([m, 0], u); h.store([m], cast(r, i32)); w.store([0], b); void [n, N, b];`;

const ADDRESSES: readonly Mistake[] = [
  ['w[i] = b;', 'LAC0107', 'w[i]', 'w.store(origin, tile)'],
  ['w[0] += 1;', 'LAC0107', 'w[0]', 'w.store(origin, tile)'],
  ['w += b;', 'LAC0203', 'w += b', 'view.load(origin, shape)'],
  ['w = b;', 'LAC0107', 'w', 'w.store(origin, tile)'],
  ['w.store([i], b);', 'LAC0216', 'i', 'scatter() takes an address for each lane'],
  ['void w.load([i], [32]);', 'LAC0216', 'i', 'gather() takes an address for each lane'],
  ['h.atomicAdd([i], i);', 'LAC0216', 'i', 'scatterAdd() takes an address for each lane'],
  ['w.store(0, b);', 'LAC0222', '0', 'brackets'],
  ['w.store([0], b, i < N);', 'LAC0222', 'i < N', 'name what store is given'],
  ['void w.load([0], [4], 0);', 'LAC0222', '0', 'name what load is given'],
  ['h.atomic_add([0], i);', 'LAC0110', 'atomic_add', 'did you mean atomicAdd?'],
  ['h.atomicMax([0], i);', 'LAC0110', 'atomicMax', 'the only atomic operation is addition'],
  ['atomicAdd(h, [0], i);', 'LAC0104', 'atomicAdd', 'view.atomicAdd(origin, tile)'],
  ['const old = h.atomicAdd([0], i); void (old + 1);', 'LAC0203', 'old + 1', 'give old a value'],
  ['void gather(x, [i, 0]);', 'LAC0104', 'gather', 'view.gather([i, j])'],
  ['scatter(w, [i], b);', 'LAC0104', 'scatter', 'view.scatter([i, j], value)'],
  ['void x.take(i, 0);', 'LAC0110', 'take', 'gather([i, j])'],
  ["void x.at(':', 0);", 'LAC0222', "':'", '`all` keeps an axis'],
  ['void x.at(null, 0);', 'LAC0222', 'null', '`all` keeps an axis'],
];

const PARTS: readonly Mistake[] = [
  ['void u[0, 1];', 'LAC0103', 'u[0, 1]', 'slice(x, origin, shape)'],
  ['void u[i];', 'LAC0103', 'u[i]', 'take(x, index, axis)'],
  ['void take(r, [0, 1], 0);', 'LAC0222', '[0, 1]', 'iota(n)'],
  ['void take(r, 3, 0);', 'LAC0222', '3', 'slice(x, origin, shape)'],
  [
    'insert(u, [0, 0], slice(u, [1, 1], [2, 2]));',
    'LAC0313',
    'insert(u, [0, 0], slice(u, [1, 1], [2, 2]))',
    'const next',
  ],
  ['exp(u);', 'LAC0313', 'exp(u)', 'const next = exp(...)'],
  ['void stack([r, r], 0);', 'LAC0104', 'stack', 'concat('],
  ['void len(u);', 'LAC0104', 'len', 'extent(x, axis)'],
  ['void u.forEach((v) => v);', 'LAC0110', 'forEach', 'tiles have no methods'],
  ['const [v, k] = max(u, 1); void [v, k];', 'LAC0222', 'max(u, 1)', 'argmax(x, axis) their positions'],
];

const COMBINING: readonly Mistake[] = [
  ['void scan(u, 0, sum);', 'LAC0230', 'sum', '(a, b) => a + b'],
  ['void reduce(u, 1, max);', 'LAC0230', 'max', 'maximum'],
  ['void scan((a, b) => a + b, u, 0);', 'LAC0222', '(a, b) => a + b', 'scan(x, axis, (a, b) => a + b)'],
  ['void scan(u, 0, (a, b) => [a, b]);', 'LAC0230', '[a, b]', '([a, b], [c, d]) => [...]'],
  ['void scan([u, u], 0, (a, b) => a + b);', 'LAC0203', 'a + b', '([a, b], [c, d]) => ...'],
  ['void scan([u, u], 0, ([a, b], [c, d]) => [a + c * b * d]);', 'LAC0230', '[a + c * b * d]', 'each of the 2 tiles'],
  [
    'void scan([u, u], 0, (a, b, c, d) => [a + c, b + d]);',
    'LAC0230',
    '(a, b, c, d) => [a + c, b + d]',
    '([a, b], [c, d]) => [...]',
  ],
  ['void cumsum(u, 1, true);', 'LAC0222', 'true', 'name what cumsum is given'],
  ['void cumprod(u, 1);', 'LAC0104', 'cumprod', 'scan(x, axis, (a, b) => a * b)'],
  ['void prod(u, 1);', 'LAC0104', 'prod', 'reduce(x, axis, (a, b) => a * b)'],
  ['void sort(r);', 'LAC0104', 'sort', 'take(x, iota(n) ^ distance, 0)'],
  ['void all(u > 0);', 'LAC0109', 'all', 'min(cast(mask, i32), axis) > 0'],
];

const CONTROL: readonly Mistake[] = [
  ['for (const j in range(n)) w.store([j], b);', 'LAC0108', 'for', 'write of, not in'],
  ['for (let j = n - 1; j >= 0; j--) w.store([j], b);', 'LAC0108', 'for', '{ reverse: true }'],
  ['for (const j of range(3, { reverse: 1 })) w.store([j], b);', 'LAC0222', '1', 'true or false'],
  ['for (const j of static_range(3)) w.store([j], b);', 'LAC0104', 'static_range', '{ unroll: true }'],
  ['let acc; for (const _ of range(n)) acc = b; w.store([0], acc);', 'LAC0222', 'acc', 'give acc a value'],
  ['let g = r; if (n > 0) g = u; void g;', 'LAC0210', 'if (n > 0) g = u;', 'one shape and dtype'],
  ['if (n > 0) { const g = r; } w.store([0], g);', 'LAC0104', 'g', 'declare it before the block'],
  ['if (n > 0 and m > 0) w.store([0], b);', 'LAC0101', 'and', '&&'],
  ['const z = r if n > 0 else b', 'LAC0101', 'if', 'condition ? a : b'],
  ['void u[:, 0];', 'LAC0101', ':', 'tiles have no subscripts'],
  ['void scan(u, 0, lambda a, b: a + b);', 'LAC0101', 'a', '(a, b) => a + b'],
  ['for j in range(3):', 'LAC0101', 'j', 'for (const i of range(n))'],
  ['def f(a, b):', 'LAC0101', 'def', 'const f ='],
];

const project = new SourceProject();

test.each([...ADDRESSES, ...PARTS, ...COMBINING, ...CONTROL])('%s', (wrong, code, at, help) => {
  const text = sourceOf({ args: ARGS, env: 'N', body: `${BEFORE}\n${wrong}` });
  project.override('newcomer.ts', text);
  const { diagnostics } = checkFile(project, 'newcomer.ts');
  const found = diagnostics.filter((d) => d.code !== 'LAC0229');
  expect(found.map((d) => d.code)).toEqual([code]);
  expect(text.slice(found[0]?.span?.start, found[0]?.span?.end)).toBe(at);
  expect(found[0]?.help.map((h) => h.text).join('\n')).toContain(help);
});

test.each([
  ['a fourth', ', more', 'LAC0109'],
  ['the rest', ', ...more', 'LAC0103'],
])('a body with %s parameter', (_, more, code) => {
  const text = sourceOf({ args: ARGS, env: 'N', body: BEFORE }).replace('{ p })', `{ p }${more})`);
  project.override('newcomer.ts', text);
  expect(checkFile(project, 'newcomer.ts').diagnostics.map((d) => d.code)).toEqual([code]);
});
