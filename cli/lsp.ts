import { version } from '../driver/version.js';
import { serve } from '../lsp/server.js';
import type { Verb } from './context.js';
import { bugText } from './exit.js';

/** `lac lsp`: a language server on stdin and stdout. Ends with the editor. */
export const lsp: Verb<undefined, object> = (_args, _options, { endAtOnce }) => {
  endAtOnce();
  // An editor would rather go on with what works: stderr is its log.
  process.removeAllListeners('uncaughtException').on('uncaughtException', (error) => {
    process.stderr.write(`${bugText(error, true)}\n`);
  });
  serve(process.stdin, process.stdout, version());
  return new Promise<never>(() => {});
};
