import type { DType } from '../ir/types.js';
import * as e from './evaluate.js';
import * as r from './rules.js';
import type { AttrTypes, OpRow } from './schema.js';

const unary = (meaning: string, f: (a: number) => number) =>
  ({
    meaning,
    operands: ['x'],
    attrs: {},
    effect: 'pure',
    regions: 0,
    rule: r.elementwise(1, r.floatTile, 'a float tile'),
    evaluate: (x) => f(e.one(x)),
  }) as const satisfies OpRow;

const binary = (meaning: string, rule: OpRow['rule'], evaluate: NonNullable<OpRow['evaluate']>) =>
  ({ meaning, operands: ['a', 'b'], attrs: {}, effect: 'pure', regions: 0, rule, evaluate }) as const satisfies OpRow;

const numbers = r.elementwise(2, r.numberTile, 'number tiles');
const floats = r.elementwise(2, r.floatTile, 'float tiles');
const ints = r.elementwise(2, r.intTile, 'integer tiles');
const bits = r.elementwise(2, r.intOrMask, 'integer or mask tiles');

const bitOp =
  (f: (a: number, b: number) => number): NonNullable<OpRow['evaluate']> =>
  (x, d) => {
    const [a, b] = e.pair(x);
    return d === 'i1' ? f(a, b) & 1 : e.wrapInt(f(a, b), d);
  };

const access = { masked: 'bool?', in_bounds: 'bool?', guard: 'bools?', valid: 'ints?', offset_bits: 'int?' } as const;
/** Accesses with an address a lane: as boxes, but nothing is proven of single axes. */
const addressed = { masked: 'bool?', in_bounds: 'bool?', valid: 'ints?', offset_bits: 'int?' } as const;

/**
 * Every op, once. Grammar, printer, verifier and interpreter loop over these rows; each backend is a total mapped type
 * over their names. Elementwise ops take operands of one type: the front end inserts cast, splat, expand and broadcast.
 */
export const OPS = {
  // ---- sources
  const: {
    meaning: 'Every lane is `value`.',
    operands: [],
    attrs: { value: 'num' },
    effect: 'pure',
    regions: 0,
    rule: r.constRule,
  },
  iota: { meaning: 'Lane i is i.', operands: [], attrs: {}, effect: 'pure', regions: 0, rule: r.iotaRule },
  program_id: {
    meaning: 'Index of this program along the axis `axis` of the grid.',
    operands: [],
    attrs: { axis: 'str' },
    effect: 'pure',
    regions: 0,
    rule: r.scalarResult('i32'),
  },
  dim: {
    meaning: 'Extent of the argument dimension `name`.',
    operands: [],
    attrs: { name: 'str' },
    effect: 'pure',
    regions: 0,
    rule: r.scalarResult('i32'),
  },

  // ---- elementwise
  add: binary(
    'a + b; integers wrap.',
    numbers,
    e.intOrFloat(
      (a, b) => a + b,
      (a, b) => a + b,
    ),
  ),
  sub: binary(
    'a - b; integers wrap.',
    numbers,
    e.intOrFloat(
      (a, b) => a - b,
      (a, b) => a - b,
    ),
  ),
  mul: binary(
    'a * b; integers wrap.',
    numbers,
    e.intOrFloat(Math.imul, (a, b) => a * b),
  ),
  div: binary('a / b, floats only.', floats, (x) => {
    const [a, b] = e.pair(x);
    return a / b;
  }),
  idiv: binary('Integer quotient toward 0; division by 0 and -2^31 / -1 trap.', ints, e.integerDivide),
  rem: binary('Remainder of the quotient toward 0 (floats: fmod); integers trap as idiv.', numbers, e.remainder),
  max: binary('The larger; if one is NaN, the other.', numbers, (x) => e.maxNumber(...e.pair(x))),
  min: binary('The smaller; if one is NaN, the other.', numbers, (x) => e.minNumber(...e.pair(x))),
  and: binary(
    'Bitwise and; logical on masks.',
    bits,
    bitOp((a, b) => a & b),
  ),
  or: binary(
    'Bitwise or; logical on masks.',
    bits,
    bitOp((a, b) => a | b),
  ),
  xor: binary(
    'Bitwise exclusive or; logical on masks.',
    bits,
    bitOp((a, b) => a ^ b),
  ),
  shl: binary('a << (b mod 32).', ints, e.shiftLeft),
  shr: binary('a >> (b mod 32); i32 keeps its sign, u32 fills with 0.', ints, e.shiftRight),
  ushr: binary('a >>> (b mod 32): fills with 0, keeps the dtype.', ints, e.shiftRightLogical),
  mulhi: binary(
    'High 32 bits of the 64-bit product of two u32.',
    r.elementwise(2, (t) => t.dtype === 'u32', 'u32 tiles'),
    (x) => e.mulHigh(x),
  ),
  not: {
    meaning: 'Bitwise complement; logical on masks.',
    operands: ['x'],
    attrs: {},
    effect: 'pure',
    regions: 0,
    rule: r.elementwise(1, r.intOrMask, 'an integer or mask tile'),
    evaluate: (x, d) => (d === 'i1' ? 1 - e.one(x) : e.wrapInt(~e.one(x), d)),
  },
  neg: {
    meaning: '-x; integers wrap.',
    operands: ['x'],
    attrs: {},
    effect: 'pure',
    regions: 0,
    rule: r.elementwise(1, r.numberTile, 'a number tile'),
    evaluate: (x, d) => (d === 'i32' || d === 'u32' ? e.wrapInt(-e.one(x), d) : -e.one(x)),
  },
  abs: {
    meaning: '|x|; -2^31 stays.',
    operands: ['x'],
    attrs: {},
    effect: 'pure',
    regions: 0,
    rule: r.elementwise(1, r.numberTile, 'a number tile'),
    evaluate: (x, d) => (d === 'i32' ? e.wrapInt(Math.abs(e.one(x)), d) : Math.abs(e.one(x))),
  },
  exp: unary('e^x.', Math.exp),
  exp2: unary('2^x.', (a) => 2 ** a),
  log: unary('Natural logarithm.', Math.log),
  log2: unary('Logarithm to base 2.', Math.log2),
  log1p: unary('log(1 + x).', Math.log1p),
  sqrt: unary('Square root.', Math.sqrt),
  rsqrt: unary('1 / sqrt(x).', (a) => 1 / Math.sqrt(a)),
  sigmoid: unary('1 / (1 + e^-x).', (a) => 1 / (1 + Math.exp(-a))),
  tanh: unary('Hyperbolic tangent.', Math.tanh),
  erf: unary('Error function.', e.erf),
  sin: unary('Sine, x in radians.', Math.sin),
  cos: unary('Cosine, x in radians.', Math.cos),
  floor: unary('Largest integer <= x.', Math.floor),
  ceil: unary('Smallest integer >= x.', Math.ceil),
  round: unary('Nearest integer, half to even.', e.roundHalfEven),
  cmp: {
    meaning: 'Mask of `a pred b`; pred is lt, le, gt, ge, eq or ne. NaN: only ne holds.',
    operands: ['a', 'b'],
    attrs: { pred: 'str' },
    effect: 'pure',
    regions: 0,
    rule: r.compareRule,
    evaluate: (x, _d, attrs) => e.compare(x, attrs.pred),
  },
  select: {
    meaning: 'Lane of a where the mask holds, else of b; the lane not chosen contributes nothing.',
    operands: ['mask', 'a', 'b'],
    attrs: {},
    effect: 'pure',
    regions: 0,
    rule: r.selectRule,
    evaluate: (x) => (x[0] ? x[1] : x[2]) as number,
  },
  cast: {
    meaning:
      'Value in another dtype: float to float rounds to nearest even, float to int truncates and saturates (NaN: 0), a mask gives 1 or 0.',
    operands: ['x'],
    attrs: { to: 'dtype' },
    effect: 'pure',
    regions: 0,
    rule: r.castRule,
    evaluate: (x, d, attrs) =>
      attrs.to === 'i32' || attrs.to === 'u32' ? e.toInt(e.one(x), d, attrs.to as DType) : e.one(x),
  },
  bitcast: {
    meaning: 'The same bits read as another dtype of 32 bits.',
    operands: ['x'],
    attrs: { to: 'dtype' },
    effect: 'pure',
    regions: 0,
    rule: r.bitcastRule,
    evaluate: (x, d, attrs) => e.bitcast(e.one(x), d, attrs.to as DType),
  },

  // ---- shape
  splat: {
    meaning: 'A scalar in every lane.',
    operands: ['x'],
    attrs: {},
    effect: 'pure',
    regions: 0,
    rule: r.splatRule,
  },
  broadcast: {
    meaning: 'Axes of extent 1 repeated to the result extent.',
    operands: ['x'],
    attrs: {},
    effect: 'pure',
    regions: 0,
    rule: r.broadcastRule,
  },
  expand: {
    meaning: 'An axis of extent 1 inserted before `axis`.',
    operands: ['x'],
    attrs: { axis: 'int' },
    effect: 'pure',
    regions: 0,
    rule: r.expandRule,
  },
  reshape: {
    meaning: 'The same elements in row-major order under another shape.',
    operands: ['x'],
    attrs: {},
    effect: 'pure',
    regions: 0,
    rule: r.reshapeRule,
  },
  trans: {
    meaning: 'Rows and columns exchanged.',
    operands: ['x'],
    attrs: {},
    effect: 'pure',
    regions: 0,
    rule: r.transRule,
  },
  slice: {
    meaning:
      'The part of the tile that begins at the origin (one operand an axis); a part that leaves the tile traps. Positions >= `valid` of the result may hold anything.',
    operands: ['x', 'origin*'],
    attrs: { valid: 'ints?' },
    effect: 'pure',
    regions: 0,
    rule: r.sliceRule,
  },
  insert: {
    meaning:
      'The tile with `part` (of which only positions < `valid` count) in place of what begins at the origin; a part that leaves the tile traps.',
    operands: ['x', 'part', 'origin*'],
    attrs: { valid: 'ints?' },
    effect: 'pure',
    regions: 0,
    rule: r.insertRule,
  },
  take: {
    meaning:
      'Lane l is the element of x at index0[l], index1[l], ..., one index tile an axis of x; an index outside traps. Positions >= `valid` may hold anything.',
    operands: ['x', 'index*'],
    attrs: { valid: 'ints?' },
    effect: 'pure',
    regions: 0,
    rule: r.takeRule,
  },
  convert: {
    meaning: 'The same tile in another layout; `how` it is done (rename, select, shuffle) once that is planned.',
    operands: ['x'],
    attrs: { how: 'str?' },
    effect: 'pure',
    regions: 0,
    rule: r.sameTypeRule,
  },

  // ---- matrix, reductions, scans
  dot: {
    meaning:
      'Matrix product a b, plus acc where given, for each index of the first axis where there are three; exact products of 16-bit operands, f32 sums in any order. `instr` names the instruction. `zero_a`, `zero_out`: triples [p, q, s]; element (r, c) of a is 0, of the result is never used, where p r + q c + s < 0.',
    operands: ['a', 'b', 'acc?'],
    attrs: { precision: 'str?', instr: 'str?', zero_a: 'ints?', zero_out: 'ints?' },
    effect: 'pure',
    regions: 0,
    rule: r.dotRule,
  },
  reduce: {
    meaning:
      'One axis folded by `op` (sum, max, min, argmax, argmin), in any order; 16-bit floats accumulate in f32; NaN loses in max and min.',
    operands: ['x'],
    attrs: { op: 'str', axis: 'int' },
    effect: 'pure',
    regions: 0,
    rule: r.reduceRule,
  },
  scan: {
    meaning: 'Inclusive scan along an axis by `op` (sum); `reverse` runs from the end.',
    operands: ['x'],
    attrs: { op: 'str', axis: 'int', reverse: 'bool?' },
    effect: 'pure',
    regions: 0,
    rule: r.scanRule,
  },
  reduce_by: {
    meaning:
      "One axis of each operand folded by the region, an associative function of the operands' lanes before (one argument an operand) and after: left and right keep their order. Positions >= `valid` on the axis take no part.",
    operands: ['x*'],
    attrs: { axis: 'int', valid: 'int?' },
    effect: 'pure',
    regions: 1,
    rule: r.reduceByRule,
  },
  scan_by: {
    meaning:
      'Inclusive scan of the operands along an axis by the region, as reduce_by; the first argument is nearer the start, with `reverse` nearer the end. Positions >= `valid` take no part.',
    operands: ['x*'],
    attrs: { axis: 'int', reverse: 'bool?', valid: 'int?' },
    effect: 'pure',
    regions: 1,
    rule: r.scanByRule,
  },

  // ---- memory
  view_at: {
    meaning:
      'Axes that are not kept are fixed at the given indices, one operand each; an index outside gives an empty view. `inside`: no index is, proven.',
    operands: ['view', 'index*'],
    attrs: { keep: 'bools', inside: 'bool?' },
    effect: 'pure',
    regions: 0,
    rule: r.viewAtRule,
  },
  view_slice: {
    meaning:
      'begin <= index < end of the first axis, renumbered from 0 and cut to the bounds of the view; coordinate 0 stays at begin.',
    operands: ['view', 'begin', 'end'],
    attrs: {},
    effect: 'pure',
    regions: 0,
    rule: r.viewSliceRule,
  },
  load: {
    meaning:
      'Tile whose lane 0 is at the origin (one operand an axis, then the mask if `masked`). Lanes outside the view, masked off, or at positions >= `valid` are `pad`. `guard[i]` false: axis i is proven inside. `in_bounds`: the author promises it for all.',
    operands: ['view', 'origin*'],
    attrs: { pad: 'num', cache: 'str?', ...access },
    effect: 'read',
    regions: 0,
    rule: r.loadRule,
  },
  get: {
    meaning: 'One element as a scalar; outside the view: 0. `inside`: it is inside, proven.',
    operands: ['view', 'index*'],
    attrs: { inside: 'bool?', offset_bits: 'int?' },
    effect: 'read',
    regions: 0,
    rule: r.getRule,
  },
  store: {
    meaning:
      'Writes the tile with lane 0 at the origin (then the mask if `masked`). Lanes outside the view, masked off, or at positions >= `valid` are dropped.',
    operands: ['view', 'value', 'origin*'],
    attrs: { ...access },
    effect: 'write',
    regions: 0,
    rule: r.storeRule,
  },
  atomic_add: {
    meaning:
      'Adds the tile to the box at the origin, each element at once, in relaxed order among all programs; lanes as in `store`.',
    operands: ['view', 'value', 'origin*'],
    attrs: { ...access },
    effect: 'write',
    regions: 0,
    rule: r.atomicAddRule,
  },
  gather: {
    meaning:
      'Lane l is the element of the view at index0[l], index1[l], ... (one index tile an axis, then the mask if `masked`). Lanes outside the view, masked off, or at positions >= `valid` are `pad`.',
    operands: ['view', 'index*'],
    attrs: { pad: 'num', cache: 'str?', ...addressed },
    effect: 'read',
    regions: 0,
    rule: r.gatherRule,
  },
  scatter: {
    meaning:
      'Writes lane l to the element at index0[l], index1[l], ... (then the mask if `masked`). Lanes outside the view, masked off, or at positions >= `valid` are dropped; of two lanes with one address either stays.',
    operands: ['view', 'value', 'index*'],
    attrs: { ...addressed },
    effect: 'write',
    regions: 0,
    rule: r.scatterRule,
  },
  scatter_add: {
    meaning: 'Adds lane l to the element at index0[l], index1[l], ..., as atomic_add; equal addresses all count.',
    operands: ['view', 'value', 'index*'],
    attrs: { ...addressed },
    effect: 'write',
    regions: 0,
    rule: r.scatterAddRule,
  },

  // ---- shared memory, after layouts
  smem_alloc: {
    meaning:
      'Slots for tiles in shared memory, row-major with the swizzle [chunk bytes, a, m, s] where given; `offset` in bytes once planned.',
    operands: [],
    attrs: { swizzle: 'ints?', offset: 'int?' },
    effect: 'read',
    regions: 0,
    rule: r.allocRule,
  },
  smem_write: {
    meaning: 'Writes the tile into a slot.',
    operands: ['buffer', 'slot', 'value'],
    attrs: {},
    effect: 'write',
    regions: 0,
    rule: r.smemWriteRule,
  },
  smem_read: {
    meaning: 'The tile in a slot. `now`: all of it is read here, because what lies there may change before it is used.',
    operands: ['buffer', 'slot'],
    attrs: { now: 'bool?' },
    effect: 'read',
    regions: 0,
    rule: r.smemReadRule,
  },
  smem_copy: {
    meaning:
      'Copies a box of the view into a slot, asynchronously: lanes outside the view or at positions >= `valid` become 0. Attributes as `load`.',
    operands: ['view', 'buffer', 'slot', 'origin*'],
    attrs: { guard: 'bools?', valid: 'ints?', in_bounds: 'bool?', offset_bits: 'int?' },
    effect: 'write',
    regions: 0,
    rule: r.smemCopyRule,
  },
  smem_commit: {
    meaning: 'Closes a group of the copies issued since the last one.',
    operands: [],
    attrs: {},
    effect: 'write',
    regions: 0,
    rule: r.noResults,
  },
  smem_wait: {
    meaning: 'Waits until all groups but the newest `left` have arrived.',
    operands: [],
    attrs: { left: 'int' },
    effect: 'write',
    regions: 0,
    rule: r.noResults,
  },
  barrier: {
    meaning:
      'What was written to shared memory before it is seen after it, among all warps (cta), one warp, or the `warps` warps with one barrier number: 1 + XOR of `map` over the bits of the warp.',
    operands: [],
    attrs: { scope: 'str', map: 'ints?', warps: 'int?' },
    effect: 'write',
    regions: 0,
    rule: r.barrierRule,
  },

  // ---- control
  for: {
    meaning:
      'Runs the region for begin, begin+step, ... < end with the carried values; `reverse` takes the same indices last first. step > 0.',
    operands: ['begin', 'end', 'step', 'init*'],
    attrs: { reverse: 'bool?', stages: 'int?' },
    effect: 'control',
    regions: 1,
    rule: r.forRule,
  },
  while: {
    meaning:
      'With the carried values: as long as the first region yields true, runs the second, which yields their next values. Both have them as arguments.',
    operands: ['init*'],
    attrs: {},
    effect: 'control',
    regions: 2,
    rule: r.whileRule,
  },
  if: {
    meaning: 'Runs the first region if the condition holds, else the second; both yield the results.',
    operands: ['condition'],
    attrs: {},
    effect: 'control',
    regions: 2,
    rule: r.ifRule,
  },
  inline: {
    meaning: 'The body of a called function, at its call; removed by the pass of the same name.',
    operands: [],
    attrs: { callee: 'str' },
    effect: 'control',
    regions: 1,
    rule: r.declaredResults,
  },
  yield: {
    meaning: 'Ends a region with its results.',
    operands: ['value*'],
    attrs: {},
    effect: 'control',
    regions: 0,
    rule: r.noResults,
  },
} as const satisfies Record<string, OpRow>;

export type OpName = keyof typeof OPS;
export type AttrsOf<N extends OpName> = N extends OpName ? AttrTypes<(typeof OPS)[N]['attrs']> : never;
export const OP_NAMES = Object.keys(OPS) as readonly OpName[];
export const opRow = (name: OpName): OpRow => OPS[name];
export const isOpName = (name: string): name is OpName => Object.hasOwn(OPS, name);
export const isElementwise = (name: OpName): boolean => opRow(name).evaluate !== undefined;
