import type { Warp } from './warp.js';

/** What one instruction does for the `n` lanes listed first in `lanes`. */
export type Execute = (w: Warp, lanes: Uint8Array, n: number) => void;

/**
 * How an operand is read or written: u, s, f: a word as u32, i32, f32; q: 64 bits as a signed bigint; n: a constant number
 * that is passed to the operation in the place of a register.
 */
export type Letter = 'u' | 's' | 'f' | 'q';

/** Bases of the operands in the register file, result first. */
type Bases = readonly number[];

const at = (letter: string, base: string): string =>
  letter === 'q' ? `w.q[(${base} >> 1) + l]` : `w.${letter}[${base} + l]`;

/**
 * Makes the loop over lanes of one scalar operation, `shape` as `f=fff`: the letters of result and sources. The loop is
 * made from text once for each operation, because V8 specialises and inlines by the place in the source: one shared loop
 * would call every operation through one call site, and box every float on the way (measured: five times slower).
 */
export function laneLoop<T extends number | bigint>(
  shape: string,
  operation: (...sources: T[]) => T | number,
): (bases: Bases) => Execute {
  const [result = '', sources = ''] = shape.split('=');
  const names = [...sources].map((_, i) => `b${i + 1}`);
  const reads = [...sources].map((letter, i) => at(letter, `b${i + 1}`)).join(', ');
  const body = `
    return function ([b0${names.map((n) => `, ${n}`).join('')}]) {
      return function (w, lanes, n) {
        for (let i = 0; i < n; i++) {
          const l = lanes[i];
          ${at(result, 'b0')} = operation(${reads});
        }
      };
    };`;
  const make = new Function('operation', body) as (f: typeof operation) => (bases: Bases) => Execute;
  return make(operation);
}
