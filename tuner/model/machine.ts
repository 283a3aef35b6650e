import { availableParallelism } from 'node:os';
import { TARGETS, targetFor } from '../../backends/ptx/target.js';
import type { Device } from '../../runtime/device.js';

/** What a device does at most: what the cost model divides by. Rates are those of a millisecond, of the whole device. */
export interface Machine {
  readonly kind: 'gpu' | 'software';
  /** Of a CPU: cores. */
  readonly multiprocessors: number;
  readonly clocksPerMs: number;
  /** Of device memory, as a copy moves them. */
  readonly bytesPerMs: number;
  /** Of the cache that all multiprocessors share. */
  readonly l2BytesPerMs: number;
  /** Operations of 16-bit products on tensor cores, as `mma.sync` reaches. */
  readonly tensorFlopsPerMs: number;
  /** Operations of f32 multiply-adds. */
  readonly flopsPerMs: number;
  /** Of shared memory, without bank conflicts. */
  readonly sharedBytesPerMs: number;
  /** A launch that does nothing. */
  readonly launchMs: number;
  /** Until a load from device memory has arrived. */
  readonly memoryLatencyMs: number;
  /** Of one multiprocessor. */
  readonly warps: number;
  readonly programs: number;
  readonly registers: number;
  readonly sharedBytes: number;
}

/** Multiply-adds in f32, and bytes of shared memory, that a multiprocessor does in a cycle. */
const FLOPS_PER_CLOCK = 256;
const SHARED_BYTES_PER_CLOCK = 128;
const REGISTERS = 65536;

/** Of one generation; rates of the parts that are sold most. */
interface Generation {
  readonly sm: number;
  readonly clocksPerMs: number;
  readonly multiprocessors: number;
  /** Operations of 16-bit products that a multiprocessor does in a cycle. */
  readonly tensorFlopsPerClock: number;
  readonly bytesPerMs: number;
  readonly l2BytesPerMs: number;
}

/** Device memory of the names that differ from their generation, bytes a millisecond. */
const MEMORY: readonly (readonly [name: RegExp, bytesPerMs: number])[] = [
  [/H200/i, 4.3e9],
  [/H100.*PCIe/i, 1.8e9],
  [/A100.*80GB/i, 1.8e9],
  [/A10\b/i, 0.55e9],
  [/L4\b/i, 0.28e9],
  [/L40/i, 0.78e9],
  [/B200/i, 7e9],
];

/** sm_90: measured on an H100 SXM (design: hopper.md, ptx-lowering.md); the others from NVIDIA's data sheets. */
const GENERATIONS: readonly Generation[] = [
  {
    sm: 80,
    clocksPerMs: 1.41e6,
    multiprocessors: 108,
    tensorFlopsPerClock: 2048,
    bytesPerMs: 1.4e9,
    l2BytesPerMs: 4e9,
  },
  { sm: 86, clocksPerMs: 1.7e6, multiprocessors: 82, tensorFlopsPerClock: 512, bytesPerMs: 0.85e9, l2BytesPerMs: 2e9 },
  { sm: 89, clocksPerMs: 2.5e6, multiprocessors: 128, tensorFlopsPerClock: 512, bytesPerMs: 0.92e9, l2BytesPerMs: 4e9 },
  {
    sm: 90,
    clocksPerMs: 1.755e6,
    multiprocessors: 132,
    tensorFlopsPerClock: 2560,
    bytesPerMs: 3e9,
    l2BytesPerMs: 5.5e9,
  },
  { sm: 100, clocksPerMs: 1.85e6, multiprocessors: 148, tensorFlopsPerClock: 2560, bytesPerMs: 7e9, l2BytesPerMs: 9e9 },
  { sm: 120, clocksPerMs: 2.4e6, multiprocessors: 170, tensorFlopsPerClock: 512, bytesPerMs: 1.6e9, l2BytesPerMs: 6e9 },
];
const FIRST = GENERATIONS[0] as Generation;

/** Generation of GPUs that say what they are by name only, as through WebGPU. */
const NAMED: readonly (readonly [name: RegExp, sm: number])[] = [
  [/B[12]00/i, 100],
  [/RTX 50|RTX PRO 6000/i, 120],
  [/H[12]00|hopper/i, 90],
  [/RTX 40|L40|L4\b|ada/i, 89],
  [/RTX 30|A10\b|A40/i, 86],
];

type Described = Pick<Device, 'backend' | 'name' | 'info'>;

/**
 * The machine behind a device, from what is known of its generation and name; `measured` says better, where somebody has
 * timed a copy or a product.
 */
export function machineOf(device: Described, measured: Partial<Machine> = {}): Machine {
  const isCpu = device.info.kind !== 'gpu' && device.backend === 'webgpu';
  return { ...(isCpu ? softwareMachine() : gpuMachine(device)), ...measured };
}

function gpuMachine({ backend, name, info }: Described): Machine {
  const sm = info.sm ?? NAMED.find(([pattern]) => pattern.test(name))?.[1] ?? FIRST.sm;
  const g = GENERATIONS.findLast((x) => x.sm <= sm) ?? FIRST;
  const target = targetFor(Math.max(sm, TARGETS[0]?.sm ?? sm));
  const multiprocessors = info.multiprocessors ?? g.multiprocessors;
  const clocks = multiprocessors * g.clocksPerMs;
  return {
    kind: 'gpu',
    multiprocessors,
    clocksPerMs: g.clocksPerMs,
    bytesPerMs: MEMORY.find(([pattern]) => pattern.test(name))?.[1] ?? g.bytesPerMs,
    l2BytesPerMs: g.l2BytesPerMs,
    tensorFlopsPerMs: clocks * g.tensorFlopsPerClock,
    flopsPerMs: clocks * FLOPS_PER_CLOCK,
    sharedBytesPerMs: clocks * SHARED_BYTES_PER_CLOCK,
    launchMs: backend === 'webgpu' ? 0.005 : 0.003,
    memoryLatencyMs: 0.0005,
    warps: target.warpsPerSm,
    programs: target.blocksPerSm,
    registers: REGISTERS,
    sharedBytes: target.sharedBytesPerSm,
  };
}

/** SwiftShader: programs are dealt out to the cores, four invocations at a time in vectors of a core. */
function softwareMachine(): Machine {
  const [multiprocessors, clocksPerMs] = [availableParallelism(), 2.5e6];
  const clocks = multiprocessors * clocksPerMs;
  return {
    kind: 'software',
    multiprocessors,
    clocksPerMs,
    bytesPerMs: 1e7,
    l2BytesPerMs: 2e7,
    tensorFlopsPerMs: clocks * 4,
    flopsPerMs: clocks * 4,
    sharedBytesPerMs: clocks * 4,
    launchMs: 0.1,
    memoryLatencyMs: 0,
    warps: Number.POSITIVE_INFINITY,
    programs: 1,
    registers: Number.POSITIVE_INFINITY,
    sharedBytes: Number.POSITIVE_INFINITY,
  };
}
