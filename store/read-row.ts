/** From JSON to keys and rows. Files come from other machines: everything has bounds, and nothing is taken on trust. */
import type { Code } from '../compiler/diag/codes.js';
import { JsonValue } from '../runtime/json-value.js';
import { STATES, type StoredRow, type TuningKey } from './types.js';

export const CODE: Code = 'LAC0922';

const MAX_NAMES = 64;
const MAX_SAMPLES = 10_000;
const MAX_TEXT = 2000;
const NAME = /^[A-Za-z_$][\w$]{0,199}$/;
/** What a terminal would obey. */
const CONTROL = /\p{Cc}/gu;

/** Text of people and compilers, as it may be printed. */
export const printable = (text: string): string => text.replace(CONTROL, ' ').slice(0, MAX_TEXT);

export function readKey(value: JsonValue): TuningKey {
  value.only('kernel', 'hash', 'device', 'architecture', 'dtypes', 'comptime', 'options', 'sizes');
  return {
    kernel: text(value.get('kernel')),
    hash: text(value.get('hash')),
    device: text(value.get('device')),
    architecture: text(value.get('architecture')),
    dtypes: named(value.get('dtypes'), text),
    comptime: named(value.get('comptime'), whole),
    options: named(value.get('options'), option),
    sizes: named(value.get('sizes'), whole),
  };
}

export function readRow(value: JsonValue): StoredRow {
  value.only(
    ...[
      'config',
      'state',
      'why',
      'code',
      'estimateMs',
      'resources',
      'samples',
      'rmse',
      'compileMs',
      'dims',
      'imported',
    ],
  );
  const row = {
    config: readConfig(value.get('config')),
    state: value.get('state').oneOf(STATES),
    ...part(value, 'why', text),
    ...part(value, 'code', text),
    ...part(value, 'estimateMs', amount),
    ...part(value, 'resources', resources),
    ...part(value, 'samples', samples),
    ...part(value, 'rmse', amount),
    ...part(value, 'compileMs', amount),
    ...part(value, 'dims', readConfig),
    ...part(value, 'imported', yes),
  };
  if (row.state === 'measured' && row.samples === undefined) throw value.wrong('was measured and has no samples');
  return row;
}

export const readConfig = (value: JsonValue): StoredRow['config'] => named(value, whole);

function part<K extends string, T>(value: JsonValue, name: K, read: (v: JsonValue) => T): { readonly [N in K]?: T } {
  const found = value.optional(name);
  return found === undefined ? {} : ({ [name]: read(found) } as { [N in K]: T });
}

function named<T>(value: JsonValue, read: (v: JsonValue) => T): Readonly<Record<string, T>> {
  const names = value.entries().map(([name]) => name);
  if (names.length > MAX_NAMES) throw value.wrong(`has ${names.length} names; ${MAX_NAMES} is the most`);
  const odd = names.find((name) => !NAME.test(name) || name === '__proto__');
  if (odd !== undefined) throw value.wrong(`has ${JSON.stringify(odd)}, which is no name`);
  return value.record(read);
}

function text(value: JsonValue): string {
  const found = value.string();
  if (found.length > MAX_TEXT || printable(found) !== found) throw value.wrong('is too long, or no line of text');
  return found;
}

const whole = (value: JsonValue): number => value.whole({ least: Number.MIN_SAFE_INTEGER });

function amount(value: JsonValue): number {
  const { raw } = value;
  if (typeof raw === 'number' && Number.isFinite(raw) && raw >= 0) return raw;
  throw value.wrong('is no number, 0 or more');
}

function option(value: JsonValue): boolean | number | string {
  const { raw } = value;
  if (typeof raw === 'boolean' || (typeof raw === 'number' && Number.isFinite(raw))) return raw;
  return text(value);
}

function yes(value: JsonValue): true {
  if (value.raw !== true) throw value.wrong('is not true');
  return true;
}

function resources(value: JsonValue): NonNullable<StoredRow['resources']> {
  value.only('sharedBytes', 'threads', 'programs', 'registers', 'spillBytes');
  return {
    sharedBytes: amount(value.get('sharedBytes')),
    threads: amount(value.get('threads')),
    programs: amount(value.get('programs')),
    ...part(value, 'registers', amount),
    ...part(value, 'spillBytes', amount),
  };
}

function samples(value: JsonValue): NonNullable<StoredRow['samples']> {
  const ms = value.only('ms', 'how').get('ms').array();
  if (ms.length === 0 || ms.length > MAX_SAMPLES)
    throw value.wrong(`has ${ms.length} samples, not 1 to ${MAX_SAMPLES}`);
  return { ms: ms.map(amount), how: value.get('how').oneOf(['timestamp', 'host']) };
}

/** The value, or null where it is not what `read` takes. */
export function readOrNull<T>(json: string, read: (value: JsonValue) => T): T | null {
  try {
    return read(JsonValue.parse(json, 'the tuning cache', CODE));
  } catch {
    return null;
  }
}
