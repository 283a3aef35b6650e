import { JsonValue } from '../runtime/json-value.js';
import { canonical } from './digest.js';
import type { Content } from './entry.js';
import { CODE, readConfig, readKey, readRow } from './read-row.js';

/** Of the form of exported text. */
const VERSION = 1;
/** Bytes of a file, bytes of a line, and lines, that are taken in. */
export const MAX_IMPORT_BYTES = 2 ** 26;
const MAX_LINE = 2 ** 18;
const MAX_LINES = 2 ** 18;

/** A line that says what this is, then one a row: `{"key":...,"row":...}`, or `{"key":...,"best":...}`. */
export function exportedText(contents: readonly Content[]): string {
  const lines = contents.flatMap((content) => {
    if (content.kind === 'row') {
      const { imported: _, ...row } = content.row;
      return [canonical({ key: content.key, row })];
    }
    return content.kind === 'best' ? [canonical({ key: content.key, best: content.config })] : [];
  });
  return [`{"lac":${VERSION},"tuning":true}`, ...lines, ''].join('\n');
}

/** What the text says, each marked as imported. Throws LacError LAC0922, with the line. */
export function readExported(text: string, name: string): Content[] {
  const lines = text.split('\n', MAX_LINES + 2);
  const value = (line: string, i: number): JsonValue => JsonValue.parse(line, `line ${i + 1} of ${name}`, CODE);
  const head = value((lines[0] ?? '').slice(0, MAX_LINE), 0);
  head.only('lac', 'tuning').get('lac').whole({ least: VERSION, most: VERSION });
  if (lines.length > MAX_LINES) throw head.wrong(`is followed by more than ${MAX_LINES} lines`);
  return lines.flatMap((line, i) => {
    if (i === 0 || line.trim() === '') return [];
    if (line.length > MAX_LINE) throw value('0', i).wrong(`has ${line.length} characters; ${MAX_LINE} is the most`);
    return [readLine(value(line, i))];
  });
}

function readLine(line: JsonValue): Content {
  const key = readKey(line.only('key', 'row', 'best').get('key'));
  const best = line.optional('best');
  if (best !== undefined) return { kind: 'best', key, config: readConfig(best), imported: true };
  return { kind: 'row', key, row: { ...readRow(line.get('row')), imported: true } };
}
