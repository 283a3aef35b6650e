/** Random plans over small kernels give what their steps give by hand. Numbers are whole and small: sums are exact. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import { bindDeclaredPlan } from '../../driver/bind.js';
import { SourceProject } from '../../driver/source.js';
import { openDevice } from '../../runtime/index.js';

const folder = mkdtempSync(join(tmpdir(), 'lac-plans-'));
writeFileSync(join(folder, 'package.json'), '{}');
const kernels = readFileSync(`${import.meta.dirname}/fixtures.ts`, 'utf8').replace('../../dsl/index.js', 'lac');
writeFileSync(join(folder, 'kernels.ts'), kernels);
// The kernels are read once, so that every plan finds what was compiled for another one.
const project = new SourceProject();
afterAll(() => rmSync(folder, { recursive: true }));

/** What a condition compares: N or the knob G with a number. */
interface Condition {
  readonly name: 'N' | 'G';
  readonly least: number;
}
type Step =
  | { readonly kind: 'affine'; readonly from: number; readonly a: number; readonly b: number }
  | { readonly kind: 'add'; readonly from: number; readonly with: number }
  /** To N x K, K = G + `more`, and back. */
  | { readonly kind: 'spread'; readonly from: number; readonly more: number }
  /** To N x K, and the last column that there is for every G. */
  | { readonly kind: 'column'; readonly from: number; readonly more: number }
  /** One half after the other, the first of which may be empty. */
  | { readonly kind: 'halves'; readonly from: number; readonly a: number }
  /** A temporary of nothing but `value`. */
  | { readonly kind: 'filled'; readonly value: number }
  | { readonly kind: 'choice'; readonly when: Condition; readonly from: number; readonly a: readonly [number, number] };

const small = fc.integer({ min: -2, max: 2 });
const which = fc.nat({ max: 9 });
const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ kind: fc.constant('affine' as const), from: which, a: small, b: small }),
  fc.record({ kind: fc.constant('add' as const), from: which, with: which }),
  fc.record({ kind: fc.constant('spread' as const), from: which, more: fc.integer({ min: 0, max: 4 }) }),
  fc.record({ kind: fc.constant('column' as const), from: which, more: fc.integer({ min: 0, max: 2 }) }),
  fc.record({ kind: fc.constant('halves' as const), from: which, a: small }),
  fc.record({ kind: fc.constant('filled' as const), value: small }),
  fc.record({
    kind: fc.constant('choice' as const),
    when: fc.record({ name: fc.constantFrom('N' as const, 'G' as const), least: fc.integer({ min: 1, max: 20 }) }),
    from: which,
    a: fc.tuple(small, small),
  }),
);
const plans = fc.array(step, { minLength: 1, maxLength: 7 });

const isWide = ({ kind }: Step): boolean => kind === 'spread' || kind === 'column';

/** Vector `i` of those that are there before step `at`: x, then what each step leaves in t0, t1, ... */
const vector = (i: number, at: number): string => (i % (at + 1) === 0 ? 'x' : `t${(i % (at + 1)) - 1}`);

function source(steps: readonly Step[]): string {
  const temps = steps.flatMap((s, i) => {
    const fill = s.kind === 'filled' ? `, { fill: ${s.value} }` : '';
    return [`t${i}: temp(f32, [N]${fill})`, ...('more' in s ? [`wide${i}: temp(f32, [N, G + ${s.more}])`] : [])];
  });
  const lines = steps.map((s, i) => {
    if (s.kind === 'filled') return '';
    const x = vector(s.from, i);
    if (s.kind === 'affine') return `run(affine, { x: ${x}, a: ${s.a}, b: ${s.b} * N, y: t${i} });`;
    if (s.kind === 'add') return `run(add, { x: ${x}, y: ${vector(s.with, i)}, z: t${i} });`;
    if (s.kind === 'spread')
      return `run(spread, { x: ${x}, y: wide${i} }); run(fold, { x: wide${i}, y: t${i} }, { config: {} });`;
    if (s.kind === 'column')
      return `run(spread, { x: ${x}, y: wide${i} });
        run(affine, { x: wide${i}.permute([1, 0]).slice(${s.more}, ${s.more + 1}).reshape([N]), a: 1, b: 0, y: t${i} });`;
    if (s.kind === 'halves')
      return ['0, idiv(N, 2)', 'idiv(N, 2), N']
        .map((part) => `run(affine, { x: ${x}.slice(${part}), a: ${s.a}, b: 0, y: t${i}.slice(${part}) });`)
        .join(' ');
    const arm = (a: number): string => `{ const a = ${a} * f; run(affine, { x: ${x}, a, b: 0, y: t${i} }); }`;
    return `if (${s.when.name} >= ${s.when.least}) ${arm(s.a[0])} else ${arm(s.a[1])}`;
  });
  const names = ['x', 'f', 'y', ...steps.flatMap((s, i) => [`t${i}`, ...(isWide(s) ? [`wide${i}`] : [])])];
  return `import { f32, idiv, input, output, plan, scalar, temp } from 'lac';
import { add, affine, fold, spread } from './kernels.js';
export const random = plan({
  args: { x: input(f32, ['N']), f: scalar(f32), y: output(f32, ['N']) },
  tune: { G: [1, 2, 3] },
  temps: ({ N, G }) => ({ ${temps.join(', ')} }),
}, ({ ${names.join(', ')} }, { N, G }, run) => {
  ${lines.join('\n  ')}
  run(affine, { x: t${steps.length - 1}, a: 1, b: G, y });
});
`;
}

/** By hand. */
function expected(steps: readonly Step[], x: readonly number[], f: number, G: number): number[] {
  const N = x.length;
  const all: (readonly number[])[] = [x];
  for (const s of steps) {
    const from = s.kind === 'filled' ? x : (all[s.from % all.length] ?? x);
    if (s.kind === 'filled') all.push(x.map(() => s.value));
    else if (s.kind === 'affine') all.push(from.map((v) => s.a * v + s.b * N));
    else if (s.kind === 'add') {
      const other = all[s.with % all.length] ?? x;
      all.push(from.map((v, i) => v + (other[i] ?? 0)));
    } else if (s.kind === 'column') all.push(from.map((v) => v * (s.more + 1)));
    else if (s.kind === 'halves') all.push(from.map((v) => s.a * v));
    else if (s.kind === 'spread') all.push(from.map((v) => (v * (G + s.more) * (G + s.more + 1)) / 2));
    else {
      const holds = (s.when.name === 'N' ? N : G) >= s.when.least;
      all.push(from.map((v) => s.a[holds ? 0 : 1] * f * v));
    }
  }
  return (all.at(-1) ?? x).map((v) => v + G);
}

describe.each([
  ['interpret', 40],
  ['emulate', 12],
  ['webgpu:software', 12],
] as const)('%s', async (name, numRuns) => {
  const device = await openDevice(name);
  afterAll(() => device.destroy());
  let count = 0;

  test('random plans', async () => {
    await fc.assert(
      fc.asyncProperty(plans, fc.constantFrom(1, 2, 3), fc.integer({ min: 1, max: 40 }), async (steps, G, most) => {
        const path = join(folder, `${name.replace(':', '-')}${count++}.ts`);
        writeFileSync(path, source(steps));
        const { plans: found, diagnostics } = project.read(path);
        expect(diagnostics, source(steps)).toEqual([]);
        const [decl] = found;
        if (decl === undefined) throw new Error('no plan');
        for (const N of [most, 1]) {
          const values = Array.from({ length: N }, (_, i) => (i % 5) - 2);
          const [x, y] = [device.empty('f32', [N]).write(values), device.empty('f32', [N]).poison()];
          const { bound } = bindDeclaredPlan(decl, device, { x, f: 2, y }, { G });
          await bound.launch({ x, y });
          expect([...(await y.read())].map((v) => v + 0)).toEqual(expected(steps, values, 2, G).map((v) => v + 0));
          for (const t of [x, y]) t.free();
        }
      }),
      { numRuns },
    );
  });
});
