import { Bug } from '../../../compiler/diag/diagnostic.js';
import type { AnyOp, Block, Op, Value } from '../../../compiler/ir/module.js';
import type { OpName } from '../../../compiler/ops/table.js';
import { emitGet, emitLoad } from './access.js';
import { emitGather, emitScatter } from './addressed.js';
import { emitAtomicAdd } from './atomic.js';
import { emitFor, emitIf, emitWhile } from './control.js';
import { emitCommit, emitCopy, emitWait } from './copy.js';
import { emitDot } from './dot.js';
import { type ElementwiseName, emitElementwise, isElementwiseName } from './elementwise-tiles.js';
import type { Emitter } from './emitter.js';
import { emitInsert } from './insert.js';
import { isLazy } from './lazy.js';
import { emitSlice, emitTake } from './parts.js';
import { emitReduce } from './reduce.js';
import { emitReduceBy } from './reduce-by.js';
import { emitScan } from './scan.js';
import { emitScanBy } from './scan-by.js';
import { emitBroadcast, emitConst, emitExpand, emitIota, emitReshape, emitSplat, emitTrans } from './shape.js';
import { emitRead, emitWrite } from './shared.js';
import { emitConvert } from './shuffle.js';
import { emitStore } from './store.js';
import { emitBarrier } from './sync.js';
import { emitViewAt, emitViewSlice } from './views.js';

type Rules = { readonly [N in Exclude<OpName, ElementwiseName>]: (e: Emitter, op: Op<N>) => void };

export function emitBlock(e: Emitter, block: Block): void {
  for (const op of block.ops as AnyOp[]) {
    e.b.loc(op.loc?.span ?? null);
    if (!GOES_BESIDE.has(op.name) && !isLazy(op)) e.deferred.issue();
    emitOp(e, op);
  }
}

/** What copies may still wait behind: more of them, ops that touch no shared memory, and products, which issue them. */
const GOES_BESIDE: ReadonlySet<OpName> = new Set<OpName>([
  'smem_copy',
  'smem_commit',
  'program_id',
  'dim',
  'view_at',
  'view_slice',
  'load',
  'get',
  'gather',
  'dot',
]);

function emitOp(e: Emitter, op: AnyOp): void {
  if (isElementwiseName(op.name)) emitElementwise(e, op as Op<ElementwiseName>);
  else (RULES[op.name] as (e: Emitter, op: AnyOp) => void)(e, op);
}

const nothing = (): void => {};

/** The lowering of every op that is not elementwise: total, so a missing rule is a type error. */
const RULES: Rules = {
  const: emitConst,
  iota: emitIota,
  splat: emitSplat,
  expand: emitExpand,
  broadcast: emitBroadcast,
  reshape: emitReshape,
  trans: emitTrans,
  convert: emitConvert,
  program_id: (e, op) => e.setScalar(op.results[0] as Value, e.programId(op.attrs.axis)),
  dim: (e, op) => e.setScalar(op.results[0] as Value, e.param({ dim: op.attrs.name })),
  dot: emitDot,
  reduce: emitReduce,
  scan: emitScan,
  slice: emitSlice,
  insert: emitInsert,
  take: emitTake,
  reduce_by: (e, op) => emitReduceBy(e, op, emitBlock),
  scan_by: (e, op) => emitScanBy(e, op, emitBlock),
  atomic_add: emitAtomicAdd,
  gather: emitGather,
  scatter: emitScatter,
  scatter_add: emitScatter,
  while: (e, op) => emitWhile(e, op, emitBlock),
  view_at: emitViewAt,
  view_slice: emitViewSlice,
  load: emitLoad,
  get: emitGet,
  store: emitStore,
  smem_alloc: nothing,
  smem_read: emitRead,
  smem_write: emitWrite,
  smem_copy: emitCopy,
  smem_commit: emitCommit,
  smem_wait: emitWait,
  barrier: emitBarrier,
  for: (e, op) => emitFor(e, op, emitBlock),
  if: (e, op) => emitIf(e, op, emitBlock),
  yield: nothing,
  inline: () => {
    throw new Bug('code generation of an inline region: the pipeline splices them');
  },
};
