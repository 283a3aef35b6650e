import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Expr, evaluateExpr } from '../../compiler/expr.js';
import { combinations } from '../../driver/configurations.js';
import { type Declaration, SourceProject } from '../../driver/source.js';
import { ANY_WEBGPU, COMMON_WEBGPU, targetNamed } from '../../driver/target.js';
import { expressionText } from '../../tuner/expression-text.js';
import { enumerateSpace } from '../../tuner/space.js';

const CUDA = targetNamed('sm_90') ?? ANY_WEBGPU;
const dtypes = {};

const OPERATORS = ['+', '-', '*', '/', '<', '<=', '==', '&&', '||', 'cdiv', 'max', '!', 'neg', '?:'] as const;
const arity = (op: string): number => (op === '?:' ? 3 : op === '!' || op === 'neg' ? 1 : 2);

const { expression } = fc.letrec<{ expression: Expr }>((tie) => ({
  expression: fc.oneof(
    { depthSize: 'small' },
    fc.integer({ min: 0, max: 200 }),
    fc.constantFrom('A', 'B', 'N'),
    fc.constantFrom(...OPERATORS).chain((op) => {
      const args = Array.from({ length: arity(op) }, () => tie('expression'));
      return fc.tuple(...args).map((made): Expr => [op, ...made]);
    }),
  ),
}));

const knobs = fc.record({
  A: fc.uniqueArray(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 4 }),
  B: fc.uniqueArray(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 4 }),
  warps: fc.uniqueArray(fc.constantFrom(1, 2, 4, 8, 16), { minLength: 1, maxLength: 4 }),
});

/** What the space reads of a declaration. */
const declared = (tune: Declaration['tune'], prune: Expr | null) => ({ name: 'k', tune, prune }) as Declaration;

describe('the space', () => {
  test('every combination is listed once, in order, in one state, for its reason', () => {
    fc.assert(
      fc.property(knobs, fc.option(expression), fc.nat(300), (tune, prune, N) => {
        const rows = enumerateSpace(declared(tune, prune), { dims: { N }, dtypes, target: ANY_WEBGPU });
        expect(rows.map((row) => row.config)).toEqual([...combinations(tune)]);
        for (const { config, state, why, code } of rows) {
          const kept = prune === null || evaluateExpr(prune, { ...config, N }) !== 0;
          const fits = (config.warps ?? 0) * 32 <= 256;
          expect(state).toBe(kept ? (fits ? 'open' : 'limit') : 'pruned');
          expect(why === undefined).toBe(state === 'open');
          expect(code).toBe(state === 'limit' ? 'LAC0502' : undefined);
        }
      }),
    );
  });

  test('a prune that names a size nobody gave keeps everything', () => {
    const rows = enumerateSpace(declared({ A: [1, 2] }, ['<', 'A', 'N']), { dims: {}, dtypes, target: CUDA });
    expect(rows.map((row) => row.state)).toEqual(['open', 'open']);
  });

  test('says which part of prune does not hold, and for which values', () => {
    const prune: Expr = ['&&', ['<=', 'A', 64], ['&&', ['<=', ['*', 'A', ['+', 'N', 2]], 100], ['>', 'B', 0]]];
    const [row] = enumerateSpace(declared({ A: [32], B: [1] }, prune), { dims: { N: 7 }, dtypes, target: CUDA });
    expect(row?.why).toBe('prune: A * (N + 2) <= 100 does not hold for A=32 N=7');
  });

  test('says how many invocations are too many', () => {
    const [row] = enumerateSpace(declared({ warps: [16] }, null), { dims: {}, dtypes, target: COMMON_WEBGPU });
    expect(row?.why).toBe('512 invocations, the device has 256');
  });

  test('a plan has one too', () => {
    const plan = new SourceProject().read('kernels/lightning/segments.ts').plans[0];
    if (plan === undefined) throw new Error('no plan');
    const dims = { B: 1, H: 16, HK: 16, N: 32768, D: 64, E: 64 };
    const rows = enumerateSpace(plan, { dims, dtypes: { T: 'bf16' }, target: CUDA });
    expect(rows.length).toBe(Object.values(plan.tune).reduce((n, values) => n * values.length, 1));
    expect(rows.some((row) => row.state === 'open')).toBe(true);
  });
});

describe('an expression as text', () => {
  /** A comparison is 1 or 0 in an expression, a truth value in TypeScript: == takes them for the same. */
  const evaluate = (text: string, names: Readonly<Record<string, number>>): number =>
    Number(
      new Function(
        ...Object.keys(names),
        'cdiv',
        'max',
        `return ${text.replaceAll('===', '==').replaceAll('!==', '!=')};`,
      )(...Object.values(names), (a: number, b: number) => Math.ceil(a / b), Math.max),
    );

  test('means what it meant', () => {
    fc.assert(
      fc.property(expression, fc.nat(9), fc.nat(9), fc.nat(9), (e, A, B, N) => {
        const names = { A, B, N };
        const [got, want] = [evaluate(expressionText(truthful(e)), names), evaluateExpr(truthful(e), names)];
        expect(got === want || (Number.isNaN(got) && Number.isNaN(want))).toBe(true);
      }),
    );
  });

  /** Conditions are comparisons, as authors write them: elsewhere JavaScript's && gives an operand. */
  function truthful(e: Expr): Expr {
    if (typeof e !== 'object') return e;
    const [op, ...args] = e;
    const isCondition = (i: number): boolean => op === '&&' || op === '||' || op === '!' || (op === '?:' && i === 0);
    return [op, ...args.map((x, i): Expr => (isCondition(i) ? ['!=', truthful(x), 0] : truthful(x)))];
  }
});
