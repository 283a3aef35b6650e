import { closeSync, fsyncSync, openSync, renameSync, rmSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { basename, join } from 'node:path';
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
  EISDIR: 'a folder of that name is in the way',
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
  const code = (error as NodeJS.ErrnoException).code;
  if (code === undefined) return error;
  const reason = REASONS[code] ?? code;
  return new LacError(diagnostic('LAC0908', `cannot write to ${folder}: ${reason}`, null, { help: [help] }));
}
