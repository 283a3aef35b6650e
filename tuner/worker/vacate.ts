import type { Clock } from '../../runtime/clock.js';
import type { ChildLink } from './link.js';
import { type FromChild, readMessage, type ToChild } from './protocol.js';

/** The process of a worker. */
export type Link = ChildLink<FromChild, ToChild>;

interface Leaving {
  /** Number of the request. */
  readonly id: number;
  readonly clock: Clock;
  readonly leaveMs: number;
  /** Nothing is waited for any more. */
  readonly signal: AbortSignal | undefined;
}

/** Has a process end what it does, and give back what it has but for its device. Whether it did; killed where it takes too long. */
export function vacated(link: Link, { id, clock, leaveMs, signal }: Leaving): Promise<boolean> {
  return new Promise((resolve) => {
    if (signal?.aborted) return resolve(false);
    let hasLeft = false;
    const settle = (isFit: boolean): void => {
      callOff();
      signal?.removeEventListener('abort', abort);
      resolve(isFit);
    };
    const abort = (): void => settle(false);
    signal?.addEventListener('abort', abort, { once: true });
    const callOff = clock.after(leaveMs, () => void link.end().then(() => settle(false)));
    const message = (said: FromChild): void => {
      // There is nothing left to speak of.
      if (hasLeft) link.distrust();
      if (said.id !== id || !('answer' in said)) return;
      hasLeft = true;
      settle(said.answer.kind === 'left' && !said.unfit);
    };
    link.hand({ read: readMessage, message, ended: () => settle(false) });
    link.send({ id, request: { kind: 'leave' } });
  });
}
