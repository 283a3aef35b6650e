/** Plans on CUDA, against a driver that needs no GPU: one graph launch from the second call on. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { PlanSpec } from '../../../compiler/artifact.js';
import { bindLaunch, bindPlan, type CudaDevice, KnownPlans, openDevice, type Tensor } from '../../../runtime/index.js';
import { ADD, addVariant, buildFake } from './fake.js';

const fake = buildFake();
const log = path.join(fake?.folder ?? '', 'graphs');
const before = { library: process.env.LAC_LIBCUDA, cache: process.env.LAC_CACHE };
let device: CudaDevice;

beforeAll(async () => {
  if (fake === null) return;
  process.env.LAC_LIBCUDA = fake.library;
  process.env.LAC_CACHE = path.join(fake.folder, 'cache');
  process.env.FAKE_CUDA_GRAPHS = log;
  device = (await openDevice('cuda')) as CudaDevice;
});
beforeEach(() => {
  if (fake !== null) writeFileSync(log, '');
});
afterAll(() => {
  device?.destroy();
  fake?.remove();
  delete process.env.FAKE_CUDA_GRAPHS;
  for (const [name, value] of [
    ['LAC_LIBCUDA', before.library],
    ['LAC_CACHE', before.cache],
  ] as const)
    if (value === undefined) delete process.env[name];
    else process.env[name] = value;
});

/** t = 2 x + ones; z = f t + t, where `ones` is filled: z = (f + 1) (2 x + 1). */
const PLAN: PlanSpec = {
  kernel: 'twoSteps',
  args: [
    { name: 'x', dir: 'in', dtype: 'f32', dims: ['N'] },
    { name: 'f', dir: 'scalar', dtype: 'f32' },
    { name: 'z', dir: 'out', dtype: 'f32', dims: ['N'] },
  ],
  dtypes: {},
  config: { G: 1 },
  temps: [
    { name: 'ones', dtype: 'f32', shape: ['N'], fill: 1 },
    { name: 't', dtype: 'f32', shape: [['*', 'N', 'G']], fill: null },
  ],
  steps: [
    step({ x: { tensor: 'x' }, y: { tensor: 'ones' }, z: { tensor: 't' }, scale: { number: 2 } }),
    step({ x: { tensor: 't' }, y: { tensor: 't' }, z: { tensor: 'z' }, scale: { number: 'f' } }),
  ],
};

function step(args: PlanSpec['steps'][number]['args']): PlanSpec['steps'][number] {
  return { kernel: 'add', when: null, args, config: {} };
}

const variant = addVariant();
function caller(): (x: Tensor, f: number, z: Tensor) => Promise<void> {
  const known = new KnownPlans(PLAN);
  return (x, f, z) =>
    known.launch(device, { x, f, z }, () =>
      bindPlan(device, PLAN, { x, f, z }, (_, args) => bindLaunch(device, ADD, variant, args)),
    );
}

const ramp = (n: number): Float64Array => Float64Array.from({ length: n }, (_, i) => i);
const want = (n: number, f: number): Float64Array => ramp(n).map((i) => (f + 1) * (2 * i + 1));
const tensors = (n: number) => [device.empty('f32', [n]).write(ramp(n)), device.empty('f32', [n]).poison()] as const;
const seen = (): string[] => (existsSync(log) ? readFileSync(log, 'utf8').trim().split('\n') : []);

describe.skipIf(fake === null)('launches of a plan', () => {
  test('the first call launches one by one, later ones submit one graph', async () => {
    const call = caller();
    const [x, z] = tensors(100);
    for (let i = 0; i < 4; i++) {
      await call(x, 3, z.poison());
      expect(await z.read()).toEqual(want(100, 3));
    }
    expect(seen()).toEqual(['built', 'launched', 'launched', 'launched']);
    expect(device.graphLaunches).toBe(3);
  });

  test('tensors that lie elsewhere change what they touch in the graph, also while it is queued', async () => {
    const call = caller();
    const all = Array.from({ length: 4 }, () => tensors(70));
    for (const [x, z] of all) await call(x, 1, z);
    for (const [, z] of all) expect(await z.read()).toEqual(want(70, 1));
    // Two steps, each with one tensor of the call: the graph is built with those of the second call.
    expect(seen()).toEqual(['built', 'launched', ...Array(2).fill(['changed', 'changed', 'launched']).flat()]);
  });

  test('another scalar, and another shape, are sequences of their own', async () => {
    const call = caller();
    const [x, z] = tensors(30);
    for (const f of [1, 2, 2]) {
      await call(x, f, z);
      expect(await z.read()).toEqual(want(30, f));
    }
    const [x2, z2] = tensors(31);
    await call(x2, 2, z2);
    expect(await z2.read()).toEqual(want(31, 2));
    expect(seen()).toEqual(['built', 'launched']);
  });

  test('temporaries of calls in flight are not shared, and come back', async () => {
    const call = caller();
    const all = Array.from({ length: 8 }, () => tensors(1000));
    await Promise.all(all.map(([x, z], i) => call(x, i, z)));
    for (const [i, [, z]] of all.entries()) expect(await z.read()).toEqual(want(1000, i));
  });

  test('LAC0609: a tensor that was freed launches nothing', async () => {
    const call = caller();
    const [x, z] = tensors(10);
    await call(x, 1, z);
    x.free();
    await expect(call(x, 1, z)).rejects.toThrow('LAC0609');
    expect(await z.read()).toEqual(want(10, 1));
  });
});
