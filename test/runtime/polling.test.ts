import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { patiently } from '../../runtime/webgpu/polling.js';

const MS_OF_A_TURN = 0.05;
let turns: (() => void)[] = [];

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] });
  vi.stubGlobal('setImmediate', (call: (...args: unknown[]) => void, ...args: unknown[]) => {
    turns.push(() => call(...args));
  });
});

afterEach(() => {
  turns = [];
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

/** What Dawn's addon does: asks from an immediate, looked up each time, for as long as something is pending. */
function pending(): { polls: number[]; begin: () => void; finish: () => void } {
  const polls: number[] = [];
  let done = false;
  const ask = (): void => {
    polls.push(performance.now());
    if (!done) setImmediate(ask);
  };
  const finish = (): void => {
    done = true;
  };
  return { polls, begin: () => void setImmediate(ask), finish };
}

function pass(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until) {
    turns.shift()?.();
    vi.advanceTimersByTime(MS_OF_A_TURN);
  }
}

it('a long wait polls seldom, a short one at each turn', () => {
  const [work, began] = [pending(), performance.now()];
  patiently(work.begin);
  pass(200);
  const early = work.polls.filter((at) => at - began < 0.9);
  expect(early.length).toBeGreaterThan(15);
  expect(work.polls.length - early.length).toBeGreaterThan(30);
  expect(work.polls.length - early.length).toBeLessThan(90);
  work.finish();
  pass(20);
  const after = work.polls.length;
  pass(100);
  expect(work.polls.length).toBe(after);
});

it('what is started in a pause ends it', () => {
  const work = pending();
  patiently(work.begin);
  pass(200);
  const before = work.polls.length;
  patiently(() => {});
  pass(0.9);
  expect(work.polls.length - before).toBeGreaterThan(10);
});

it('others find the immediates that were there', () => {
  const [theirs, work] = [setImmediate, pending()];
  expect(patiently(() => setImmediate)).not.toBe(theirs);
  patiently(work.begin);
  pass(10);
  expect(setImmediate).toBe(theirs);
  const failing = (): never => {
    throw new Error('lost');
  };
  expect(() => patiently(failing)).toThrow('lost');
  expect(setImmediate).toBe(theirs);
  vi.stubGlobal('setImmediate', undefined);
  expect(patiently(() => globalThis.setImmediate)).toBe(undefined);
});
