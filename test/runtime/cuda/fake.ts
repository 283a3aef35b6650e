/** The CUDA driver without a GPU of fake-libcuda.cc, for the tests of the addon and of the device. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { CudaVariant } from '../../../compiler/artifact.js';
import type { LaunchSpec } from '../../../runtime/index.js';

export const ADDON = path.resolve('build', 'Release', 'lac_cuda.node');

/** Builds the library; null where there is no compiler, or no addon to test. */
export function buildFake(): { readonly library: string; readonly folder: string; remove(): void } | null {
  if (!existsSync(ADDON)) return null;
  const folder = mkdtempSync(path.join(tmpdir(), 'lac-fake-cuda-'));
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  const library = path.join(folder, 'libcuda.so.1');
  const source = path.resolve('test', 'runtime', 'cuda', 'fake-libcuda.cc');
  const built = spawnSync('c++', ['-std=c++17', '-O1', '-shared', '-fPIC', '-pthread', source, '-o', library], {
    encoding: 'utf8',
  });
  if (built.status === 0) return { library, folder, remove };
  remove();
  if (built.error === undefined && !built.stderr.includes('not found')) throw new Error(built.stderr);
  return null;
}

/** z = scale x + y over N elements: a program takes 64. */
export const ADD: LaunchSpec = {
  kernel: 'add',
  args: [
    { name: 'x', dir: 'in', dtype: 'f32', dims: ['N'] },
    { name: 'y', dir: 'in', dtype: 'f32', dims: ['N'] },
    { name: 'z', dir: 'out', dtype: 'f32', dims: ['N'] },
    { name: 'scale', dir: 'scalar', dtype: 'f32' },
  ],
  dtypes: {},
  grid: [['n', ['cdiv', 'N', 64]]],
};

export function addVariant(more: Partial<CudaVariant> = {}): CudaVariant {
  return {
    when: { dtypes: {}, comptime: {}, facts: {} },
    target: 'cuda',
    sm: 80,
    text: '.version 7.0\n.entry add',
    entry: 'add',
    config: {},
    block: [64, 1, 1],
    sharedBytes: 0,
    params: [{ dim: 'N' }, { scalar: 'scale', dtype: 'f32' }],
    bindings: [
      { arg: 'x', index: 0, access: 'read' },
      { arg: 'y', index: 1, access: 'read' },
      { arg: 'z', index: 2, access: 'read_write' },
    ],
    unused: [],
    ...more,
  };
}
