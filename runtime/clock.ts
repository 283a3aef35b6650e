export interface Clock {
  /** Milliseconds; does not go back. */
  now(): number;
  /** Calls back once, after so many milliseconds. Returns what calls it off. */
  after(ms: number, call: () => void): () => void;
}

export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  after(ms, call) {
    const timer = setTimeout(call, ms);
    return () => clearTimeout(timer);
  },
};

/** Milliseconds beyond which timers do not count: about 24 days. */
export const LONGEST_MS = 2 ** 31 - 1;
