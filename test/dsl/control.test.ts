import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { interpretKernel } from '../../compiler/interp/interpret.js';
import type { Kernel } from '../../compiler/ir/module.js';
import { printKernel } from '../../compiler/ir/print.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import { runPipeline } from '../../compiler/passes/pipeline.js';
import { lowerKernel, SourceProject } from '../../dsl/source.js';
import { tensor } from '../interp/make.js';
import { ControlProgram } from './control-programs.js';
import { projectWith } from './kernel-text.js';
import { sourceOf } from './launch-text.js';

const ARGS = "x: input(i32, ['K']), n: scalar(i32), m: scalar(i32), y: output(i32, ['S'])";
const project = new SourceProject();
const file = join(projectWith({}), 'k.ts');

interface Source {
  readonly body: string;
  readonly module: string;
}

/** IR of the statements, `n` and `m` being scalars. */
function lowered(source: Source): Kernel {
  project.override(file, sourceOf({ args: ARGS, ...source }));
  const { kernels, diagnostics } = project.read(file);
  const [decl] = kernels;
  if (decl === undefined) throw new Error(diagnostics.map((d) => d.message).join('\n'));
  const { module, diagnostics: found } = lowerKernel(decl, { dtypes: {}, comptime: {}, config: {} });
  const [kernel] = module?.kernels ?? [];
  if (module === null || kernel === undefined) throw new Error(found.map((d) => `${d.code}: ${d.message}`).join('\n'));
  expect(verifyModule(module)).toEqual([]);
  return kernel;
}

/** The same after the passes that every backend needs. */
function passed(source: Source): Kernel {
  const kernel = lowered(source);
  runPipeline({ kernels: [kernel] }, { target: 'interpret', maxStorageElements: 2 ** 30 });
  return kernel;
}

const UNTOUCHED = -9999;

function interpreted(kernel: Kernel, input: readonly number[], n: number, m: number, slots: number): number[] {
  const y = tensor([slots], UNTOUCHED, 'i32');
  const args = { x: tensor([input.length], input, 'i32'), y, n, m };
  interpretKernel(kernel, args, { mode: 'f64', grid: { p: 1 }, dims: { K: input.length, S: slots } });
  return [...y.data].map((v) => v | 0);
}

function* range(...given: unknown[]): Generator<number> {
  const options = typeof given.at(-1) === 'object' ? (given.pop() as { reverse?: boolean }) : {};
  const [a = 0, b, step = 1] = given as number[];
  const [begin, end] = b === undefined ? [0, a] : [a, b];
  const all: number[] = [];
  for (let i = begin; i < end; i += step) all.push(i);
  yield* options.reverse === true ? all.reverse() : all;
}

/** The same text, run as JavaScript. */
function asJavaScript(source: Source) {
  const run = new Function('x', 'y', 'n', 'm', 'range', 'cast', 'i32', `${source.module}\n${source.body}`);
  return (input: readonly number[], n: number, m: number, slots: number): number[] => {
    const out = new Array<number>(slots).fill(UNTOUCHED);
    const x = { get: (i: number): number => input[i] ?? 0 };
    const y = { scatter: ([i]: [number], value: number): void => void out.splice(i, 1, value | 0) };
    run(x, y, n, m, range, (v: number) => v, null);
    return out;
  };
}

const INPUTS: readonly (readonly [number[], number, number])[] = [
  [[0, 0, 0, 0], 0, 0],
  [[3, -7, 500, 2], 3, 2],
  [[-1, 4, 9, -300], 5, 7],
  [[100, 1, 0, 6], -2, 1],
];

test('control flow does on the device what the same text does in JavaScript', { timeout: 120_000 }, () => {
  fc.assert(
    fc.property(fc.gen(), (draw) => {
      const program = new ControlProgram(draw);
      const kernels = [lowered(program), passed(program)];
      const run = asJavaScript(program);
      for (const [input, n, m] of INPUTS) {
        const want = run(input, n, m, program.slots);
        for (const k of kernels) {
          const got = interpreted(k, input, n, m, program.slots);
          if (got.every((v, i) => v === want[i])) continue;
          expect(got, `${program.module}\n${program.body}\n${printKernel(k)}`).toEqual(want);
        }
      }
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 100), interruptAfterTimeLimit: 90_000 },
  );
});

/** Statements over `a`, an i32 scalar that starts as n, as a function of n that gives what is left in it. */
function left(body: string, module = ''): (n: number) => number {
  const kernel = lowered({ module, body: `let a = n;\n${body}\ny.scatter([0], a);` });
  return (n) => interpreted(kernel, [4, 5, 6, 7], n, 2, 1)[0] ?? 0;
}

test.each([
  ['no trip leaves the value', 'while (a < 0) a += 100;', 3, 3],
  ['the condition is computed before each trip', 'while (a < 10) a += a;', 3, 12],
  ['the condition loads', 'let i = 0; while (x.get(i) < 6) { i += cast(1, i32); a += 100; }', 0, 200],
  ['the condition calls a function', 'const below = (v) => v * 2 < 10; while (below(a)) a += 1;', 0, 5],
  [
    'a condition that is false at compile time drops the loop',
    'let k = 0; while (false && a > 0) { k = 1; } a += k;',
    1,
    1,
  ],
  ['a mask is carried', 'let going = true; while (going) { a += 1; going = a < 7; }', 0, 7],
  [
    'a mask that a loop sets to a constant',
    'let found = false; for (const i of range(4)) { if (found) a += 10; found = true; } a += cast(found, i32);',
    0,
    31,
  ],
  [
    'literals that take their type from one another',
    'let u = 0, v = 1; for (const i of range(a)) { const r = u + v + i * 0; u = v; v = r; } a = u;',
    10,
    55,
  ],
  [
    'a literal typed two assignments away',
    'let u = 0, v = 0; for (const i of range(3)) { u = v; v = i; } a = u;',
    0,
    1,
  ],
  [
    'continue in nested loops',
    'for (const i of range(4)) { if (i === 1) continue; for (const j of range(3)) { if (j === i) continue; a += 1; } a += 100; }',
    0,
    307,
  ],
  [
    'continue keeps what was assigned before it',
    'for (const i of range(4)) { a += 10; if (i > 1) continue; a += 1; }',
    0,
    42,
  ],
  [
    'a variable of the trip may be without a value where the trip is left',
    'for (const i of range(4)) { let t; if (i > 1) t = i; else continue; a += t; }',
    0,
    5,
  ],
  [
    'continue in an unrolled loop, known at compile time',
    'for (const i of range(4, { unroll: true })) { if (i === 2) continue; a += i; }',
    0,
    4,
  ],
  ['continue over an array, at run time', 'for (const i of [1, 2, 4]) { if (n === i) continue; a += i; }', 2, 7],
  ['an index near 2^31 never wraps', 'for (const i of range(2147483645, 2147483647, 3)) a += 1;', 0, 1],
  ['nor with a step over the end', 'for (const i of range(2147483640, 2147483647, 2147483647)) a += 1;', 0, 1],
  [
    'nor where several indices make a trip',
    'for (const i of range(2147483647 - n, 2147483647, 3, { unroll: 4 })) a += 1;',
    20,
    27,
  ],
  [
    'nor from the least to the largest',
    'for (const i of range(n - 2147483647, 2147483647, 536870911, { unroll: 3 })) a += 1;',
    -1,
    8,
  ],
  [
    'a reversed range begins with its ragged end',
    'for (const i of range(0, n, 3, { reverse: true })) a = a * 10 + i;',
    8,
    8630,
  ],
  ['bounds loaded from memory', 'for (const i of range(x.get(0), x.get(3))) a += i;', 0, 15],
  ['a scalar condition joins two masks', 'const k = n > 3 ? true : false; if (k) a = 1;', 4, 1],
])('%s', (_, body, n, want) => {
  expect(left(body)(n)).toBe(want);
});

test.each([1, 2, 3, 4, 7])('unroll: %i takes the same indices in the same order', (k) => {
  for (const reverse of [true, false])
    for (const bounds of ['0, n, 1', 'n, 9, 1', '-2, n, 3', '1, 8, 2', '3, 3, 1', 'm, n, 1']) {
      const loop = (more: string) =>
        left(
          `for (const i of range(${bounds}, { reverse: ${reverse}${more} })) { if (i === 5) continue; a = (a * 31 + i) % 1009; }`,
        );
      const [got, want] = [loop(`, unroll: ${k}`), loop('')];
      for (const n of [-3, 0, 1, 4, 9, 12]) expect(got(n), `${bounds} ${reverse} ${n}`).toBe(want(n));
    }
});

test.each([
  ['a value on each path', '(v) => { if (v > 3) return v * 2; return v; }', [3, 8]],
  ['a literal on one path', '(v) => { if (v > 3) return 0; return v; }', [3, 0]],
  ['nested', '(v) => { if (v > 2) { if (v > 3) return -1; v += 10; } return v; }', [13, -1]],
  [
    'after a loop',
    '(v) => { for (const i of range(v)) { if (i === 1) continue; v += 1; } if (v > 5) return 1; return v; }',
    [5, 1],
  ],
  ['from an unrolled loop', '(v) => { for (const i of [2, 3, 9]) { if (i > v) return v + i; } return 100; }', [12, 13]],
  [
    'a mask',
    '(v) => { const isBig = () => { if (v > 3) return true; return false; }; return isBig() ? 7 : v; }',
    [3, 7],
  ],
])('a function returns early: %s', (_, text, [three, four]) => {
  const module = `const f = ${text};`;
  expect([3, 4].map(left('a = f(a);', module))).toEqual([three, four]);
});

test('an early return ends the program: nothing after it is stored', () => {
  const body =
    'y.scatter([0], 1); if (n > 2) { if (m > 1) return; y.scatter([1], 1); } else { y.scatter([2], 1); } y.scatter([3], 1);';
  const kernel = lowered({ module: '', body });
  const stored = (n: number, m: number): number[] =>
    interpreted(kernel, [0], n, m, 4).flatMap((v, i) => (v === 1 ? [i] : []));
  expect([stored(3, 2), stored(3, 1), stored(2, 2)]).toEqual([[0], [0, 1, 3], [0, 2, 3]]);
});

test('the side of a scalar condition that is not taken loads nothing', () => {
  const load = (at: number): string => `x.load([${at}], [4], { inBounds: true })`;
  const kernel = lowered({ module: '', body: `const t = n > 0 ? ${load(9)} : ${load(0)}; y.store([0], t);` });
  expect(interpreted(kernel, [1, 2, 3, 4], 0, 0, 4)).toEqual([1, 2, 3, 4]);
  expect(() => interpreted(kernel, [1, 2, 3, 4], 1, 0, 4)).toThrow(/LAC08/);
});
