import { afterAll, describe, expect, test } from 'vitest';
import { empty, f32, openDevice } from '../../index.js';
import { codesOf } from './codes-of.js';
import { addBiased, addInto } from './fixtures/in-place.js';

describe.each(['interpret', 'emulate'])('an inout argument on %s', async (which) => {
  const device = await openDevice(which);
  afterAll(() => device.destroy());
  const vector = (...values: number[]) => empty(device, f32, [values.length]).write(values);

  test('is changed by each launch, and keeps its elements outside of a view', async () => {
    const room = empty(device, f32, [8]).fill(100);
    const y = room.view([5], [1], 1);
    const x = vector(1, 2, 3, 4, 5);
    await addInto(device, { x, bias: x, y });
    await addInto(device, { x, bias: x, y });
    expect([...(await room.read())]).toEqual([100, 102, 104, 106, 108, 110, 100, 100]);
  });

  test('may have null beside it for what the options never touch, and only then', async () => {
    const [x, y] = [vector(1, 2, 3), vector(1, 1, 1)];
    await addInto(device, { x, bias: null, y });
    expect([...(await y.read())]).toEqual([2, 3, 4]);
    expect(await codesOf(addBiased(device, { x, bias: null, y }))).toEqual(['LAC0611']);
    expect(await codesOf(addInto(device, { x, bias: null, y: null }))).toEqual(['LAC0611']);
    await addBiased(device, { x, bias: x, y });
    expect([...(await y.read())]).toEqual([4, 7, 10]);
  });

  test('overlaps nothing, and has an address for each element', async () => {
    const room = empty(device, f32, [8]).fill(1);
    const bias = null;
    expect(await codesOf(addInto(device, { x: room.view([5]), bias, y: room.view([5], [1], 3) }))).toEqual(['LAC0608']);
    expect(await codesOf(addInto(device, { x: vector(1, 2), bias, y: room.view([2], [0]) }))).toEqual(['LAC0607']);
    await addInto(device, { x: vector(5).view([3], [0]), bias, y: room.view([3], [2]) });
    expect([...(await room.read())]).toEqual([6, 1, 6, 1, 6, 1, 1, 1]);
  });

  test('of no elements launches nothing', async () => {
    await addInto(device, { x: vector(), bias: null, y: vector() });
  });
});
