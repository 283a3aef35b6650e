import { DTYPES } from '../../../compiler/ir/types.js';
import { declareKernel, declareTensor, dtypeParameter, scalarArgument } from '../../read/declaration.js';
import { declarePlan, declareTemp } from '../../read/plan-declaration.js';
import type { Val } from '../value.js';
import type { Call } from './arguments.js';
import { combined } from './combine.js';
import { cumsum, extremum, mulhi, quotient, reduce, UNARY_NAMES, unaryMath, where } from './math.js';
import { dot } from './matrix.js';
import { concat, insert, slice, take } from './parts.js';
import { bitcast, cast, expand, extent, full, iota, range, reshape, trans, zeros } from './shape.js';

export interface Builtin {
  readonly min: number;
  readonly max: number;
  /** How it is called, for messages. */
  readonly usage: string;
  readonly run: (call: Call) => Val;
}

const of = (min: number, max: number, run: Builtin['run'], usage: string): Builtin => ({ min, max, run, usage });

/** Every function of the language. */
export const BUILTINS: Readonly<Record<string, Builtin>> = {
  zeros: of(2, 2, zeros, 'zeros(shape, dtype), as zeros([BM, BN], f32)'),
  full: of(3, 3, full, 'full(shape, value, dtype)'),
  iota: of(1, 1, iota, 'iota(n), which gives 0, 1, ..., n-1'),
  range: of(1, 4, range, 'range(end), or range(begin, end, step)'),
  col: of(1, 1, (c) => expand(c, 1), 'col(x)'),
  row: of(1, 1, (c) => expand(c, 0), 'row(x)'),
  extent: of(2, 2, extent, 'extent(x, axis)'),
  expand: of(2, 2, (c) => expand(c), 'expand(x, axis)'),
  reshape: of(2, 2, reshape, 'reshape(x, shape)'),
  trans: of(1, 1, trans, 'trans(x)'),
  cast: of(2, 2, cast, 'cast(x, dtype)'),
  slice: of(3, 3, slice, 'slice(x, origin, shape), as slice(x, [r, 0], [1, D])'),
  insert: of(3, 3, insert, 'insert(x, origin, part)'),
  concat: of(2, 2, concat, 'concat([a, b], axis)'),
  take: of(3, 3, take, 'take(x, index, axis)'),
  bitcast: of(2, 2, bitcast, 'bitcast(x, dtype)'),
  dot: of(2, 4, dot, 'dot(a, b), or dot(a, b, accumulator)'),
  sum: of(2, 2, (c) => reduce(c, 'sum'), 'sum(x, axis)'),
  max: of(2, 2, (c) => reduce(c, 'max'), 'max(x, axis)'),
  min: of(2, 2, (c) => reduce(c, 'min'), 'min(x, axis)'),
  argmax: of(2, 2, (c) => reduce(c, 'argmax'), 'argmax(x, axis)'),
  argmin: of(2, 2, (c) => reduce(c, 'argmin'), 'argmin(x, axis)'),
  cumsum: of(2, 3, cumsum, 'cumsum(x, axis), or cumsum(x, axis, { reverse: true })'),
  maximum: of(2, 2, (c) => extremum(c, 'max'), 'maximum(a, b)'),
  minimum: of(2, 2, (c) => extremum(c, 'min'), 'minimum(a, b)'),
  where: of(3, 3, where, 'where(mask, a, b)'),
  cdiv: of(2, 2, (c) => quotient(c, 'cdiv'), 'cdiv(a, b)'),
  idiv: of(2, 2, (c) => quotient(c, 'idiv'), 'idiv(a, b)'),
  mulhi: of(2, 2, mulhi, 'mulhi(a, b)'),
  ...Object.fromEntries(UNARY_NAMES.map((name) => [name, of(1, 1, (c: Call) => unaryMath(c, name), `${name}(x)`)])),

  scan: of(3, 4, (c) => combined(c, 'scan_by'), 'scan(x, axis, (a, b) => a + b)'),
  reduce: of(3, 3, (c) => combined(c, 'reduce_by'), 'reduce(x, axis, (a, b) => a + b)'),
  plan: of(2, 2, declarePlan, 'plan({ args, ... }, ({ x, y }, { N }, run) => { ... })'),
  temp: of(2, 3, declareTemp, 'temp(dtype, shape), or temp(dtype, shape, { fill: 0 })'),

  kernel: of(2, 2, declareKernel, 'kernel({ args, grid, ... }, ({ x, y }, { N }, { n }) => { ... })'),
  input: of(2, 3, (c) => declareTensor(c, 'in'), "input(dtype, dims), as input(f32, ['M', 'N'])"),
  output: of(2, 3, (c) => declareTensor(c, 'out'), "output(dtype, dims), as output(f32, ['M', 'N'])"),
  inout: of(2, 3, (c) => declareTensor(c, 'inout'), "inout(dtype, dims), as inout(f32, ['M', 'N'])"),
  scalar: of(1, 1, scalarArgument, 'scalar(dtype)'),
  dtypes: of(2, 16, dtypeParameter, "dtypes(name, dtype, ...), as dtypes('T', f16, bf16)"),
};

const HOST_ONLY = ['openDevice', 'empty', 'setHost'];

/** What `import { name } from 'lac'` gives; undefined for a name that the language does not export. */
export function languageValue(name: string): Val | undefined {
  if (name === 'all') return { kind: 'all' };
  const dtype = DTYPES.find((d) => d === name && d !== 'i1');
  if (dtype !== undefined) return { kind: 'dtype', dtype };
  return Object.hasOwn(BUILTINS, name) || HOST_ONLY.includes(name) ? { kind: 'builtin', name } : undefined;
}

export const languageNames = (): string[] => [...Object.keys(BUILTINS), ...DTYPES.filter((d) => d !== 'i1'), 'all'];
