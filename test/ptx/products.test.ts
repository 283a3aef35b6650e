import fc from 'fast-check';
import { expect, it } from 'vitest';
import { emitPtx } from '../../backends/ptx/emit.js';
import { targetFor } from '../../backends/ptx/target.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import type { DType } from '../../compiler/ir/types.js';
import { roundTo } from '../../compiler/ops/round.js';
import { openDevice } from '../../runtime/index.js';
import { makeKernel, region, tile } from '../interp/make.js';
import { type Backend, type Outcome, runBoth } from '../ir/differential.js';

/** One product in a loop of `trips`, of operands that are stored as they are or turned. */
interface Product {
  readonly dtype: DType;
  readonly precision: string;
  readonly M: number;
  readonly N: number;
  readonly K: number;
  readonly turned: readonly [boolean, boolean];
  /** What is done with the sum: nothing, added to what was loaded, carried from trip to trip, or read elsewhere too. */
  readonly use: 'alone' | 'added' | 'carried' | 'elsewhere';
  readonly warps: number;
  readonly sm: 80 | 90;
}

const emulated = (sm: 80 | 90): Backend => {
  const device = openDevice(`emulate:sm_${sm}`);
  const target = targetFor(sm);
  return {
    device: () => device,
    context: { target: 'cuda', maxStorageElements: Number.MAX_SAFE_INTEGER },
    compile: (kernel, facts) => ({ target: 'cuda', sm, ...emitPtx(kernel, { target, facts }) }),
  };
};
const BACKENDS = { 80: emulated(80), 90: emulated(90) } as const;

function kernelOf({ dtype, precision, M, N, K, turned, use }: Product): Kernel {
  const pair = (turn: boolean, rows: string, columns: string): [string, string] =>
    turn ? [columns, rows] : [rows, columns];
  return makeKernel(
    {
      a: ['in', dtype, ...pair(turned[0], 'M', 'K')],
      b: ['in', dtype, ...pair(turned[1], 'K', 'N')],
      c: ['in', 'f32', 'M', 'N'],
      y: ['out', 'f32', 'M', 'N'],
      z: ['out', 'f32', 'M', 'N'],
    },
    [],
    (r, args) => {
      const zero = r.constant(0, 'i32');
      const loaded = (name: 'a' | 'b', rows: number, columns: number, turn: boolean): Value => {
        const shape = turn ? [columns, rows] : [rows, columns];
        const t = r.value('load', [args[name] as Value, zero, zero], { pad: 0 }, tile(dtype, ...shape));
        return turn ? r.value('trans', [t], {}) : t;
      };
      const [a, b] = [loaded('a', M, K, turned[0]), loaded('b', K, N, turned[1])];
      const c = r.value('load', [args.c as Value, zero, zero], { pad: 0 }, tile('f32', M, N));
      const store = (name: 'y' | 'z', v: Value): void => void r.op('store', [args[name] as Value, v, zero, zero], {});
      if (use === 'alone') store('y', r.value('dot', [a, b], { precision }));
      else if (use === 'carried') {
        const [one, two] = [r.constant(1, 'i32'), r.constant(2, 'i32')];
        const body = region([tile('i32'), tile('f32', M, N)], (inner, [, sum]) => [
          inner.value('dot', [a, b, sum as Value], { precision }),
        ]);
        store('y', r.op('for', [zero, two, one, c], {}, undefined, [body]).results[0] as Value);
      } else {
        const sum = r.value('dot', [a, b, c], { precision });
        store('y', sum);
        if (use === 'elsewhere') {
          store('z', r.value('add', [sum, c], {}));
          return;
        }
      }
      store('z', c);
    },
  );
}

/** Unit roundoff of the operands' products, relative to the sum of their magnitudes. */
function bound({ dtype, precision, K }: Product): number {
  const sums = (2 * K + 4) * 2 ** -23;
  if (dtype !== 'f32' || precision === 'ieee') return sums;
  return sums + (precision === 'tf32' ? 2 * 2 ** -11 : 4 * 2 ** -22);
}

const value = (arg: string, i: number): number => Math.sin(i * 12.9898 + arg.charCodeAt(0) * 78.233) * 1.5;

/** Sum of |a b| and |c| for an element. */
function magnitude(p: Product, m: number, n: number): number {
  const at = (name: 'a' | 'b', row: number, column: number, columns: number, rows: number, turn: boolean): number =>
    Math.abs(roundTo(p.dtype, value(name, turn ? column * rows + row : row * columns + column)));
  let sum = Math.abs(value('c', m * p.N + n));
  for (let k = 0; k < p.K; k++) sum += 2 * at('a', m, k, p.K, p.M, p.turned[0]) * at('b', k, n, p.N, p.K, p.turned[1]);
  return sum;
}

async function run(p: Product): Promise<Outcome | null> {
  const shape = (rows: number, columns: number, turn: boolean) => (turn ? [columns, rows] : [rows, columns]);
  try {
    return await runBoth(
      {
        build: () => kernelOf(p),
        shapes: {
          a: shape(p.M, p.K, p.turned[0]),
          b: shape(p.K, p.N, p.turned[1]),
          c: [p.M, p.N],
          y: [p.M, p.N],
          z: [p.M, p.N],
        },
        grid: {},
        config: { warps: p.warps },
        value,
      },
      BACKENDS[p.sm],
    );
  } catch (e) {
    // Tiles that need more registers or shared memory than there are.
    if (e instanceof LacError && /^LAC050[1-4]/.test(e.diagnostics[0]?.code ?? '')) return null;
    throw e;
  }
}

function expectClose(p: Product, o: Outcome): void {
  const most = bound(p);
  for (const name of ['y', 'z'] as const)
    o.want[name]?.forEach((want, i) => {
      const reach = most * magnitude(p, Math.floor(i / p.N), i % p.N) + 1e-30;
      expect(Math.abs((o.got[name]?.[i] ?? NaN) - want), `${name}[${i}] of ${JSON.stringify(p)}`).toBeLessThanOrEqual(
        reach,
      );
    });
}

const PRECISIONS = ['default', 'tf32', 'tf32x3', 'ieee'];
const extent = fc.oneof(
  fc.integer({ min: 1, max: 9 }),
  fc.constantFrom(16, 17, 24, 32, 40, 64),
  fc.constantFrom(100, 128, 256),
);
/** Multiply-adds of one product: the emulator does some million a second. */
const MOST = 2 ** 17;

const products: fc.Arbitrary<Product> = fc
  .record({
    dtype: fc.constantFrom<DType>('bf16', 'f16', 'f32', 'f32'),
    precision: fc.constantFrom(...PRECISIONS),
    M: extent,
    N: extent,
    K: extent,
    turned: fc.tuple(fc.boolean(), fc.boolean()),
    use: fc.constantFrom('alone' as const, 'added' as const, 'carried' as const, 'elsewhere' as const),
    warps: fc.constantFrom(1, 2, 4, 8),
    sm: fc.constantFrom(80 as const, 90 as const),
  })
  .filter(({ M, N, K }) => M * N * K <= MOST && M * N <= 2 ** 14);

it('products of any extents, dtype, precision and orientation are within the bound of the precision', {
  timeout: 600_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(products, async (p) => {
      const o = await run(p);
      if (o !== null) expectClose(p, o);
    }),
    { numRuns: Number(process.env.LAC_RUNS ?? 30) },
  );
});
