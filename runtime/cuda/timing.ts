import type { TimeOptions, Timing } from '../device.js';
import type { LaunchPlan } from '../launch.js';
import { summarize } from '../timing.js';
import type { NativeContext } from './native.js';

/** What timing needs of a device. */
export interface Timed {
  readonly native: NativeContext;
  /** Queues a launch whose program is loaded. */
  submit(plan: LaunchPlan): void;
  synchronize(): Promise<void>;
}

type Sequence = readonly LaunchPlan[];

const MAX_SAMPLES = 4096;
/** The driver queues about 1024 launches, and a submission beyond that waits; at a shut gate it would wait for nothing. */
const GATE_LAUNCHES = 256;
/** Launches between two waits while the clocks rise: the device must not fall idle, or they sink again. */
const WARM_BATCH = 16;

/** Times sequences of launches in turn by events of the device: one sample is one sequence. */
export async function timePlans(device: Timed, plans: readonly Sequence[], options: TimeOptions): Promise<Timing> {
  const sequences = plans.map((s) => s.filter((plan) => plan.programs > 0)).filter((s) => s.length > 0);
  if (sequences.length === 0) return summarize([0], 'host');
  await warmUp(device, sequences, options);
  const repeat = Math.max(1, Math.min(options.repeat ?? 20, MAX_SAMPLES));
  return summarize(await eventTimes(device, sequences, repeat), 'timestamp');
}

const inTurn = (sequences: readonly Sequence[], i: number): Sequence => sequences[i % sequences.length] ?? [];

async function warmUp(device: Timed, sequences: readonly Sequence[], options: TimeOptions): Promise<void> {
  const submit = (i: number): void => {
    for (const plan of inTurn(sequences, i)) device.submit(plan);
  };
  for (let i = 0; i < (options.warmup ?? 3); i++) submit(i);
  await device.synchronize();
  const begin = performance.now();
  while (performance.now() - begin < (options.warmupMs ?? 0)) {
    for (let i = 0; i < WARM_BATCH; i++) submit(i);
    await device.synchronize();
  }
}

/**
 * Milliseconds of each sample. Samples are queued behind a gate: otherwise a kernel that is shorter than its submission
 * would be timed with the host's pause between the first event and the launch.
 */
async function eventTimes(device: Timed, sequences: readonly Sequence[], repeat: number): Promise<number[]> {
  const { native } = device;
  const events = native.events(2 * repeat);
  const longest = Math.max(...sequences.map((s) => s.length));
  const batch = Math.max(1, Math.floor(GATE_LAUNCHES / (longest + 2)));
  for (let first = 0; first < repeat; first += batch) {
    native.hold();
    try {
      for (let i = first; i < Math.min(first + batch, repeat); i++) {
        events.record(2 * i);
        for (const plan of inTurn(sequences, i)) device.submit(plan);
        events.record(2 * i + 1);
      }
    } finally {
      native.letGo();
    }
    await device.synchronize();
  }
  return Array.from({ length: repeat }, (_, i) => events.elapsedMs(2 * i, 2 * i + 1));
}
