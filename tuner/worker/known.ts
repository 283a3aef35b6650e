import { LacError } from '../../compiler/diag/diagnostic.js';
import type { Known } from './protocol.js';
import { expectedAt, type Subject } from './subject.js';

/** Asks the reference. Throws LacError: it throws, or returns no outputs. */
export function knownOf(subject: Subject): Known {
  return { ...expectedAtSome(subject), full: subject.affordable ? expectedAt(subject, subject.full) : null };
}

/** At reduced sizes; where the reference cannot have them, at those that it names. */
function expectedAtSome(subject: Subject): Pick<Known, 'dims' | 'reduced'> {
  const { reduced, usual } = subject;
  try {
    return { dims: reduced, reduced: expectedAt(subject, reduced) };
  } catch (error) {
    if (usual === null || !(error instanceof LacError)) throw error;
    return { dims: usual, reduced: expectedAt(subject, usual) };
  }
}
