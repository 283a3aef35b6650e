/** What went wrong with the file, and what that means for those who use it. */
export interface Fault {
  /** `damage`: what the file says cannot be trusted; `busy`: others hold it; `unusable`: it cannot be read or written here. */
  readonly kind: 'damage' | 'busy' | 'unusable';
  readonly why: string;
}

const NAMES: Readonly<Record<string, string>> = {
  5: 'SQLITE_BUSY',
  11: 'SQLITE_CORRUPT',
  14: 'SQLITE_CANTOPEN',
  26: 'SQLITE_NOTADB',
};

const REASONS: readonly (readonly [code: RegExp, why: string])[] = [
  [/FULL|ENOSPC|EDQUOT/, 'no space is left'],
  [/READONLY|EROFS/, 'it cannot be written to'],
  [/CANTOPEN|PERM|AUTH|EACCES/, 'it cannot be opened'],
  [/IOERR|EIO|EFBIG/, 'reading or writing fails'],
  [/BUSY|LOCKED|PROTOCOL/, 'others hold it'],
  [/^(EEXIST|ENOTDIR)$/, 'a file is in the way of its folder'],
  [/^ENOENT$/, 'its folder cannot be made'],
  [/MODULE_NOT_FOUND|ERR_DLOPEN/, 'libsql has no binary for this platform'],
];

const DAMAGE =
  /^SQLITE_(CORRUPT|NOTADB|ERROR|FORMAT|MISMATCH|RANGE|SCHEMA|INTERNAL|MISUSE|EMPTY|NOTFOUND|CONSTRAINT|TOOBIG)/;

/** Any other error is ours: the schema and the statements are fixed, so that one that SQLite does not take is not the file we made. */
export function faultOf(error: unknown): Fault {
  const { code = '', message = String(error) } = error as NodeJS.ErrnoException;
  const [, number = ''] = /Unable to open .*: (\d+)"?\)/.exec(message) ?? [];
  const name = code || (NAMES[number] ?? '');
  if (DAMAGE.test(name)) return { kind: 'damage', why: message };
  const why = REASONS.find(([pattern]) => pattern.test(name))?.[1] ?? message;
  return { kind: /BUSY|LOCKED|PROTOCOL/.test(name) ? 'busy' : 'unusable', why };
}
