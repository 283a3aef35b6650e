import { expect, test } from 'vitest';
import type { Device } from '../../runtime/device.js';
import { holdClocks, holdsClocks } from '../../runtime/steady-clocks.js';

type Named = Pick<Device, 'backend' | 'name' | 'info'>;
const webgpu = (name: string, kind: 'gpu' | 'software' = 'gpu'): Named =>
  ({ backend: 'webgpu', name, info: { kind } }) as Named;

/** A host with these GPUs, and the contexts that are open on it. */
function host(...names: readonly string[]) {
  const open: number[] = [];
  const cuda = async () => ({
    gpus: names.map((name) => ({ name })),
    open: async (ordinal: number) => {
      if (names[ordinal]?.includes('full')) throw new Error('no memory is left');
      open.push(ordinal);
      return () => void open.splice(open.indexOf(ordinal), 1);
    },
  });
  return { open, cuda };
}

const H100 = 'nvidia nvidia-h100-80gb-hbm3';

test('a GPU of NVIDIA that is used through WebGPU has a CUDA context until that is called off', async () => {
  const { open, cuda } = host('NVIDIA GeForce RTX 4090', 'NVIDIA H100 80GB HBM3', 'NVIDIA H100 80GB HBM3');
  const device = webgpu(H100);
  expect(holdsClocks(device)).toBe(false);
  const end = await holdClocks(device, cuda);
  expect(open).toEqual([1, 2]);
  expect(holdsClocks(device)).toBe(true);
  end();
  expect(open).toEqual([]);
  expect(holdsClocks(device)).toBe(false);
});

test.each<[string, Named]>([
  ['of another maker', webgpu('amd rdna-3')],
  ['that is none', webgpu('SwiftShader (CPU)', 'software')],
  ['that CUDA does not have', webgpu('nvidia turing')],
  ['through CUDA', { ...webgpu(H100), backend: 'cuda' }],
])('nothing is opened for a device %s', async (_, device) => {
  const { open, cuda } = host('NVIDIA H100 80GB HBM3');
  const end = await holdClocks(device, cuda);
  expect([open, holdsClocks(device)]).toEqual([[], false]);
  end();
});

test('where CUDA is missing, or has no room, clocks are as they are', async () => {
  const full = webgpu('nvidia full');
  const { open, cuda } = host('NVIDIA', 'nvidia full');
  await holdClocks(full, cuda);
  expect([open, holdsClocks(full)]).toEqual([[], false]);
  const device = webgpu(H100);
  await holdClocks(device, async () => {
    throw new Error('LAC0702');
  });
  expect(holdsClocks(device)).toBe(false);
});
