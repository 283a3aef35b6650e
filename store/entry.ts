import type { JsonValue } from '../runtime/json-value.js';
import { canonical, configText, digest, keyDigest, problemDigest } from './digest.js';
import { readConfig, readKey, readOrNull, readRow } from './read-row.js';
import type { Knobs, StoredRow, TuningKey } from './types.js';

/**
 * What the table holds, one kind a line: a row; the configuration that a tune settled on; whether a configuration from
 * elsewhere was right on this device.
 */
export type Content =
  | { readonly kind: 'row'; readonly key: TuningKey; readonly row: StoredRow }
  | { readonly kind: 'best'; readonly key: TuningKey; readonly config: Knobs; readonly imported: boolean }
  | { readonly kind: 'check'; readonly key: TuningKey; readonly config: Knobs; readonly ok: boolean };

/** A line of the table. */
export interface Entry {
  readonly kind: string;
  readonly key: string;
  readonly problem: string;
  readonly config: string;
  readonly text: string;
  readonly checksum: string;
}

export function entryOf({ kind, key, ...rest }: Content): Entry {
  const { config } = 'row' in rest ? rest.row : rest;
  const fields = [kind, keyDigest(key), problemDigest(key), configText(config), canonical({ key, ...rest })] as const;
  const [, digestOfKey, problem, knobs, text] = fields;
  return { kind, key: digestOfKey, problem, config: knobs, text, checksum: digest(...fields) };
}

/** What the line says; null where a byte of it is not what was written. The checksum ties all of it to its key. */
export function contentOf(entry: Entry): Content | null {
  const { kind, key, problem, config, text, checksum } = entry;
  if (digest(kind, key, problem, config, text) !== checksum) return null;
  return readOrNull(text, (value) => readContent(kind, value));
}

function readContent(kind: string, value: JsonValue): Content {
  const key = readKey(value.get('key'));
  if (kind === 'row') return { kind, key, row: readRow(value.get('row')) };
  const config = readConfig(value.get('config'));
  if (kind === 'best') return { kind, key, config, imported: value.get('imported').raw === true };
  if (kind === 'check') return { kind, key, config, ok: value.get('ok').raw === true };
  throw value.wrong(`is ${kind}, which nothing is`);
}
