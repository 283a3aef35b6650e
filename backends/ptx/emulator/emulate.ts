import { diagnostic, LacError } from '../../../compiler/diag/diagnostic.js';
import { Barriers } from './barriers.js';
import { type Counters, Tally } from './counters.js';
import type { Cta } from './cta.js';
import { type Code, decodeEntry } from './decode.js';
import { fault, placeOf } from './fault.js';
import type { GlobalMemory } from './global.js';
import type { PtxEntry, PtxProgram } from './program.js';
import { SharedMemory } from './shared.js';
import { LANES } from './slots.js';
import { Warp } from './warp.js';

/** Extents along x, y, z. */
export type Extents = readonly [number, number, number];

export interface EmulatedLaunch {
  readonly entry: string;
  readonly grid: Extents;
  readonly block: Extents;
  /** Dynamic shared memory. */
  readonly sharedBytes: number;
  /** The parameters as the entry declares them, naturally aligned. */
  readonly params: Uint8Array;
  readonly memory: GlobalMemory;
  readonly checks?: Checks;
}

export interface Checks {
  /** Races in shared memory, bytes never written, bytes of copies under way. Default true. */
  readonly races?: boolean;
  /** Count instructions, wavefronts and sectors. Default false: it costs about a third of the speed. */
  readonly counters?: boolean;
  /** Instructions of warps that a launch may issue; LAC0809 beyond. Default 2^31. */
  readonly maxInstructions?: number;
  /** Asked now and then: why the launch has taken too long (LAC0714); null: it has not. */
  readonly overdue?: () => string | null;
}

/** Instructions of warps between two looks at the clock. */
const TURN = 2 ** 12;

/** Threads of a block on every GPU. */
const MAX_THREADS = 1024;

const decoded = new WeakMap<PtxEntry, Code>();

/** Reads an entry ahead of its first launch. Throws LacError LAC0421 for what the emulator does not run. */
export function prepareEntry(program: PtxProgram, name: string): Code {
  const entry = program.entries.find((e) => e.name === name);
  if (entry === undefined) return refuse(`there is no entry ${name}; ${program.entries.map((e) => e.name).join(', ')}`);
  const known = decoded.get(entry);
  if (known !== undefined) return known;
  const code = decodeEntry(entry);
  decoded.set(entry, code);
  return code;
}

/**
 * Runs a launch, CTA after CTA, and of each CTA warp after warp up to its next barrier. Throws LacError: LAC0829 where the
 * launch does not fit the entry, LAC0820 to LAC0828 for what goes wrong while it runs. What was stored until then stays.
 */
export function emulate(program: PtxProgram, launch: EmulatedLaunch): Counters | null {
  const code = prepareEntry(program, launch.entry);
  const threads = product(launch.block);
  checkLaunch(code.entry, launch, threads);
  const { races = true, counters = false } = launch.checks ?? {};
  const warps = Math.ceil(threads / LANES);
  const tally = counters ? new Tally(code.steps.length) : null;
  const end = code.entry.dynamicSharedBase + launch.sharedBytes;
  const shared = new SharedMemory(end, warps, races ? code.pieceShift : null);
  const { buffer, byteOffset, byteLength } = launch.params;
  const fixed = {
    code: code.steps,
    shared,
    dynamicBase: code.entry.dynamicSharedBase,
    global: launch.memory,
    params: new DataView(buffer, byteOffset, byteLength),
    tally,
  };
  const { first, turns } = turnsOf(launch.checks ?? {});
  let budget = first;
  for (let number = 0; number < product(launch.grid); number++) {
    shared.reset();
    const cta: Cta = { ...fixed, number, id: split(number, launch.grid), barriers: new Barriers(warps), budget, turns };
    runCta(cta, makeWarps(cta, code, launch, warps));
    budget = cta.budget;
  }
  return tally?.counters(code.steps.map((s) => s.instruction)) ?? null;
}

function turnsOf({ maxInstructions = 2 ** 31, overdue = () => null }: Checks) {
  const first = Math.min(TURN, maxInstructions);
  let rest = maxInstructions - first;
  const turns: Cta['turns'] = (w) => {
    const late = overdue();
    if (late !== null) throw fault(w, 'LAC0714', late);
    const more = Math.min(TURN, rest);
    if (more === 0) throw fault(w, 'LAC0809', 'the launch has more instructions than its limit');
    rest -= more;
    return more;
  };
  return { first, turns };
}

const product = ([x, y, z]: Extents): number => x * y * z;

const split = (i: number, [x, y]: Extents): [number, number, number] => [
  i % x,
  Math.floor(i / x) % y,
  Math.floor(i / (x * y)),
];

function refuse(message: string): never {
  throw new LacError(diagnostic('LAC0829', message));
}

function checkLaunch(entry: PtxEntry, launch: EmulatedLaunch, threads: number): void {
  if (launch.params.length !== entry.paramBytes)
    refuse(`${entry.name} takes ${entry.paramBytes} bytes of parameters; the launch gives ${launch.params.length}`);
  const [x = MAX_THREADS, y = 1, z = 1] = entry.block ?? [MAX_THREADS, MAX_THREADS, 64];
  const [bx, by, bz] = launch.block;
  if (threads < 1 || threads > MAX_THREADS || bx > x || by > y || bz > z)
    refuse(`a block of ${launch.block.join(' x ')} threads; ${entry.name} allows ${[x, y, z].join(' x ')}`);
}

/** Runs each warp until it waits or ends, over and over; when nobody can go on, somebody waits in vain. */
function runCta(cta: Cta, warps: readonly Warp[]): void {
  for (;;) {
    let moved = false;
    for (const w of warps) {
      if (w.live === 0 || w.waitsAt !== null) continue;
      w.run();
      moved = true;
    }
    if (warps.every((w) => w.live === 0)) return;
    if (!moved) throw deadlock(cta, warps);
  }
}

function deadlock(cta: Cta, warps: readonly Warp[]): LacError {
  const states = warps.map((w) => {
    if (w.waitsAt === null) return `warp ${w.index} has ended`;
    const where = placeOf(cta.code[w.pc]?.instruction);
    return `warp ${w.index} waits at barrier ${w.waitsAt}, ${where} (${cta.barriers.progress(w.waitsAt)})`;
  });
  return new LacError(diagnostic('LAC0826', `CTA ${cta.id.join(',')} cannot go on: ${states.join('; ')}`));
}

function makeWarps(cta: Cta, code: Code, launch: EmulatedLaunch, warps: number): Warp[] {
  const template = registerTemplate(code);
  const threads = product(launch.block);
  return Array.from({ length: warps }, (_, index) => {
    const registers = template.slice();
    for (const [name, base] of code.slots.specials)
      for (let lane = 0; lane < LANES; lane++)
        registers[base + lane] = specialValue(name, index * LANES + lane, warps, cta, launch);
    return new Warp(cta, index, Math.min(LANES, threads - index * LANES), registers, warps);
  });
}

/** The register file of a warp before it runs: immediates. Its size is even, for the view as 64-bit numbers. */
function registerTemplate({ slots }: Code): Uint32Array {
  const words = new Uint32Array(slots.words + (slots.words & 1));
  for (const { base, low, high, wide } of slots.fills)
    for (let lane = 0; lane < LANES; lane++) {
      words[base + (wide ? 2 * lane : lane)] = low;
      if (wide) words[base + 2 * lane + 1] = high;
    }
  return words;
}

function specialValue(name: string, thread: number, warps: number, cta: Cta, launch: EmulatedLaunch): number {
  const [stem = '', axis = 'x'] = name.split('.');
  const along = { x: 0, y: 1, z: 2 }[axis] ?? 0;
  const lane = thread % LANES;
  switch (stem) {
    case '%tid':
      return split(thread, launch.block)[along] as number;
    case '%ntid':
      return launch.block[along] as number;
    case '%ctaid':
      return cta.id[along] as number;
    case '%nctaid':
      return launch.grid[along] as number;
    case '%laneid':
      return lane;
    case '%warpid':
      return Math.floor(thread / LANES);
    case '%nwarpid':
      return warps;
    case '%lanemask_eq':
      return 1 << lane;
    case '%lanemask_lt':
      return 2 ** lane - 1;
    case '%lanemask_le':
      return 2 ** (lane + 1) - 1;
    case '%lanemask_gt':
      return ~(2 ** (lane + 1) - 1);
    case '%lanemask_ge':
      return ~(2 ** lane - 1);
    case '%dynamic_smem_size':
    case '%total_smem_size':
      return launch.sharedBytes;
    default:
      return 0;
  }
}
