/** How long a worker may be at something, and whose fault it is when it ends badly. */

import type { Config } from '../../driver/configurations.js';
import type { Device } from '../../runtime/device.js';
import { configKey } from '../search/knobs.js';
import type { Request, Stage } from './protocol.js';

/** Milliseconds. What takes longer hangs. */
export interface Timeouts {
  readonly openMs: number;
  readonly referenceMs: number;
  readonly compileMs: number;
  readonly driverMs: number;
  /** A configuration's first runs, as long as no other one has run. */
  readonly firstRunMs: number;
  /** The least that runs are given later on. */
  readonly leastRunMs: number;
  /** How many times slower than the fastest a launch may be. */
  readonly slower: number;
  /** From `leave` to SIGKILL: about what a process that takes its place needs to start. */
  readonly leaveMs: number;
  /** From `end` to SIGKILL. */
  readonly endMs: number;
}

export const TIMEOUTS: Timeouts = {
  openMs: 60_000,
  referenceMs: 300_000,
  compileMs: 60_000,
  driverMs: 120_000,
  firstRunMs: 120_000,
  leastRunMs: 20_000,
  slower: 200,
  leaveMs: 1000,
  endMs: 500,
};

/** On a GPU even the largest tensors are filled, written and looked at within seconds. */
const GPU_TIMEOUTS: Partial<Timeouts> = { driverMs: 60_000, firstRunMs: 20_000, leastRunMs: 6_000 };

/** `kind`: of the device, where it is known. */
export const timeoutsOf = (given: Partial<Timeouts> = {}, kind?: Device['info']['kind']): Timeouts => ({
  ...TIMEOUTS,
  ...(kind === 'gpu' && GPU_TIMEOUTS),
  ...given,
});

const DOING: Readonly<Record<Stage, string>> = {
  waiting: 'the process does not answer',
  open: 'opening the device',
  reference: 'computing the reference',
  compile: 'compiling',
  driver: "the driver's compilation",
  check: 'the launches that check its outputs',
  time: 'the launches that time it',
};

/** Why a configuration hangs that was at a stage for too long. */
export const hangText = (stage: Stage): string =>
  stage === 'waiting' ? DOING.waiting : `${DOING[stage]} did not end, and the process was killed`;

/** A request that a worker has. */
export interface Job {
  readonly request: Request;
  stage: Stage;
  /** When it came to that stage. */
  since: number;
}

/** How long launches of configurations took when they were checked. */
export class Speed {
  fastestMs: number | null = null;
  readonly #launchMs = new Map<string, number>();

  learn(config: Config, launchMs: number): void {
    this.#launchMs.set(configKey(config), launchMs);
    this.fastestMs = Math.min(launchMs, this.fastestMs ?? launchMs);
  }

  /** A launch of each; null where one is not known. */
  roundMs(configs: readonly Config[]): number | null {
    const each = configs.map((config) => this.#launchMs.get(configKey(config)));
    return each.reduce<number | null>((sum, ms) => (sum === null || ms === undefined ? null : sum + ms), 0);
  }
}

/** What a job may take for its stage; null: it waits for others. */
export function allowanceMs({ request, stage }: Job, timeouts: Timeouts, speed: Speed): number | null {
  switch (stage) {
    case 'waiting':
      return null;
    case 'open':
    case 'reference':
    case 'compile':
    case 'driver':
      return timeouts[`${stage}Ms`];
    case 'check':
      return runMs(timeouts, speed.fastestMs);
    case 'time': {
      const round = request.kind === 'sample' ? speed.roundMs(request.configs) : null;
      const count = request.kind === 'sample' ? request.count : 1;
      return round === null ? timeouts.firstRunMs : timeouts.leastRunMs + SLACK * round * (count + WARM_UP);
    }
  }
}

const runMs = ({ firstRunMs, leastRunMs, slower }: Timeouts, fastestMs: number | null): number =>
  fastestMs === null ? firstRunMs : Math.max(leastRunMs, slower * fastestMs);

/** A launch is slower on a busy machine. */
const SLACK = 10;
/** Rounds before the first sample. */
const WARM_UP = 3;

/** When the first of the jobs is overdue, and which that is; null where there are none. */
export function nextDue<J extends Job>(
  jobs: Iterable<J>,
  timeouts: Timeouts,
  speed: Speed,
): { readonly at: number; readonly job: J } | null {
  let next: { at: number; job: J } | null = null;
  let last: J | null = null;
  for (const job of jobs) {
    if (last === null || job.since > last.since) last = job;
    const allowance = allowanceMs(job, timeouts, speed);
    if (allowance === null) continue;
    const at = job.since + allowance;
    if (next === null || at < next.at) next = { at, job };
  }
  if (next !== null || last === null) return next;
  // All wait, and none is worked on: that lasts no longer than a compilation which nobody has announced.
  return { at: last.since + timeouts.compileMs, job: last };
}

/** The stages of which a process has one at a time, those first in which it more likely ends. */
const ONE_AT_A_TIME: readonly Stage[] = ['time', 'check', 'compile', 'reference', 'open'];

/**
 * Whose fault the end of a process is: what ran on the device, else what was compiled by us, else what the driver compiled if
 * that was one thing only. Null: anyone's.
 */
export function blamed<J extends Job>(jobs: readonly J[]): J | null {
  for (const stage of ONE_AT_A_TIME) {
    const found = jobs.find((job) => job.stage === stage);
    if (found !== undefined) return found;
  }
  const [one, another] = jobs.filter((job) => job.stage === 'driver');
  return another === undefined ? (one ?? null) : null;
}
