import type { ts as TS } from 'ts-morph';
import type { Help } from '../../compiler/diag/diagnostic.js';
import { spanOf } from '../read/diagnostics.js';
import { ts } from '../read/typescript.js';
import { languageValue } from './builtins/table.js';

/** Modules whose functions people bring along: `np.exp`, `tl.dot`. */
const FOREIGN_MODULES = new Set(['np', 'numpy', 'jnp', 'jax', 'torch', 'F', 'nn', 'tl', 'triton', 'math', 'tf']);

const DTYPES_ARE = 'the dtypes are f32, f16, bf16, i32 and u32';
const MASKS_ARE = 'masks are made by comparisons; cast(mask, f32) makes 1 and 0 of one';
const ONLY_SUMS = 'the only atomic operation is addition: atomicAdd() and scatterAdd(), which give no value back';
const SORTED =
  'the language sorts by exchanges between lanes: take(x, iota(n) ^ distance, 0) and where(); argmax(x, axis) is the first';
const HOST_WORK = 'a kernel computes numbers only: do it in the host program';

/** What to write for names of NumPy, PyTorch, Triton and JavaScript. */
const INSTEAD: Readonly<Record<string, string>> = {
  all: 'min(cast(mask, i32), axis) > 0',
  any: 'max(cast(mask, i32), axis) > 0',
  arange: 'iota(n), which gives 0, 1, ..., n-1',
  assert: HOST_WORK,
  argsort: SORTED,
  astype: 'cast(x, f32)',
  atomicAdd: 'view.atomicAdd(origin, tile)',
  atomic_add: 'view.atomicAdd(origin, tile), or view.scatterAdd([i, j], value) with an address for each lane',
  atomic_and: ONLY_SUMS,
  atomic_cas: ONLY_SUMS,
  atomic_max: ONLY_SUMS,
  atomic_min: ONLY_SUMS,
  atomic_or: ONLY_SUMS,
  atomic_xchg: ONLY_SUMS,
  atomicMax: ONLY_SUMS,
  atomicMin: ONLY_SUMS,
  cat: 'concat([a, b], axis)',
  ceil_div: 'cdiv(a, b)',
  clamp: 'minimum(maximum(x, low), high)',
  clip: 'minimum(maximum(x, low), high)',
  concatenate: 'concat([a, b], axis)',
  console: 'a kernel prints nothing: store the value to an output, and look at it with --device interpret',
  cumprod: 'scan(x, axis, (a, b) => a * b)',
  exp10: '10 ** x',
  fabs: 'abs(x)',
  fma: 'a * b + c',
  full_like: 'full([BM, BN], value, f32), with the extents written out',
  gather: 'view.gather([i, j]) from memory, take(x, index, axis) from a tile',
  isNaN: 'x !== x',
  isnan: 'x !== x',
  len: 'extent(x, axis)',
  load: 'view.load(origin, shape)',
  log10: 'log2(x) * Math.log10(2)',
  logsumexp: 'shift + log(sum(exp(x - col(shift)), 1)), with shift = max(x, 1)',
  matmul: 'dot(a, b)',
  mean: 'sum(x, axis) / extent(x, axis)',
  mm: 'dot(a, b)',
  bmm: 'dot(a, b), on the matrices of one batch',
  num_programs: 'cdiv(N, C), as in the grid',
  ones: 'full([BM, BN], 1, f32)',
  ones_like: 'full([BM, BN], 1, f32), with the extents written out',
  permute: 'trans(x) transposes a matrix',
  pow: 'a ** b',
  prod: 'reduce(x, axis, (a, b) => a * b)',
  print: 'a kernel prints nothing: store the value to an output, and look at it with --device interpret',
  program_id: 'the axes of the grid are the third parameter of the body: ({ q }, { N }, { n }) => ...',
  rand: 'random numbers are made of counters: mulhi and wrapping u32',
  relu: 'maximum(x, 0)',
  scatter: 'view.scatter([i, j], value)',
  scatterAdd: 'view.scatterAdd([i, j], value)',
  sign: 'where(x > 0, 1, where(x < 0, -1, x))',
  silu: 'x * sigmoid(x)',
  size: 'extent(x, axis)',
  sort: SORTED,
  softmax: 'p = exp(x - col(max(x, 1))), then p / col(sum(p, 1))',
  square: 'x * x',
  stack: 'concat([expand(a, 0), expand(b, 0)], 0)',
  static_range: 'range(n, { unroll: true })',
  store: 'view.store(origin, tile)',
  to: 'cast(x, f32)',
  topk: SORTED,
  transpose: 'trans(x)',
  unsqueeze: 'col(x), row(x) and expand(x, axis)',
  view: 'reshape(x, shape)',
  zeros_like: 'zeros([BM, BN], f32), with the extents written out',

  bfloat16: 'bf16',
  bool: MASKS_ARE,
  Boolean: MASKS_ARE,
  boolean: MASKS_ARE,
  double: DTYPES_ARE,
  f64: DTYPES_ARE,
  float: 'f32',
  float16: 'f16',
  float32: 'f32',
  float64: DTYPES_ARE,
  half: 'f16',
  i1: MASKS_ARE,
  i64: DTYPES_ARE,
  int: 'i32',
  int32: 'i32',
  int64: DTYPES_ARE,
  u8: DTYPES_ARE,
  uint32: 'u32',

  None: 'null',
  True: 'true',
  False: 'false',
  inf: 'Infinity',
  nan: 'NaN',

  Array: 'write an array literal, [a, b]',
  Date: HOST_WORK,
  Float32Array: 'zeros(shape, f32) makes a tile',
  Number: 'cast(x, f32)',
  Object: HOST_WORK,
  JSON: HOST_WORK,
  parseFloat: HOST_WORK,
  parseInt: HOST_WORK,
  process: HOST_WORK,
  Promise: HOST_WORK,
  performance: HOST_WORK,
};

const SENTENCE = /^(?:the|a kernel|masks|random|write) /;

/** What to write for a name that the language does not have; an edit where the language has it under another name. */
export function insteadOf(name: string, at: TS.Node): Help | undefined {
  const instead = Object.hasOwn(INSTEAD, name) ? INSTEAD[name] : undefined;
  if (instead === undefined) return undefined;
  if (languageValue(instead)?.kind === 'dtype' && ts.isCallExpression(at.parent) && at.parent.expression === at)
    return { text: `write cast(x, ${instead})` };
  return languageValue(instead) === undefined
    ? { text: SENTENCE.test(instead) ? instead : `write ${instead}` }
    : { text: `write ${instead}`, edit: { span: spanOf(at), newText: instead } };
}

/** `np.exp`: the language's functions have no prefix. Undefined where `node` is no such module. */
export function withoutPrefix(node: TS.Identifier): Help | undefined {
  const { parent } = node;
  if (!FOREIGN_MODULES.has(node.text) || !ts.isPropertyAccessExpression(parent)) return undefined;
  const name = parent.name.text;
  if (languageValue(name) === undefined) return insteadOf(name, parent);
  return { text: 'the functions of the language have no prefix', edit: { span: spanOf(parent), newText: name } };
}
