/** Entry of a process that asks references ahead of a worker. It has no device. */
import { knownOf } from './known.js';
import type { Known } from './protocol.js';
import type { FromReferences, ToReferences } from './references.js';
import { readSource, subjectOf } from './subject.js';
import { say, untilParentEnds } from './to-parent.js';

async function ask({ problem, kind }: ToReferences): Promise<Known | null> {
  try {
    return knownOf(subjectOf(problem, await readSource(problem), kind));
  } catch {
    // The worker meets the same error, and says so.
    return null;
  }
}

untilParentEnds(() => process.exit(0));
process.on('message', async (message: ToReferences) => {
  await say<FromReferences>({ id: message.id, known: await ask(message) });
});
