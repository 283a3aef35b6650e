import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { Database, loadLibsql } from '../../store/database.js';
import { TuningStore } from '../../store/store.js';

const made: string[] = [];
const opened: TuningStore[] = [];

// Of the file that imports this: a hook that a test adds belongs to nobody.
afterAll(() => {
  for (const store of opened) store.close();
  for (const path of made) rmSync(path, { recursive: true, force: true });
});

/** A folder of its own, that is gone after the tests of the file. */
export function folder(): string {
  const path = mkdtempSync(join(tmpdir(), 'lac-store-'));
  made.push(path);
  return path;
}

/** Throws where there is none. */
export function openStore(path = folder()): TuningStore {
  const store = TuningStore.open(path);
  if (!(store instanceof TuningStore)) throw new Error(store.why);
  opened.push(store);
  return store;
}

/** Everything in the file itself, and nothing beside it, as after the last of many processes. */
export function settle(file: string): void {
  const db = new Database(loadLibsql(), file);
  db.all('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
}
