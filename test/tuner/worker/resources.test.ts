import { expect, test } from 'vitest';
import type { Device, LaunchPlan } from '../../../runtime/index.js';
import { resourcesOf } from '../../../tuner/worker/resources.js';

const plan = (programs: number, sharedBytes: number, threads: number): LaunchPlan =>
  ({ programs, variant: { target: 'cuda', sharedBytes, block: [threads, 1, 1] } }) as unknown as LaunchPlan;

test('resources of several launches: the largest of each, all programs', async () => {
  const launches = [plan(4, 100, 64), plan(7, 300, 32)];
  expect(await resourcesOf({} as Device, launches)).toEqual({ sharedBytes: 300, threads: 64, programs: 11 });
});

test('what the driver says counts, where it tells', async () => {
  const attributes = async () => ({
    registers: 40,
    localBytes: 16,
    sharedBytes: 512,
    maxThreads: 0,
    programsPerSm: 1,
    log: '',
  });
  const resources = await resourcesOf({ attributes } as unknown as Device, [plan(4, 100, 64)]);
  expect(resources).toEqual({ sharedBytes: 512, threads: 64, programs: 4, registers: 40, spillBytes: 16 });
});
