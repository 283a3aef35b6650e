/**
 * What a fault of a kernel means for the rest of its process. CUDA keeps most of them: "This leaves the process in an
 * inconsistent state and any further CUDA work will return the same error. To continue using CUDA, the process must be
 * terminated and relaunched" (CUDA Driver API, CUresult). Which drivers hold a new context to that is found by trying.
 */
import { runtimeError } from '../errors.js';
import { type CudaFailure, fatalText } from './failures.js';

/** The first fault since a context was last made, and who met it. */
let first: string | null = null;
/** Lost contexts that work in the background still holds. */
const ending = new Set<Promise<unknown>>();

/** A device met a fault. Answers whose it was where another device, of the same process, met one first. */
export function faultMet(what: string): string | null {
  const earlier = first;
  first ??= what;
  return earlier;
}

/** A lost context goes when these have ended, and they end soon: everything on it fails. */
export function contextEndsAfter(work: Iterable<Promise<unknown>>): void {
  const end: Promise<unknown> = Promise.allSettled(work).then(() => ending.delete(end));
  ending.add(end);
}

/** Resolves when no lost context is left: a driver that forgives a fault does so once its contexts are gone. */
export async function lostContextsGone(): Promise<void> {
  while (ending.size > 0) await Promise.all(ending);
}

/** A new context was made: the driver has forgiven. */
export function faultForgiven(): void {
  first = null;
}

/** The driver makes no context because of an earlier fault. */
export function processEnded(e: CudaFailure, gpu: string): unknown {
  const fault = first ?? `${fatalText(e)}, met outside of lac`;
  return runtimeError(
    'LAC0713',
    `${gpu} cannot be opened again: after a fault CUDA does no more for this process. The fault: ${fault}`,
    'correct the kernel, and start a new process',
  );
}
