import { readFileSync, statSync } from 'node:fs';
import type { Code } from '../compiler/diag/codes.js';
import { runtimeError } from './errors.js';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'no permission',
  ELOOP: 'symbolic links that lead nowhere',
};

/** The text of a regular file of at most `maxBytes`, without the byte order mark that some editors begin it with. Throws a LacError of this code for everything else. */
export function readTextFile(path: string, maxBytes: number, code: Code): string {
  let why: string;
  try {
    const stat = statSync(path);
    if (stat.isFile() && stat.size <= maxBytes) return readFileSync(path, 'utf8').replace(/^\uFEFF/, '');
    why = stat.isFile() ? `it has ${stat.size} bytes; ${maxBytes} is the most` : 'it is no regular file';
  } catch (e) {
    const { code: reason = String(e) } = e as NodeJS.ErrnoException;
    why = REASONS[reason] ?? reason;
  }
  throw runtimeError(code, `cannot read ${path}: ${why}`);
}
