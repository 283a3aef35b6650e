import { afterEach, expect, it, vi } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { ErrorScopes } from '../../runtime/webgpu/error-scopes.js';
import { PipelineCache } from '../../runtime/webgpu/pipelines.js';
import { addVariant } from './variants.js';

const codeOf = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
    return 'nothing';
  } catch (error) {
    // Modules are loaded anew below, so the class may be another one.
    const { diagnostics } = error as LacError;
    if (diagnostics === undefined) throw error;
    return diagnostics.map((d) => d.code).join();
  }
};

afterEach(() => {
  vi.doUnmock('webgpu');
  vi.resetModules();
  vi.restoreAllMocks();
});

it('LAC0706: what the out-of-memory scope caught', async () => {
  const open: string[] = [];
  const gpu = {
    pushErrorScope: (filter: string) => open.push(filter),
    popErrorScope: async () => (open.pop() === 'out-of-memory' ? { message: 'no room' } : null),
  };
  const error = await new ErrorScopes(gpu as unknown as GPUDevice).collect();
  expect(error).toBeInstanceOf(LacError);
  expect(error?.message).toMatch(/^LAC0706: no room/);
});

it("LAC0709: the driver's own compiler gives up on valid WGSL", async () => {
  const gpu = {
    pushErrorScope: () => {},
    popErrorScope: async () => null,
    createShaderModule: () => ({ getCompilationInfo: async () => ({ messages: [] }) }),
    createBindGroupLayout: () => ({}),
    createPipelineLayout: () => ({}),
    createComputePipelineAsync: () => Promise.reject(Object.assign(new Error('too complex'), { reason: 'internal' })),
  };
  const cache = new PipelineCache(gpu as unknown as GPUDevice);
  expect(await codeOf(cache.get(addVariant('f32')))).toBe('LAC0709');
});

it('LAC0711: the npm package does not load', async () => {
  vi.resetModules();
  vi.doMock('webgpu', () => {
    throw new Error('no build for this platform');
  });
  const { openDevice } = await import('../../runtime/open.js');
  expect(await codeOf(openDevice('webgpu:software'))).toBe('LAC0711');
});

it('LAC0703: no driver gives an adapter', async () => {
  vi.resetModules();
  vi.doMock('webgpu', () => ({ create: () => ({ requestAdapter: async () => null }), globals: {} }));
  const { openDevice } = await import('../../runtime/open.js');
  expect(await codeOf(openDevice('webgpu:software'))).toBe('LAC0703');
});
