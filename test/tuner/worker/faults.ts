/** Devices on which something goes wrong: loaded by the children of the tests, as JavaScript. */
import { runtimeError } from '../../../runtime/errors.js';
import type { Device, LaunchPlan, LaunchSequence } from '../../../runtime/index.js';
import type { OpenDevice } from '../../../tuner/worker/serve.js';

/**
 * `hang` never answers, `block` keeps the thread, `slow` for a moment. `wrong` writes other values, `late` does so once it was timed, `large` at
 * sizes with M = 40 alone, `large unwritten` and `large outside` too; `outside` writes beside the output. `crashes when timed` with others.
 */
export type Fault =
  | 'hang'
  | 'slow'
  | 'block'
  | 'segfault'
  | 'exit'
  | 'wrong'
  | 'late'
  | 'large'
  | 'large unwritten'
  | 'large outside'
  | 'outside'
  | 'unwritten'
  | 'memory'
  | 'lost'
  | 'driver hangs'
  | 'driver crashes'
  | 'timing crashes'
  | 'timing hangs';

/** By the value of the knob C. */
export type Faults = Readonly<Record<number, Fault>>;

export function faulty(open: OpenDevice, faults: Faults): OpenDevice {
  return async (which) => inject(await open(which), (plan) => faults[plan.variant.config.C ?? 0]);
}

/** The size M of a problem that is too large for its reference. */
const LARGE = 40;
/** Longer than launches that are quick. */
const SLOW_MS = 25;
const block = (): never => {
  for (;;) Math.random();
};
const crash = (): Promise<never> => {
  process.kill(process.pid, 'SIGSEGV');
  return new Promise(() => {});
};

function inject(device: Device, faultOf: (plan: Pick<LaunchPlan, 'variant'>) => Fault | undefined): Device {
  const timed = new Set<Fault>();
  const { launchAll, prepare, time } = device;
  const changed: Pick<Device, 'launchAll' | 'prepare' | 'time'> = {
    async prepare(variant) {
      const fault = faultOf({ variant });
      if (fault === 'driver hangs') await new Promise(() => {});
      if (fault === 'driver crashes') await crash();
      return prepare.call(device, variant);
    },
    async launchAll(sequence) {
      const [plan] = sequence.launches;
      const fault = plan && faultOf(plan);
      if (fault !== undefined) await before(fault);
      const isUnwritten = fault === 'unwritten' || (fault === 'large unwritten' && plan?.dims.M === LARGE);
      if (!isUnwritten) await launchAll.call(device, sequence);
      if (fault !== undefined) after(fault, sequence, timed);
    },
    async time(plans, options) {
      const found = [plans].flat(2).map((plan) => faultOf(plan as LaunchPlan));
      for (const fault of found) if (fault !== undefined) timed.add(fault);
      if (found.includes('timing crashes')) await crash();
      if (found.includes('timing hangs')) await new Promise(() => {});
      const timing = await time.call(device, plans, options);
      const launches = [plans].flat(2) as LaunchPlan[];
      if (found.includes('late')) after('late', { launches: launches.filter((p) => faultOf(p) === 'late') }, timed);
      return timing;
    },
  };
  return Object.assign(device, changed);
}

async function before(fault: Fault): Promise<void> {
  if (fault === 'hang') await new Promise(() => {});
  if (fault === 'block') block();
  if (fault === 'slow') for (const end = performance.now() + SLOW_MS; performance.now() < end; );
  if (fault === 'segfault') await crash();
  if (fault === 'exit') process.exit(3);
  if (fault === 'memory') throw runtimeError('LAC0706', 'no memory is left');
  if (fault === 'lost') throw runtimeError('LAC0705', 'the device went away');
}

function after(fault: Fault, { launches }: Pick<LaunchSequence, 'launches'>, timed: ReadonlySet<Fault>): void {
  for (const { tensors, dims } of launches) {
    const y = tensors.y;
    if (!y) continue;
    if (fault === 'wrong' || (fault === 'large' && dims.M === LARGE) || (fault === 'late' && timed.has(fault)))
      y.fill(3);
    if (fault === 'outside' || (fault === 'large outside' && dims.M === LARGE))
      y.storage.writeRaw(0, new Float32Array([7]));
  }
}
