/** One at a time: those that are urgent first, else in the order of asking. */
export class Turns {
  readonly #urgent: (() => void)[] = [];
  readonly #waiting: (() => void)[] = [];
  #taken = false;

  async take<T>(work: () => Promise<T>, { urgent = false } = {}): Promise<T> {
    if (this.#taken) await new Promise<void>((resolve) => (urgent ? this.#urgent : this.#waiting).push(resolve));
    this.#taken = true;
    try {
      return await work();
    } finally {
      // Handed on without a gap that another could slip into.
      const next = this.#urgent.shift() ?? this.#waiting.shift();
      this.#taken = next !== undefined;
      next?.();
    }
  }
}
