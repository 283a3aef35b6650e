import { Bug } from '../diag/diagnostic.js';
import type { Block, Op, Value } from '../ir/module.js';
import type { OpName } from '../ops/table.js';
import { gather, scatter, scatterAdd } from './addressed.js';
import { reduceBy, scanBy } from './combine.js';
import { elementwise } from './elementwise.js';
import * as fold from './fold.js';
import type { Machine, Step } from './machine.js';
import * as memory from './memory.js';
import * as parts from './parts.js';
import * as shape from './shape.js';
import * as shared from './shared.js';

type Rule<N extends OpName> = (op: Op<N>, m: Machine) => Step | null;
const lanes = (op: unknown, m: Machine): Step => elementwise(op as Op, m);
const alias = (op: unknown, m: Machine): null => shape.alias(op as Op, m);

/** How every op runs. null: nothing is left to do when the kernel runs. */
const RULES: { readonly [N in OpName]: Rule<N> } = {
  const: shape.constant,
  iota: shape.iota,
  program_id: programId,
  dim: dimension,
  add: lanes,
  sub: lanes,
  mul: lanes,
  div: lanes,
  idiv: lanes,
  rem: lanes,
  max: lanes,
  min: lanes,
  and: lanes,
  or: lanes,
  xor: lanes,
  shl: lanes,
  shr: lanes,
  ushr: lanes,
  mulhi: lanes,
  not: lanes,
  neg: lanes,
  abs: lanes,
  exp: lanes,
  exp2: lanes,
  log: lanes,
  log2: lanes,
  log1p: lanes,
  sqrt: lanes,
  rsqrt: lanes,
  sigmoid: lanes,
  tanh: lanes,
  erf: lanes,
  sin: lanes,
  cos: lanes,
  floor: lanes,
  ceil: lanes,
  round: lanes,
  cmp: lanes,
  select: lanes,
  cast: lanes,
  bitcast: lanes,
  splat: shape.splat,
  broadcast: shape.broadcast,
  expand: alias,
  reshape: alias,
  convert: alias,
  trans: shape.trans,
  slice: parts.slice,
  insert: parts.insert,
  take: parts.take,
  dot: fold.dot,
  reduce: fold.reduce,
  scan: fold.scan,
  reduce_by: reduceBy,
  scan_by: scanBy,
  view_at: memory.viewAt,
  view_slice: memory.viewSlice,
  load: memory.load,
  get: memory.get,
  store: memory.store,
  atomic_add: memory.atomicAdd,
  gather,
  scatter,
  scatter_add: scatterAdd,
  smem_alloc: shared.alloc,
  smem_write: shared.write,
  smem_read: shared.read,
  smem_copy: shared.copy,
  smem_commit: () => null,
  smem_wait: () => null,
  barrier: () => null,
  for: forLoop,
  while: whileLoop,
  if: branch,
  inline: inlined,
  yield: () => null,
};

/** One op as a step; null where nothing is left to do when the kernel runs. */
export const compileOp = (op: Op, m: Machine): Step | null => (RULES[op.name] as Rule<OpName>)(op, m);

/** The ops of a block as one step. Buffers are allocated now, once for the launch. */
export function compileBlock(block: Block, m: Machine): Step {
  const steps: Step[] = [];
  for (const op of block.ops) {
    const step = compileOp(op, m);
    if (step !== null) steps.push(step);
  }
  const owner = block.ops[0];
  const cost = steps.length + 1;
  return () => {
    m.budget -= cost;
    if (m.budget < 0 && owner !== undefined) m.goOn(owner);
    for (const step of steps) step();
  };
}

function programId(op: Op<'program_id'>, m: Machine): Step {
  const out = m.tile(op.results[0]);
  const axis = op.attrs.axis;
  if (m.grid[axis] === undefined) throw new Bug(`interpreter: the grid has no axis ${axis}`);
  return () => {
    out[0] = m.pid[axis] as number;
  };
}

function dimension(op: Op<'dim'>, m: Machine): null {
  // A launch makes sure that sizes which count are known.
  m.tile(op.results[0])[0] = m.dims[op.attrs.name] ?? Number.NaN;
  return null;
}

const regionOf = (op: Op, i: number): Block => {
  const block = op.regions[i];
  if (block === undefined) throw new Bug(`${op.name} has no region ${i}`);
  return block;
};

/** Operands of the region's yield. */
function yielded(block: Block): readonly Value[] {
  const last = block.ops.at(-1);
  if (last?.name !== 'yield') throw new Bug('region without yield');
  return last.operands;
}

/** Copies as if all at once: a source may be another one's target. */
function copyTiles(targets: readonly Float64Array[], sources: readonly Float64Array[]): Step {
  const overlap = sources.some((s, i) => targets.some((t, j) => t === s && i !== j));
  const via = overlap ? sources.map((s) => new Float64Array(s.length)) : sources;
  return () => {
    if (overlap) via.forEach((v, i) => void v.set(sources[i] as Float64Array));
    targets.forEach((t, i) => void t.set(via[i] as Float64Array));
  };
}

function forLoop(op: Op<'for'>, m: Machine): Step {
  const any = op;
  const body = regionOf(any, 0);
  const [begin, end, by] = op.operands.slice(0, 3).map((v) => m.tile(v)) as [Float64Array, Float64Array, Float64Array];
  const index = m.tile(body.args[0]);
  const carried = body.args.slice(1).map((v) => m.tile(v));
  const enter = copyTiles(
    carried,
    op.operands.slice(3).map((v) => m.tile(v)),
  );
  const run = compileBlock(body, m);
  const next = copyTiles(
    carried,
    yielded(body).map((v) => m.tile(v)),
  );
  const leave = copyTiles(
    op.results.map((v) => m.tile(v)),
    carried,
  );
  return () => {
    const [from, to, step] = [begin[0] as number, end[0] as number, by[0] as number];
    if (step <= 0) m.trap('LAC0808', any, `the step of the loop is ${step}`, ['descending order is { reverse: true }']);
    const trips = to > from ? Math.ceil((to - from) / step) : 0;
    enter();
    for (let trip = 0; trip < trips; trip++) {
      index[0] = from + (op.attrs.reverse === true ? trips - 1 - trip : trip) * step;
      run();
      next();
    }
    leave();
  };
}

function whileLoop(op: Op<'while'>, m: Machine): Step {
  const [test, body] = [regionOf(op, 0), regionOf(op, 1)];
  const tiles = (values: readonly Value[]): Float64Array[] => values.map((v) => m.tile(v));
  // Both regions have the carried values as arguments: one buffer serves as both.
  const carried = tiles(test.args);
  body.args.forEach((v, i) => void m.tiles.set(v, carried[i] as Float64Array));
  const enter = copyTiles(carried, tiles(op.operands));
  const check = compileBlock(test, m);
  const condition = m.tile(yielded(test)[0]);
  const run = compileBlock(body, m);
  const next = copyTiles(carried, tiles(yielded(body)));
  const leave = copyTiles(tiles(op.results), carried);
  return () => {
    enter();
    for (check(); condition[0] !== 0; check()) {
      run();
      next();
    }
    leave();
  };
}

/** Copies tiles and views alike. */
function copyValues(targets: readonly Value[], sources: readonly Value[], m: Machine): Step {
  const steps = targets.map((t, i): Step => {
    const s = sources[i];
    if (t.type.kind === 'view') {
      const [to, from] = [m.view(t), m.view(s)];
      return () => void Object.assign(to, from);
    }
    return copyTiles([m.tile(t)], [m.tile(s)]);
  });
  return () => {
    for (const step of steps) step();
  };
}

function branch(op: Op<'if'>, m: Machine): Step {
  const condition = m.tile(op.operands[0]);
  const [yes, no] = [0, 1].map((i) => {
    const block = regionOf(op, i);
    const run = compileBlock(block, m);
    const leave = copyValues(op.results, yielded(block), m);
    return () => {
      run();
      leave();
    };
  }) as [Step, Step];
  return () => (condition[0] !== 0 ? yes() : no());
}

/** Runs once where it stands: its results are the yielded values themselves. */
function inlined(op: Op<'inline'>, m: Machine): Step {
  const body = regionOf(op, 0);
  const run = compileBlock(body, m);
  yielded(body).forEach((v, i) => {
    const result = op.results[i];
    if (result === undefined) throw new Bug('inline yields more values than it has results');
    if (v.type.kind === 'view') m.views.set(result, m.view(v));
    else m.tiles.set(result, m.tile(v));
  });
  return run;
}
