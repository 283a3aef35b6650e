/** Compiled programs between processes: the driver's compiler takes 20 ms to seconds for a kernel, a file none. */
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { cacheFolders, makePrivate } from '../cache-folder.js';
import { messageOf } from '../errors.js';

/** First line of a file; its number changes with the options of the link. Then the hash of the rest, then the cubin. */
const MAGIC = 'lac cubin 1\n';
const HASH_CHARS = 64;
/** Programs kept, about 100 KiB each. The least recently used half goes where there are more. */
const MAX_FILES = 2048;

const sha256 = (data: string | Uint8Array): string => createHash('sha256').update(data).digest('hex');

/** Everything that the result of a link depends on. `driver`: its version, as the addon gives it. */
export const cubinKey = (ptx: string, sm: number, driver: number): string => `${sha256(ptx)}-sm${sm}-${driver}`;

/**
 * Files in a private folder of the user. What is damaged counts as missing; a folder that cannot be used costs time only:
 * `note` is told once, and everything goes on without.
 */
export class CubinCache {
  readonly #folders: readonly string[];
  readonly #note: (text: string) => void;
  #usable: readonly string[] | null = null;
  #noted = false;

  constructor(note: (text: string) => void, folders: readonly string[] = cacheFolders()) {
    this.#note = note;
    this.#folders = folders;
  }

  async load(key: string): Promise<Uint8Array | null> {
    for (const folder of this.#open()) {
      const file = path.join(folder, key);
      const cubin = await readFile(file).then(cubinIn, () => null);
      if (cubin === null) continue;
      const now = new Date();
      await utimes(file, now, now).catch(() => {});
      return cubin;
    }
    return null;
  }

  /** Written beside its name and renamed, so that other processes see all of it or nothing. */
  async store(key: string, cubin: Uint8Array): Promise<void> {
    let why = '';
    for (const folder of this.#open()) {
      const partial = path.join(folder, `.${key}.${process.pid}.${randomBytes(4).toString('hex')}`);
      try {
        const head = Buffer.from(`${MAGIC}${sha256(cubin)}`);
        await writeFile(partial, Buffer.concat([head, cubin]), { mode: 0o600 });
        await rename(partial, path.join(folder, key));
        await shrink(folder);
        return;
      } catch (e) {
        why = messageOf(e);
        await rm(partial, { force: true }).catch(() => {});
      }
    }
    if (why !== '') this.#noteOnce(why);
  }

  /** Folders that are ours, made on first use. */
  #open(): readonly string[] {
    if (this.#usable !== null) return this.#usable;
    let why = '';
    this.#usable = this.#folders.flatMap((parent) => {
      try {
        makePrivate(parent);
        makePrivate(path.join(parent, 'cubin'));
        return [path.join(parent, 'cubin')];
      } catch (e) {
        why = messageOf(e);
        return [];
      }
    });
    if (this.#usable.length === 0) this.#noteOnce(why);
    return this.#usable;
  }

  #noteOnce(why: string): void {
    if (!this.#noted) this.#note(`compiled programs are not kept, each process compiles anew: ${why}`);
    this.#noted = true;
  }
}

function cubinIn(file: Buffer): Uint8Array | null {
  const begin = MAGIC.length + HASH_CHARS;
  if (file.length <= begin || file.toString('latin1', 0, MAGIC.length) !== MAGIC) return null;
  // A copy of its own: the driver reads 64-bit fields, and an array begins aligned.
  const cubin = new Uint8Array(file.subarray(begin));
  return sha256(cubin) === file.toString('latin1', MAGIC.length, begin) ? cubin : null;
}

/** Other processes may remove the same files. */
async function shrink(folder: string): Promise<void> {
  const names = await readdir(folder);
  if (names.length <= MAX_FILES) return;
  const ages = await Promise.all(
    names.map(async (name) => ({
      name,
      used: await stat(path.join(folder, name)).then(
        (s) => s.mtimeMs,
        () => 0,
      ),
    })),
  );
  ages.sort((a, b) => a.used - b.used);
  for (const { name } of ages.slice(0, Math.ceil(names.length / 2))) await rm(path.join(folder, name), { force: true });
}
