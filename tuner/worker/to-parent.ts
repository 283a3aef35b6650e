/** The side of the channel that every child of a tuner has. */
import { Worker } from 'node:worker_threads';

/** Nothing outlives the process that forked this one; `end` is for a parent that is gone in good order. */
export function untilParentEnds(end: () => void): void {
  // Ctrl-C is for the parent, which ends its children.
  process.on('SIGINT', () => {});
  new Worker(new URL('./parent-watch.js', import.meta.url)).unref();
  process.on('disconnect', end);
}

/** Resolves when the message is on its way, so that nothing that happens to this process can keep it back. */
export const say = <M>(message: M): Promise<void> =>
  new Promise((resolve) => {
    // The parent may be gone, and then nobody waits for an answer.
    if (process.send === undefined || !process.connected) resolve();
    else process.send(message, undefined, undefined, () => resolve());
  });
