import { closeSync, openSync, readdirSync, rmSync, type Stats, statSync } from 'node:fs';
import path from 'node:path';
import { cacheFolders, privateFolder } from '../runtime/cache-folder.js';

/** Of the tables; another one is another file, so that versions of lac live beside each other. */
export const SCHEMA = 1;

/**
 * Files of one cache are numbered. Whoever finds the newest damaged begins the next: two that do so at once meet in one
 * file, nothing is renamed under somebody who writes, and the damaged one stays for whoever wants to look.
 */
const NAME = new RegExp(`^tuning-${SCHEMA}\\.(\\d{1,6})\\.db(-wal|-shm|-journal)?$`);

export const fileOf = (folder: string, number: number): string => path.join(folder, `tuning-${SCHEMA}.${number}.db`);

const files = (folder: string): { readonly name: string; readonly number: number }[] => {
  try {
    return readdirSync(folder).flatMap((name) => {
      const number = NAME.exec(name)?.[1];
      return number === undefined ? [] : [{ name, number: Number(number) }];
    });
  } catch {
    return [];
  }
};

/** Number of the file in use; 0 where there is none. */
export const newest = (folder: string): number => Math.max(0, ...files(folder).map((f) => f.number));

/** Removes files with smaller numbers than this. */
export function removeBefore(folder: string, number: number): void {
  for (const f of files(folder)) if (f.number < number) rmSync(path.join(folder, f.name), { force: true });
}

/** Makes the file where it is missing, closed to others; SQLite gives what it puts beside it the same mode. */
export function makeFile(file: string): void {
  closeSync(openSync(file, 'a', 0o600));
}

const FOLDER = 'tuning';

/** LAC_TUNING_CACHE: a folder of its own for the tuning cache, or `off`. */
const own = (): string | undefined => process.env.LAC_TUNING_CACHE || undefined;

export const isOff = (): boolean => own() === 'off';

/** The folder that a tune writes to; null where there is none. One that the user chose may lie anywhere, and is still to be made. */
export function folderToWrite(): string | null {
  const chosen = own();
  return chosen === undefined ? privateFolder(FOLDER) : path.resolve(chosen);
}

/** The folder with a cache in it, if there is one. Nothing is made. */
export function folderToRead(): string | null {
  if (isOff()) return null;
  const chosen = own();
  const folders = chosen === undefined ? cacheFolders().map((f) => path.join(f, FOLDER)) : [path.resolve(chosen)];
  return folders.find((folder) => isOurs(folder) && newest(folder) > 0) ?? null;
}

/** What others may write to could hold anything. */
function isOurs(folder: string): boolean {
  const stat = statOf(folder);
  const uid = process.getuid?.();
  return (
    stat?.isDirectory() === true &&
    (uid === undefined || stat.uid === uid) &&
    (process.platform === 'win32' || (stat.mode & 0o022) === 0)
  );
}

/** Null also where a part of the path is a file, or closed to us. */
function statOf(folder: string): Stats | null {
  try {
    return statSync(folder);
  } catch {
    return null;
  }
}
