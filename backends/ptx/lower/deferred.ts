/**
 * Instructions that may be issued a little later than they stand: asynchronous copies and the end of their group. They
 * are handed out between the steps of the next product, so that computing addresses and starting copies happens beside
 * the work of the tensor cores instead of before it (the compiler of the driver does not move them: to it they write
 * memory that the fragments are read from). Whatever depends on their order (waits, barriers, writes to shared memory,
 * other control flow) issues all of them first.
 */
export class Deferred {
  readonly #queue: (() => void)[] = [];
  /** Whether anything waits: addresses that do take registers that a loop may not have. */
  waits = true;

  get size(): number {
    return this.#queue.length;
  }

  push(issue: () => void): void {
    if (this.waits) this.#queue.push(issue);
    else issue();
  }

  /** Issues the next `count`, in order. */
  issue(count = this.#queue.length): void {
    for (const issue of this.#queue.splice(0, count)) issue();
  }
}
