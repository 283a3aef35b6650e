/** Plans are called like kernels, on every device. */
import { afterAll, describe, expect, test } from 'vitest';
import { bindDeclaredPlan } from '../../driver/bind.js';
import { isPlan, type PlanDecl, SourceProject } from '../../driver/source.js';
import { openDevice } from '../../index.js';
import { KnownPlans, type Tensor } from '../../runtime/index.js';
import { codesOf } from '../driver/codes-of.js';
import { careless, nested, plusSize, scaled, shifted, shiftedThrice, sumOrCopy, uneven } from './fixtures.js';

const names = ['interpret', 'emulate', 'webgpu:software'] as const;
const opened = await Promise.all(names.map((name) => openDevice(name)));
const devices = names.map((name, i) => ({ name, device: opened[i] as (typeof opened)[number] }));
const [interpreter] = opened as [(typeof opened)[number]];
afterAll(() => {
  for (const device of opened) device.destroy();
});

const ramp = (n: number, by = 1): number[] => Array.from({ length: n }, (_, i) => (i + 1) * by);
const list = async (t: Tensor): Promise<number[]> => [...(await t.read())];

describe.each(devices)('$name', ({ device }) => {
  const tensor = (n: number) => device.empty('f32', [n]).poison();
  const given = (n: number) => ({ x: tensor(n).write(ramp(n)), y: tensor(n) });

  test('conditions on sizes and knobs, scalars, temporaries, values to begin with', async () => {
    const { x, y } = given(5);
    for (const G of [1, 2, 4] as const) {
      await scaled(device, { x, f: 2 + G, y: y.poison() }, { config: { G } });
      expect(await list(y)).toEqual(ramp(5, 2 + G));
    }
    const large = given(101);
    await scaled(device, { ...large, f: 3 });
    expect(await list(large.y)).toEqual(Array(101).fill(1));
  });

  test('the size of an argument that is left out counts only where it is used', async () => {
    const { x, y } = given(4);
    await plusSize(device, { x, y });
    expect(await list(y)).toEqual(ramp(4));
    const counting = plusSize.with({ count: true });
    expect(await codesOf(counting(device, { x, y }))).toEqual(['LAC0619']);
    await counting(device, { x, w: tensor(7), y });
    expect(await list(y)).toEqual([8, 9, 10, 11]);
  });

  test('options decide what runs, and what of the arguments a call may leave out', async () => {
    const [{ x, y }, b] = [given(21), tensor(21).fill(5)];
    for (const args of [
      { x, y },
      { x, b: null, y },
      { x, y, b: undefined },
      { x, b, y },
      { x, y },
    ]) {
      await shifted(device, args as { x: typeof x; y: typeof y });
      expect(await list(y)).toEqual(ramp(21, 2));
    }
    for (const of of [shiftedThrice, shifted.with({ times: 3, offset: true })]) {
      await of(device, { x, b, y: y.poison() });
      expect(await list(y)).toEqual(ramp(21, 3).map((n) => n + 5));
      expect(await codesOf(of(device, { x, y }))).toEqual(['LAC0611']);
    }
    await sumOrCopy(device, { x, z: y.poison() });
    expect(await list(y)).toEqual(ramp(21));
    expect(await codesOf(sumOrCopy.with({ both: true })(device, { x, z: y }))).toEqual(['LAC0611']);
    expect(await codesOf(sumOrCopy(device, { z: y } as never))).toEqual(['LAC0602']);
    expect(await codesOf(shifted.with({ often: 1 } as never)(device, { x, y }))).toEqual(['LAC0907']);
  });

  test('a plan runs plans', async () => {
    const [{ x, y }, z] = [given(17), tensor(17)];
    await nested(device, { x, f: 4, y, z });
    expect([await list(y), await list(z)]).toEqual([ramp(17, 4), ramp(17, 16)]);
  });

  test('calls in flight have temporaries of their own', async () => {
    const calls = Array.from({ length: 6 }, (_, i) => ({ ...given(33), f: i + 1 }));
    await Promise.all(calls.map((args) => scaled(device, args, { config: { G: 2 } })));
    for (const { y, f } of calls) expect(await list(y)).toEqual(ramp(33, f));
  });

  test('tensors of no element launch nothing', async () => {
    const { x, y } = given(0);
    await nested(device, { x, f: 1, y, z: tensor(0) }).then(
      () => expect.unreachable('G = 1 is more than no element'),
      (error: unknown) => expect(String(error)).toContain('LAC0906'),
    );
    await uneven(device, { x, w: tensor(0), y, z: tensor(0) });
  });

  test('what is wrong with the last step keeps the first from running', async () => {
    const { x, y } = given(4);
    const args = { x, w: tensor(3).fill(1), y: y.fill(7), z: tensor(4) };
    await expect(uneven(device, args)).rejects.toThrow('uneven, step 3: add: N is 4 in x, but 3 in y (axis 0)');
    expect(await codesOf(uneven(device, args))).toEqual(['LAC0605']);
    expect(await list(y)).toEqual([7, 7, 7, 7]);
  });

  test('arguments are checked as those of a kernel', async () => {
    const { x, y } = given(4);
    expect(await codesOf(scaled(device, { x, f: 1, y: x }))).toEqual(['LAC0608']);
    expect(await codesOf(scaled(device, { x, f: 1, y: tensor(5) }))).toEqual(['LAC0605']);
    expect(await codesOf(scaled(device, { x: tensor(4).view([2, 2]) as never, f: 1, y }))).toEqual(['LAC0603']);
    expect(await codesOf(scaled(device, { x, f: 1, y }, { config: { G: 3 as never } }))).toEqual(['LAC0907']);
    expect(await codesOf(scaled(device, { x, y } as never))).toEqual(['LAC0602']);
    expect(await codesOf(uneven(device, { x, w: null, y, z: tensor(4) }))).toEqual(['LAC0619']);
  });
});

const project = new SourceProject();
function planOf(name: string): PlanDecl {
  const found = project.read(`${import.meta.dirname}/fixtures.ts`).plans.find((p) => p.name === name);
  if (found === undefined || !isPlan(found)) throw new Error(`no plan ${name}`);
  return found;
}

test('LAC0802: a temporary without a value to begin with is never read before it is written', async () => {
  const [x, y] = [interpreter.empty('f32', [3]).fill(1), interpreter.empty('f32', [3])];
  expect(await codesOf(careless(interpreter, { x, y }))).toEqual(['LAC0802']);
});

test('a call like an earlier one is not bound again; another scalar, shape or layout is', async () => {
  const decl = planOf('scaled');
  const known = new KnownPlans(decl);
  let bound = 0;
  const call = async (f: number, x: Tensor, y: Tensor): Promise<number[]> => {
    await known.launch(interpreter, { x, f, y }, () => {
      bound++;
      return bindDeclaredPlan(decl, interpreter, { x, f, y }, { G: 2 }).bound;
    });
    return list(y);
  };
  const tensors = (n: number) => [interpreter.empty('f32', [n]).write(ramp(n)), interpreter.empty('f32', [n])] as const;
  const [first, second] = [tensors(3), tensors(3)];
  expect([await call(2, ...first), await call(2, ...second), bound]).toEqual([ramp(3, 2), ramp(3, 2), 1]);
  expect([await call(5, ...first), bound]).toEqual([ramp(3, 5), 2]);
  expect([await call(5, ...tensors(4)), bound]).toEqual([ramp(4, 5), 3]);
  expect([await call(5, ...second), bound]).toEqual([ramp(3, 5), 3]);
  const strided = interpreter.empty('f32', [3], { strides: [2] }).write(ramp(3));
  expect([await call(5, strided, second[1]), bound]).toEqual([ramp(3, 5), 4]);
});
