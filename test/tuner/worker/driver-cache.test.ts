import { expect, test } from 'vitest';
import type { DeviceInfo } from '../../../runtime/device.js';
import { keepsPrograms } from '../../../tuner/worker/driver-cache.js';

const info = (kind: DeviceInfo['kind']): DeviceInfo => ({ kind }) as DeviceInfo;

test.each([
  ['cuda', 'gpu', {}, true],
  ['cuda', 'gpu', { CUDA_CACHE_DISABLE: '1' }, false],
  ['cuda', 'gpu', { CUDA_CACHE_DISABLE: '0', __GL_SHADER_DISK_CACHE: '0' }, true],
  ['webgpu', 'gpu', {}, true],
  ['webgpu', 'gpu', { CUDA_CACHE_DISABLE: '1' }, true],
  ['webgpu', 'gpu', { __GL_SHADER_DISK_CACHE: '0' }, false],
  ['webgpu', 'gpu', { MESA_SHADER_CACHE_DISABLE: 'true' }, false],
  ['webgpu', 'software', {}, false],
  ['emulate', 'software', {}, false],
  ['interpret', 'interpret', {}, false],
] as const)('what drivers keep: %s on a %s, %j: %s', (backend, kind, environment, kept) => {
  expect(keepsPrograms({ backend, info: info(kind) }, environment)).toBe(kept);
});
