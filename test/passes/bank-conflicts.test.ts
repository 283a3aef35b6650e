import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { ptxPipeline } from '../../backends/ptx/pipeline.js';
import { targetFor } from '../../backends/ptx/target.js';
import { type Kernel, type Op, walk } from '../../compiler/ir/module.js';
import { bytesOf } from '../../compiler/ir/types.js';
import { planAccess } from '../../compiler/layout/shared-access.js';
import { storageOfSwizzle } from '../../compiler/layout/storage.js';
import { PIPELINE, runPipeline } from '../../compiler/passes/pipeline.js';
import { lowerKernel, representatives, SourceProject } from '../../dsl/source.js';
import { CONTEXT } from './text-cases.js';

const ROOT = resolve(import.meta.dirname, '../..');

/** Every access to a tile of 16-bit elements: buffer, form, ways. */
function* accesses(kernel: Kernel, stmatrix: boolean): Generator<string> {
  for (const op of walk(kernel.body)) {
    if (op.name !== 'smem_read' && op.name !== 'smem_write') continue;
    const [buffer] = op.operands;
    const direction = op.name === 'smem_read' ? 'read' : 'write';
    const tile = direction === 'read' ? op.results[0] : op.operands[2];
    if (tile?.layout === undefined || buffer?.type.kind !== 'buffer' || bytesOf(buffer.type.dtype) !== 2) continue;
    const storage = storageOfSwizzle((buffer.def as Op<'smem_alloc'>).attrs.swizzle);
    const { form, ways } = planAccess(tile.layout, buffer.type.shape, 2, storage, direction, { stmatrix });
    yield `${buffer.hint} ${form} ${ways}`;
  }
}

it.each([
  ['kernels/lightning/forward.ts', 80],
  ['kernels/lightning/forward.ts', 90],
  ['kernels/gla/simple.ts', 90],
  ['kernels/flash/forward.ts', 80],
  ['kernels/flash/forward.ts', 90],
  ['kernels/gemm/gemm.ts', 90],
])('%s for sm_%i meets no bank twice, in products and on the way to them', (file, sm) => {
  const { kernels } = new SourceProject().read(resolve(ROOT, file));
  for (const decl of kernels) {
    const { base } = representatives(decl);
    const bf16 = Object.fromEntries(Object.keys(base.dtypes).map((name) => [name, 'bf16' as const]));
    const { module } = lowerKernel(decl, { ...base, dtypes: bf16 });
    if (module === null) throw new Error(`${decl.name} does not lower`);
    const passes = [...PIPELINE, ...ptxPipeline({ target: targetFor(sm), facts: {} })];
    runPipeline(module, { ...CONTEXT, grid: Object.fromEntries(decl.grid) }, { passes });
    const found = module.kernels.flatMap((k) => [...accesses(k, sm >= 90)]);
    expect(found.length).toBeGreaterThan(0);
    expect(found.filter((access) => !access.endsWith(' 1'))).toEqual([]);
  }
});
