import type { Code } from '../../../compiler/diag/codes.js';
import { diagnostic, LacError } from '../../../compiler/diag/diagnostic.js';
import type { Instruction } from './program.js';
import { WARP_WIDE } from './race.js';
import type { Warp } from './warp.js';

/** `PTX line 12 (kernel.ts:3:4)`. */
export function placeOf(i: Instruction | undefined): string {
  if (i === undefined) return 'the end of the PTX';
  const source = i.place === null ? '' : ` (${i.place.file}:${i.place.line}:${i.place.column})`;
  return `PTX line ${i.line}${source}`;
}

/** An error at the instruction that a warp is executing; `lane` says which thread, where it was one. */
export function fault(w: Warp, code: Code, message: string, lane: number | null = null, ...help: string[]): LacError {
  const i = w.cta.code[w.pc]?.instruction;
  const who = lane === null ? `warp ${w.index}` : threadName(w.index, lane);
  const where = `${placeOf(i)}, ${i?.opcode ?? ''}: ${who} of CTA ${w.cta.id.join(',')}`;
  return new LacError(diagnostic(code, `${where}: ${message}`, null, { help }));
}

export const threadName = (warp: number, lane: number): string =>
  lane === WARP_WIDE ? `warp ${warp}` : `thread ${warp * 32 + lane} (warp ${warp}, lane ${lane})`;
