/** Small kernels, and the kernels of the library, as the cost model sees them. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DType } from '../../compiler/ir/types.js';
import type { Config } from '../../driver/configurations.js';
import type { Dims } from '../../driver/reference.js';
import { type KernelDecl, type PlanDecl, SourceProject } from '../../driver/source.js';
import { ANY_WEBGPU, type Target, targetNamed } from '../../driver/target.js';
import { type Estimator, estimator } from '../../tuner/model/estimate.js';
import { KernelModel } from '../../tuner/model/kernel-model.js';
import { type Machine, machineOf } from '../../tuner/model/machine.js';
import type { Work } from '../../tuner/model/work.js';

const SOURCE = `import { bf16, cdiv, dtypes, f16, f32, input, kernel, output, range } from 'lac';
const T = dtypes('T', f32, f16, bf16);
export const copy = kernel({
  args: { x: input(T, ['N', 'D']), y: output(T, ['N', 'D']) },
  comptime: ['D'],
  tune: { C: [8, 16, 32], warps: [1, 2, 4, 16], stages: [2, 3, 1] },
  grid: ({ N, C }) => ({ n: cdiv(N, C) }),
}, ({ x, y }, { C, D }, { n }) => {
  y.store([n * C, 0], x.load([n * C, 0], [C, D]));
});
export const copyInOne = kernel({
  args: { x: input(T, ['N', 'D']), y: output(T, ['N', 'D']) },
  comptime: ['D'],
  tune: { C: [8, 16], warps: [2], stages: [2, 3, 1] },
  grid: () => ({ one: 1 }),
}, ({ x, y }, { N, C, D }) => {
  for (const n of range(0, N, C)) y.store([n, 0], x.load([n, 0], [C, D]));
});
`;

const folder = mkdtempSync(join(tmpdir(), 'lac-model-'));
const file = join(folder, 'kernels.ts');
writeFileSync(file, SOURCE);
const project = new SourceProject();
const small = project.read(file).kernels;
rmSync(folder, { recursive: true });

export function kernelNamed(name: string, from?: string): KernelDecl {
  const kernels = from === undefined ? small : project.read(from).kernels;
  const found = kernels.find((k) => k.name === name);
  if (found === undefined) throw new Error(`no kernel ${name}`);
  return found;
}

export const CUDA: Target = targetNamed('sm_90') ?? ANY_WEBGPU;
export const WEBGPU: Target = targetNamed('webgpu') ?? ANY_WEBGPU;

/** A GPU through WebGPU: more workgroup memory than any device has. */
export const DESKTOP: Target = {
  kind: 'webgpu',
  limits: { workgroupBytes: 49152, invocations: 1024, storageBuffers: 10, bindingBytes: 2 ** 31 },
};

export const H100: Machine = machineOf({
  backend: 'cuda',
  name: 'NVIDIA H100 80GB HBM3',
  info: { kind: 'gpu', vendor: '', architecture: '', driver: '', subgroup: [32, 32], sm: 90, multiprocessors: 132 },
});

export interface Case {
  readonly kernel: KernelDecl | PlanDecl;
  readonly dims: Dims;
  readonly target?: Target;
  readonly T?: DType;
}

const context = ({ dims, target = CUDA, T = 'bf16' }: Omit<Case, 'kernel'>) => ({ dims, target, dtypes: { T } });

export const estimatorOf = (of: Case): Estimator => estimator(of.kernel, { ...context(of), machine: H100 });

export const modelOf = (of: Case & { readonly kernel: KernelDecl }): KernelModel =>
  new KernelModel(of.kernel, context(of));

/** What a launch does, all programs together. */
export function workOf(of: Case & { readonly kernel: KernelDecl }, config: Config): Work {
  const modelled = modelOf(of).of(config);
  if ('limit' in modelled) throw new Error(modelled.limit.message);
  const { work, programs } = modelled.launch;
  return Object.fromEntries(Object.entries(work).map(([kind, n]) => [kind, n * programs])) as Work;
}
