import type { Device, Timing } from '../runtime/device.js';
import type { LaunchPlan } from '../runtime/launch.js';
import { holdsClocks } from '../runtime/steady-clocks.js';
import { isBehind, roundsFor, SAMPLES_MS, SLOW_MS } from './rounds.js';
import { median } from './statistics.js';
import type { Samples } from './types.js';

/** One configuration, bound. */
export interface Contender {
  /**
   * The launches of one sample, in order; several such sequences do the same work on tensors of their own, and are launched
   * in turn so that each finds cold caches (`setsWanted`). With one, caches are as warm as the launch before left them.
   */
  readonly sets: readonly (readonly LaunchPlan[])[];
  /** What a launch took before, milliseconds, seen from the host. */
  readonly launchMs?: number;
}

/** A launch that takes too long to be measured. `launched`: it was, once; else it took so long before. */
export interface TooSlow {
  readonly tooSlow: { readonly ms: number; readonly limitMs: number; readonly launched: boolean };
}

export interface MeasureOptions {
  /** Samples of each. Fewer are taken where launches are slow. */
  readonly count: number;
  /** A launch that takes longer is not repeated; one that took longer before is not begun. Default 10,000. */
  readonly limitMs?: number;
  /** What the warm-up takes at most, milliseconds. Default 600 on a GPU whose clocks have to rise, 400 on others, 0 elsewhere. */
  readonly warmUpMs?: number;
  /** What all samples of one configuration take at most, milliseconds, beyond the first three. Default 300. */
  readonly samplesMs?: number;
  /** What the best so far takes at most, milliseconds: a slow launch is timed no further when it is behind. */
  readonly bestMs?: number;
  /** Milliseconds of a clock. */
  readonly now?: () => number;
}

/**
 * The sample of a launch that took so long before that another would tell nothing: many times as long as the best. Null: it is
 * worth timing. On a GPU the host sees more than the launch.
 */
export const behindByFar = (
  { info }: Pick<Device, 'info'>,
  { launchMs = 0 }: Pick<Contender, 'launchMs'>,
  { bestMs }: Pick<MeasureOptions, 'bestMs'>,
): Samples | null =>
  info.kind !== 'gpu' && bestMs !== undefined && launchMs >= SLOW_MS && isBehind([], launchMs, bestMs)
    ? { ms: [launchMs], how: 'host' }
    : null;

type MeasuringDevice = Pick<Device, 'info' | 'time'>;

/** Bytes that a GPU's last cache is taken to hold where nobody tells. */
const CACHE_BYTES = 64 * 2 ** 20;
/** Sets together are so many times as large as the cache. */
const BEYOND = 4;
/** Sets at most: of tensors that small, caches hold all that a program touches in practice too. */
const MOST_SETS = 64;

/** Sets of tensors that are together several times as large as the last cache, for cold caches; 1 for warm ones. */
export function setsWanted({ info }: Pick<Device, 'info'>, bytesOfSet: number, caches: 'cold' | 'warm'): number {
  if (caches === 'warm' || info.kind !== 'gpu' || bytesOfSet === 0) return 1;
  const beyond = Math.ceil((BEYOND * (info.cacheBytes ?? CACHE_BYTES)) / bytesOfSet);
  return Math.min(MOST_SETS, beyond);
}

/** Times contenders in turn, in an order that is rotated from round to round. Results in the order of `contenders`. */
export async function measure(
  device: MeasuringDevice,
  contenders: readonly Contender[],
  options: MeasureOptions,
): Promise<readonly (Samples | TooSlow)[]> {
  const first: (number | TooSlow)[] = [];
  for (const contender of contenders) first.push(await firstLaunch(device, contender, options.limitMs ?? 10_000));
  const lanes = contenders.flatMap(({ sets }, of): Lane[] => {
    const ms = first[of];
    const launched = sets.filter((set) => set.some((plan) => plan.programs > 0));
    return typeof ms === 'number' && launched.length > 0 ? [{ of, sets: launched, ms }] : [];
  });
  await warmUp(device, lanes, options);
  const { now = () => performance.now() } = options;
  const counts = lanes.map(({ ms }) => roundsFor(ms, options.count, options.samplesMs ?? SAMPLES_MS));
  const { bestMs } = options;
  const taken = await (bestMs === undefined
    ? inTurn(device, lanes, counts)
    : untilBehind(device, lanes, counts, bestMs));
  lastWork.set(device, now());
  return first.map((f, i) => (typeof f === 'number' ? (taken.get(i) ?? NOTHING) : f));
}

/** Of what launches nothing. */
const NOTHING: Samples = { ms: [0], how: 'host' };

/** A contender that is measured: its place among all, and what a launch takes. */
interface Lane extends Pick<Contender, 'sets'> {
  readonly of: number;
  readonly ms: number;
}

/**
 * Pays what only a first launch pays, and says what to expect of the others. On a CPU a slow program that was launched before
 * is not launched for that: its clock does not rise, and what it took is known.
 */
async function firstLaunch(
  device: MeasuringDevice,
  { sets, launchMs = 0 }: Contender,
  limitMs: number,
): Promise<number | TooSlow> {
  if (launchMs > limitMs) return { tooSlow: { ms: launchMs, limitMs, launched: false } };
  if (launchMs >= SLOW_MS && device.info.kind !== 'gpu') return launchMs;
  const { medianMs: ms } = await device.time(sets.slice(0, 1), ONCE);
  return ms > limitMs ? { tooSlow: { ms, limitMs, launched: true } } : ms;
}

const ONCE = { warmup: 0, warmupMs: 0, repeat: 1 };

/** Milliseconds of launches between two looks at the clocks. */
const BATCH_MS = 20;
/** Looks before anything counts as steady: clocks rest before the first launches. */
const LEAST_BATCHES = 3;
/** Where a look is faster than those before by a larger share, the clocks still rise. */
const STEADY = 0.01;

/** A GPU that had nothing to do for so long lowers its clocks. */
const IDLE_MS = 50;
/** Its clocks then rise in steps, which look steady, for so long at most: milliseconds (370 on an H100, see `holdClocks`). */
const RISING_MS = 450;
/** Default limits of the warm-up, milliseconds. */
const WARM_UP_MS = 400;
const RISING_WARM_UP_MS = 600;
/** When each device last had work from here. */
const lastWork = new WeakMap<MeasuringDevice, number>();

/** It has launched something elsewhere. */
export const worked = (device: MeasuringDevice): unknown => lastWork.set(device, performance.now());

/** Launches all of them in turn until they get no faster and clocks had the time to rise, but no longer than `warmUpMs`. */
async function warmUp(device: MeasuringDevice, lanes: readonly Lane[], options: MeasureOptions): Promise<void> {
  const { now = () => performance.now() } = options;
  const roundMs = lanes.reduce((sum, lane) => sum + lane.ms, 0);
  const rounds = Math.max(1, Math.min(Math.floor(BATCH_MS / roundMs), Math.floor(MOST_TURNS / lanes.length)));
  const begin = now();
  const rested = begin - (lastWork.get(device) ?? Number.NEGATIVE_INFINITY) > IDLE_MS && !holdsClocks(device);
  const isGpu = device.info.kind === 'gpu';
  const { warmUpMs = isGpu ? (rested ? RISING_WARM_UP_MS : WARM_UP_MS) : 0 } = options;
  const risen = begin + (rested && isGpu ? RISING_MS : 0);
  const looks: number[] = [];
  while (lanes.length > 0 && now() + rounds * roundMs <= begin + warmUpMs && !(now() >= risen && isSteady(looks))) {
    const taken = await inTurn(
      device,
      lanes,
      lanes.map(() => rounds),
    );
    looks.push([...taken.values()].reduce((sum, { ms }) => sum + median(ms), 0));
  }
}

function isSteady(looks: readonly number[]): boolean {
  const [last = 0, ...before] = looks.slice(-LEAST_BATCHES).reverse();
  return looks.length >= LEAST_BATCHES && last >= (1 - STEADY) * Math.min(...before);
}

/** Samples of one call of `time`: devices keep two queries for each. */
const MOST_TURNS = 1024;

/** One sample of a lane. */
interface Turn {
  readonly of: number;
  readonly launches: readonly LaunchPlan[];
}

/** What one turn took. */
interface Sample {
  readonly of: number;
  readonly ms: number;
  readonly how: Timing['how'];
}

/** Samples of each lane, by its place among all contenders. */
const inTurn = async (
  device: MeasuringDevice,
  lanes: readonly Lane[],
  counts: readonly number[],
): Promise<Map<number, Samples>> => byLane(await samplesOf(device, lanes, counts));

/** Slow lanes get one sample after the other, until they have all of them or are behind. */
async function untilBehind(
  device: MeasuringDevice,
  lanes: readonly Lane[],
  counts: readonly number[],
  bestMs: number,
): Promise<Map<number, Samples>> {
  const wanted = new Map(lanes.map((lane, i) => [lane, counts[i] ?? 0]));
  const quick = lanes.filter(({ ms }) => ms < SLOW_MS);
  const samples = await samplesOf(
    device,
    quick,
    quick.map((lane) => wanted.get(lane) ?? 0),
  );
  let slow = lanes.filter(({ ms }) => ms >= SLOW_MS);
  for (let round = 1; slow.length > 0; round++) {
    const ones = slow.map(() => 1);
    samples.push(...(await samplesOf(device, slow, ones, samples.length)));
    slow = slow.filter((lane) => {
      const taken = samples.filter((s) => s.of === lane.of).map((s) => s.ms);
      return round < (wanted.get(lane) ?? 0) && !isBehind(taken, lane.ms, bestMs);
    });
  }
  return byLane(samples);
}

/** `from`: turns before these. */
async function samplesOf(
  device: MeasuringDevice,
  lanes: readonly Lane[],
  counts: readonly number[],
  from = 0,
): Promise<Sample[]> {
  const turns = turnsOf(lanes, counts, from);
  const samples: Sample[] = [];
  for (let begin = 0; begin < turns.length; begin += MOST_TURNS) {
    const part = turns.slice(begin, begin + MOST_TURNS);
    const plans = part.map((turn) => turn.launches);
    const timing = await device.time(plans, { warmup: 0, warmupMs: 0, repeat: part.length });
    for (const [k, { of }] of part.entries()) samples.push({ of, ms: timing.samples[k] ?? 0, how: timing.how });
  }
  return samples;
}

function byLane(samples: readonly Sample[]): Map<number, Samples> {
  const taken = new Map<number, Samples>();
  for (const { of } of samples) {
    if (taken.has(of)) continue;
    const own = samples.filter((s) => s.of === of);
    // Where the device's own clock once stood still, what the host saw then is no match for the other samples.
    const how = own.some((s) => s.how === 'timestamp') ? 'timestamp' : 'host';
    taken.set(of, { ms: own.filter((s) => s.how === how).map((s) => s.ms), how });
  }
  return taken;
}

/** Rounds in which each lane has a turn, as evenly spread as its count allows; each round begins with another lane. */
function turnsOf(lanes: readonly Lane[], counts: readonly number[], from: number): readonly Turn[] {
  const turns: Turn[] = [];
  const rounds = Math.max(0, ...counts);
  for (let round = 0; round < rounds; round++)
    for (let k = 0; k < lanes.length; k++) {
      const place = (round + k) % lanes.length;
      const [lane, count] = [lanes[place], counts[place] ?? 0];
      const isDue = Math.floor(((round + 1) * count) / rounds) > Math.floor((round * count) / rounds);
      if (lane !== undefined && isDue)
        turns.push({ of: lane.of, launches: lane.sets[(from + turns.length) % lane.sets.length] ?? [] });
    }
  return turns;
}
