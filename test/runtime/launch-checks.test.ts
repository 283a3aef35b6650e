import { afterAll, describe, expect, test } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { bindLaunch, type LaunchArgs, type LaunchSpec, openDevice, type Tensor } from '../../runtime/index.js';
import { ADD, addVariant } from './variants.js';

const device = await openDevice('webgpu:software');
const other = await openDevice('interpret');
afterAll(() => device.destroy());

const f32 = (n: number): Tensor => device.empty('f32', [n]);
const good = { x: f32(64), y: f32(64), z: f32(64), scale: 1 };

interface Case {
  readonly spec?: LaunchSpec;
  readonly variant?: Parameters<typeof addVariant>[1];
  readonly args: () => LaunchArgs;
}

/** What bindLaunch refuses the case with, one line a diagnostic. */
function refusal({ spec = ADD, variant = {}, args }: Case): string {
  try {
    bindLaunch(device, spec, addVariant('f32', variant), args());
  } catch (e) {
    if (e instanceof LacError) return e.message;
    throw e;
  }
  return 'accepted';
}

const freed = (): Tensor => {
  const t = f32(64);
  t.free();
  return t;
};
const matrix = (): { spec: LaunchSpec; x: Tensor } => ({
  spec: {
    ...ADD,
    args: [
      { name: 'x', dir: 'in', dtype: 'f32', dims: ['N', 'D'] },
      { name: 'z', dir: 'out', dtype: 'f32', dims: ['N', 'D'] },
    ],
  },
  x: device.empty('f32', [4, 16]),
});
const { spec: MATRIX, x: X } = matrix();
const matrixVariant = { params: [], bindings: [] };

test('a right launch is accepted', () => {
  expect(refusal({ args: () => good })).toBe('accepted');
});

describe('every refusal has its code and names what is wrong', () => {
  const cases: Record<string, Case> = {
    'LAC0601: add: no argument is named w\n  help: its arguments are x, y, z, scale': {
      args: () => ({ ...good, w: f32(64) }),
    },
    'LAC0602: add: argument y is missing': { args: () => ({ ...good, y: undefined }) },
    'LAC0603: add: y has 2 axes [8, 8]; it takes 1, [N]': { args: () => ({ ...good, y: device.empty('f32', [8, 8]) }) },
    'LAC0604: add: x has dtype i32; it takes f32 or f16': { args: () => ({ ...good, x: device.empty('i32', [64]) }) },
    'LAC0604: add: y has dtype f16, but T is f32 in x': { args: () => ({ ...good, y: device.empty('f16', [64]) }) },
    'LAC0604: add: T is f32, but this variant is compiled for f16': {
      variant: { when: { dtypes: { T: 'f16' }, comptime: {}, facts: {} } },
      args: () => good,
    },
    'LAC0605: add: N is 64 in x, but 65 in y (axis 0)': { args: () => ({ ...good, y: f32(65) }) },
    'LAC0606: add: N is 64, but this variant is compiled for N = 128': {
      variant: { when: { dtypes: {}, comptime: { N: 128 }, facts: {} } },
      args: () => good,
    },
    'LAC0607: add: z has strides [0]: two elements share an address': {
      args: () => ({ ...good, z: f32(1).view([64], [0]) }),
    },
    'LAC0607: add: z has strides [1, 1]: two elements share an address': {
      spec: MATRIX,
      variant: matrixVariant,
      args: () => ({ x: X, z: f32(64).view([4, 16], [1, 1]) }),
    },
    'LAC0608: add: the bytes of z overlap those of x': { args: () => ({ ...good, z: good.x }) },
    'LAC0608: add: the bytes of z overlap those of y': {
      args: () => {
        const both = f32(127);
        return { ...good, y: both.view([64]), z: both.view([64], [1], 63) };
      },
    },
    'LAC0609: add: y was freed': { args: () => ({ ...good, y: freed() }) },
    'LAC0611: add: y is null, but this variant uses it': { args: () => ({ ...good, y: null }) },
    'LAC0612: add: scale takes a number (f32), not a tensor': { args: () => ({ ...good, scale: f32(1) }) },
    'LAC0612: add: scale = 0.5 is no i32\n  help: whole numbers from -2147483648 to 2147483647': {
      spec: { ...ADD, args: [...ADD.args.slice(0, 3), { name: 'scale', dir: 'scalar', dtype: 'i32' }] },
      args: () => ({ ...good, scale: 0.5 }),
    },
    'LAC0615: add: N is 2147483648; indices end at 2^31 - 1': {
      spec: { ...ADD, args: ADD.args.slice(0, 1) },
      variant: { params: [], bindings: [], config: { BN: 2 ** 20 } },
      args: () => ({ x: f32(1).view([2 ** 31], [0]) }),
    },
    'LAC0616: add: axis n of the grid has 0.5 programs; it takes a whole number from 0 to 2^31 - 1': {
      spec: { ...ADD, grid: [['n', ['/', 'N', 128]]] },
      args: () => good,
    },
    'LAC0618: add: z lies in the same allocation as y\n  help: allocate z with its own empty()': {
      args: () => {
        const both = f32(128);
        return { ...good, y: both.view([64]), z: both.view([64], [1], 64) };
      },
    },
    'LAC0619: add: the grid needs M, which no argument that is given has': {
      spec: { ...ADD, grid: [['n', 'M']] },
      args: () => good,
    },
    'LAC0619: add: needs M, which no argument that is given has': {
      variant: { params: [{ dim: 'M' }] },
      args: () => good,
    },
    'LAC0623: add: x takes a tensor, not an array\n  help: make one with empty(device, dtype, shape)': {
      args: () => ({ ...good, x: [1, 2, 3] as never }),
    },
    'LAC0623: add: x takes a tensor, not the number 3\n  help: make one with empty(device, dtype, shape)': {
      args: () => ({ ...good, x: 3 }),
    },
  };
  for (const [expected, c] of Object.entries(cases)) test(expected, () => expect(refusal(c)).toBe(expected));

  test('LAC0610: a tensor of another device', () => {
    const message = refusal({ args: () => ({ ...good, y: other.empty('f32', [64]) }) });
    expect(message).toBe(`LAC0610: add: y lives on interpreter (f64), the launch is on ${device.name}`);
  });

  test('LAC0613: need and limit of the device', () => {
    const { limits, name } = device;
    const variant = {
      sharedBytes: limits.maxWorkgroupBytes + 1,
      block: [limits.maxInvocations + 1, 1, 1] as const,
      features: ['time-travel'],
    };
    const config = '\n  help: choose another configuration';
    expect(refusal({ variant, args: () => good })).toBe(
      `LAC0613: add: needs ${limits.maxWorkgroupBytes + 1} bytes of workgroup memory; ${name} has ${limits.maxWorkgroupBytes}${config}\n` +
        `LAC0613: add: needs ${limits.maxInvocations + 1} invocations in a workgroup; ${name} has ${limits.maxInvocations}${config}\n` +
        `LAC0613: add: needs time-travel, which ${name} does not have`,
    );
  });

  test('LAC0614: more bytes than the device allocates', () => {
    const elements = device.limits.maxBufferBytes / 4 + 1;
    expect(() => f32(elements)).toThrow(
      `LAC0614: ${elements * 4} bytes; ${device.name} allocates at most ${device.limits.maxBufferBytes}`,
    );
  });

  test('LAC0616: more programs than a launch has', () => {
    const message = refusal({ spec: { ...ADD, grid: [['n', 2 ** 31 - 1]] }, args: () => good });
    expect(message).toBe(`LAC0616: add: 2147483647 programs; ${device.name} runs at most 2147418112 in one launch`);
  });

  test('LAC0617: a variant for aligned rows is not given others', () => {
    const facts = { x: { contiguous: true, align: 4 } };
    const variant = { ...matrixVariant, when: { dtypes: {}, comptime: {}, facts } };
    const launch = (x: Tensor): string =>
      refusal({ spec: MATRIX, variant, args: () => ({ x, z: device.empty('f32', [4, 8]) }) });
    const base = device.empty('f32', [128]);
    expect(launch(base.view([4, 8], [12, 1], 4))).toBe('accepted');
    const end = 'is not contiguous along its last axis and aligned to 4 elements, as this variant assumes';
    expect(launch(base.view([4, 8], [10, 1]))).toBe(`LAC0617: add: x (offset 0, strides [10, 1]) ${end}`);
    expect(launch(base.view([4, 8], [12, 1], 2))).toBe(`LAC0617: add: x (offset 2, strides [12, 1]) ${end}`);
    expect(launch(base.view([4, 8], [1, 4]))).toBe(`LAC0617: add: x (offset 0, strides [1, 4]) ${end}`);
  });

  test('one launch reports everything of one stage', () => {
    expect(refusal({ args: () => ({ ...good, x: f32(63), y: device.empty('f32', [8, 8]) }) })).toBe(
      'LAC0603: add: y has 2 axes [8, 8]; it takes 1, [N]\nLAC0605: add: N is 63 in x, but 64 in z (axis 0)',
    );
  });
});

test('a tensor freed between binding and launching is refused', async () => {
  const z = f32(64);
  const plan = bindLaunch(device, ADD, addVariant('f32'), { ...good, z });
  z.free();
  await expect(device.launch(plan)).rejects.toThrow('LAC0609: add: z was freed after it was bound');
});

test('null is accepted for an argument that the variant never touches', () => {
  const variant = { unused: ['y'], bindings: addVariant('f32').bindings.filter((b) => b.arg !== 'y') };
  const plan = bindLaunch(device, ADD, addVariant('f32', variant), { ...good, y: null });
  expect([...plan.words]).toEqual([64, 0x3f800000, 0, 0, 1, 0, 0, 1]);
});
