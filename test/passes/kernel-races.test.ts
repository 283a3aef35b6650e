import { resolve } from 'node:path';
import { expect, it } from 'vitest';
import { ptxPipeline, warpsOf } from '../../backends/ptx/pipeline.js';
import { targetFor } from '../../backends/ptx/target.js';
import { type Kernel, walk } from '../../compiler/ir/module.js';
import { PIPELINE, runPipeline } from '../../compiler/passes/pipeline.js';
import { lowerKernel, representatives, SourceProject } from '../../dsl/source.js';
import { findRaces } from './race-model.js';
import { CONTEXT } from './text-cases.js';

const ROOT = resolve(import.meta.dirname, '../..');
const FILES = [
  'lightning/forward',
  'lightning/segments',
  'lightning/segments-backward',
  'gla/simple',
  'flash/forward',
  'gemm/gemm',
  'norm/add-rms-norm',
  'norm/layer-norm',
  'gemm/dequant',
  'gemm/grouped',
  'lightning/packed',
  'mamba/selective-scan',
  'scan/prefix-sum',
];

/** Rows without gaps, aligned: asynchronous copies wherever the passes want them. */
const ALIGNED = { contiguous: true, align: 8 };

it.each(FILES.flatMap((file) => [1, 2, 3].map((stages) => [file, stages] as const)))(
  'no race: %s in %i stages',
  (file, stages) => {
    const { kernels } = new SourceProject().read(resolve(ROOT, `kernels/${file}.ts`));
    expect(kernels.length).toBeGreaterThan(0);
    for (const decl of kernels) {
      const { base } = representatives(decl);
      const dtypes = Object.fromEntries(Object.keys(base.dtypes).map((name) => [name, 'bf16' as const]));
      const { module } = lowerKernel(decl, { ...base, dtypes });
      const kernel = module?.kernels[0];
      if (module === null || kernel === undefined) throw new Error(`${decl.name} does not lower`);
      kernel.config.stages = stages;
      const facts = Object.fromEntries(kernel.params.map((p) => [p.name, ALIGNED]));
      const passes = [...PIPELINE, ...ptxPipeline({ target: targetFor(90), facts })];
      runPipeline(module, { ...CONTEXT, grid: Object.fromEntries(decl.grid) }, { passes, verify: true });
      expect(findRaces(kernel, { ...sizesOf(kernel), ...kernel.comptime }, warpsOf(kernel))).toEqual([]);
    }
  },
);

/** Four blocks and a bit of whatever has a run-time extent. */
function sizesOf(kernel: Kernel): Record<string, number> {
  const extents = [...walk(kernel.body)].flatMap((op) => {
    const type = op.results[0]?.type;
    return type?.kind === 'tile' && type.shape.length === 2 ? type.shape : [];
  });
  const size = 4 * Math.min(64, ...extents) + 3;
  const names = kernel.params.flatMap((p) => (p.kind === 'view' ? p.dims : []));
  return Object.fromEntries(names.map((name) => [name, size]));
}
