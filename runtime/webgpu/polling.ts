/**
 * Dawn's addon for Node asks whether anything has finished from an immediate, and then from the next, for as long as
 * something is pending: a whole core, which the software driver wants for the work that is waited for. It looks
 * `setImmediate` up each time; what is started here finds one that pauses.
 */

type Poll = () => void;

/** Milliseconds of a wait without a pause: what a GPU takes for small work is seen at once. */
const EAGER = 1;
/** A pause, as a part of what was waited before, and in milliseconds at most. Timers do not pause for less than 1. */
const PART = 1 / 16;
const LONGEST = 8;

const paused = new Map<Poll, NodeJS.Timeout>();
let since = 0;

/** Calls what starts asynchronous work in Dawn. Elsewhere (a browser) it is called as it is. */
export function patiently<T>(start: () => T): T {
  since = performance.now();
  for (const [poll, timer] of paused) {
    clearTimeout(timer);
    paused.delete(poll);
    setImmediate(run, poll);
  }
  return withPauses(start);
}

function run(poll: Poll): void {
  paused.delete(poll);
  withPauses(poll);
}

function withPauses<T>(call: () => T): T {
  const immediate = globalThis.setImmediate;
  if (immediate === undefined || immediate === (later as unknown)) return call();
  globalThis.setImmediate = later as unknown as typeof setImmediate;
  try {
    return call();
  } finally {
    globalThis.setImmediate = immediate;
  }

  function later(poll: Poll): void {
    const waited = performance.now() - since;
    if (waited < EAGER) immediate(run, poll);
    else paused.set(poll, setTimeout(run, Math.min(waited * PART, LONGEST), poll));
  }
}
