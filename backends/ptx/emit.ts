import { rootOf } from '../../compiler/analysis/view-root.js';
import { type ArgFacts, type BindingSpec, type ParamSlot, paramLayout } from '../../compiler/artifact.js';
import type { Span } from '../../compiler/diag/diagnostic.js';
import { cloneKernel } from '../../compiler/ir/clone.js';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import { walk } from '../../compiler/ir/module.js';
import { sharedBytesOf, tooMuch } from '../../compiler/passes/plan-shared.js';
import { ptxModule, type SourcePosition } from './isa/print.js';
import { Emitter, type PtxContext } from './lower/emitter.js';
import { emitBlock } from './lower/lower.js';
import { bindParam } from './lower/views.js';
import { ptxPipeline, warpsOf } from './pipeline.js';
import { checkRegisters, type Spills } from './registers.js';
import { WARP } from './target.js';

/** What a launch must know of a compiled kernel. */
export interface PtxProgram {
  readonly text: string;
  readonly entry: string;
  readonly params: readonly ParamSlot[];
  readonly bindings: readonly BindingSpec[];
  readonly block: readonly [number, number, number];
  /** Bytes of dynamic shared memory. */
  readonly sharedBytes: number;
  /** Tensor arguments that the kernel never touches. */
  readonly unused: readonly string[];
  /** What the text relies on, of the facts that it was given. */
  readonly facts: Readonly<Record<string, ArgFacts>>;
}

export interface EmitOptions extends PtxContext {
  /** Emit also what needs more registers than a thread has, up to a limit; default: `none`, refused with LAC0503. */
  readonly spills?: Spills;
  /** Where a span of the source lies, for the line table that debuggers and profilers read. */
  readonly position?: (span: Span) => SourcePosition | null;
}

const PASS_CONTEXT = { target: 'cuda', maxStorageElements: Number.MAX_SAFE_INTEGER } as const;

/**
 * A kernel after the common pipeline, as PTX for `target` and everything later. Throws LacError LAC05xx where it needs
 * more than the target has. The entry takes one address for each binding, then the block of parameters.
 */
export const emitPtx = (kernel: Kernel, options: EmitOptions): PtxProgram =>
  lowerPtx(layOutPtx(kernel, options), options);

/** The IR that the passes of this target leave, with everything decided but the instructions. Throws as `emitPtx`. */
export function layOutPtx(kernel: Kernel, options: EmitOptions): Kernel {
  const laidOut = cloneKernel(kernel);
  for (const pass of ptxPipeline(options)) pass.run(laidOut, PASS_CONTEXT);
  checkRegisters(laidOut, options.spills ?? 'none');
  return laidOut;
}

/** The same from the IR that the passes of this target leave. */
export function lowerPtx(kernel: Kernel, options: EmitOptions): PtxProgram {
  const e = new Emitter(kernel, options, warpsOf(kernel), sharedBytesOf(kernel));
  const used = usedParams(kernel);
  const unused: string[] = [];
  for (const p of kernel.params) {
    if (p.kind === 'scalar') e.setScalar(p.value, e.scalarParam(p));
    else if (used.has(p.value)) bindParam(e, p);
    else unused.push(p.name);
  }
  emitBlock(e, kernel.body);
  e.deferred.issue();
  // Reductions and scans take some behind what the passes have planned.
  const { sharedBytesPerBlock } = options.target;
  if (e.sharedBytes > sharedBytesPerBlock) throw tooMuch(kernel, e.sharedBytes, sharedBytesPerBlock);
  return assemble(e, unused, options);
}

function assemble(e: Emitter, unused: readonly string[], { target, position }: EmitOptions): PtxProgram {
  const entry = entryName(e.kernel.name);
  const block = [e.warps * WARP, 1, 1] as const;
  const { bytes } = paramLayout(e.params);
  const words = e.params.length === 0 ? [] : [{ name: 'words', bytes }];
  const text = ptxModule({
    target,
    entry,
    params: [...e.bindings.map((b) => ({ name: `b${b.index}` })), ...words],
    block,
    body: e.b,
    ...(position === undefined ? {} : { position }),
  });
  const { params, bindings, sharedBytes } = e;
  return { text, entry, params, bindings, block, sharedBytes, unused, facts: Object.fromEntries(e.relied) };
}

const entryName = (kernel: string): string => `lac_${kernel.replaceAll(/[^A-Za-z0-9_]/g, '_')}`;

/** Parameters that an access or a copy reaches. */
function usedParams(kernel: Kernel): ReadonlySet<Value> {
  const used = new Set<Value>();
  for (const op of walk(kernel.body)) {
    const [view] = op.operands;
    if (view?.type.kind === 'view' && op.name !== 'view_at' && op.name !== 'view_slice') used.add(rootOf(view).root);
  }
  return used;
}
