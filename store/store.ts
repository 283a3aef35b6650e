import { Connection } from './connection.js';
import { type Database, type Libsql, loadLibsql } from './database.js';
import { configText, keyDigest, problemDigest } from './digest.js';
import { type Content, contentOf, type Entry, entryOf } from './entry.js';
import { faultOf } from './fault.js';
import { folderToRead, folderToWrite, isOff, newest, removeBefore } from './files.js';
import { medianOf } from './medians.js';
import { offersFor } from './offers.js';
import { printable } from './read-row.js';
import { exportedText, readExported } from './transfer.js';
import type { Filter, Knobs, Listed, Offer, StoredRow, TuningKey } from './types.js';

/** Why there is no store, for people. */
export interface NoStore {
  readonly why: string;
}

type Sequenced = Entry & { readonly sequence: number };
/** Keys that are remembered. */
const MAX_KEPT = 256;

/** A line of the table, and what it says; null where it is damaged. */
interface Read {
  readonly entry: Sequenced;
  readonly content: Content | null;
}

/**
 * libsql ends the process where text is no UTF-8, as after a byte has changed: every column comes as bytes, under a name
 * that is not read from the file.
 */
const COLUMNS = ['kind', 'key', 'problem', 'config', 'text', 'checksum']
  .map((name) => `CAST(${name} AS BLOB) AS ${name}`)
  .join(', ');
const SELECT = `SELECT sequence + 0 AS sequence, ${COLUMNS} FROM entries`;
const ALL = `${SELECT} ORDER BY sequence`;
const OF_KEY = `${SELECT} WHERE key = ? AND kind = ? ORDER BY sequence`;
const OF_PROBLEM = `${SELECT} WHERE problem = ? AND kind = ? ORDER BY sequence DESC`;
const ONE = `${SELECT} WHERE key = ? AND kind = ? AND config = ?`;
const FAULTS = 'SELECT CAST(integrity_check AS BLOB) AS fault FROM pragma_integrity_check(20)';
const PUT = 'INSERT OR REPLACE INTO entries (kind, key, problem, config, text, checksum) VALUES (?, ?, ?, ?, ?, ?)';
const REMOVE = 'DELETE FROM entries WHERE sequence = ?';
const REMOVE_ALL = 'DELETE FROM entries';
const REMOVE_KIND = 'DELETE FROM entries WHERE key = ? AND kind = ?';
const REMOVE_ONE = 'DELETE FROM entries WHERE key = ? AND kind = ? AND config = ?';

/**
 * The tuning cache: what was measured on the devices of this machine, a row for each configuration and key. Many processes
 * may use it at once, and any of them may be killed at any moment. A row of which a byte changed is not there. Methods
 * never throw for the state of the file: see `notes`.
 */
export class TuningStore {
  readonly #connection: Connection;
  readonly #folder: string;
  /** Found before, by key: programs ask for the same again and again. */
  readonly #offers = new Map<string, { readonly version: string; readonly offers: readonly Offer[] }>();

  private constructor(folder: string, connection: Connection) {
    this.#folder = folder;
    this.#connection = connection;
  }

  /** Opens the cache in the folder, or begins one. Default: the user's, LAC_TUNING_CACHE or below LAC_CACHE. */
  static open(folder = TuningStore.#standard(), load: () => Libsql = loadLibsql): TuningStore | NoStore {
    if (folder === null) {
      const why = isOff() ? 'LAC_TUNING_CACHE is off' : 'there is no folder for it that only this user can write to';
      return { why: `there is no tuning cache: ${why}` };
    }
    try {
      const connection = new Connection(folder, load());
      const why = connection.open();
      return why === null ? new TuningStore(folder, connection) : { why };
    } catch (error) {
      return { why: `there is no tuning cache: ${faultOf(error).why}` };
    }
  }

  /** As `open`, where there is a cache already; null where there is none. Nothing is loaded or made for that. */
  static existing(load?: () => Libsql): TuningStore | NoStore | null {
    const folder = folderToRead();
    return folder === null ? null : TuningStore.open(folder, load);
  }

  static #standard(): string | null {
    return isOff() ? null : folderToWrite();
  }

  /** The file in use. */
  get file(): string {
    return this.#connection.file;
  }

  /** What somebody should be told: a damaged file that was put aside, why nothing is written any more. */
  get notes(): readonly string[] {
    return this.#connection.notes;
  }

  /** Every configuration that is known for the key, in the order in which they were written. */
  rows(key: TuningKey): StoredRow[] {
    return this.#contents(OF_KEY, keyDigest(key), 'row').flatMap((c) => (c.kind === 'row' ? [c.row] : []));
  }

  /** Keeps what is known of a configuration, in the place of what was. False: it could not be written. */
  put(key: TuningKey, row: StoredRow): boolean {
    if (row.state === 'open' || row.state === 'pruned') return true;
    const done = this.#connection.write((db) => {
      insert(db, entryOf({ kind: 'row', key, row: storable(row) }));
      if (row.state !== 'measured') db.run(REMOVE_ONE, keyDigest(key), 'best', configText(row.config));
      return true;
    });
    return done === true;
  }

  /** What a tune settled on for the key. */
  choose(key: TuningKey, config: Knobs): boolean {
    const done = this.#connection.write((db) => {
      db.run(REMOVE_KIND, keyDigest(key), 'best');
      insert(db, entryOf({ kind: 'best', key, config, imported: false }));
      return true;
    });
    return done === true;
  }

  /**
   * Configurations for the key, best first: its own, those for other sizes on this device, those of its architecture. Where
   * no tune came to its end, the fastest that was measured.
   */
  offers(key: TuningKey): readonly Offer[] {
    const [id, version] = [keyDigest(key), this.#connection.version()];
    const known = this.#offers.get(id);
    if (known?.version === version) return known.offers;
    const offers = this.#findOffers(key);
    if (this.#offers.size >= MAX_KEPT) this.#offers.clear();
    this.#offers.set(id, { version, offers });
    return offers;
  }

  #findOffers(key: TuningKey): readonly Offer[] {
    const offers = offersFor(key, this.#contents(OF_PROBLEM, problemDigest(key), 'best'));
    if (offers.some((o) => o.how === 'exact')) return offers;
    const best = fastest(this.rows(key));
    if (best === null) return offers;
    const { config, imported = false } = best;
    return [{ config, how: 'exact', doublings: 0, device: key.device, imported }, ...offers];
  }

  /** Whether a configuration from elsewhere was right on the device of the key; undefined: it was not tried. */
  checked(key: TuningKey, config: Knobs): boolean | undefined {
    const [found] = this.#contents(ONE, keyDigest(key), 'check', configText(config));
    return found?.kind === 'check' ? found.ok : undefined;
  }

  remember(key: TuningKey, config: Knobs, ok: boolean): boolean {
    const entry = entryOf({ kind: 'check', key, config, ok });
    return this.#connection.write((db) => insert(db, entry)) !== undefined;
  }

  /** Every key with rows, the latest last. */
  list(filter: Filter = {}): Listed[] {
    const byKey = new Map<string, Content[]>();
    for (const { entry, content } of this.#all()) {
      if (content === null || content.kind === 'check' || !matches(content.key, filter)) continue;
      byKey.set(entry.key, [...(byKey.get(entry.key) ?? []), content]);
    }
    return [...byKey.values()].flatMap((contents) => listed(contents));
  }

  /** Removes what the filter means, all by default, and gives the number of rows; null: it could not be written. */
  clear(filter: Filter = {}): number | null {
    const all = Object.values(filter).every((value) => value === undefined);
    const removed = this.#connection.write((db) => {
      const gone = readAll(db).filter(({ content }) => content !== null && matches(content.key, filter));
      if (all) db.run(REMOVE_ALL);
      else for (const { entry } of gone) db.run(REMOVE, entry.sequence);
      return gone.filter(({ content }) => content?.kind === 'row').length;
    });
    if (removed !== undefined && all) removeBefore(this.#folder, newest(this.#folder));
    return removed ?? null;
  }

  /** Rows, and what tunes settled on, as JSON Lines. */
  export(filter: Filter = {}): string {
    const contents = this.#all().flatMap(({ content }) => (content === null ? [] : [content]));
    return exportedText(contents.filter(({ key }) => matches(key, filter)));
  }

  /**
   * Takes in what `export` gave, and gives the number of rows; null: it could not be written. What was measured here stays.
   * `name` is what messages call the file. Throws LacError LAC0922 for a text that says something else.
   */
  import(text: string, name: string): number | null {
    const contents = readExported(text, name);
    const taken = this.#connection.write((db) => contents.filter((content) => takeIn(db, content)));
    return taken === undefined ? null : taken.filter(({ kind }) => kind === 'row').length;
  }

  /** Reads everything. `bad`: rows that changed after they were written, and what SQLite finds wrong with the file. */
  verify(): { readonly sound: number; readonly bad: readonly string[] } {
    const faults = this.#connection.read((db) => db.all(FAULTS).map(faultText)) ?? [];
    const entries = this.#all();
    const bad = entries.filter(({ content }) => content === null).map(({ entry }) => badText(entry));
    return { sound: entries.length - bad.length, bad: [...bad, ...faults.filter((f) => f !== 'ok'), ...this.notes] };
  }

  close(): void {
    this.#connection.close();
  }

  #all(): Read[] {
    return this.#connection.read(readAll) ?? [];
  }

  #contents(sql: string, ...values: string[]): Content[] {
    const entries = this.#connection.read((db) => entriesOf(db, sql, ...values)) ?? [];
    return entries.flatMap((entry) => contentUnder(entry, values) ?? []);
  }
}

/** An index that is damaged may lead to the row of another key. */
function contentUnder(entry: Entry, asked: readonly string[]): Content | null {
  return entry.key === asked[0] || entry.problem === asked[0] ? contentOf(entry) : null;
}

const readAll = (db: Database): Read[] => entriesOf(db, ALL).map((entry) => ({ entry, content: contentOf(entry) }));

/** Bytes that are no UTF-8 become other ones, which the checksum sees. */
function entriesOf(db: Database, sql: string, ...values: string[]): Sequenced[] {
  return (db.all(sql, ...values) as Readonly<Record<keyof Sequenced, unknown>>[]).map((row) => ({
    sequence: Number(row.sequence),
    kind: textOf(row.kind),
    key: textOf(row.key),
    problem: textOf(row.problem),
    config: textOf(row.config),
    text: textOf(row.text),
    checksum: textOf(row.checksum),
  }));
}

const UTF8 = new TextDecoder('utf-8', { ignoreBOM: true });
const textOf = (value: unknown): string =>
  typeof value === 'object' && value !== null ? UTF8.decode(value as ArrayBuffer) : '';

const insert = (db: Database, { kind, key, problem, config, text, checksum }: Entry): number =>
  db.run(PUT, kind, key, problem, config, text, checksum);

const matches = (key: TuningKey, { kernel, device }: Filter): boolean =>
  (kernel === undefined || key.kernel === kernel) &&
  (device === undefined || key.device.toLowerCase().includes(device.toLowerCase()));

const median = ({ samples }: StoredRow): number => medianOf(samples?.ms ?? []);

function fastest(rows: readonly StoredRow[]): StoredRow | null {
  const measured = rows.filter((row) => row.state === 'measured');
  return measured.reduce<StoredRow | null>((a, b) => (a !== null && median(a) <= median(b) ? a : b), null);
}

/** JSON has no NaN: a figure that is none is left out. */
function storable(row: StoredRow): StoredRow {
  const entries = Object.entries(row).filter(([, value]) => typeof value !== 'number' || Number.isFinite(value));
  return { ...(Object.fromEntries(entries) as unknown as StoredRow), ...(row.why && { why: printable(row.why) }) };
}

function listed(contents: readonly Content[]): Listed[] {
  const [first] = contents;
  if (first === undefined) return [];
  const rows = contents.flatMap((c) => (c.kind === 'row' ? [c.row] : []));
  const settled = contents.findLast((c) => c.kind === 'best')?.config;
  const found = settled && rows.find((row) => configText(row.config) === configText(settled));
  const best = found ?? fastest(rows);
  return [
    {
      key: first.key,
      rows: rows.length,
      measured: rows.filter((row) => row.state === 'measured').length,
      best: best && { config: best.config, medianMs: median(best), imported: best.imported === true },
    },
  ];
}

/** False: what is there was measured here, and stays. */
function takeIn(db: Database, content: Content): boolean {
  if (content.kind === 'check') return false;
  const entry = entryOf(content);
  const rows = entriesOf(db, ONE, entry.key, 'row', entry.config);
  const settled = content.kind === 'best' ? entriesOf(db, OF_KEY, entry.key, 'best') : [];
  if ([...rows, ...settled].map(contentOf).some((c) => c !== null && isOwn(c, content.kind))) return false;
  if (content.kind === 'best') db.run(REMOVE_KIND, entry.key, 'best');
  insert(db, entry);
  return true;
}

/** Whether it was found out here, and speaks against taking in content of that kind. */
function isOwn(content: Content, kind: Content['kind']): boolean {
  if (content.kind === 'best') return !content.imported;
  if (content.kind !== 'row' || content.row.imported === true) return false;
  return kind === 'row' || content.row.state !== 'measured';
}

const faultText = (row: unknown): string => printable(textOf((row as { readonly fault?: unknown }).fault));

const badText = ({ sequence, kind, key }: Sequenced): string =>
  printable(`entry ${sequence} (${kind}, key ${key.slice(0, 8)}) is not what was written`);
