import { expect, test } from 'vitest';
import { Turns } from '../../../tuner/worker/turns.js';

test('one at a time, the urgent first, also after one has failed', async () => {
  const turns = new Turns();
  const log: string[] = [];
  let under = 0;
  const work = (name: string) => async (): Promise<string> => {
    expect(++under).toBe(1);
    log.push(name);
    await new Promise((resolve) => setImmediate(resolve));
    under--;
    if (name === 'b') throw new Error(name);
    return name;
  };
  const all = [
    turns.take(work('a')),
    turns.take(work('b')),
    turns.take(work('c')),
    turns.take(work('urgent'), { urgent: true }),
  ];
  const late = (all[3] as Promise<string>).then(() => turns.take(work('d')));
  const ends = await Promise.allSettled([...all, late]);
  expect(log).toEqual(['a', 'urgent', 'b', 'c', 'd']);
  expect(ends.map((e) => e.status === 'fulfilled')).toEqual([true, false, true, true, true]);
});
