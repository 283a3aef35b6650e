import type { Machine } from './machine.js';
import { occupancy } from './occupancy.js';
import type { Work } from './work.js';

/** A launch, as the model sees it. */
export interface Launch {
  /** Of the mean program. */
  readonly work: Work;
  /** Instructions of the longest program over those of the mean one. */
  readonly longest: number;
  readonly programs: number;
  readonly threads: number;
  readonly sharedBytes: number;
  /** Of a thread, as predicted. */
  readonly registers: number;
  /** Those of them that do not fit. */
  readonly spilled: number;
  /** Of a warp in one trip of the longest loop. */
  readonly loopInstructions: number;
  /** Bytes of tensors that are touched at all: what device memory has to move once. */
  readonly uniqueBytes: number;
}

const WARP = 32;
const SUB_CORES = 4;
/** Cycles that a warp's instruction takes the units at half rate, and the special function units, of a sub-core. */
const HALF_RATE_CYCLES = 2;
const SPECIAL_CYCLES = 8;
const WAVEFRONT_BYTES = 128;
/** Loops that are longer than the cache for instructions are fetched anew: on an H100 one of 128 KiB takes twice its instructions. */
const INSTRUCTION_BYTES = 16;
const INSTRUCTION_CACHE_BYTES = 65536;
/** Cycles of a barrier: it, and what each warp comes later than the others. */
const BARRIER_CYCLES = 40;
const BARRIER_WARP_CYCLES = 10;
/** Instructions and cycles for a register that lies in memory, each time it is used. */
const SPILL_ACCESSES = 4;
const SPILL_LATENCY = 8;
/** What a warp alone waits for an instruction, and for a wavefront: some are merged by ptxas, most are asked for ahead. */
const OWN_ISSUE = 0.8;
const OWN_WAVEFRONT = 0.25;
/** How much what is limited by different units overlaps: 1 not at all, infinity entirely. */
const UNITS_OVERLAP = 3;
const WARPS_OVERLAP = 1.5;
const MEMORY_OVERLAP = 6;

const overlapped = (parts: readonly number[], power: number): number => {
  const most = Math.max(...parts);
  return most === 0 ? 0 : most * parts.reduce((n, x) => n + (x / most) ** power, 0) ** (1 / power);
};

/**
 * Milliseconds of a launch. A multiprocessor is as slow as its busiest unit, and as the slowest warp that waits for its own
 * results; programs come in waves of as many as the multiprocessors hold; memory moves what is touched once, the cache what
 * is asked for.
 */
export function gpuTime(launch: Launch, machine: Machine): number {
  const { work, programs, uniqueBytes } = launch;
  const resident = Math.max(1, occupancy(launch, machine).programs);
  const one = programCycles(launch, machine);
  const places = machine.multiprocessors * resident;
  const waves = Math.floor(programs / places);
  const rest = programs - waves * places;
  const last = rest === 0 ? 0 : one(Math.ceil(rest / machine.multiprocessors));
  const even = waves * one(resident) + last;
  const cycles = waves === 0 ? even * launch.longest : Math.max(even, one(1) * launch.longest);
  const memory = Math.max(uniqueBytes / machine.bytesPerMs, (work.sectorBytes * programs) / machine.l2BytesPerMs);
  return machine.launchMs + overlapped([cycles / machine.clocksPerMs, memory], MEMORY_OVERLAP);
}

/** Cycles of a multiprocessor that holds n programs, from their first to their last. */
function programCycles(launch: Launch, machine: Machine): (n: number) => number {
  const { work, threads, spilled } = launch;
  const warps = Math.max(1, threads / WARP);
  const clocks = machine.multiprocessors * machine.clocksPerMs;
  const spills = spilled * SPILL_ACCESSES * Math.max(1, work.barriers);
  const fetched = Math.max(1, (launch.loopInstructions * INSTRUCTION_BYTES) / INSTRUCTION_CACHE_BYTES);
  // Of a sub-core, by the number of those that have warps.
  const issue = Math.max((work.issued + spills * warps) * fetched, work.halfRate * HALF_RATE_CYCLES);
  const special = work.special * SPECIAL_CYCLES;
  const tensor = work.tensorCycles * Math.min(SUB_CORES, warps);
  const shared = ((work.wavefronts + spills * warps) * WAVEFRONT_BYTES * clocks) / machine.sharedBytesPerMs;
  const serial =
    (work.issued / warps) * OWN_ISSUE * fetched +
    (work.wavefronts / warps) * OWN_WAVEFRONT +
    work.tensorCycles * Math.min(1, SUB_CORES / warps) +
    work.latency +
    work.barriers * (BARRIER_CYCLES + BARRIER_WARP_CYCLES * warps) +
    work.exposedLoads * machine.memoryLatencyMs * machine.clocksPerMs +
    spills * SPILL_LATENCY;
  return (n) => {
    const used = Math.min(SUB_CORES, n * warps);
    const units = [shared, issue / used, special / used, tensor / used].map((x) => n * x);
    return overlapped([overlapped(units, UNITS_OVERLAP), serial], WARPS_OVERLAP);
  };
}
