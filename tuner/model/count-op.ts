import type { AnyOp, Op, Value } from '../../compiler/ir/module.js';
import { bytesOf, is16Bit, sizeOf } from '../../compiler/ir/types.js';
import { registerRun } from '../../compiler/layout/algebra.js';
import { rank } from '../../compiler/layout/gf2.js';
import { type Layout, registerCount } from '../../compiler/layout/layout.js';
import { planReduction } from '../../compiler/layout/reduce.js';
import { type AccessFeatures, planAccess } from '../../compiler/layout/shared-access.js';
import { storageOfSwizzle } from '../../compiler/layout/storage.js';
import { isElementwise } from '../../compiler/ops/table.js';
import { dotWork, liveParts, ownRegisters } from './count-dot.js';
import { NO_WORK, type Work, work } from './work.js';

/** Cycles until a result is there: of shared memory, a shuffle, a barrier of all warps, one of a warp. */
const SHARED_LATENCY = 30;
const SHUFFLE_LATENCY = 25;
const BARRIER_LATENCY = 40;
const WARP_BARRIER_LATENCY = 10;
const VECTOR_BYTES = 16;
/** Instructions beside an access of a tensor: its address, what guards it. */
const ADDRESSING = 3;

/** Units that take the special function unit for one result, and instructions around it. */
const SPECIAL: Readonly<Record<string, readonly [special: number, issued: number]>> = {
  exp: [1, 3],
  exp2: [1, 1],
  log: [1, 3],
  log2: [1, 2],
  log1p: [1, 8],
  sqrt: [1, 4],
  rsqrt: [1, 2],
  sigmoid: [2, 5],
  tanh: [1, 4],
  erf: [1, 16],
  sin: [1, 12],
  cos: [1, 12],
  div: [1, 8],
  idiv: [1, 16],
  rem: [1, 18],
};

/** What the units for f32 do themselves; other elementwise ops run at half rate. */
const FULL_RATE: ReadonlySet<string> = new Set(['add', 'sub', 'mul', 'neg', 'abs', 'bitcast']);

export interface CountContext {
  readonly warps: number;
  readonly features: AccessFeatures;
}

const typeShape = (v: Value | undefined): readonly number[] => (v?.type.kind === 'tile' ? v.type.shape : []);
const isTile = (v: Value | undefined): v is Value & { layout: Layout } => v?.layout !== undefined;

/** What an op takes that is emitted where its registers are asked for: by each asker once. */
export function lazyWork(op: AnyOp, ctx: CountContext, live: number): Work {
  const [result] = op.results;
  if (op.name === 'smem_read') return scaled(accessWork(op.operands[0], result, 'read', ctx), live);
  if (!isTile(result) || !isElementwise(op.name)) return NO_WORK;
  const [special, around] = SPECIAL[op.name] ?? [0, 1];
  const registers = ownRegisters(result.layout) * ctx.warps * live;
  const issued = registers * (special > 0 ? around : perRegister(op));
  const isFull = special > 0 || (FULL_RATE.has(op.name) && op.results[0]?.type.dtype === 'f32');
  return work({ issued, halfRate: isFull ? 0 : issued, special: registers * special });
}

/** Instructions for one element of a result. */
function perRegister(op: AnyOp): number {
  const [to, from] = [op.results[0]?.type.dtype ?? 'f32', op.operands[0]?.type.dtype ?? 'f32'];
  if (op.name === 'cast') return is16Bit(to) && from === 'f32' ? 1 / 2 : 1;
  return is16Bit(to) && op.name !== 'cmp' ? 1 / 2 : 1;
}

function scaled(w: Work, factor: number): Work {
  return factor === 1 ? w : (Object.fromEntries(Object.entries(w).map(([k, n]) => [k, n * factor])) as Work);
}

/** What of a tile in shared memory its only reader, a product with parts that are known to be zero, asks for. */
export function readPart(users: readonly Op[]): number {
  if (users.length === 0 || users.some((u) => u.name !== 'dot')) return 1;
  const parts = users.flatMap((u) => liveParts(u as Op<'dot'>));
  return parts.reduce((n, x) => n + x, 0) / parts.length;
}

/** What an op takes that is emitted where it stands; tensors' bytes aside, which depend on the program. */
export function eagerWork(op: AnyOp, ctx: CountContext): Work {
  const [result] = op.results;
  switch (op.name) {
    case 'dot':
      return dotWork(op);
    case 'load':
      return moveWork(result, ctx);
    case 'store':
      return moveWork(op.operands[1], ctx);
    case 'smem_copy':
      return copyWork(op, ctx);
    case 'smem_write':
      return accessWork(op.operands[0], op.operands[2], 'write', ctx);
    case 'gather':
      return scatteredWork(result, ctx, 6);
    case 'scatter':
    case 'scatter_add':
    case 'atomic_add':
      return scatteredWork(op.operands[1], ctx, 6);
    case 'get':
      return work({ issued: ctx.warps * ADDRESSING });
    case 'reduce':
      return foldWork(op.operands[0], op.attrs.axis, ctx, 1);
    case 'reduce_by':
      return foldWork(op.operands[0], op.attrs.axis, ctx, 2 * op.operands.length);
    case 'scan':
      return foldWork(op.operands[0], op.attrs.axis, ctx, 2);
    case 'scan_by':
      return foldWork(op.operands[0], op.attrs.axis, ctx, 4 * op.operands.length);
    case 'convert':
      return exchangeWork(result, ctx, op.attrs.how === 'shuffle' ? 3 : 1);
    case 'slice':
    case 'insert':
    case 'take':
      return exchangeWork(result, ctx, 4);
    case 'barrier':
      return op.attrs.scope === 'warp'
        ? work({ issued: ctx.warps, latency: WARP_BARRIER_LATENCY })
        : work({ issued: ctx.warps, barriers: 1, latency: BARRIER_LATENCY });
    case 'smem_wait':
    case 'smem_commit':
      return work({ issued: ctx.warps });
    default:
      return NO_WORK;
  }
}

function accessWork(
  buffer: Value | undefined,
  tile: Value | undefined,
  way: 'read' | 'write',
  ctx: CountContext,
): Work {
  const alloc = buffer?.def as Op<'smem_alloc'> | undefined;
  if (buffer?.type.kind !== 'buffer' || alloc === undefined || !isTile(tile)) return NO_WORK;
  const { shape, dtype } = buffer.type;
  const storage = storageOfSwizzle(alloc.attrs.swizzle);
  const access = planAccess(tile.layout, shape, bytesOf(dtype) === 2 ? 2 : 4, storage, way, ctx.features);
  const warps = ctx.warps / 2 ** count(access.idle.warp);
  return work({
    issued: access.steps.length * warps,
    wavefronts: access.wavefronts * warps,
    latency: way === 'read' ? SHARED_LATENCY : 0,
  });
}

const count = (bits: number): number => (bits === 0 ? 0 : (bits & 1) + count(bits >>> 1));

/** Elements that one access of a thread moves. */
function vectorOf(v: Value & { layout: Layout }): number {
  const axis = v.layout.shape.length - 1;
  return axis < 0 ? 1 : registerRun(v.layout, axis, VECTOR_BYTES / bytesOf(v.type.dtype)).width;
}

function moveWork(v: Value | undefined, ctx: CountContext): Work {
  if (!isTile(v)) return work({ issued: ctx.warps * ADDRESSING });
  const accesses = registerCount(v.layout) / vectorOf(v);
  return work({ issued: accesses * ADDRESSING * ctx.warps });
}

function copyWork(op: Op<'smem_copy'>, ctx: CountContext): Work {
  const type = op.operands[1]?.type;
  if (type?.kind !== 'buffer') return NO_WORK;
  const bytes = sizeOf(type.shape) * bytesOf(type.dtype);
  const copies = Math.max(ctx.warps, bytes / VECTOR_BYTES / 32);
  return work({ issued: copies * ADDRESSING, wavefronts: bytes / 128 });
}

function scatteredWork(v: Value | undefined, ctx: CountContext, each: number): Work {
  if (!isTile(v)) return work({ issued: ctx.warps * each, scattered: 1 });
  const accesses = registerCount(v.layout) * ctx.warps;
  return work({ issued: accesses * each, scattered: sizeOf(typeShape(v)) });
}

function foldWork(v: Value | undefined, axis: number, ctx: CountContext, each: number): Work {
  if (!isTile(v)) return NO_WORK;
  const plan = planReduction(v.layout, axis);
  const results = 2 ** rank(plan.result.ins.register ?? []);
  const own = ownRegisters(v.layout);
  const shuffled = results * plan.shuffles.length;
  const crossing = plan.partials > 1 ? 1 : 0;
  return work({
    issued: (own * each + shuffled * 2 * each + crossing * results * (2 + plan.partials)) * ctx.warps,
    latency: plan.shuffles.length * SHUFFLE_LATENCY * each + crossing * SHARED_LATENCY + 4 * Math.log2(own + 1),
    barriers: crossing,
    wavefronts: (shuffled + crossing * results * 2) * ctx.warps,
  });
}

function exchangeWork(v: Value | undefined, ctx: CountContext, each: number): Work {
  if (!isTile(v)) return NO_WORK;
  const words = registerCount(v.layout) / (is16Bit(v.type.dtype) ? 2 : 1);
  const issued = words * each * ctx.warps;
  return work({ issued, wavefronts: each > 1 ? issued / each : 0, latency: SHUFFLE_LATENCY });
}
