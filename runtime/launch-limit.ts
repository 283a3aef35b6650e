/** A limit for the launches of a device: somebody waits for them, and a kernel may never end. */
import type { LacError } from '../compiler/diag/diagnostic.js';
import { type Clock, LONGEST_MS, SYSTEM_CLOCK } from './clock.js';
import { type Device, sequencesOf } from './device.js';
import { runtimeError } from './errors.js';
import type { LaunchPlan } from './launch.js';
import { overdueText } from './overdue.js';

export interface LaunchLimit {
  /** Milliseconds that a launch may take. */
  readonly limitMs: number;
  /**
   * A device goes on computing, whatever anybody does: giving anything back would wait for it. So this is called before
   * whoever waits is told, to end the process.
   */
  readonly onStuck: (error: LacError) => void;
  readonly clock?: Clock;
}

/** A launch may be so many times slower than it was before. */
const SLOWER = 10;

const HELP = [
  'a `while` whose condition stays true? --device interpret at small sizes names the place',
  'where it only is slow: --timeout 10m',
];

/** From here on, launches of the device that take longer end with LAC0714: `launch` and the like, where they are waited for. */
export function limitLaunches(device: Device, { limitMs, onStuck, clock = SYSTEM_CLOCK }: LaunchLimit): void {
  if (device.limitMs !== undefined) {
    device.limitMs = limitMs;
    return;
  }
  const { launch, launchAll, synchronize, time } = device;
  /** Since the device was last known to be well. */
  const running = new Set<LaunchPlan>();
  /** Milliseconds of the slowest sequence with a program, as far as any was timed. */
  const known = new WeakMap<LaunchPlan['variant'], number>();
  /** Waits within `time` are its own. */
  let isTiming = false;

  function within<T>(allowedMs: number, work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const callOff = clock.after(Math.min(allowedMs, LONGEST_MS), () => {
        const error = runtimeError('LAC0714', `${overdueText(running, limitMs)} on ${device.name}`, ...HELP);
        onStuck(error);
        reject(error);
      });
      const ended = (): void => {
        callOff();
        running.clear();
      };
      work().finally(ended).then(resolve, reject);
    });
  }

  /** What one run of a sequence may take. */
  function allowance(sequence: readonly LaunchPlan[]): number {
    const each = sequence.map(({ variant }) => known.get(variant));
    const slowest = each.reduce<number>((most, ms) => Math.max(most, ms ?? Number.POSITIVE_INFINITY), 0);
    return sequence.length * Math.min(limitMs, SLOWER * slowest);
  }

  const limited: Pick<Device, 'launch' | 'launchAll' | 'synchronize' | 'time'> = {
    launch(plan) {
      running.add(plan);
      return launch.call(device, plan);
    },
    launchAll(sequence) {
      for (const plan of sequence.launches) running.add(plan);
      return launchAll.call(device, sequence);
    },
    synchronize() {
      const wait = (): Promise<void> => synchronize.call(device);
      return isTiming ? wait() : within(limitMs * Math.max(1, running.size), wait);
    },
    async time(plans, options = {}) {
      const sequences = sequencesOf(plans);
      for (const plan of sequences.flat()) running.add(plan);
      const runs = (options.warmup ?? 3) + (options.repeat ?? 20);
      const most = sequences.reduce((ms, sequence) => Math.max(ms, allowance(sequence)), 0);
      const allowedMs = (options.warmupMs ?? 0) + Math.max(limitMs, runs * most);
      isTiming = true;
      const timing = await within(allowedMs, () => time.call(device, plans, options)).finally(() => {
        isTiming = false;
      });
      const slowest = Math.max(...timing.samples);
      for (const { variant } of sequences.flat()) known.set(variant, Math.max(slowest, known.get(variant) ?? 0));
      return timing;
    },
  };
  Object.assign(device, limited);
}
