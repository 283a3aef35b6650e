import { independent, rank } from './gf2.js';
import type { HardwareIndex, InDim, Layout } from './layout.js';
import { basesOf, registerCount } from './layout.js';

/** Threads are kept before registers: where both could go, fewer registers are stored, by more threads. */
const KEEP_FIRST: readonly InDim[] = ['offset', 'lane', 'warp', 'invocation', 'register'];

/**
 * Hardware bits that only duplicate, one mask for each dim. Exactly one holder of each element has all of them 0, so a
 * store elects it by `(invocation & mask.invocation) == 0` and leaves out the registers with a bit of `mask.register`.
 */
export function freeBits(l: Layout): Required<HardwareIndex> {
  const kept = new Set(independent(basesOf(l, KEEP_FIRST)));
  const mask = { register: 0, lane: 0, warp: 0, invocation: 0, offset: 0 };
  let at = 0;
  for (const d of KEEP_FIRST)
    for (let bit = 0; bit < (l.ins[d]?.length ?? 0); bit++) if (!kept.has(at++)) mask[d] |= 2 ** bit;
  return mask;
}

/** No element is in two threads; several registers of one thread may hold it. */
export function inOneThread(l: Layout): boolean {
  const threads = basesOf(l, ['lane', 'warp', 'invocation']);
  return rank(basesOf(l)) === rank(l.ins.register ?? []) + threads.length;
}

/** Register numbers that a thread has to store so that, with the threads that `freeBits` elects, all is stored once. */
export function storedRegisters(l: Layout): number[] {
  const mask = freeBits(l).register;
  return [...Array(registerCount(l)).keys()].filter((r) => (r & mask) === 0);
}
