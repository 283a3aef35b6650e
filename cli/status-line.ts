import type { Sink } from './output.js';

/** Milliseconds between two states of the line: faster than anybody reads is a waste. */
const PERIOD_MS = 100;

/** What a terminal would obey. */
const CONTROL = /\p{Cc}/gu;

/** One line of a terminal that is written over and over, and gone in the end. */
export class StatusLine {
  readonly #sink: Sink;
  readonly #now: () => number;
  #shownAt = Number.NEGATIVE_INFINITY;
  #shown = false;

  constructor(sink: Sink, now: () => number = () => performance.now()) {
    this.#sink = sink;
    this.#now = now;
  }

  /** Shows the text, cut to the width of the terminal; where the last one is still new, it is left out. */
  show(text: string): void {
    const now = this.#now();
    if (now - this.#shownAt < PERIOD_MS) return;
    this.#shownAt = now;
    this.#shown = true;
    const width = Math.max(20, this.#sink.columns ?? 80) - 1;
    this.#sink.write(`\r\x1b[2K${text.replaceAll(CONTROL, ' ').slice(0, width)}`);
  }

  clear(): void {
    if (this.#shown) this.#sink.write('\r\x1b[2K');
    this.#shown = false;
    this.#shownAt = Number.NEGATIVE_INFINITY;
  }
}

const WIDTH = 20;
const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/** `██████▌             `: a share from 0 to 1. */
export function bar(share: number): string {
  const eighths = Math.round(Math.min(1, Math.max(0, share)) * WIDTH * 8);
  return `${'█'.repeat(Math.floor(eighths / 8))}${EIGHTHS[eighths % 8]}`.padEnd(WIDTH);
}
