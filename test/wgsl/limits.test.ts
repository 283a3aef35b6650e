import { expect, it } from 'vitest';
import { emitWgsl } from '../../backends/wgsl/emit.js';
import type { WgslLimits } from '../../backends/wgsl/target.js';
import { LacError } from '../../compiler/diag/diagnostic.js';
import type { Kernel, Value } from '../../compiler/ir/module.js';
import { makeKernel, tile } from '../interp/make.js';
import { ROOMY } from './run.js';

/** What the backend says of a kernel: `CODE message | help`, or nothing where it takes it. */
function refusal(kernel: Kernel, limits: Partial<WgslLimits> = {}): string {
  try {
    emitWgsl(kernel, { limits: { ...ROOMY, ...limits }, facts: {} });
    return '';
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    return error.diagnostics
      .map((d) => [`${d.code} ${d.message}`, ...d.help.map((h) => h.text)].join(' | '))
      .join('\n');
  }
}

/** z = x x, n by n. */
function square(n: number, warps: number): Kernel {
  const kernel = makeKernel({ x: ['in', 'f32', 'N', 'N'], z: ['out', 'f32', 'N', 'N'] }, [], (b, { x, z }) => {
    const zero = b.constant(0, 'i32');
    const t = b.value('load', [x as Value, zero, zero], { pad: 0 }, tile('f32', n, n));
    b.op('store', [z as Value, b.value('dot', [t, t], {}), zero, zero], {});
  });
  return { ...kernel, config: { warps } };
}

it('LAC0501: workgroup memory, with need and limit', () => {
  expect(refusal(square(64, 4))).toBe('');
  expect(refusal(square(64, 4), { workgroupBytes: 16383 })).toBe(
    'LAC0501 the kernel needs 16384 bytes of workgroup memory, the device has 16383 | choose smaller blocks (--config), or leave the configuration to lac',
  );
});

it('LAC0502: invocations over the limit, or no power of two', () => {
  expect(refusal(square(16, 16))).toBe(
    'LAC0502 a workgroup of 512 invocations, the device allows 256 | choose fewer warps (--config warps=...)',
  );
  expect(refusal(square(16, 3))).toBe(
    'LAC0502 a workgroup of 96 invocations, which is no power of two | choose fewer warps (--config warps=...)',
  );
});

it('LAC0503: a tile of more registers than an invocation should hold', () => {
  expect(refusal(square(128, 1), { workgroupBytes: 2 ** 20 })).toBe(
    'LAC0503 tile [128, 128] takes 512 registers an invocation, the limit is 256 | use a smaller block, or more warps',
  );
});

it('LAC0506: more tensors than storage buffers', () => {
  expect(refusal(square(16, 2), { storageBuffers: 1 })).toBe(
    'LAC0506 the kernel binds 2 tensors, the device allows 1 storage buffers a stage | pass fewer tensors, or pack several into one',
  );
});
