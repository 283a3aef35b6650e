import type { Announce } from './session.js';

/** What goes no further because its problem is over. */
export class Over extends Error {
  constructor() {
    super('the problem is over');
  }
}

/** Requests of one problem that a child works on. */
export class UnderWay {
  #isOver = false;
  readonly #all = new Set<Promise<unknown>>();

  /** Throws Over at the next stage where the problem is over by then. */
  announcing(announce: Announce): Announce {
    return async (stage) => {
      this.#goOn();
      await announce(stage);
      this.#goOn();
    };
  }

  #goOn(): void {
    if (this.#isOver) throw new Over();
  }

  add<T>(work: Promise<T>): Promise<T> {
    this.#all.add(work);
    const forget = (): void => void this.#all.delete(work);
    work.then(forget, forget);
    return work;
  }

  /** Resolves when nothing is under way any more. */
  async end(): Promise<void> {
    this.#isOver = true;
    await Promise.allSettled(this.#all);
  }
}
