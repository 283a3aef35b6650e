import { readFileSync, statSync } from 'node:fs';
import { relative, sep } from 'node:path';
import { type Diagnostic, diagnostic } from '../../compiler/diag/diagnostic.js';
import { MAX_FILE_BYTES } from './parse-file.js';

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  ENOTDIR: 'a part of the path is a file',
  EISDIR: 'it is a folder; name a file in it',
  EACCES: 'no permission',
  EPERM: 'no permission',
  ELOOP: 'its symbolic links go round in a circle',
  ENAMETOOLONG: 'the name is too long',
};

/** Text of a source file, or why there is none (LAC0001, LAC0002). A file with a NUL is no text, whatever its name. */
export function readText(file: string): string | Diagnostic {
  const name = shortName(file);
  try {
    const stat = statSync(file);
    // A pipe would be waited for, a device might never end.
    if (!stat.isFile() && !stat.isDirectory())
      return diagnostic('LAC0001', `cannot read ${name}: it is no regular file`);
    return stat.size > MAX_FILE_BYTES ? tooLarge(name, stat.size) : checked(name, readFileSync(file, 'utf8'));
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    return diagnostic('LAC0001', `cannot read ${name}: ${REASONS[code] ?? code}`);
  }
}

/** The same for text that an editor holds. */
export function unsavedText(file: string, text: string): string | Diagnostic {
  const bytes = Buffer.byteLength(text);
  return bytes > MAX_FILE_BYTES ? tooLarge(shortName(file), bytes) : checked(shortName(file), text);
}

const tooLarge = (name: string, bytes: number): Diagnostic =>
  diagnostic('LAC0002', `${name} has ${bytes} bytes; at most ${MAX_FILE_BYTES} are read`);

const checked = (name: string, text: string): string | Diagnostic =>
  text.includes('\0') ? diagnostic('LAC0001', `cannot read ${name}: it is no text`) : text;

/** As somebody in the working directory would name it. */
function shortName(file: string): string {
  const short = relative(process.cwd(), file);
  return short === '' || short === '..' || short.startsWith(`..${sep}`) ? file : short;
}
