/** A PTX emulator: text to program, and launches of it on the CPU with checks and counters. */
export type { Counters, InstructionClass } from './counters.js';
export { type Checks, type EmulatedLaunch, type Extents, emulate, prepareEntry } from './emulate.js';
export { type BufferUse, GlobalMemory } from './global.js';
export { parsePtx } from './parse.js';
export type { PtxEntry, PtxProgram } from './program.js';
