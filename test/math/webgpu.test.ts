import { describe, expect, it } from 'vitest';
import { emitWgsl } from '../../backends/wgsl/emit.js';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import { type DType, isFloat } from '../../compiler/ir/types.js';
import type { ElementwiseOp } from '../../compiler/ops/accuracy.js';
import { faultOf, type Subject } from '../../compiler/ops/judge.js';
import { fromBits16 } from '../../compiler/ops/round.js';
import { runPipeline } from '../../compiler/passes/pipeline.js';
import { bindLaunch } from '../../runtime/index.js';
import { makeKernel, tile } from '../interp/make.js';
import { ROOMY, software } from '../wgsl/run.js';
import { between, everywhere, FLOAT_FUNCTIONS, operands, roundedOperands, SPECIAL, words } from './samples.js';
import { onWebGpu } from './webgpu.js';

/** Ops whose special values do not depend on what WGSL's own functions make of infinities and NaN. */
const OURS = new Set<ElementwiseOp>(['log', 'log2', 'log1p', 'tanh', 'erf', 'sigmoid', 'sin', 'cos', 'rem']);

type Types = Pick<Subject, 'from' | 'to' | 'attrs'>;

/** The first few lanes out of bounds, of ops that share their operands and types. */
async function faults(
  ops: readonly ElementwiseOp[],
  types: Types,
  columns: readonly (readonly number[])[],
): Promise<string[]> {
  const rows = (columns[0] ?? []).map((_, i) => columns.map((c) => c[i] as number));
  const got = await onWebGpu(ops, types, columns);
  const all = ops.flatMap((op, r) => {
    const subject: Subject = { op, ...types, backend: 'wgsl', finiteOnly: isFloat(types.from) && !OURS.has(op) };
    return rows
      .map((x, i) => faultOf(subject, x, got[r]?.[i] as number))
      .filter((f) => f !== null)
      .slice(0, 5);
  });
  return all;
}

describe('float functions in WGSL are as accurate as the table says', () => {
  it.each(FLOAT_FUNCTIONS)('%s', async (op) => {
    expect(await faults([op], { from: 'f32' }, [operands(1500)])).toEqual([]);
  });

  it.each(['f16', 'bf16'] as const)('of %s', async (from) => {
    expect(await faults(FLOAT_FUNCTIONS, { from }, [roundedOperands(from, 400)])).toEqual([]);
  });

  it('of two operands', async () => {
    const crossed = SPECIAL.flatMap((x) => SPECIAL.map((y) => [x, y] as const));
    const x = [...crossed.map(([a]) => a), ...everywhere(5, 1500), ...between(-9, 9, 6, 300)];
    const y = [...crossed.map(([, b]) => b), ...everywhere(7, 1500), ...between(-9, 9, 8, 300)];
    expect(await faults(['add', 'sub', 'mul', 'div', 'rem', 'max', 'min'], { from: 'f32' }, [x, y])).toEqual([]);
  });
});

describe('integers in WGSL', () => {
  const EDGES = [0, 1, -1, 2, 7, 31, 32, 33, -33, 65535, 2 ** 31 - 1, -(2 ** 31), 16777217];
  const crossed = EDGES.flatMap((x) => EDGES.map((y) => [x, y] as const));
  const random = words(11, 1000);
  const column = (dtype: DType, i: 0 | 1): number[] =>
    [...crossed.map((c) => c[i]), ...random.map((w, k) => (i === 0 ? w : (w * 31 + k) >>> (k % 32)))].map((x) =>
      dtype === 'u32' ? x >>> 0 : x | 0,
    );
  const NAMES = ['add', 'sub', 'mul', 'max', 'min', 'and', 'or', 'xor', 'shl', 'shr', 'ushr'] as const;

  it.each(['i32', 'u32'] as const)('are exact and wrap: %s', async (from) => {
    const [x, y] = [column(from, 0), column(from, 1)];
    expect(await faults([...NAMES, ...(from === 'u32' ? (['mulhi'] as const) : [])], { from }, [x, y])).toEqual([]);
    const divisible = x.map((_, i) => i).filter((i) => y[i] !== 0 && !(x[i] === -(2 ** 31) && y[i] === -1));
    const columns = [x, y].map((c) => divisible.map((i) => c[i] as number));
    expect(await faults(['idiv', 'rem'], { from }, columns)).toEqual([]);
  });

  it('divide by 0, and -2^31 by -1, without a fault: as operands and as constants', async () => {
    for (const [a, d] of [
      [7, 0],
      [-(2 ** 31), -1],
    ] as const)
      for (const constant of [true, false]) await divide(a, d, constant);
  });
});

/** Runs 7 / d and 7 % d beside a value that must arrive. */
async function divide(a: number, d: number, constant: boolean): Promise<void> {
  const kernel = makeKernel({ x: ['in', 'i32', 'N'], z: ['out', 'i32', 'R', 'N'] }, [], (b, { x, z }) => {
    const zero = b.constant(0, 'i32');
    const loaded = b.value('load', [x as Value, zero], { pad: 0 }, tile('i32', 64));
    const splat = (n: number): Value => b.value('splat', [b.constant(n, 'i32')], {}, tile('i32', 64));
    const [dividend, divisor] = constant ? [splat(a), splat(d)] : [loaded, b.value('sub', [loaded, splat(a - d)], {})];
    const row = (r: number, v: Value): void =>
      void b.op('store', [z as Value, b.value('expand', [v], { axis: 0 }), b.constant(r, 'i32'), zero], {});
    row(0, b.value('idiv', [dividend, divisor], {}));
    row(1, b.value('rem', [dividend, divisor], {}));
    row(2, loaded);
  });
  const values = await launch(kernel, new Array<number>(64).fill(a));
  expect([...values.subarray(128)]).toEqual(new Array<number>(64).fill(a));
}

/** The output of a kernel of one program on the software device; the interpreter would trap. */
async function launch(kernel: Kernel, x: readonly number[]): Promise<Float64Array> {
  const device = await software();
  kernel.config = { warps: 2 };
  runPipeline({ kernels: [kernel] }, { target: 'webgpu', maxStorageElements: 2 ** 30, grid: {} });
  const input = device.empty('i32', [64]);
  input.write(Float64Array.from(x));
  const output = device.empty('i32', [3, 64]);
  const { facts, ...program } = emitWgsl(kernel, { limits: ROOMY, facts: {} });
  const variant = {
    when: { dtypes: {}, comptime: {}, facts },
    config: kernel.config,
    target: 'webgpu',
    ...program,
  } as const;
  const args = [
    { name: 'x', dir: 'in', dtype: 'i32', dims: ['N'] },
    { name: 'z', dir: 'out', dtype: 'i32', dims: ['R', 'N'] },
  ] as const;
  const plan = bindLaunch(device, { kernel: 'k', args, dtypes: {}, grid: [] }, variant, { x: input, z: output });
  await device.launch(plan);
  return output.read();
}

describe('casts in WGSL', () => {
  const FLOATS = [...operands(600), 65504, 65519.996, 65520, -65520, 2147483520, 4294967040, 4294967296].map(
    Math.fround,
  );
  it.each(['i32', 'u32', 'f16', 'bf16'] as const)(
    'f32 to %s: saturated, nearest even, NaN and subnormals',
    async (to) => {
      expect(await faults(['cast'], { from: 'f32', to, attrs: { to } }, [FLOATS])).toEqual([]);
    },
  );
  it.each(['f16', 'bf16'] as const)('every %s widens to its f32', async (from) => {
    const all = Array.from({ length: 65536 }, (_, bits) => fromBits16(from, bits));
    expect(await faults(['cast'], { from, to: 'f32', attrs: { to: 'f32' } }, [all])).toEqual([]);
  });
});
