/** SQLite as the store uses it, through `libsql`: synchronous, with the binaries of each platform in packages of their own. */
import { createRequire } from 'node:module';

type Value = string | number;

interface Statement {
  all(...values: Value[]): unknown[];
  run(...values: Value[]): { readonly changes: number };
}
interface Handle {
  prepare(sql: string): Statement;
  exec(sql: string): void;
  close(): void;
}
export type Libsql = new (path: string, options: { readonly timeout: number }) => Handle;

/** Takes 40 ms and a shared library: only where there is a file to open. Throws where the platform has no binary. */
export const loadLibsql = (): Libsql => createRequire(import.meta.url)('libsql') as Libsql;

/** A transaction takes a millisecond, but whoever is at one may have to wait for a processor. */
export const BUSY_MS = 30_000;

export class Database {
  readonly #handle: Handle;
  readonly #statements = new Map<string, Statement>();

  constructor(libsql: Libsql, path: string) {
    this.#handle = new libsql(path, { timeout: BUSY_MS });
  }

  /** All rows at once: a statement that is left half-way would hold its snapshot. */
  all(sql: string, ...values: Value[]): unknown[] {
    return this.#statement(sql).all(...values);
  }

  run(sql: string, ...values: Value[]): number {
    return this.#statement(sql).run(...values).changes;
  }

  exec(sql: string): void {
    this.#handle.exec(sql);
  }

  /** The number that a pragma gives. */
  pragma(name: string): unknown {
    const [row] = this.all(`PRAGMA ${name}`) as Readonly<Record<string, unknown>>[];
    return row === undefined ? undefined : Object.values(row)[0];
  }

  /** All or nothing; takes the lock of writers at once, so that nothing that was read changes before it is written. */
  transaction<T>(work: () => T): T {
    this.exec('BEGIN IMMEDIATE');
    try {
      const result = work();
      this.exec('COMMIT');
      return result;
    } catch (error) {
      this.#rollBack();
      throw error;
    }
  }

  /** SQLite has rolled back by itself after some errors. */
  #rollBack(): void {
    try {
      this.exec('ROLLBACK');
    } catch {}
  }

  #statement(sql: string): Statement {
    const known = this.#statements.get(sql) ?? this.#handle.prepare(sql);
    this.#statements.set(sql, known);
    return known;
  }

  close(): void {
    this.#statements.clear();
    this.#handle.close();
  }
}
