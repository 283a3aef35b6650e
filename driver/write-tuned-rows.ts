import { basename, dirname } from 'node:path';
import type { DType } from '../compiler/ir/types.js';
import { canonical } from '../store/digest.js';
import type { Config } from './configurations.js';
import type { OptionValue } from './reference.js';
import { type Range, rowsOf, type TunedRow, tuneFileOf, tuneFileText } from './tuned-file.js';
import { writeFiles } from './write-files.js';

/** A row of `x.tune.json` as it is written there. */
export interface NewTunedRow {
  readonly kernel: string;
  readonly target: 'webgpu' | 'cuda';
  /** Least compute capability, times ten; CUDA only. */
  readonly sm?: number;
  /** Of the device that it was measured on, as `deviceKey` says; CUDA: `sm_90`. */
  readonly architecture?: string;
  readonly when?: {
    readonly dtypes?: Readonly<Record<string, DType | readonly DType[]>>;
    readonly options?: Readonly<Record<string, OptionValue>>;
    readonly dims?: Readonly<Record<string, number | Range>>;
    readonly key?: readonly (number | Range)[];
  };
  readonly config: Config;
  /** For people. */
  readonly note?: string;
}

const HELP = 'once it can be, `lac tune --resume --write` takes what the tuning cache has';

interface TuneFile {
  readonly lac: 1;
  readonly note?: string;
  readonly configurations: readonly NewTunedRow[];
}

/**
 * Puts rows into the file beside a source. A row for the same kernel, target, architecture and conditions gives way where
 * it stands, and leaves its note if the new one has none; everything else stays as it is. New rows come behind the last of
 * their kernel and target; what is `outdated`, and not written anew, goes. The file is replaced in one step. Throws LacError
 * LAC0916 for a file, or a row, that says something else, LAC0908 where the file cannot be written.
 */
export function writeTunedRows(
  source: string,
  rows: readonly NewTunedRow[],
  outdated: (row: NewTunedRow) => boolean = () => false,
): void {
  const file = tuneFileOf(source);
  const before = tuneFileText(source);
  const there = before === null ? [] : rowsOf(before, file);
  const old: TuneFile = before === null ? { lac: 1, configurations: [] } : (JSON.parse(before) as TuneFile);
  const merged = old.configurations.map((row, i) => ({ row, of: there[i] as TunedRow }));
  const read = rowsOf(JSON.stringify({ lac: 1, configurations: rows }), file);
  for (const [i, row] of rows.entries()) merge(merged, { row, of: read[i] as TunedRow });
  const written = new Set(read.map(purpose));
  const kept = merged.filter(({ row, of }) => written.has(purpose(of)) || !outdated(row));
  const text = `${formatted({ ...old, configurations: kept.map(({ row }) => row) })}\n`;
  if (text !== before) writeFiles(dirname(file), [{ name: basename(file), text }], HELP);
}

/** A row as it is written, and what it says. */
interface Written {
  readonly row: NewTunedRow;
  readonly of: TunedRow;
}

function merge(rows: Written[], added: Written): void {
  const same = rows.findIndex(({ of }) => purpose(of) === purpose(added.of));
  const replaced = rows[same];
  if (replaced === undefined) {
    const behind = rows.findLastIndex(({ of }) => of.kernel === added.of.kernel && of.target === added.of.target);
    rows.splice(behind < 0 ? rows.length : behind + 1, 0, { ...added, row: inOrder(added.row) });
    return;
  }
  const { note } = replaced.row;
  const kept = note === undefined || added.row.note !== undefined ? added.row : { ...added.row, note };
  rows[same] = { row: inOrder(kept), of: added.of };
}

const purpose = ({ kernel, target, sm, architecture, when }: TunedRow): string =>
  canonical({ kernel, target, sm, architecture, when });

/** Fields in the order in which people read them. */
const inOrder = ({ kernel, target, sm, architecture, when, config, note }: NewTunedRow): NewTunedRow => ({
  kernel,
  target,
  ...(sm === undefined ? {} : { sm }),
  ...(architecture === undefined ? {} : { architecture }),
  ...(when === undefined || Object.keys(when).length === 0 ? {} : { when }),
  config,
  ...(note === undefined ? {} : { note }),
});

const LINE = 120;

/**
 * JSON that this repository's formatter leaves as it is: the file and its rows over several lines, what lies in a row in one
 * line where it fits.
 */
function formatted(value: unknown, depth = 0, before = 0): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const line = inline(value);
  if (depth > IN_ROWS && before + line.length + 1 <= LINE) return line;
  const indent = '  '.repeat(depth);
  const items = Array.isArray(value)
    ? value.map((item) => `${indent}  ${formatted(item, depth + 1, indent.length + 2)}`)
    : fieldsOf(value).map(([name, field]) => {
        const head = `${indent}  ${JSON.stringify(name)}: `;
        return head + formatted(field, depth + 1, head.length);
      });
  const [open, close] = Array.isArray(value) ? '[]' : '{}';
  return items.length === 0 ? `${open}${close}` : `${open}\n${items.join(',\n')}\n${indent}${close}`;
}

/** Depth of a row: the file, its list, the row. */
const IN_ROWS = 2;

const fieldsOf = (value: object): [string, unknown][] =>
  Object.entries(value).filter(([, field]) => field !== undefined);

function inline(value: unknown): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  const fields = fieldsOf(value).map(([name, field]) => `${JSON.stringify(name)}: ${inline(field)}`);
  return fields.length === 0 ? '{}' : `{ ${fields.join(', ')} }`;
}
