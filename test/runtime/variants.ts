import type { WgslVariant } from '../../compiler/artifact.js';
import type { LaunchSpec } from '../../runtime/index.js';

/** z = x + y over N elements: a program takes 64. */
export const ADD: LaunchSpec = {
  kernel: 'add',
  args: [
    { name: 'x', dir: 'in', dtype: 'T', dims: ['N'] },
    { name: 'y', dir: 'in', dtype: 'T', dims: ['N'] },
    { name: 'z', dir: 'out', dtype: 'T', dims: ['N'] },
    { name: 'scale', dir: 'scalar', dtype: 'f32' },
  ],
  dtypes: { T: ['f32', 'f16'] },
  grid: [['n', ['cdiv', 'N', 'BN']]],
};

const HEAD = `
@group(0) @binding(3) var<uniform> p: array<vec4<u32>, 2>;
@compute @workgroup_size(64)
fn main(@builtin(workgroup_id) wg: vec3<u32>, @builtin(local_invocation_index) lane: u32) {
  let id = wg.x + wg.y * 65535u;
  if (id >= p[1].w) { return; }
  let n = p[0].x;
  let scale = bitcast<f32>(p[0].y);
  let i = id * 64u + lane;
`;

const F32 = `
@group(0) @binding(0) var<storage, read> x: array<f32>;
@group(0) @binding(1) var<storage, read> y: array<f32>;
@group(0) @binding(2) var<storage, read_write> z: array<f32>;
${HEAD}
  if (i < n) { z[p[1].z + i] = scale * x[p[0].z + i] + y[p[0].w + i]; }
}`;

/** Two f16 to a word; needs an even N and even offsets. */
const F16 = `
@group(0) @binding(0) var<storage, read> x: array<u32>;
@group(0) @binding(1) var<storage, read> y: array<u32>;
@group(0) @binding(2) var<storage, read_write> z: array<u32>;
${HEAD}
  if (i < n / 2u) {
    z[p[1].z / 2u + i] = pack2x16float(scale * unpack2x16float(x[p[0].z / 2u + i]) + unpack2x16float(y[p[0].w / 2u + i]));
  }
}`;

export function addVariant(dtype: 'f32' | 'f16', more: Partial<WgslVariant> = {}): WgslVariant {
  return {
    when: { dtypes: { T: dtype }, comptime: {}, facts: {} },
    target: 'webgpu',
    text: dtype === 'f32' ? F32 : F16,
    entry: 'main',
    config: { BN: 64 },
    block: [64, 1, 1],
    sharedBytes: 0,
    params: [
      { dim: 'N' },
      { scalar: 'scale', dtype: 'f32' },
      { offset: 'x' },
      { offset: 'y' },
      { stride: ['x', 0] },
      { stride: ['y', 0] },
      { offset: 'z' },
      { grid: 'n' },
    ],
    bindings: [
      { arg: 'x', index: 0, access: 'read' },
      { arg: 'y', index: 1, access: 'read' },
      { arg: 'z', index: 2, access: 'read_write' },
    ],
    paramsBinding: 3,
    features: [],
    unused: [],
    ...more,
  };
}
