import { DTYPES } from '../../../compiler/ir/types.js';
import { declareKernel, declareTensor, dtypeParameter, scalarArgument } from '../../read/declaration.js';
import type { Val } from '../value.js';
import type { Call } from './arguments.js';
import { cumsum, extremum, mulhi, quotient, reduce, UNARY_NAMES, unaryMath, where } from './math.js';
import { dot } from './matrix.js';
import { bitcast, cast, expand, extent, full, iota, range, reshape, trans, zeros } from './shape.js';

export interface Builtin {
  readonly min: number;
  readonly max: number;
  readonly run: (call: Call) => Val;
}

const notBuilt =
  (instead: string) =>
  (call: Call): Val =>
    call.ev.error('LAC0102', call.node, `${call.name} is declared but not built yet`, { help: [instead] });

const of = (min: number, max: number, run: Builtin['run']): Builtin => ({ min, max, run });

/** Every function of the language. */
export const BUILTINS: Readonly<Record<string, Builtin>> = {
  zeros: of(2, 2, zeros),
  full: of(3, 3, full),
  iota: of(1, 1, iota),
  range: of(1, 4, range),
  col: of(1, 1, (c) => expand(c, 1)),
  row: of(1, 1, (c) => expand(c, 0)),
  extent: of(2, 2, extent),
  expand: of(2, 2, (c) => expand(c)),
  reshape: of(2, 2, reshape),
  trans: of(1, 1, trans),
  cast: of(2, 2, cast),
  bitcast: of(2, 2, bitcast),
  dot: of(2, 4, dot),
  sum: of(2, 2, (c) => reduce(c, 'sum')),
  max: of(2, 2, (c) => reduce(c, 'max')),
  min: of(2, 2, (c) => reduce(c, 'min')),
  argmax: of(2, 2, (c) => reduce(c, 'argmax')),
  argmin: of(2, 2, (c) => reduce(c, 'argmin')),
  cumsum: of(2, 3, cumsum),
  maximum: of(2, 2, (c) => extremum(c, 'max')),
  minimum: of(2, 2, (c) => extremum(c, 'min')),
  where: of(3, 3, where),
  cdiv: of(2, 2, (c) => quotient(c, 'cdiv')),
  idiv: of(2, 2, (c) => quotient(c, 'idiv')),
  mulhi: of(2, 2, mulhi),
  ...Object.fromEntries(UNARY_NAMES.map((name) => [name, of(1, 1, (c: Call) => unaryMath(c, name))])),

  slice: of(3, 3, notBuilt('load the part that is needed from a view')),
  insert: of(3, 3, notBuilt('store the parts separately')),
  concat: of(2, 2, notBuilt('store the parts separately')),
  scan: of(3, 4, notBuilt('cumsum(x, axis) is built; other scans can be loops over chunks')),
  reduce: of(3, 3, notBuilt('sum, max, min, argmax and argmin are built')),
  plan: of(2, 2, notBuilt('launch the kernels one after another from the host')),
  temp: of(2, 3, notBuilt('allocate the tensor on the host')),

  kernel: of(2, 2, declareKernel),
  input: of(2, 2, (c) => declareTensor(c, 'in')),
  output: of(2, 2, (c) => declareTensor(c, 'out')),
  inout: of(2, 2, notBuilt('use one input and one output')),
  scalar: of(1, 1, scalarArgument),
  dtypes: of(2, 16, dtypeParameter),
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
