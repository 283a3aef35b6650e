import {
  accessSync,
  closeSync,
  constants,
  fsyncSync,
  openSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { Bug, diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import { makeFolder } from '../runtime/make-folder.js';

export interface OutputFile {
  readonly name: string;
  readonly text: string;
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space is left',
  EDQUOT: 'the quota is used up',
  EFBIG: 'the file would be larger than is allowed',
  ENOENT: 'the folder cannot be made there',
  ENOTDIR: 'a part of the path is a file',
  EEXIST: 'a file of that name is in the way',
  EISDIR: 'it is a folder',
  ENAMETOOLONG: 'the name is too long',
};

/**
 * Writes files into a folder, all or none: each is written whole under a temporary name beside its own, and only when
 * all are written are they renamed, in order. Whoever reads the last one finds the others. A device or a pipe that is there
 * (/dev/stdout) is not replaced, but written to. Throws LAC0908.
 */
export function writeFiles(folder: string, files: readonly OutputFile[], help = 'name another folder with -o'): void {
  const stray = files.find((f) => basename(f.name) !== f.name);
  if (stray !== undefined) throw new Bug(`${stray.name} is no name of a file in ${folder}`);
  const wanted = files.map(({ name, text }) => {
    return { text, path: join(folder, name), temporary: join(folder, `.${name}.${process.pid}.tmp`) };
  });
  try {
    makeFolder(folder);
    const streams = wanted.filter(({ path }) => isStream(path));
    const whole = wanted.filter((f) => !streams.includes(f));
    for (const { temporary, text } of whole) writeWhole(temporary, text);
    for (const { path, text } of streams) writeFileSync(path, text);
    for (const { temporary, path } of whole) renameSync(temporary, path);
  } catch (error) {
    for (const { temporary } of wanted) remove(temporary);
    throw unwritable(folder, error, help);
  }
}

/**
 * Makes the folder of a file that is written later. Throws LAC0908 where that is sure to fail: what takes minutes is not begun
 * for nothing.
 */
export function expectWritable(file: string, help: string): void {
  const folder = dirname(file);
  try {
    makeFolder(folder);
    if (isStream(file)) accessSync(file, constants.W_OK);
    else accessSync(folder, constants.W_OK);
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true)
      throw Object.assign(new Error(), { code: 'EISDIR', dest: file });
  } catch (error) {
    throw unwritable(folder, error, help);
  }
}

function isStream(path: string): boolean {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat !== undefined && !stat.isFile() && !stat.isDirectory();
}

/** What cannot be removed was not written: the folder is a file, or is not there. */
function remove(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {}
}

function writeWhole(path: string, text: string): void {
  const bytes = Buffer.from(text);
  const file = openSync(path, 'w');
  try {
    for (let done = 0; done < bytes.length; ) done += writeSync(file, bytes, done);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function unwritable(folder: string, error: unknown, help: string): unknown {
  const { code, dest } = error as NodeJS.ErrnoException & { readonly dest?: string };
  if (code === undefined) return error;
  const reason = REASONS[code] ?? code;
  const place = code === 'EISDIR' ? (dest ?? folder) : folder;
  return new LacError(diagnostic('LAC0908', `cannot write to ${place}: ${reason}`, null, { help: [help] }));
}
