import { Database, loadLibsql } from '../../store/database.js';
import { TuningStore } from '../../store/store.js';
import { atEndOfFile, temporaryFolder } from '../setup/temporary.js';

/** A folder of its own, that is gone after the tests of the file. */
export const folder = (): string => temporaryFolder('store');

/** Throws where there is none. */
export function openStore(path = folder()): TuningStore {
  const store = TuningStore.open(path);
  if (!(store instanceof TuningStore)) throw new Error(store.why);
  atEndOfFile(() => store.close());
  return store;
}

/** Everything in the file itself, and nothing beside it, as after the last of many processes. */
export function settle(file: string): void {
  const db = new Database(loadLibsql(), file);
  db.all('PRAGMA wal_checkpoint(TRUNCATE)');
  db.close();
}
