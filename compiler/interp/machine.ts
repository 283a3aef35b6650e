import { callLabels } from '../diag/call-labels.js';
import type { Code } from '../diag/codes.js';
import { Bug, diagnostic, LacError } from '../diag/diagnostic.js';
import type { Op, Value } from '../ir/module.js';
import { type DType, sizeOf } from '../ir/types.js';

/** f64: float casts are the identity, the reference. round: every value is rounded to its dtype, as devices do. */
export type Mode = 'f64' | 'round';

/** A tensor in memory. `data` is indexed by element: offset + sum of index * stride. */
export interface TensorArg {
  readonly data: Float64Array;
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** In elements. */
  readonly strides: readonly number[];
  /** Element of `data` at index 0. */
  readonly offset: number;
  /** One byte an element of `data`: 0 where nothing was ever written. Absent: all of it is initialised. Stores set it. */
  readonly written?: Uint8Array;
}

/** One launch's book-keeping of a tensor: who read and who wrote each element, as program numbers from 1; 0 is nobody. */
export interface Memory {
  readonly name: string;
  readonly data: Float64Array;
  readonly written: Uint8Array | null;
  readonly writer: Int32Array | null;
  /** MANY where several programs read. Kept for arguments that are read and written. */
  readonly reader: Int32Array | null;
  /** Number of the store that wrote last; kept where two lanes can share an address. */
  readonly stamp: Int32Array | null;
}
export const MANY = -1;

/** A window: element (i, j, ...) lies at base + i * strides[0] + ...; it exists where lo <= index < hi on every axis. */
export interface ViewState {
  memory: Memory | null;
  base: number;
  strides: number[];
  lo: number[];
  hi: number[];
  /** An index of `at` lay outside: nothing of the view exists. */
  empty: boolean;
}

/** Operations between two looks at the clock: the largest take milliseconds each. */
const TURN = 256;

export type Step = () => void;

/**
 * State of one launch. Every SSA value has one buffer (or view) for the whole launch: an op that runs again overwrites
 * its result, which nobody can still need, because loops copy what they carry.
 */
export class Machine {
  readonly mode: Mode;
  readonly grid: Readonly<Record<string, number>>;
  readonly dims: Readonly<Record<string, number>>;
  readonly tiles = new Map<Value, Float64Array>();
  readonly views = new Map<Value, ViewState>();
  /** Index of the running program on each axis. */
  readonly pid: Record<string, number> = {};
  /** Number of the running program, from 1. */
  program = 0;
  /** Operations left before `goOn` is asked. */
  budget: number;
  /** Those after it, up to the step limit. */
  #rest: number;
  /** Why the launch has taken too long; null: it has not. */
  overdue: () => string | null = () => null;
  /** Number of stores executed, modulo 2^32. */
  stores = 0;

  constructor(
    mode: Mode,
    grid: Readonly<Record<string, number>>,
    dims: Readonly<Record<string, number>>,
    maxSteps: number,
  ) {
    this.mode = mode;
    this.grid = grid;
    this.dims = dims;
    this.budget = Math.min(TURN, maxSteps);
    this.#rest = maxSteps - this.budget;
  }

  /** Takes the budget of another turn. Traps where the launch has taken too long, or too many operations. */
  goOn(op: Op): void {
    const late = this.overdue();
    if (late !== null) this.trap('LAC0714', op, late, []);
    while (this.budget < 0) {
      const more = Math.min(TURN, this.#rest);
      if (more === 0)
        this.trap('LAC0809', op, 'the kernel runs longer than the step limit allows', [
          'use smaller sizes, or raise maxSteps',
        ]);
      this.#rest -= more;
      this.budget += more;
    }
  }

  /** Buffer of a tile value, row-major. */
  tile(v: Value | undefined): Float64Array {
    if (v === undefined || v.type.kind !== 'tile') throw new Bug('interpreter: a tile was expected');
    let buffer = this.tiles.get(v);
    if (buffer === undefined) {
      buffer = new Float64Array(sizeOf(v.type.shape));
      this.tiles.set(v, buffer);
    }
    return buffer;
  }

  /** Memory of all slots of a buffer. */
  buffer(v: Value | undefined): Float64Array {
    if (v === undefined || v.type.kind !== 'buffer') throw new Bug('interpreter: a buffer was expected');
    let data = this.tiles.get(v);
    if (data === undefined) {
      data = new Float64Array(v.type.slots * sizeOf(v.type.shape));
      this.tiles.set(v, data);
    }
    return data;
  }

  view(v: Value | undefined): ViewState {
    if (v === undefined || v.type.kind !== 'view') throw new Bug('interpreter: a view was expected');
    let state = this.views.get(v);
    if (state === undefined) {
      state = { memory: null, base: 0, strides: [], lo: [], hi: [], empty: true };
      this.views.set(v, state);
    }
    return state;
  }

  /** `program (e=0, h=3)`, for messages. */
  where(): string {
    const at = Object.entries(this.pid).map(([axis, i]) => `${axis}=${i}`);
    return at.length === 0 ? 'the only program' : `program (${at.join(', ')})`;
  }

  trap(code: Code, op: Op, message: string, help: readonly string[]): never {
    throw new LacError(
      diagnostic(code, `${message}, in ${this.where()}`, op.loc?.span ?? null, { labels: callLabels(op.loc), help }),
    );
  }
}
