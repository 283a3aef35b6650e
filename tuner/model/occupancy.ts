import type { Resources } from '../types.js';
import type { Machine } from './machine.js';

/** Lanes of a warp; registers are dealt out to warps in such steps for each lane; each program takes some shared memory more. */
const WARP = 32;
const REGISTER_STEP = 8;
const RESERVED_BYTES = 1024;

/** How many programs a multiprocessor holds at one time, and what keeps it from holding more. */
interface Occupancy {
  readonly programs: number;
  readonly warps: number;
  /** Part of the warps that a multiprocessor could hold. */
  readonly share: number;
  readonly limitedBy: 'registers' | 'shared memory' | 'warps' | 'programs';
}

/** CUDA C++ Programming Guide, "Multiprocessor Level": registers and shared memory are given to whole programs. */
export function occupancy({ sharedBytes, threads, registers = 0 }: Resources, machine: Machine): Occupancy {
  const own = Math.max(1, Math.ceil(threads / WARP));
  const perLane = Math.max(REGISTER_STEP, Math.ceil(registers / REGISTER_STEP) * REGISTER_STEP);
  const most = {
    registers: machine.registers / (perLane * own * WARP),
    'shared memory': machine.sharedBytes / (sharedBytes + RESERVED_BYTES),
    warps: machine.warps / own,
    programs: machine.programs,
  } as const;
  const entries = Object.entries(most) as [Occupancy['limitedBy'], number][];
  const [limitedBy, least] = entries.reduce((a, b) => (Math.floor(b[1]) < Math.floor(a[1]) ? b : a));
  const programs = Math.max(0, Math.floor(least));
  const share = Number.isFinite(machine.warps) ? (programs * own) / machine.warps : 1;
  return { programs, warps: programs * own, share, limitedBy };
}
