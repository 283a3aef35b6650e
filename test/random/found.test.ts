import { expect, it } from 'vitest';
import { emitPtx } from '../../backends/ptx/emit.js';
import { targetFor } from '../../backends/ptx/target.js';
import { emitWgsl } from '../../backends/wgsl/emit.js';
import { cloneKernel } from '../../compiler/ir/clone.js';
import { runPipeline } from '../../compiler/passes/pipeline.js';
import { ROOMY } from '../wgsl/run.js';
import { compareAll, lowered } from './agree.js';
import type { Program } from './programs.js';

/** What random programs have found, each as the least program that showed it. */
const found = (body: string): Program => ({
  text: `import { i32, input, kernel, max, min, output } from 'lac';
export const found = kernel({
  args: { idx: input(i32, ['S']), y: output(i32, ['P', 'Y']) },
  tune: { warps: [1, 2] },
  grid: ({ P }) => ({ p: P }),
}, ({ idx, y }, env, { p }) => {
  ${body}
});
`,
  shapes: { idx: [6], y: [2, 4] },
  scalars: {},
  warps: 1,
});

/** On an H100 (driver 580.159) CUDA and Vulkan gave 3 for 5: ptxas makes one instruction of nested minima, and loses a sign. */
it('the least of negated integers, whose signs NVIDIA loses in VIMNMX3, is found by comparisons', async () => {
  const program = found('const x = -idx.load([p * 2], [4]);\n  y.at(p).store([0], x - min(x, 0) + max(x, 0));');
  expect(await compareAll(program)).toEqual(['agrees', 'agrees']);
  const common = lowered(program);
  const [forCuda, forWebGpu] = [cloneKernel(common), cloneKernel(common)];
  runPipeline({ kernels: [forCuda] }, { target: 'cuda', maxStorageElements: 2 ** 40 });
  expect(emitPtx(forCuda, { target: targetFor(90), facts: {} }).text).not.toMatch(/\b(min|max)\.s32/);
  runPipeline({ kernels: [forWebGpu] }, { target: 'webgpu', maxStorageElements: 2 ** 28 });
  expect(emitWgsl(forWebGpu, { limits: ROOMY, facts: {} }).text).not.toMatch(/\b(min|max)\(/);
});
