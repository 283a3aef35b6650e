import { InvalidArgumentError } from 'commander';

export type Assignments = Readonly<Record<string, string>>;

const NAME = /^[A-Za-z_$][\w$]*$/;

/** `B=1,H=2`, collected over repeated options; a name given twice keeps the last value. */
export function assignments(text: string, previous: Assignments = {}): Assignments {
  const result: Record<string, string> = { ...previous };
  for (const part of text.split(',')) {
    const at = part.indexOf('=');
    const name = part.slice(0, at).trim();
    const value = part.slice(at + 1).trim();
    if (at < 0 || !NAME.test(name) || value === '')
      throw new InvalidArgumentError(`${JSON.stringify(part)} is not of the form NAME=VALUE.`);
    Object.defineProperty(result, name, { value, enumerable: true, configurable: true, writable: true });
  }
  return result;
}

const UNITS: Readonly<Record<string, number>> = { '': 1, k: 1024, m: 1024 ** 2 };

/** A size: `1000`, `64k` (65,536). Whole, from 0 to 2^53. */
export function size(text: string): number {
  const [, digits, unit = ''] = /^(\d{1,16})([km]?)$/i.exec(text) ?? [];
  const value = Number(digits) * (UNITS[unit.toLowerCase()] ?? Number.NaN);
  if (!Number.isSafeInteger(value))
    throw new InvalidArgumentError(`${JSON.stringify(text)} is not a whole number such as 1000, 64k or 2m.`);
  return value;
}

export function sizes(text: string, previous: Readonly<Record<string, number>> = {}): Readonly<Record<string, number>> {
  const given = Object.entries(assignments(text)).map(([name, value]) => [name, size(value)] as const);
  return { ...previous, ...Object.fromEntries(given) };
}

/** `T=bf16,U=f32`, or a dtype alone for every dtype parameter (kept under `*`). */
export function dtypeChoices(text: string, previous: Assignments = {}): Assignments {
  return /^\w+$/.test(text) ? { ...previous, '*': text } : assignments(text, previous);
}

/** Value of an option: true, false, a number, or a name. */
export function optionValue(text: string): boolean | number | string {
  if (text === 'true' || text === 'false') return text === 'true';
  const value = Number(text);
  return text.trim() !== '' && Number.isFinite(value) ? value : text;
}

export function seed(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value))
    throw new InvalidArgumentError(`${JSON.stringify(text)} is not a whole number >= 0.`);
  return value;
}

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** A length of time in milliseconds: `30s`, `2m`, `500ms`, `1.5h`. More than 0. */
export function duration(text: string): number {
  const [, digits = '', unit = ''] = /^(\d{1,9}(?:\.\d{1,6})?)(ms|s|m|h)$/.exec(text) ?? [];
  const value = Number(digits) * (MILLISECONDS[unit] ?? 0);
  if (value > 0) return value;
  const help = /^[\d.]+$/.test(text) ? `; it needs a unit: ${text}s or ${text}m` : '';
  throw new InvalidArgumentError(`${JSON.stringify(text)} is no length of time such as 500ms, 30s or 2m${help}.`);
}

/** A whole number, 1 or more. */
export function positive(text: string): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value > 0) return value;
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not a whole number >= 1.`);
}

/** A part of something: `5%`, `0.05`. */
export function share(text: string): number {
  const [, digits = '', percent = ''] = /^(\d{1,6}(?:\.\d{1,6})?)(%?)$/.exec(text) ?? [];
  const value = Number(digits) / (percent === '' ? 1 : 100);
  if (digits !== '' && (value < 1 || percent !== '')) return value;
  const hint = digits === '' ? '' : ` It is ${value} times the whole: did you mean ${digits}%?`;
  throw new InvalidArgumentError(`${JSON.stringify(text)} is not a part such as 5% or 0.05.${hint}`);
}

/** Values of an option that may be repeated. */
export const collected = (text: string, previous: readonly string[] = []): readonly string[] => [...previous, text];
