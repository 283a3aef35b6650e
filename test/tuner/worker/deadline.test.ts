import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { allowanceMs, blamed, type Job, nextDue, Speed, TIMEOUTS } from '../../../tuner/worker/deadline.js';
import type { Request, Stage } from '../../../tuner/worker/protocol.js';
import { config } from './children.js';

const job = (
  stage: Stage,
  since = 0,
  request: Request = { kind: 'prepare', config: config(8), programs: [] },
): Job => ({
  request,
  stage,
  since,
});
const allowance = (of: Job, speed = new Speed()): number | null => allowanceMs(of, TIMEOUTS, speed);

describe('what a job may take', () => {
  test('is measured by what launches took before', () => {
    const speed = new Speed();
    expect(allowance(job('check'), speed)).toBe(TIMEOUTS.firstRunMs);
    speed.learn(config(8), 5000);
    expect(allowance(job('check'), speed)).toBe(TIMEOUTS.slower * 5000);
    speed.learn(config(16), 1);
    expect(allowance(job('check'), speed)).toBe(TIMEOUTS.leastRunMs);
  });

  test('grows with the launches that are timed', () => {
    const speed = new Speed();
    const sample = (count: number, ...of: number[]): Job =>
      job('time', 0, { kind: 'sample', configs: of.map(config), count });
    expect(allowance(sample(4, 8), speed)).toBe(TIMEOUTS.firstRunMs);
    speed.learn(config(8), 100);
    speed.learn(config(16), 300);
    const [few, many, more] = [sample(1, 8), sample(100, 8), sample(100, 8, 16)].map((s) => allowance(s, speed) ?? 0);
    expect(few).toBeGreaterThan(TIMEOUTS.leastRunMs + 100);
    expect(many).toBeGreaterThan(100 * 100);
    expect(more).toBeGreaterThan(100 * 400);
    expect(allowance(sample(1, 8, 32), speed)).toBe(TIMEOUTS.firstRunMs);
  });
});

describe('the first deadline', () => {
  const due = (...jobs: Job[]): number | null => nextDue(jobs, TIMEOUTS, new Speed())?.at ?? null;

  test('is that of what is worked on; what waits for it has none', () => {
    expect(due()).toBe(null);
    expect(due(job('compile', 10), job('waiting', 0))).toBe(10 + TIMEOUTS.compileMs);
    expect(due(job('check', 10), job('driver', 5))).toBe(Math.min(10 + TIMEOUTS.firstRunMs, 5 + TIMEOUTS.driverMs));
  });

  test('where all wait for nothing it is near', () => {
    expect(due(job('waiting', 3), job('waiting', 7))).toBe(7 + TIMEOUTS.compileMs);
  });

  test('there is always one while there is a job', () => {
    const stages = fc.constantFrom<Stage>('waiting', 'open', 'reference', 'compile', 'driver', 'check', 'time');
    fc.assert(
      fc.property(fc.array(fc.tuple(stages, fc.nat()), { minLength: 1 }), (list) => {
        const jobs = list.map(([stage, since]) => job(stage, since));
        const next = nextDue(jobs, TIMEOUTS, new Speed());
        expect(next === null ? null : jobs.includes(next.job)).toBe(true);
        expect(next?.at).toBeGreaterThanOrEqual(Math.min(...jobs.map((j) => j.since)));
      }),
    );
  });
});

describe('who is to blame', () => {
  test.each<readonly [readonly Stage[], number | null]>([
    [['driver', 'check'], 1],
    [['compile', 'driver'], 0],
    [['compile', 'time', 'driver'], 1],
    [['waiting', 'driver'], 1],
    [['driver', 'driver'], null],
    [['waiting'], null],
    [[], null],
  ])('of %j', (stages, at) => {
    const jobs = stages.map((stage) => job(stage));
    expect(blamed(jobs)).toBe(at === null ? null : jobs[at]);
  });
});
