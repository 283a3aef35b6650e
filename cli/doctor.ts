import { createColors } from 'picocolors';
import { type DoctorFact, doctorFacts } from '../runtime/index.js';
import type { Verb } from './context.js';
import { EXIT } from './exit.js';

/** `lac doctor`: what was looked at, and the command that fixes what is missing. Exit code 3 where no device works. */
export const doctor: Verb<undefined, object> = async (_args, _options, { output }) => {
  const facts = await doctorFacts();
  const colors = createColors(output.colorOn(output.stdout));
  const signs = {
    ok: colors.green('ok     '),
    note: colors.yellow('note   '),
    problem: colors.red('problem'),
  } as const;
  for (const fact of facts) {
    const fix = fact.fix === undefined ? '' : `\n${' '.repeat(9)}fix: ${fact.fix}`;
    output.result(`${signs[fact.status]}  ${fact.name}: ${fact.detail}${fix}`, { ...fact });
  }
  return usable(facts) ? EXIT.ok : EXIT.noDevice;
};

/** One way to run kernels is enough: CUDA, a GPU through WebGPU, or the software driver. */
function usable(facts: readonly DoctorFact[]): boolean {
  const named = (name: string): boolean => facts.some((f) => f.name === name && f.status !== 'problem');
  const cuda = facts.some((f) => f.name === 'CUDA device' && f.status === 'ok');
  return named('Node') && (cuda || named('WebGPU device') || named('software driver'));
}
