import { basename, dirname, resolve } from 'node:path';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { writeFiles } from '../driver/write-files.js';
import { readTextFile } from '../runtime/read-text-file.js';
import { isOff } from '../store/files.js';
import { TuningStore } from '../store/store.js';
import { MAX_IMPORT_BYTES } from '../store/transfer.js';
import type { Filter, Listed } from '../store/types.js';
import type { Verb } from './context.js';
import { EXIT, type ExitCode } from './exit.js';
import { milliseconds, pairs } from './figures.js';
import { displayName, type Output } from './output.js';

export type CacheAction = 'ls' | 'clear' | 'export' | 'import' | 'verify';

interface Asked {
  readonly action: CacheAction;
  readonly file: string | undefined;
}

interface CacheOptions {
  readonly kernel?: string;
  readonly device?: string;
}

/** `lac cache`: what was measured on this machine. Exit code 1 where it cannot be used, or `verify` finds damage. */
export const cache: Verb<Asked, CacheOptions> = async (asked, options, { output }) => {
  checkUsage(asked, options);
  const opened = asked.action === 'import' ? TuningStore.open() : TuningStore.existing();
  if (opened === null) return nothing(asked, output);
  if (!(opened instanceof TuningStore)) throw unusable(opened.why);
  try {
    const code = ACTIONS[asked.action]({ ...asked, store: opened, filter: { ...options } }, output);
    if (asked.action !== 'verify') output.diagnostics(opened.notes.map(noteOf));
    return code;
  } finally {
    opened.close();
  }
};

function checkUsage({ action, file }: Asked, { kernel, device }: CacheOptions): void {
  const wrong = (message: string, help: string): LacError =>
    new LacError(diagnostic('LAC0901', message, null, { help: [help] }));
  if (action === 'import' && file === undefined)
    throw wrong('lac cache import needs a file', 'lac cache import tuned.jsonl, as lac cache export wrote it');
  if (action !== 'import' && action !== 'export' && file !== undefined)
    throw wrong(`lac cache ${action} takes no file`, `lac cache ${action} --kernel NAME means the rows of one kernel`);
  if ((action === 'import' || action === 'verify') && (kernel ?? device) !== undefined)
    throw wrong(`lac cache ${action} is about all rows`, '--kernel and --device are for ls, clear and export');
}

const unusable = (why: string): LacError =>
  new LacError(
    diagnostic('LAC0918', why, null, { help: ['LAC_TUNING_CACHE names another folder; `lac doctor` says more'] }),
  );

const noteOf = (note: string) => diagnostic('LAC0918', note, null, { severity: 'warning' });

/** What could not be done, and the reason that the store has noted. */
const notDone = (store: TuningStore): LacError => unusable(store.notes.at(-1) ?? 'others hold the tuning cache');

function nothing({ action }: Asked, output: Output): ExitCode {
  const text = isOff()
    ? 'there is no tuning cache: LAC_TUNING_CACHE is off'
    : 'there is no tuning cache; `lac tune FILE` begins one, or `lac cache import FILE`';
  if (action === 'export') output.warn(text);
  else output.result(text, { action, file: null, rows: 0 });
  return EXIT.ok;
}

interface Request extends Asked {
  readonly store: TuningStore;
  readonly filter: Filter;
}

const ACTIONS: Readonly<Record<CacheAction, (request: Request, output: Output) => ExitCode>> = {
  ls,
  clear,
  export: exportRows,
  import: importRows,
  verify,
};

function ls({ store, filter }: Request, output: Output): ExitCode {
  const listed = store.list(filter);
  for (const one of listed) output.result(listedText(one), { ...one });
  const rows = listed.reduce((sum, one) => sum + one.rows, 0);
  output.result(`${count(rows, 'row')} for ${count(listed.length, 'problem')} in ${store.file}`, {
    file: store.file,
    problems: listed.length,
    rows,
  });
  return EXIT.ok;
}

/** `lightningFwd  T=bf16 D=128 causal=true  N=8192`, then the device and what is known. */
function listedText({ key, rows, measured, best }: Listed): string {
  const sizes = [{ ...key.dtypes }, { ...key.comptime }, { ...key.options }, { ...key.sizes }].map(pairs);
  const found = best === null ? 'none of them worked' : `best ${pairs(best.config)}, ${milliseconds(best.medianMs)}`;
  const imported = best?.imported === true ? ', imported' : '';
  return [
    [key.kernel, ...sizes].filter((text) => text !== '').join('  '),
    `    ${key.device}`,
    `    ${count(rows, 'configuration')}, ${measured} measured; ${found}${imported}`,
  ].join('\n');
}

const count = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

function clear({ store, filter }: Request, output: Output): ExitCode {
  const removed = store.clear(filter);
  if (removed === null) throw notDone(store);
  output.result(`${count(removed, 'row')} removed`, { removed });
  return EXIT.ok;
}

/** To the file, or as they are to stdout. */
function exportRows({ store, filter, file }: Request, output: Output): ExitCode {
  const text = store.export(filter);
  const rows = text.split('\n').filter((line) => line.startsWith('{"key":')).length;
  if (file === undefined) for (const line of text.trimEnd().split('\n')) output.result(line, { line });
  else {
    writeFiles(dirname(resolve(file)), [{ name: basename(file), text }], 'name another file: lac cache export FILE');
    output.result(`${count(rows, 'row')} written to ${displayName(resolve(file))}`, { file: resolve(file), rows });
  }
  return EXIT.ok;
}

function importRows({ store, file = '' }: Request, output: Output): ExitCode {
  const rows = store.import(readTextFile(file, MAX_IMPORT_BYTES, 'LAC0922'), displayName(resolve(file)));
  if (rows === null) throw notDone(store);
  output.result(`${count(rows, 'row')} taken in; what was measured here stays, and is preferred`, { rows });
  return EXIT.ok;
}

function verify({ store }: Request, output: Output): ExitCode {
  const { sound, bad } = store.verify();
  for (const what of bad) output.result(`bad: ${what}`, { bad: what });
  const verdict =
    bad.length === 0 ? 'all as they were written' : 'what is bad is not used; `lac cache clear` removes it';
  output.result(`${sound} sound in ${store.file}: ${verdict}`, {
    file: store.file,
    sound,
    bad: bad.length,
  });
  return bad.length === 0 ? EXIT.ok : EXIT.failed;
}
