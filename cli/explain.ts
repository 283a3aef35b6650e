import { CODES, type Code, type CodeInfo } from '../compiler/diag/codes.js';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { explanation } from '../compiler/diag/explanation.js';
import type { Verb } from './context.js';
import { EXIT } from './exit.js';

const isCode = (text: string): text is Code => Object.hasOwn(CODES, text);

/** `lac explain [CODE]`: the long form of one code, or the list of all. */
export const explain: Verb<string | undefined, object> = async (code, _options, { output }) => {
  if (code === undefined) {
    for (const [name, { title }] of Object.entries(CODES)) output.result(`${name}  ${title}`, { code: name, title });
    return EXIT.ok;
  }
  const name = normalise(code);
  if (!isCode(name)) {
    const near = Object.keys(CODES).filter((c) => c.slice(0, 5) === name.slice(0, 5));
    const help = near.length > 0 ? [`codes like it: ${near.join(', ')}`] : ['`lac explain` lists all codes'];
    throw new LacError(diagnostic('LAC0914', `there is no code ${JSON.stringify(code)}`, null, { help }));
  }
  const info: CodeInfo = CODES[name];
  output.result(explanation(name, info), { code: name, ...info });
  return EXIT.ok;
};

/** `202`, `lac202` and `LAC0202` are the same code. */
function normalise(text: string): string {
  const digits = /^(?:lac)?(\d{1,4})$/i.exec(text.trim())?.[1];
  return digits === undefined ? text : `LAC${digits.padStart(4, '0')}`;
}
