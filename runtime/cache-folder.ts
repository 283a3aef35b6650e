/** A private folder for files that are made once: found, made, and filled in one step. */
import { randomBytes } from 'node:crypto';
import { lstatSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { makeFolder } from './make-folder.js';

/** Where caches may lie, best first: LAC_CACHE alone when it is set, so that a wrong one is noticed, then temporary files. */
export function cacheFolders(env: NodeJS.ProcessEnv = process.env): string[] {
  const uid = process.getuid?.() ?? 'user';
  const fallback = path.join(os.tmpdir(), `lac-${uid}`);
  if (env.LAC_CACHE) return [path.resolve(env.LAC_CACHE), fallback];
  const home = env.XDG_CACHE_HOME || (env.HOME ? path.join(env.HOME, '.cache') : '');
  return path.isAbsolute(home) ? [path.join(home, 'lac'), fallback] : [fallback];
}

/** Libraries are loaded from here, so that the folder has to be ours and closed to everyone else's writes. */
export function makePrivate(folder: string): void {
  makeFolder(folder, 0o700);
  const stat = lstatSync(folder);
  const uid = process.getuid?.();
  if (!stat.isDirectory()) throw new Error(`${folder} is not a folder`);
  if (uid !== undefined && stat.uid !== uid) throw new Error(`${folder} belongs to another user`);
  if (process.platform !== 'win32' && (stat.mode & 0o022) !== 0) throw new Error(`${folder} is writable by others`);
}

/** The best place for a cache of this name, made and closed to others; null where there is none. */
export function privateFolder(name: string, folders: readonly string[] = cacheFolders()): string | null {
  for (const parent of folders) {
    const folder = path.join(parent, name);
    try {
      makePrivate(parent);
      makePrivate(folder);
      return folder;
    } catch {
      // The next one may do.
    }
  }
  return null;
}

/**
 * Makes `folder` with these files unless it is whole already. They are written beside it and moved in one rename, so that
 * other processes see all of it or nothing; a failure leaves nothing behind.
 */
export function fillFolder(
  folder: string,
  files: () => ReadonlyMap<string, Uint8Array>,
  isWhole: (folder: string) => boolean,
): void {
  if (isWhole(folder)) return;
  const parent = path.dirname(folder);
  const partial = path.join(parent, `.${path.basename(folder)}.${process.pid}.${randomBytes(4).toString('hex')}`);
  try {
    mkdirSync(partial, { mode: 0o700 });
    for (const [name, content] of files()) writeFileSync(path.join(partial, name), content, { mode: 0o700 });
    moveInto(partial, folder, isWhole);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** A folder that is there by now won a race if it is whole; otherwise it is damaged and gets replaced. */
function moveInto(partial: string, folder: string, isWhole: (folder: string) => boolean): void {
  if (isWhole(folder)) return;
  rmSync(folder, { recursive: true, force: true });
  try {
    renameSync(partial, folder);
  } catch (e) {
    if (!isWhole(folder)) throw e;
  }
}
