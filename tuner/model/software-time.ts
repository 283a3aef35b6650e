import type { Launch } from './gpu-time.js';
import type { Machine } from './machine.js';

/**
 * Cycles of SwiftShader on a core, fitted to the processor time of 25 configurations of Lightning forward, gemm and
 * add-RMSNorm, which they give within a fifth (2026-11-22, two cores): of an instruction for four invocations, of a warp's
 * access to workgroup memory, of a barrier that stops and resumes four invocations, and of a byte of a tensor.
 */
const VECTOR_CYCLES = 13;
const WAVEFRONT_CYCLES = 100;
const SWITCH_CYCLES = 1300;
const BYTE_CYCLES = 5;
const LANES = 4;
const WARP = 32;

/** Milliseconds of a launch on a CPU: every instruction counts, and nothing hides behind anything else. */
export function softwareTime({ work, programs, threads }: Launch, machine: Machine): number {
  const cycles =
    work.issued * (WARP / LANES) * VECTOR_CYCLES +
    work.wavefronts * WAVEFRONT_CYCLES +
    work.barriers * (threads / LANES) * SWITCH_CYCLES +
    (work.readBytes + work.writtenBytes) * BYTE_CYCLES;
  return machine.launchMs + (Math.ceil(programs / machine.multiprocessors) * cycles) / machine.clocksPerMs;
}
