import { describe, expect, test } from 'vitest';
import { sequencesOf, type TimedPlans, type TimeOptions, type Timing } from '../../runtime/device.js';
import type { LaunchPlan } from '../../runtime/launch.js';
import { holdClocks } from '../../runtime/steady-clocks.js';
import { behindByFar, type Contender, measure, setsWanted } from '../../tuner/measure.js';
import { median } from '../../tuner/statistics.js';

/** A launch that says how long it takes, and which it is. */
interface FakeLaunch {
  readonly name: string;
  readonly set: number;
  readonly programs: number;
  readonly ms: number;
}

const launch = (name: string, ms: number, set = 0, programs = 1): LaunchPlan =>
  ({ kernel: name, name, set, programs, ms }) as unknown as LaunchPlan;

const contender = (name: string, ms: number, sets = 1): Contender => ({
  sets: Array.from({ length: sets }, (_, set) => [launch(name, ms, set)]),
});

/** Time passes by launching alone. `slowdown` of a launch at a time: clocks that rise, noise. */
class FakeDevice {
  readonly backend = 'webgpu';
  readonly name = 'nvidia fake';
  now = 0;
  readonly calls: FakeLaunch[][] = [];
  readonly #kind: 'gpu' | 'software';
  readonly #slowdown: (now: number) => number;
  readonly #how: (call: number) => Timing['how'];

  constructor(kind: 'gpu' | 'software', slowdown = (_: number) => 1, how = (_: number): Timing['how'] => 'timestamp') {
    this.#kind = kind;
    this.#slowdown = slowdown;
    this.#how = how;
  }

  get info() {
    return {
      kind: this.#kind,
      vendor: '',
      architecture: '',
      driver: '',
      subgroup: [32, 32] as const,
      cacheBytes: 1000,
    };
  }

  async time(plans: TimedPlans, { repeat = 20 }: TimeOptions = {}): Promise<Timing> {
    const sequences = sequencesOf(plans) as unknown as readonly (readonly FakeLaunch[])[];
    const samples: number[] = [];
    const call: FakeLaunch[] = [];
    for (let i = 0; i < repeat; i++) {
      const sequence = sequences[i % sequences.length] ?? [];
      call.push(...sequence);
      const ms = sequence.reduce((sum, l) => sum + l.ms, 0) * this.#slowdown(this.now);
      this.now += ms;
      samples.push(ms);
    }
    this.calls.push(call);
    return { medianMs: median(samples), p10: 0, p90: 0, samples, how: this.#how(this.calls.length - 1) };
  }

  measure(contenders: readonly Contender[], options: Partial<Parameters<typeof measure>[2]> = {}) {
    return measure(this, contenders, { count: 10, now: () => this.now, ...options });
  }

  /** Names in the last call. */
  get last(): string {
    return (this.calls.at(-1) ?? []).map((l) => l.name).join('');
  }
}

/** With clocks that do not sink. */
const holding = (device: FakeDevice): Promise<unknown> =>
  holdClocks(device, async () => ({ gpus: [{ name: 'NVIDIA fake' }], open: async () => () => {} }));

describe('measuring', () => {
  test('contenders take turns, and each round begins with another one', async () => {
    const device = new FakeDevice('gpu');
    const [a, b, c] = await device.measure([contender('a', 1), contender('b', 2), contender('c', 3)], { count: 4 });
    expect(device.last).toBe('abcbcacababc');
    expect([a, b, c]).toEqual([1, 2, 3].map((ms) => ({ ms: [ms, ms, ms, ms], how: 'timestamp' })));
  });

  test('the warm-up lasts until launches get no faster', async () => {
    const rising = (now: number): number => (now < 30 ? 3 : now < 150 ? 2 - (now - 30) / 120 : 1);
    const device = new FakeDevice('gpu', rising);
    await holding(device);
    const [samples] = await device.measure([contender('a', 0.5)]);
    expect(samples).toEqual({ ms: Array(10).fill(0.5), how: 'timestamp' });
    expect(device.now).toBeLessThan(350);
  });

  test('clocks that rise in steps are waited for after a rest, and only then', async () => {
    let rested = 0;
    // As an H100's do.
    const steps = (ms: number): number => (ms < 180 ? 5 : ms < 370 ? 2.8 : 1);
    const device = new FakeDevice('gpu', (now) => steps(now - rested));
    const [samples] = await device.measure([contender('a', 0.5)]);
    expect(samples).toEqual({ ms: Array(10).fill(0.5), how: 'timestamp' });
    const first = device.now;
    device.now += 10;
    await device.measure([contender('b', 0.5)]);
    expect(device.now - first).toBeLessThan(100);
    device.now += 1000;
    rested = device.now;
    const [again] = await device.measure([contender('c', 0.5)]);
    expect(again).toEqual(samples);
  });

  test('a clock that does not settle ends the warm-up all the same', async () => {
    let faster = 1;
    const device = new FakeDevice('gpu', () => (faster *= 0.9999));
    await device.measure([contender('a', 0.5)], { warmUpMs: 100 });
    expect(device.now).toBeLessThan(110);
    expect(device.now).toBeGreaterThan(60);
  });

  test('slow launches get few samples and no warm-up on a software driver', async () => {
    const device = new FakeDevice('software', undefined, () => 'host');
    const [slow, quick] = await device.measure([contender('s', 1000), contender('q', 20)], { count: 15 });
    expect(slow).toEqual({ ms: [1000, 1000, 1000], how: 'host' });
    expect(quick).toEqual({ ms: Array(15).fill(20), how: 'host' });
    expect(device.calls.map((c) => c.length)).toEqual([1, 1, 18]);
    // Spread over the rounds, so that a drift of the clock meets both alike.
    expect([...device.last].flatMap((name, i) => (name === 's' ? [i] : []))).toEqual([4, 11, 16]);
  });

  test('a launch that took many times as long as the best is not timed at all', () => {
    const device = new FakeDevice('software');
    expect(behindByFar(device, { launchMs: 170 }, { bestMs: 40 })).toEqual({ ms: [170], how: 'host' });
    expect(behindByFar(device, { launchMs: 150 }, { bestMs: 40 })).toBeNull();
    expect(behindByFar(device, { launchMs: 15 }, { bestMs: 1 })).toBeNull();
    expect(behindByFar(device, { launchMs: 170 }, {})).toBeNull();
    expect(behindByFar(new FakeDevice('gpu'), { launchMs: 170 }, { bestMs: 40 })).toBeNull();
  });

  test.each([
    [100, 1],
    [70, 2],
    [50, 3],
    [39, 7],
    [15, 7],
  ])('of a launch of %d ms beside a best of 40 ms %d samples are taken', async (ms, count) => {
    const device = new FakeDevice('software');
    const [samples] = await device.measure([{ ...contender('a', ms), launchMs: ms }], { count: 7, bestMs: 40 });
    expect(samples).toEqual({ ms: Array(count).fill(ms), how: 'timestamp' });
    // A launch that took long before is not begun to find out how long it takes.
    expect(device.now).toBe(ms * (ms < 20 ? 8 : count));
  });

  test('one sample that took long does not end it where the launch before did not', async () => {
    const device = new FakeDevice('software', (now) => (now === 0 ? 3 : 1));
    const [samples] = await device.measure([{ ...contender('a', 45), launchMs: 45 }], { count: 3, bestMs: 40 });
    expect(samples).toEqual({ ms: [135, 45, 45], how: 'timestamp' });
  });

  test('slow launches beside a best meet all sets too, and quick ones have all their samples', async () => {
    const device = new FakeDevice('gpu');
    const options = { count: 4, bestMs: 25, warmUpMs: 0 };
    const [slow, quick] = await device.measure([contender('s', 30, 3), contender('q', 1)], options);
    expect([slow, quick]).toMatchObject([{ ms: [30, 30, 30] }, { ms: [1, 1, 1, 1] }]);
    const sets = device.calls.slice(2).flatMap((call) => call.flatMap((l) => (l.name === 's' ? [l.set] : [])));
    expect(new Set(sets)).toEqual(new Set([0, 1, 2]));
  });

  test('a launch over the limit is said: measured once, or not begun where one took as long before', async () => {
    const device = new FakeDevice('gpu');
    const results = await device.measure(
      [contender('a', 50), { ...contender('b', 50), launchMs: 500 }, contender('c', 1)],
      { limitMs: 40 },
    );
    expect(results.slice(0, 2)).toEqual([
      { tooSlow: { ms: 50, limitMs: 40, launched: true } },
      { tooSlow: { ms: 500, limitMs: 40, launched: false } },
    ]);
    expect(results[2]).toMatchObject({ ms: Array(10).fill(1) });
    const names = device.calls.flat().map((l) => l.name);
    expect(names.filter((n) => n !== 'c')).toEqual(['a']);
  });

  test('launches in turn on all sets: none is met again before the others were', async () => {
    const device = new FakeDevice('gpu');
    await device.measure([contender('a', 1, 3), contender('b', 1, 3)], { count: 6 });
    const sets = (device.calls.at(-1) ?? []).map((l) => l.set);
    expect(sets).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });

  test('samples of the host never mix with those of the device', async () => {
    const device = new FakeDevice('gpu', undefined, (call) => (call === 2 ? 'host' : 'timestamp'));
    const many = { count: 1500, warmUpMs: 0, samplesMs: 1e9 };
    const [a] = await device.measure([contender('a', 1)], many);
    expect(device.calls.map((c) => c.length)).toEqual([1, 1024, 476]);
    expect(a).toEqual({ ms: Array(1024).fill(1), how: 'timestamp' });
  });

  test('what only the host saw has its samples too', async () => {
    const device = new FakeDevice('software', undefined, (call) => (call === 0 ? 'host' : 'timestamp'));
    const both = [50, 90].map((ms) => ({ ...contender(`${ms}`, ms), launchMs: ms }));
    const [near, far] = await device.measure(both, { count: 3, bestMs: 40 });
    expect([near, far]).toEqual([
      { ms: [50, 50], how: 'timestamp' },
      { ms: [90], how: 'host' },
    ]);
  });

  test('what launches nothing takes no time', async () => {
    const device = new FakeDevice('gpu');
    const nothing: Contender = { sets: [[launch('n', 0, 0, 0)]] };
    expect(await device.measure([nothing, contender('a', 1)], { count: 3 })).toEqual([
      { ms: [0], how: 'host' },
      { ms: [1, 1, 1], how: 'timestamp' },
    ]);
    expect(await device.measure([])).toEqual([]);
  });
});

describe('sets of tensors', () => {
  const gpu = new FakeDevice('gpu');
  test.each([
    [gpu, 100, 'cold', 40],
    [gpu, 1, 'cold', 64],
    [gpu, 10_000, 'cold', 1],
    [gpu, 0, 'cold', 1],
    [gpu, 100, 'warm', 1],
    [new FakeDevice('software'), 100, 'cold', 1],
  ] as const)('are so many that no cache holds them: case %#', (device, bytes, caches, sets) => {
    expect(setsWanted(device, bytes, caches)).toBe(sets);
  });
});
