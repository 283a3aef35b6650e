import type { Code } from '../compiler/diag/codes.js';
import type { LacError } from '../compiler/diag/diagnostic.js';
import { messageOf, runtimeError } from './errors.js';

/** A range of whole numbers, ends included. */
export interface Whole {
  readonly least?: number;
  readonly most?: number;
}

/**
 * A value of a JSON file and its place there, so that a reader can say what is wrong and where. Every getter throws a
 * LacError of the file's code where the value is not what it asks for: files are written by people and by other versions.
 */
export class JsonValue {
  readonly #value: unknown;
  /** `variants[2].block`; empty at the top. */
  readonly #place: string;
  readonly #file: string;
  readonly #code: Code;

  private constructor(value: unknown, place: string, file: string, code: Code) {
    this.#value = value;
    this.#place = place;
    this.#file = file;
    this.#code = code;
  }

  /** `file` is how messages call it. */
  static parse(text: string, file: string, code: Code): JsonValue {
    try {
      return new JsonValue(JSON.parse(text), '', file, code);
    } catch (e) {
      throw runtimeError(code, `${file} is no JSON: ${placed(messageOf(e), text)}`, ...unmerged(text));
    }
  }

  /** The error to throw: `variants[2].block of FILE is not ...`. */
  wrong(what: string, ...help: string[]): LacError {
    return runtimeError(this.#code, `${this.#place === '' ? '' : `${this.#place} of `}${this.#file} ${what}`, ...help);
  }

  #inside(value: unknown, step: string): JsonValue {
    return new JsonValue(
      value,
      this.#place === '' ? step.replace(/^\./, '') : `${this.#place}${step}`,
      this.#file,
      this.#code,
    );
  }

  get raw(): unknown {
    return this.#value;
  }

  #record(): Readonly<Record<string, unknown>> {
    if (typeof this.#value !== 'object' || this.#value === null || Array.isArray(this.#value))
      throw this.wrong('is no object');
    return this.#value as Readonly<Record<string, unknown>>;
  }

  /** Throws where the object has a key that is none of these: most likely a slip of the pen. */
  only(...known: readonly string[]): this {
    const stray = Object.keys(this.#record()).find((key) => !known.includes(key));
    if (stray !== undefined) throw this.wrong(`has ${JSON.stringify(stray)}`, `it may have ${known.join(', ')}`);
    return this;
  }

  get(key: string): JsonValue {
    const value = this.optional(key);
    if (value === undefined) throw this.wrong(`has no ${JSON.stringify(key)}`);
    return value;
  }

  optional(key: string): JsonValue | undefined {
    const record = this.#record();
    return Object.hasOwn(record, key) ? this.#inside(record[key], `.${key}`) : undefined;
  }

  entries(): (readonly [string, JsonValue])[] {
    return Object.entries(this.#record()).map(([key, value]) => [key, this.#inside(value, `.${key}`)]);
  }

  /** An object as a record of what `read` makes of its values. */
  record<T>(read: (value: JsonValue) => T): Readonly<Record<string, T>> {
    return Object.fromEntries(this.entries().map(([key, value]) => [key, read(value)]));
  }

  array(): JsonValue[] {
    if (!Array.isArray(this.#value)) throw this.wrong('is no list');
    return this.#value.map((value: unknown, i) => this.#inside(value, `[${i}]`));
  }

  string(): string {
    if (typeof this.#value !== 'string') throw this.wrong('is no text');
    return this.#value;
  }

  oneOf<const T extends string>(choices: readonly T[]): T {
    const found = choices.find((choice) => choice === this.#value);
    if (found === undefined) throw this.wrong(`is ${JSON.stringify(this.#value)}, and none of ${choices.join(', ')}`);
    return found;
  }

  whole({ least = 0, most = Number.MAX_SAFE_INTEGER }: Whole = {}): number {
    const value = this.#value;
    if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value;
    const range = most === Number.MAX_SAFE_INTEGER ? `, ${least} or more` : ` from ${least} to ${most}`;
    throw this.wrong(`is ${JSON.stringify(value)}, and no whole number${range}`);
  }

  /** A finite number, `least` or more. */
  number(least = Number.NEGATIVE_INFINITY): number {
    const value = this.#value;
    if (typeof value === 'number' && Number.isFinite(value) && value >= least) return value;
    throw this.wrong(
      `is ${JSON.stringify(value)}, and no number${least === Number.NEGATIVE_INFINITY ? '' : `, ${least} or more`}`,
    );
  }
}

/** V8 counts characters from the start of the text; some versions of it, lines too. */
function placed(message: string, text: string): string {
  const at = /at position (\d+)$/.exec(message)?.[1];
  if (at === undefined) return message;
  const before = text.slice(0, Number(at)).split('\n');
  return `${message} (line ${before.length} column ${(before.at(-1)?.length ?? 0) + 1})`;
}

function unmerged(text: string): readonly string[] {
  const at = text.split('\n').findIndex((line) => line.startsWith('<<<<<<< '));
  return at < 0 ? [] : [`git could not merge it: line ${at + 1} begins what two sides say`];
}
