import { compileOp } from '../../compiler/interp/control.js';
import { bindParam, forEachProgram } from '../../compiler/interp/interpret.js';
import { Machine, type Step, type TensorArg } from '../../compiler/interp/machine.js';
import { type AnyOp, type Block, type Kernel, newValue, type Op, type Value } from '../../compiler/ir/module.js';
import { loopParts, yielded } from '../../compiler/ir/rewrite.js';
import { isFloat, type TileType, type ViewType } from '../../compiler/ir/types.js';
import type { AccuracyBackend } from '../../compiler/ops/accuracy.js';
import { toInt } from '../../compiler/ops/evaluate.js';
import { roundTo } from '../../compiler/ops/round.js';
import { isElementwise, opRow } from '../../compiler/ops/table.js';
import { foldError, productError, scanError, tileTypeOf } from './fold-errors.js';
import { type Lane, laneError, rounded } from './lane-errors.js';
import { Uncertain } from './uncertain.js';

/** Values of the f64 interpreter and, element by element, how far a device may be from them; Infinity: anything. */
export interface Bounded {
  readonly values: Readonly<Record<string, Float64Array>>;
  readonly errors: Readonly<Record<string, Float64Array>>;
}

/**
 * Runs a kernel in the interpreter, and beside it once more on errors: a second machine holds, for each element of each
 * tile and tensor, how far a device may be off. What only moves elements runs there as it is, with the addresses and
 * masks of the first machine; arithmetic follows error bounds. Throws Uncertain where a branch, a trip count or an
 * address may differ between devices.
 */
export function boundedRun(
  kernel: Kernel,
  args: Readonly<Record<string, TensorArg | number>>,
  launch: { readonly grid: Readonly<Record<string, number>>; readonly dims: Readonly<Record<string, number>> },
  backend: AccuracyBackend,
): Bounded {
  const dims = { ...kernel.comptime, ...launch.dims };
  const m = new Machine('f64', launch.grid, dims, 2 ** 24);
  const shadow = new Machine('f64', launch.grid, dims, 2 ** 24);
  const values: Record<string, Float64Array> = {};
  const errors: Record<string, Float64Array> = {};
  for (const p of kernel.params) {
    const arg = args[p.name];
    bindParam(p, arg, m, true);
    if (p.kind === 'scalar') {
      shadow.tile(p.value)[0] = 0;
      continue;
    }
    const tensor = arg as TensorArg;
    const access = (p.value.type as ViewType).access;
    const data = new Float64Array(tensor.data.length).fill(access === 'out' ? Infinity : 0);
    bindParam(p, { ...tensor, data }, shadow, true);
    if (access === 'in') continue;
    values[p.name] = tensor.data;
    errors[p.name] = data;
  }
  const run = new Shadowed(m, shadow, backend).block(kernel.body);
  forEachProgram(kernel.axes, launch.grid, m, () => {
    Object.assign(shadow.pid, m.pid);
    shadow.program = m.program;
    run();
  });
  return { values, errors };
}

/** Ops that move elements: those whose operands from `first` on, and masks, say where to. */
const MOVES: Readonly<Record<string, number>> = {
  view_at: 1,
  view_slice: 1,
  load: 1,
  get: 1,
  gather: 1,
  store: 2,
  scatter: 2,
  slice: 1,
  insert: 2,
  take: 1,
  splat: 1,
  broadcast: 1,
  expand: 1,
  reshape: 1,
  trans: 1,
  convert: 1,
};

class Shadowed {
  readonly #m: Machine;
  readonly #e: Machine;
  readonly #backend: AccuracyBackend;

  constructor(m: Machine, errors: Machine, backend: AccuracyBackend) {
    this.#m = m;
    this.#e = errors;
    this.#backend = backend;
  }

  block(block: Block): Step {
    const steps = block.ops.flatMap((op) => this.#op(op as AnyOp));
    return () => {
      for (const step of steps) step();
    };
  }

  #op(op: AnyOp): Step[] {
    switch (op.name) {
      case 'yield':
        return [];
      case 'for':
        return [this.#for(op)];
      case 'while':
        return [this.#while(op)];
      case 'if':
        return [this.#if(op)];
      case 'inline':
        return [this.#inline(op)];
      case 'dot':
        return this.#both(op, () => productError(op, this.#m, this.#e));
      case 'reduce':
      case 'reduce_by':
        return this.#both(op, () => foldError(op, this.#m, this.#e, this.#backend));
      case 'scan':
      case 'scan_by':
        return this.#both(op, () => scanError(op, this.#m, this.#e, this.#backend));
      case 'atomic_add':
      case 'scatter_add':
        return this.#adding(op);
      default:
    }
    if (isElementwise(op.name)) return this.#both(op, () => this.#elementwise(op));
    const first = MOVES[op.name];
    if (first === undefined) return this.#both(op, () => this.#fill(op, 0));
    return this.#both(op, () => this.#moving(op, first));
  }

  /** The op itself, then what it does to the errors. */
  #both(op: Op, errors: () => Step): Step[] {
    const real = compileOp(op, this.#m);
    return [...(real === null ? [] : [real]), errors()];
  }

  #fill(op: Op, error: number): Step {
    const outs = op.results.map((v) => this.#e.tile(v));
    return () => {
      for (const out of outs) out.fill(error);
    };
  }

  /** Addresses and masks of the real machine, data of the other; padding is exact. */
  #moving(op: Op, first: number): Step {
    const controls: [Float64Array, Float64Array][] = [];
    const operands = op.operands.map((v, i) => {
      if (i < first || v.type.kind !== 'tile') return v;
      const alias = newValue(v.type, v.def);
      const real = this.#m.tile(v);
      this.#e.tiles.set(alias, real);
      controls.push([real, this.#e.tile(v)]);
      return alias;
    });
    const attrs = 'pad' in op.attrs ? { ...op.attrs, pad: 0 } : op.attrs;
    const step = compileOp({ ...op, operands, attrs } as Op, this.#e);
    return () => {
      for (const [, taint] of controls) certain(taint);
      step?.();
    };
  }

  /** Sums of several programs: errors add up, and each addition rounds. */
  #adding(op: Op): Step[] {
    const real = compileOp(op, this.#m) as Step;
    const float = isFloat(op.operands[1]?.type.dtype ?? 'f32');
    const value = this.#m.tile(op.operands[1]);
    const errors = this.#e.tile(op.operands[1]);
    const more = newValue((op.operands[1] as Value).type, (op.operands[1] as Value).def);
    const given = this.#e.tile(more);
    const moving = this.#moving({ ...op, operands: op.operands.map((v, i) => (i === 1 ? more : v)) } as Op, 2);
    return [
      real,
      () => {
        // Sums stay below 2^13 in what is generated, or the bound is too small and the test says so.
        for (let i = 0; i < value.length; i++) {
          const x = Math.abs(value[i] as number);
          if (!float) certain(errors);
          given[i] = float ? (errors[i] as number) + 2 ** -24 * (2 ** 10 + 2 * x) : (errors[i] as number);
          if (Number.isNaN(given[i])) given[i] = Infinity;
        }
        moving();
      },
    ];
  }

  #elementwise(op: Op): Step {
    const ins = op.operands.map((v) => [this.#m.tile(v), this.#e.tile(v)] as const);
    const [value, error] = [this.#m.tile(op.results[0]), this.#e.tile(op.results[0])];
    const lane = laneRule(op, this.#backend);
    return () => {
      for (let i = 0; i < error.length; i++) {
        const x = ins.map(([v, e]): Lane => ({ x: v[i] as number, e: e[i] as number }));
        const e = lane(x, value[i] as number);
        error[i] = Number.isNaN(e) ? Infinity : e;
      }
    };
  }

  #for(op: Op<'for'>): Step {
    const { inits, args, body } = loopParts(op);
    const bounds = op.operands.slice(0, 3).map((v) => [this.#m.tile(v), this.#e.tile(v)] as const);
    const index = (op.regions[0] as Block).args[0] as Value;
    const run = this.block(body);
    const [enter, next, leave] = [
      this.#copy(args, inits),
      this.#copy(args, yielded(body)),
      this.#copy(op.results, args),
    ];
    const reverse = op.attrs.reverse === true;
    return () => {
      for (const [, taint] of bounds) certain(taint);
      const [begin, end, step] = bounds.map(([v]) => v[0] as number) as [number, number, number];
      const trips = end > begin ? Math.ceil((end - begin) / step) : 0;
      enter();
      for (let trip = 0; trip < trips; trip++) {
        this.#m.tile(index)[0] = begin + (reverse ? trips - 1 - trip : trip) * step;
        this.#e.tile(index)[0] = 0;
        run();
        next();
      }
      leave();
    };
  }

  #while(op: Op<'while'>): Step {
    const { inits, args, body, condition } = loopParts(op);
    const test = condition as Block;
    const [check, run] = [this.block(test), this.block(body)];
    const [holds, taint] = [this.#m.tile(yielded(test)[0]), this.#e.tile(yielded(test)[0])];
    const tests = this.#copy(test.args, args);
    const [enter, next, leave] = [
      this.#copy(args, inits),
      this.#copy(args, yielded(body)),
      this.#copy(op.results, args),
    ];
    return () => {
      enter();
      for (;;) {
        tests();
        check();
        certain(taint);
        if (holds[0] === 0) break;
        run();
        next();
      }
      leave();
    };
  }

  #if(op: Op<'if'>): Step {
    const [condition, taint] = [this.#m.tile(op.operands[0]), this.#e.tile(op.operands[0])];
    const [yes, no] = op.regions.map((region) => {
      const run = this.block(region);
      const leave = this.#copy(op.results, yielded(region));
      return () => {
        run();
        leave();
      };
    }) as [Step, Step];
    return () => {
      certain(taint);
      if (condition[0] !== 0) yes();
      else no();
    };
  }

  #inline(op: Op<'inline'>): Step {
    const body = op.regions[0] as Block;
    const run = this.block(body);
    const views = yielded(body).flatMap((v, i) =>
      v.type.kind === 'view' ? [[op.results[i] as Value, v] as const] : [],
    );
    for (const [to, from] of views) for (const machine of [this.#m, this.#e]) machine.views.set(to, machine.view(from));
    const isTile = (v: Value): boolean => v.type.kind === 'tile';
    const leave = this.#copy(op.results.filter(isTile), yielded(body).filter(isTile));
    return () => {
      run();
      leave();
    };
  }

  /** All at once: a source may be another one's target. */
  #copy(targets: readonly Value[], sources: readonly Value[]): Step {
    const moves = [this.#m, this.#e].flatMap((machine) =>
      targets.map((t, i) => [machine.tile(t), machine.tile(sources[i])] as const),
    );
    const held = moves.map(([, from]) => new Float64Array(from.length));
    return () => {
      moves.forEach(([, from], i) => void held[i]?.set(from));
      moves.forEach(([to], i) => void to.set(held[i] as Float64Array));
    };
  }
}

function certain(taint: Float64Array): void {
  if (taint.some((e) => e !== 0)) throw new Uncertain();
}

type LaneRule = (x: readonly Lane[], y: number) => number;

function laneRule(op: Op, backend: AccuracyBackend): LaneRule {
  const { dtype } = tileTypeOf(op.results[0]);
  const from = op.operands[0]?.type.dtype ?? dtype;
  const evaluate = opRow(op.name).evaluate as NonNullable<ReturnType<typeof opRow>['evaluate']>;
  const attrs = op.attrs as Readonly<Record<string, never>>;
  const any: LaneRule = (x) => (x.every((l) => l.e === 0) ? 0 : Infinity);
  switch (op.name) {
    case 'select':
      return selectError;
    case 'cmp':
      return isFloat(from) ? compareError : any;
    case 'bitcast':
      // The sign of a zero, and what may be flushed to one, are not certain.
      return ([a]) => ((a as Lane).e === 0 && (from !== 'f32' || normal((a as Lane).x)) ? 0 : Infinity);
    case 'cast': {
      if (!isFloat(from)) return (x, y) => any(x, y) || (isFloat(dtype) ? rounded(dtype, y, 0) - FLUSHED : 0);
      if (!isFloat(dtype)) return ([a]) => truncationError(a as Lane, from, dtype);
      if (dtype === 'f32') return ([a], y) => (Number.isNaN(y) ? Infinity : (a as Lane).e);
      return ([a], y) => rounded(dtype, y, (a as Lane).e);
    }
    default:
  }
  if (!isFloat(dtype)) return any;
  const exact = op.name === 'neg' || op.name === 'abs' || op.name === 'max' || op.name === 'min';
  return (x, y) => {
    const e = laneError(op.name, backend, x, y, (v) => evaluate(v, from, attrs));
    return exact ? e : rounded(dtype, y, e);
  };
}

/** Integers are never denormals. */
const FLUSHED = 2 ** -126;
const normal = (x: number): boolean => Number.isFinite(x) && Math.abs(x) >= FLUSHED && roundTo('f32', x) === x;

function selectError([mask, a, b]: readonly Lane[], _y: number): number {
  const [m, p, q] = [mask, a, b] as [Lane, Lane, Lane];
  if (m.e === 0) return m.x !== 0 ? p.e : q.e;
  return Object.is(p.x, q.x) ? Math.max(p.e, q.e) : Math.abs(p.x - q.x) + Math.max(p.e, q.e);
}

function compareError([a, b]: readonly Lane[]): number {
  const [p, q] = [a, b] as [Lane, Lane];
  if (Number.isNaN(p.x) || Number.isNaN(q.x)) return Infinity;
  if (p.e === 0 && q.e === 0) return p.x !== q.x && Math.abs(p.x - q.x) < FLUSHED ? Infinity : 0;
  return Math.abs(p.x - q.x) > p.e + q.e ? 0 : Infinity;
}

function truncationError({ x, e }: Lane, from: TileType['dtype'], to: TileType['dtype']): number {
  if (Number.isNaN(x) || !Number.isFinite(e)) return Infinity;
  return toInt(x - e, from, to) === toInt(x + e, from, to) ? 0 : Infinity;
}
