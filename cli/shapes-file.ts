import type { OptionValue } from '../driver/reference.js';
import { JsonValue } from '../runtime/json-value.js';
import { readTextFile } from '../runtime/read-text-file.js';

/** One problem that a shapes file asks for; what it leaves out is as the command line and the reference have it. */
export interface ShapeRequest {
  /** Null: every kernel that is tuned. */
  readonly kernel: string | null;
  readonly dims: Readonly<Record<string, number>>;
  readonly dtypes: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, OptionValue>>;
}

const MAX_BYTES = 2 ** 20;
const CODE = 'LAC0920';

/**
 * The shapes of a file, in order:
 *
 *     { "lac": 1, "shapes": [
 *       { "kernel": "lightningFwd", "dims": { "B": 4, "N": 8192 }, "dtypes": { "T": "bf16" }, "options": { "precise": true } } ] }
 *
 * Throws LacError LAC0920 for a file that says something else.
 */
export function readShapes(file: string): readonly ShapeRequest[] {
  const top = JsonValue.parse(readTextFile(file, MAX_BYTES, CODE), file, CODE).only('lac', 'shapes', 'note');
  top.get('lac').whole({ least: 1, most: 1 });
  const shapes = top.get('shapes');
  const list = shapes.array().map(shape);
  if (list.length === 0) throw shapes.wrong('is empty');
  return list;
}

function shape(value: JsonValue): ShapeRequest {
  value.only('kernel', 'dims', 'dtypes', 'options', 'note').optional('note')?.string();
  return {
    kernel: value.optional('kernel')?.string() ?? null,
    dims: value.optional('dims')?.record((size) => size.whole()) ?? {},
    dtypes: value.optional('dtypes')?.record((dtype) => dtype.string()) ?? {},
    options: value.optional('options')?.record(option) ?? {},
  };
}

function option(value: JsonValue): OptionValue {
  const { raw } = value;
  if (typeof raw === 'boolean' || typeof raw === 'number') return raw;
  throw value.wrong('is neither true, false nor a number');
}
