import { statSync } from 'node:fs';
import { basename } from 'node:path';
import { DTYPES, type DType } from '../compiler/ir/types.js';
import { JsonValue } from '../runtime/json-value.js';
import { readTextFile } from '../runtime/read-text-file.js';
import type { Config } from './configurations.js';
import type { OptionValue } from './reference.js';

/** Values from `least` to `most`, both included; an end that is missing is open. */
export interface Range {
  readonly least?: number;
  readonly most?: number;
}

/** One configuration that was measured to be good, and for what. */
export interface TunedRow {
  /** `forward.tune.json, row 3`, counted from 1. */
  readonly name: string;
  readonly kernel: string;
  readonly target: 'webgpu' | 'cuda';
  /** Least compute capability, times ten; CUDA only. Of rows that fit equally, the newest generation's wins. */
  readonly sm: number;
  /** Of the devices that it was measured on: `sm_90`, `nvidia hopper`, `software swiftshader`. Null: the row does not say. */
  readonly architecture: string | null;
  readonly when: {
    /** Choices of dtype parameters that the row speaks of. */
    readonly dtypes: Readonly<Record<string, readonly DType[]>>;
    readonly options: Readonly<Record<string, OptionValue>>;
    /** Sizes by name. Those of comptime dimensions must hold; others say where the row was measured. */
    readonly dims: Readonly<Record<string, Range>>;
    /** Ranges of the values of the kernel's `tuneKey`, in its order; they say where the row was measured. */
    readonly key: readonly Range[];
  };
  /** A value for every knob. */
  readonly config: Config;
}

/** `x.tune.json` of `x.ts`. */
export const tuneFileOf = (source: string): string => source.replace(/\.[mc]?[jt]sx?$/, '.tune.json');

const MAX_BYTES = 2 ** 20;
const CODE = 'LAC0916';

/**
 * The rows beside a source file, in order; none where there is no such file.
 *
 *     { "lac": 1, "configurations": [
 *       { "kernel": "gemm", "target": "cuda", "sm": 80, "architecture": "sm_90",
 *         "when": { "dtypes": { "T": ["f16", "bf16"] }, "dims": { "M": { "least": 1024 }, "K": 512 } },
 *         "config": { "BM": 128, "BN": 256, "BK": 64, "warps": 8, "stages": 3 }, "note": "for people" } ] }
 *
 * Throws LacError LAC0916 for a file that says something else.
 */
export function readTunedRows(source: string): readonly TunedRow[] {
  const file = tuneFileOf(source);
  const stamp = file === source ? null : stampOf(file);
  if (stamp === null) return [];
  const known = files.get(file);
  if (known?.stamp === stamp) return known.rows;
  const rows = parseRows(file);
  files.set(file, { stamp, rows });
  return rows;
}

/** Files as they were read last: a call from TypeScript asks for them whenever it has new sizes. */
const files = new Map<string, { readonly stamp: string; readonly rows: readonly TunedRow[] }>();

/** Changes when the file does; null where there is none. */
function stampOf(file: string): string | null {
  try {
    const stat = statSync(file, { throwIfNoEntry: false });
    return stat === undefined ? null : `${stat.mtimeMs} ${stat.size}`;
  } catch {
    return 'none'; // reading it says why
  }
}

function parseRows(file: string): readonly TunedRow[] {
  return rowsOf(readTextFile(file, MAX_BYTES, CODE), file);
}

/** What a text says that lies in that file. Throws LacError LAC0916. */
export function rowsOf(text: string, file: string): readonly TunedRow[] {
  const top = JsonValue.parse(text, file, CODE).only('lac', 'configurations', 'note');
  top.get('lac').whole({ least: 1, most: 1 });
  const rows = top.get('configurations').array();
  return rows.map((row, i) => tunedRow(row, `${basename(file)}, row ${i + 1}`));
}

/** The text of the file beside a source; null where there is none. */
export function tuneFileText(source: string): string | null {
  const file = tuneFileOf(source);
  return stampOf(file) === null ? null : readTextFile(file, MAX_BYTES, CODE);
}

function tunedRow(row: JsonValue, name: string): TunedRow {
  row.only('kernel', 'target', 'sm', 'architecture', 'when', 'config', 'note').optional('note')?.string();
  const target = row.get('target').oneOf(['webgpu', 'cuda']);
  const sm = row.optional('sm');
  if (sm !== undefined && target !== 'cuda') throw sm.wrong('is for the target cuda');
  return {
    name,
    kernel: row.get('kernel').string(),
    target,
    sm: sm?.whole({ least: 50, most: 999 }) ?? 0,
    architecture: row.optional('architecture')?.string() ?? null,
    when: conditions(row.optional('when')),
    config: row.get('config').record((value) => value.whole()),
  };
}

function conditions(when: JsonValue | undefined): TunedRow['when'] {
  when?.only('dtypes', 'options', 'dims', 'key');
  return {
    dtypes: when?.optional('dtypes')?.record(dtypes) ?? {},
    options: when?.optional('options')?.record(option) ?? {},
    dims: when?.optional('dims')?.record(range) ?? {},
    key: when?.optional('key')?.array().map(range) ?? [],
  };
}

/** One choice, or a list of them. */
function dtypes(value: JsonValue): readonly DType[] {
  const list = Array.isArray(value.raw) ? value.array() : [value];
  return list.map((one) => one.oneOf(DTYPES));
}

function option(value: JsonValue): OptionValue {
  const { raw } = value;
  if (typeof raw === 'boolean' || typeof raw === 'number' || typeof raw === 'string') return raw;
  throw value.wrong('is no value of an option');
}

/** A size, or `{ "least": 1024, "most": 4096 }`. */
function range(value: JsonValue): Range {
  if (typeof value.raw === 'number') {
    const size = value.whole();
    return { least: size, most: size };
  }
  const [least, most] = [value.only('least', 'most').optional('least'), value.optional('most')];
  return {
    ...(least === undefined ? {} : { least: least.whole() }),
    ...(most === undefined ? {} : { most: most.whole() }),
  };
}
