import { describe, expect, test } from 'vitest';
import type { CudaVariant } from '../../compiler/artifact.js';
import { EmulateDevice } from '../../runtime/emulate/device.js';
import { bindLaunch } from '../../runtime/launch.js';
import { openDevice } from '../../runtime/open.js';
import { ADD } from './variants.js';

/** z = scale * x + y of N elements, with 32 threads for 64 elements; strides in elements of 4 bytes. */
const ADD_PTX = `.version 7.0
.target sm_80
.address_size 64
.visible .entry add(.param .u64 b0, .param .u64 b1, .param .u64 b2, .param .align 8 .b8 words[24])
.maxntid 32, 1, 1
{
  .reg .pred %p<2>;
  .reg .b32 %r<16>;
  .reg .b64 %d<16>;
  mov.u32 %r0, %tid.x;
  mov.u32 %r1, %ctaid.x;
  ld.param.b64 %d0, [b0];
  ld.param.b64 %d1, [b1];
  ld.param.b64 %d2, [b2];
  ld.param.b32 %r2, [words];
  ld.param.b32 %r3, [words+4];
  ld.param.b64 %d3, [words+8];
  ld.param.b64 %d4, [words+16];
  mad.lo.s32 %r4, %r1, 64, %r0;
  mov.b32 %r5, 0;
$next:
  setp.ge.s32 %p0, %r4, %r2;
  @%p0 bra $end;
  cvt.s64.s32 %d5, %r4;
  mul.lo.s64 %d6, %d5, %d3;
  shl.b64 %d6, %d6, 2;
  add.s64 %d6, %d0, %d6;
  mul.wide.s32 %d7, %r4, 4;
  add.s64 %d8, %d1, %d7;
  mul.lo.s64 %d9, %d5, %d4;
  shl.b64 %d9, %d9, 2;
  add.s64 %d9, %d2, %d9;
  ld.global.b32 %r6, [%d6];
  ld.global.b32 %r7, [%d8];
  fma.rn.f32 %r8, %r6, %r3, %r7;
  st.global.b32 [%d9], %r8;
  add.s32 %r4, %r4, 32;
  add.s32 %r5, %r5, 1;
  setp.lt.s32 %p1, %r5, 2;
  @%p1 bra $next;
$end:
  ret;
}`;

const variant = (more: Partial<CudaVariant> = {}): CudaVariant => ({
  when: { dtypes: { T: 'f32' }, comptime: {}, facts: {} },
  target: 'cuda',
  sm: 80,
  text: ADD_PTX,
  entry: 'add',
  config: { BN: 64 },
  block: [32, 1, 1],
  sharedBytes: 0,
  params: [{ dim: 'N' }, { scalar: 'scale', dtype: 'f32' }, { stride: ['x', 0] }, { stride: ['z', 0] }],
  bindings: [
    { arg: 'x', index: 0, access: 'read' },
    { arg: 'y', index: 1, access: 'read' },
    { arg: 'z', index: 2, access: 'read_write' },
  ],
  unused: [],
  ...more,
});

async function vectors(device: EmulateDevice, n: number) {
  const x = device.empty('f32', [2 * n]);
  const [y, z] = [device.empty('f32', [n]), device.empty('f32', [n])];
  x.write(Float32Array.from({ length: 2 * n }, (_, i) => i));
  y.write(Float32Array.from({ length: n }, (_, i) => 1000 * i));
  return { x, y, z };
}

describe('device emulate', () => {
  test('runs a variant for CUDA: scalars, dims, 64-bit strides, offsets, a ragged end', async () => {
    const device = new EmulateDevice(80);
    const { x, y, z } = await vectors(device, 150);
    const every = x.view([150], [2]);
    const plan = bindLaunch(device, ADD, variant(), { x: every, y, z, scale: 0.5 });
    await device.launch(plan);
    expect(await z.read()).toEqual(Float64Array.from({ length: 150 }, (_, i) => i + 1000 * i));
    const later = x.view([100], [1], 7);
    await device.launch(
      bindLaunch(device, ADD, variant(), { x: later, y: y.view([100]), z: z.view([100], [1], 50), scale: 2 }),
    );
    expect((await z.read()).slice(50)).toEqual(Float64Array.from({ length: 100 }, (_, i) => 2 * (i + 7) + 1000 * i));
    const counters = await device.count(plan);
    expect(counters?.instructions['st.global']).toBe(5);
    expect((await device.time(plan, { repeat: 2 })).how).toBe('host');
  });

  test('is opened by name', async () => {
    const limits = await Promise.all(['emulate', 'emulate:sm_90', 'emulate:sm_80'].map((w) => openDevice(w)));
    expect(limits.map((d) => [d.backend, d.info.kind, d.info.sm])).toEqual([
      ['emulate', 'software', 90],
      ['emulate', 'software', 90],
      ['emulate', 'software', 80],
    ]);
    expect(limits[1]?.limits.maxWorkgroupBytes).toBe(227 * 1024);
    for (const name of ['emulate:sm_70', 'emulate:constructor', 'emulate:sm_80:1'])
      await expect(openDevice(name)).rejects.toThrow('LAC0701');
  });

  test('faults carry their codes to whoever launches', async () => {
    const device = new EmulateDevice(80);
    const { x, y, z } = await vectors(device, 150);
    const args = { x: x.view([150]), y, z, scale: 1 };
    const beyond = variant({ text: ADD_PTX.replace('setp.ge.s32 %p0, %r4, %r2;', 'setp.ge.s32 %p0, %r4, 160;') });
    await expect(device.launch(bindLaunch(device, ADD, beyond, args))).rejects.toThrow(/LAC0820.*of y/s);
    const both = variant({ text: ADD_PTX.replace('mad.lo.s32 %r4, %r1, 64, %r0', 'mov.b32 %r4, %r0') });
    await expect(device.launch(bindLaunch(device, ADD, both, args))).rejects.toThrow('LAC0803');
    const unchecked = new EmulateDevice(80, { programs: false });
    const own = await vectors(unchecked, 150);
    await unchecked.launch(bindLaunch(unchecked, ADD, both, { ...own, x: own.x.view([150]), scale: 1 }));
    await expect(
      device.prepare(variant({ text: ADD_PTX.replace('ret;', 'wgmma.fence.sync.aligned;') })),
    ).rejects.toThrow('LAC0421');
    await expect(device.prepare(variant({ entry: 'sub' }))).rejects.toThrow('LAC0829');
  });

  test('refuses variants for newer devices, tensors that are gone, and work after destroy', async () => {
    const device = new EmulateDevice(80);
    const { x, y, z } = await vectors(device, 64);
    const args = { x: x.view([64]), y, z, scale: 1 };
    expect(() => bindLaunch(device, ADD, variant({ sm: 90 }), args)).toThrow('LAC0613');
    expect(() => bindLaunch(device, ADD, variant({ sharedBytes: 164 * 1024 }), args)).toThrow('LAC0613');
    const plan = bindLaunch(device, ADD, variant(), args);
    z.free();
    await expect(device.launch(plan)).rejects.toThrow('LAC0609');
    device.destroy();
    await expect(device.launch(plan)).rejects.toThrow('LAC0707');
    expect(() => device.empty('f32', [4])).toThrow('LAC0707');
    expect(() => new EmulateDevice(75)).toThrow('LAC0520');
  });
});
