import type { Database } from './database.js';
import { SCHEMA } from './files.js';

/** Sequence numbers order what was written: SQLite gives the next one, whatever the clock does. */
const TABLES = `
  CREATE TABLE IF NOT EXISTS entries (
    sequence INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    key TEXT NOT NULL,
    problem TEXT NOT NULL,
    config TEXT NOT NULL,
    text TEXT NOT NULL,
    checksum TEXT NOT NULL,
    UNIQUE (key, kind, config)
  ) STRICT;
  CREATE INDEX IF NOT EXISTS problems ON entries (problem, kind);
`;

/** Thrown for a file that is none of ours. */
class NotOurs extends Error {
  readonly code = 'SQLITE_FORMAT';
}

/**
 * Prepares a connection, and the file where it is new. NORMAL in WAL mode: a killed process loses nothing that was
 * committed; a power failure may lose the last rows, and no more.
 */
export function prepareSchema(db: Database): void {
  db.exec('PRAGMA cell_size_check = ON; PRAGMA trusted_schema = OFF');
  if (db.pragma('journal_mode') !== 'wal') db.pragma('journal_mode = WAL');
  db.exec('PRAGMA synchronous = NORMAL');
  if (db.pragma('user_version') === SCHEMA) return;
  db.transaction(() => {
    const version = db.pragma('user_version');
    if (version !== 0 && version !== SCHEMA) throw new NotOurs(`its version is ${version}, and not ${SCHEMA}`);
    db.exec(TABLES);
    db.exec(`PRAGMA user_version = ${SCHEMA}`);
  });
}
