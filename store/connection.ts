import { makePrivate } from '../runtime/cache-folder.js';
import { BUSY_MS, Database, type Libsql } from './database.js';
import { type Fault, faultOf } from './fault.js';
import { fileOf, makeFile, newest, removeBefore } from './files.js';
import { prepareSchema } from './schema.js';

/** Damaged files in a row before it is the disk, and not a file. */
const MAX_DAMAGED = 3;

/**
 * The file in use. No method throws for what is wrong with the file: a damaged one is put aside and a fresh one begun, one
 * that cannot be read or written is left alone, and `notes` says what happened and why, once.
 */
export class Connection {
  readonly notes: string[] = [];
  readonly #folder: string;
  readonly #libsql: Libsql;
  #db: Database | null = null;
  #number: number;
  #readable = true;
  #writes = 0;
  #writable = true;

  constructor(folder: string, libsql: Libsql) {
    this.#folder = folder;
    this.#libsql = libsql;
    this.#number = Math.max(1, newest(folder));
  }

  get file(): string {
    return fileOf(this.#folder, this.#number);
  }

  /** Why it cannot be opened; null: it is open. */
  open(): string | null {
    return this.#attempt(() => true) === true ? null : (this.notes.at(-1) ?? 'others hold it');
  }

  /** What `work` reads; undefined where nothing can be read. */
  read<T>(work: (db: Database) => T): T | undefined {
    return this.#readable ? this.#attempt(work) : undefined;
  }

  /** One transaction, all or nothing; undefined where nothing can be written. */
  write<T>(work: (db: Database) => T): T | undefined {
    this.#writes++;
    return this.#writable ? this.#attempt((db) => db.transaction(() => work(db)), true) : undefined;
  }

  /** Another one after anything was written, by whomever. */
  version(): string {
    return `${this.read((db) => db.pragma('data_version'))} ${this.#writes} ${this.#number}`;
  }

  close(): void {
    this.#readable = this.#writable = false;
    this.#drop();
  }

  #attempt<T>(work: (db: Database) => T, writes = false): T | undefined {
    for (let damaged = 0, begin = performance.now(); ; ) {
      try {
        return work(this.#open());
      } catch (error) {
        const fault = faultOf(error);
        const again =
          fault.kind === 'damage'
            ? ++damaged <= MAX_DAMAGED
            : // What waits for the exclusive lock of the first moment is not always made to wait by SQLite.
              fault.kind === 'busy' && this.#db === null && performance.now() - begin < BUSY_MS;
        if (!again) return this.#giveUp(fault, writes);
        if (fault.kind === 'damage') this.#putAside(fault);
        else pause(1 + Math.random() * 50);
      }
    }
  }

  #open(): Database {
    if (this.#db !== null) return this.#db;
    makePrivate(this.#folder);
    makeFile(this.file);
    const db = new Database(this.#libsql, this.file);
    try {
      prepareSchema(db);
    } catch (error) {
      db.close();
      throw error;
    }
    this.#db = db;
    return db;
  }

  /** Whoever has the damaged file open finds out for himself. */
  #putAside({ why }: Fault): void {
    this.#drop();
    this.#note(`the tuning cache ${this.file} is damaged (${why}); it is put aside, and a new one begun`);
    removeBefore(this.#folder, this.#number);
    this.#number = Math.max(this.#number + 1, newest(this.#folder));
  }

  /** Another try would fail as this one did; what is merely held by others may be free the next time. */
  #giveUp({ kind, why }: Fault, writes: boolean): undefined {
    this.#note(`the tuning cache ${this.file} is ${writes ? 'not written' : 'not used'}: ${why}`);
    if (kind === 'busy') return undefined;
    this.#writable = false;
    if (!writes) this.#readable = false;
    return undefined;
  }

  #note(text: string): void {
    if (!this.notes.includes(text)) this.notes.push(text);
  }

  #drop(): void {
    try {
      this.#db?.close();
    } catch {}
    this.#db = null;
  }
}

function pause(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}
