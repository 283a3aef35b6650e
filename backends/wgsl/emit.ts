import { rootOf } from '../../compiler/analysis/view-root.js';
import type { ArgFacts, BindingSpec, ParamSlot } from '../../compiler/artifact.js';
import { Bug, diagnostic, LacError } from '../../compiler/diag/diagnostic.js';
import { cloneKernel } from '../../compiler/ir/clone.js';
import { type AnyOp, type Block, type Kernel, type Value, walk } from '../../compiler/ir/module.js';

import { keepOrder, placeBarriers } from './barriers.js';
import { bindParam, declarationOf, isMemoryOp } from './bindings.js';
import { inSlabs, sourceOf } from './dot.js';
import { Emitter, layoutOf, type WgslContext } from './emitter.js';
import { libraryFunction } from './library.js';
import { emitBlock, isRename } from './lower.js';
import { checkWorkgroupBytes, planBuffers } from './memory.js';
import { invocationsOf, LATE_OPERANDS, tooLarge, WGSL_PIPELINE } from './pipeline.js';
import { MEMORIES, type MemoryKind, print } from './statement.js';

export type { WgslContext } from './emitter.js';

/** What a launch must know of a compiled kernel. */
export interface WgslProgram {
  readonly text: string;
  readonly entry: string;
  readonly params: readonly ParamSlot[];
  readonly bindings: readonly BindingSpec[];
  readonly paramsBinding: number;
  readonly block: readonly [number, number, number];
  /** Bytes of workgroup memory. */
  readonly sharedBytes: number;
  readonly features: readonly string[];
  /** Tensor arguments that the kernel never touches. */
  readonly unused: readonly string[];
  /** What the text relies on, of the facts that it was given. */
  readonly facts: Readonly<Record<string, ArgFacts>>;
}

/** Element offsets are i32: a launch that could pass 2^31 elements is refused. */
const PASS_CONTEXT = { target: 'webgpu', maxStorageElements: 2 ** 31 - 1 } as const;

/**
 * A kernel after the pipeline, as WGSL for any WebGPU device that has the given limits. Throws LacError LAC05xx where the
 * kernel needs more than they allow. Operands of dots are staged early, for fewer barriers, if workgroup memory suffices.
 */
export function emitWgsl(kernel: Kernel, ctx: WgslContext): WgslProgram {
  const invocations = invocationsOf(kernel);
  const { limits } = ctx;
  if (invocations > limits.invocations)
    throw tooLarge(`a workgroup of ${invocations} invocations, the device allows ${limits.invocations}`);
  const plans = PLANS.filter((plan) => ctx.slabs === true || plan.slab === WHOLE);
  for (const plan of plans) {
    try {
      return emitOnce(cloneKernel(kernel), ctx, plan);
    } catch (error) {
      const tooMuch = error instanceof LacError && error.diagnostics[0]?.code === 'LAC0501';
      if (!tooMuch || plan === plans.at(-1)) throw error;
    }
  }
  throw new Bug('no way to stage was tried');
}

/** How dot operands lie in workgroup memory, fastest first: each way needs less of it than the one before. */
interface StagingPlan {
  /** Operands are written as soon as they are there: fewer barriers, longer lives. */
  readonly early: boolean;
  /** 16-bit dtypes lie packed. */
  readonly packed: boolean;
  /** Operands wait in registers until the dot that reads them: more barriers, the shortest lives. */
  readonly lazy: boolean;
  /** Terms of a dot whose operands lie there at one time: more barriers still. */
  readonly slab: number;
}

const WHOLE = Number.MAX_SAFE_INTEGER;
const PLANS: readonly StagingPlan[] = [
  { early: true, packed: false, lazy: false, slab: WHOLE },
  { early: true, packed: true, lazy: false, slab: WHOLE },
  { early: false, packed: true, lazy: false, slab: WHOLE },
  { early: false, packed: true, lazy: true, slab: WHOLE },
  { early: false, packed: true, lazy: true, slab: 32 },
  { early: false, packed: true, lazy: true, slab: 8 },
];

function emitOnce(kernel: Kernel, ctx: WgslContext, { early, packed, lazy, slab }: StagingPlan): WgslProgram {
  const used = usedParams(kernel);
  for (const pass of early ? WGSL_PIPELINE : LATE_OPERANDS) pass.run(kernel, PASS_CONTEXT);
  const e = new Emitter(kernel, ctx, invocationsOf(kernel), { packed, slab });
  prepare(e, lazy);
  const unused: string[] = [];
  for (const p of kernel.params) {
    if (p.kind === 'scalar') e.scalars.set(p.value, e.param({ scalar: p.name, dtype: p.dtype }));
    else if (used.has(p.value)) bindParam(e, p);
    else unused.push(p.name);
  }
  checkBindings(e.bindings.length, ctx.limits.storageBuffers);
  emitBlock(e, kernel.body);
  return assemble(e, unused);
}

function assemble(e: Emitter, unused: readonly string[]): WgslProgram {
  const { threads } = e;
  const plan = planBuffers(e.statements, e.buffers);
  const memories = (Object.entries(MEMORIES) as [MemoryKind, (typeof MEMORIES)[MemoryKind]][]).filter(
    ([kind]) => plan.sizes[kind] > 0,
  );
  const sharedBytes = memories.reduce((n, [kind, { bytes }]) => n + plan.sizes[kind] * bytes, 0);
  checkWorkgroupBytes(sharedBytes, e.ctx.limits.workgroupBytes);
  const statements = keepOrder(placeBarriers(e.statements, plan.overlap), e.order.overlap);
  const programs = programIds(e);
  const paramsBinding = e.bindings.length;
  const views = [...e.views.values()];
  const storage = e.bindings.map((b) => {
    const arg = views.find((v) => v.arg.name === b.arg)?.arg;
    return `@group(0) @binding(${b.index}) var<storage, ${b.access}> b${b.index}: ${arg === undefined ? 'array<u32>' : declarationOf(arg)};`;
  });
  const lines = [
    '// compiled by lac',
    ...storage,
    `@group(0) @binding(${paramsBinding}) var<uniform> params: array<vec4<u32>, ${Math.max(1, Math.ceil(e.params.length / 4))}>;`,
    ...memories.map(([kind, { name, type }]) => `var<workgroup> ${name}: array<${type}, ${plan.sizes[kind]}>;`),
    ...[...e.library].sort().map(libraryFunction),
    ...e.helpers.values(),
    `@compute @workgroup_size(${threads}, 1, 1)`,
    'fn main(@builtin(workgroup_id) group: vec3<u32>, @builtin(local_invocation_index) inv: u32) {',
    ...e.prologue.map((s) => `  ${s}`),
    ...programs.map((s) => `  ${s}`),
    ...print(statements, plan.offsets),
    '}',
    '',
  ];
  return {
    text: lines.join('\n'),
    entry: 'main',
    params: e.params,
    bindings: e.bindings,
    paramsBinding,
    block: [threads, 1, 1],
    sharedBytes,
    features: [],
    unused,
    facts: Object.fromEntries(
      views.filter((v) => v.arg.reliesOn !== null).map((v) => [v.arg.name, v.arg.reliesOn as ArgFacts]),
    ),
  };
}

/** The grid is a line of programs, the first axis fastest, folded at 65,535 workgroups: WebGPU's limit along one axis. */
function programIds(e: Emitter): string[] {
  const axes = e.kernel.axes;
  const before = e.prologue.length;
  const extents = axes.map((axis) => e.param({ grid: axis }));
  const reads = e.prologue.splice(before);
  const total = extents.length === 0 ? '1i' : extents.join(' * ');
  const lines = [...reads, 'let program = i32(group.x + group.y * 65535u);', `if (program >= ${total}) { return; }`];
  let rest = 'program';
  axes.forEach((axis, i) => {
    const last = i === axes.length - 1;
    lines.push(`let ${e.programId(axis)} = ${last ? rest : `${rest} % ${extents[i]}`};`);
    if (!last) {
      lines.push(`let rest${i} = ${rest} / ${extents[i]};`);
      rest = `rest${i}`;
    }
  });
  return lines;
}

/** Finds the values that are read from workgroup memory. */
function prepare(e: Emitter, lazy: boolean): void {
  for (const op of walk(e.kernel.body) as Generator<AnyOp>)
    for (const v of readFromMemory(op, e.slab)) e.needsStage.add(v);
  if (lazy) for (const [v, inPlace] of stagedInPlace(e.kernel.body, e.slab)) if (inPlace) e.stagesLate.add(v);
}

/** Operands that an op reads from workgroup memory. */
function readFromMemory(op: AnyOp, slab: number): Value[] {
  const [x, y] = op.operands as [Value, Value];
  switch (op.name) {
    case 'dot':
      return inSlabs(op, slab) ? [] : [sourceOf(x), sourceOf(y)];
    case 'convert':
      return isRename(layoutOf(x), layoutOf(op.results[0] as Value)) ? [] : [x];
    case 'slice':
    case 'take':
      return [x];
    case 'insert':
      return [y];
    default:
      return [];
  }
}

/** Values that every reader finds in its own block: they may be staged as late as there. */
function stagedInPlace(block: Block, slab: number, waiting = new Map<Value, boolean>()): Map<Value, boolean> {
  const here = new Set<Value>([...block.args, ...block.ops.flatMap((op) => op.results)]);
  for (const op of block.ops as AnyOp[]) {
    for (const v of readFromMemory(op, slab)) waiting.set(v, (waiting.get(v) ?? true) && here.has(v));
    for (const region of op.regions) stagedInPlace(region, slab, waiting);
  }
  return waiting;
}

function usedParams(kernel: Kernel): Set<Value> {
  const used = new Set<Value>();
  for (const op of walk(kernel.body) as Generator<AnyOp>)
    if (isMemoryOp(op)) used.add(rootOf(op.operands[0] as Value).root);
  return used;
}

function checkBindings(need: number, limit: number): void {
  if (need <= limit) return;
  throw new LacError(
    diagnostic(
      'LAC0506',
      `the kernel binds ${need} tensors, the device allows ${limit} storage buffers a stage`,
      null,
      {
        help: ['pass fewer tensors, or pack several into one'],
      },
    ),
  );
}
