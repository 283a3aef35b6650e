import type { Layout, SharedAccess } from '../../compiler/layout/index.js';
import * as lay from '../../compiler/layout/index.js';

/** Values of one warp: element r of lane l is `values[l][r]`. */
type WarpRegisters = number[][];
/** Byte offset of an element in shared memory to its value; elements never straddle. */
export type SharedBytes = Map<number, number>;

const pattern = (bits: readonly number[], x: number): number =>
  bits.reduce((n, bit, i) => n | (((x >>> i) & 1) << bit), 0);

/** XOR of the bases of the bits that are set. */
const at = (bases: readonly number[], x: number): number => bases.reduce((n, b, i) => ((x >>> i) & 1 ? n ^ b : n), 0);

export const warpsOf = (l: Layout): number[] => [...Array(2 ** (l.ins.warp?.length ?? 0)).keys()];
const LANES = [...Array(32).keys()];

/** Byte address that each lane gives to one instruction. */
const addresses = (a: SharedAccess, warp: number, step: { offset: number }): number[] =>
  LANES.map((lane) => at(a.laneBases, lane) ^ at(a.warpBases, warp) ^ step.offset);

/** What moves: (lane, register of the tile, byte). By the PTX ISA: "ldmatrix", "stmatrix", vectors by their order. */
function* moves(a: SharedAccess, elementBytes: number, warp: number): Generator<[number, number, number]> {
  for (const step of a.steps) {
    const address = addresses(a, warp, step);
    for (const lane of LANES)
      for (let i = 0; i < a.width; i++) {
        const register = step.register ^ pattern(a.run, i);
        if (a.form === 'vector') yield [lane, register, (address[lane] ?? 0) + i * elementBytes];
        else yield [lane, register, matrixByte(address, a.form.endsWith('trans'), lane, i, elementBytes)];
      }
  }
}

/** Thread `lane` holds of matrix m, in its register m, the 4 bytes 4 (lane % 4) of row lane / 4; transposed, column for row. */
function matrixByte(address: readonly number[], trans: boolean, lane: number, i: number, elementBytes: number): number {
  const perRegister = 4 / elementBytes;
  const [matrix, part] = [Math.floor(i / perRegister), i % perRegister];
  const [g, t] = [lane >> 2, lane & 3];
  const row = trans ? t * 2 + part : g;
  const inRow = trans ? g * 2 : t * 4 + part * elementBytes;
  return (address[matrix * 8 + row] ?? 0) + inRow;
}

/** Two lanes that write one element must agree. */
export function simulateWrite(a: SharedAccess, l: Layout, elementBytes: number, memory: SharedBytes): void {
  for (const warp of warpsOf(l)) {
    if ((warp & a.idle.warp) !== 0) continue;
    for (const [lane, register, byte] of moves(a, elementBytes, warp)) {
      if ((lane & a.idle.lane) !== 0) continue;
      const value = lay.apply(l, { register, lane, warp });
      if (memory.has(byte)) throw new Error(`byte ${byte} is written twice`);
      memory.set(byte, value);
    }
  }
}

export function simulateRead(a: SharedAccess, l: Layout, elementBytes: number, memory: SharedBytes): WarpRegisters[] {
  return warpsOf(l).map((warp) => {
    const loaded: WarpRegisters = LANES.map(() => []);
    for (const [lane, register, byte] of moves(a, elementBytes, warp))
      (loaded[lane] as number[])[register] = memory.get(byte) ?? Number.NaN;
    return loaded.map((r) => a.source.map((s) => r[s] ?? Number.NaN));
  });
}

/** Wavefronts of the slowest phase, by listing the addresses of every instruction. */
export function countedWays(a: SharedAccess, l: Layout, elementBytes: number): number {
  const bytes = a.form === 'vector' ? a.width * elementBytes : 16;
  const phase = Math.min(32, 128 / bytes);
  const used = a.form === 'vector' ? 32 : 8 * (a.width / (elementBytes === 2 ? 2 : 1));
  let most = 0;
  for (const warp of warpsOf(l))
    for (const step of a.steps) {
      const address = addresses(a, warp, step);
      for (let first = 0; first < used; first += phase)
        most = Math.max(most, lay.countWays(address.slice(first, first + phase), bytes));
    }
  return most;
}
