/**
 * Integer bounds by substitution. A linear form is a sum of symbols with integer coefficients; a symbol knows bounds
 * that are linear in older symbols. Everything here is exact mathematics on integers: whoever makes a form from
 * wrapping arithmetic has to prove first that nothing wraps.
 */
export interface Linear {
  readonly constant: number;
  readonly terms: ReadonlyMap<Sym, number>;
}

/** An unknown integer. Bounds name older symbols only, so that substituting the youngest first ends. */
export interface Sym {
  readonly age: number;
  readonly lower: readonly Linear[];
  readonly upper: readonly UpperBound[];
  /** The symbol is a multiple of this. */
  readonly divisor: number;
}

/** scale * symbol <= form. */
export interface UpperBound {
  readonly scale: number;
  readonly form: Linear;
}

export const I32_MIN = -(2 ** 31);
export const I32_MAX = 2 ** 31 - 1;
/** Beyond this, f64 arithmetic could round: no proof. */
const EXACT_LIMIT = 2 ** 52;

export const number = (constant: number): Linear => ({ constant, terms: new Map() });
export const symbol = (s: Sym): Linear => ({ constant: 0, terms: new Map([[s, 1]]) });
export const isNumber = (x: Linear): boolean => x.terms.size === 0;

/** a + factor * b. */
export function plus(a: Linear, b: Linear, factor = 1): Linear {
  const terms = new Map(a.terms);
  for (const [s, c] of b.terms) {
    const sum = (terms.get(s) ?? 0) + factor * c;
    if (sum === 0) terms.delete(s);
    else terms.set(s, sum);
  }
  return { constant: a.constant + factor * b.constant, terms };
}

export const minus = (a: Linear, b: Linear): Linear => plus(a, b, -1);
export const times = (a: Linear, factor: number): Linear => plus(number(0), a, factor);

/** a / n where n divides every coefficient, else null. */
export function dividedBy(a: Linear, n: number): Linear | null {
  if ([a.constant, ...a.terms.values()].some((c) => c % n !== 0)) return null;
  return { constant: a.constant / n, terms: new Map([...a.terms].map(([s, c]) => [s, c / n])) };
}

export function gcd(a: number, b: number): number {
  let [x, y] = [Math.abs(a), Math.abs(b)];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** Largest known divisor; 0 for the form 0, which every number divides. */
export function divisorOf(x: Linear): number {
  let d = Math.abs(x.constant);
  for (const [s, c] of x.terms) d = gcd(d, c * s.divisor);
  return d;
}

export const divides = (n: number, x: Linear): boolean => divisorOf(x) % n === 0;

/** True only if x >= 0 for every value that the symbols can have. */
export function proveNonNegative(x: Linear): boolean {
  return prove(x, { left: 256 });
}

function prove(x: Linear, tries: { left: number }): boolean {
  if (--tries.left < 0) return false;
  if (!isExact(x)) return false;
  const [s, c] = youngest(x);
  if (s === null) return x.constant >= 0;
  const rest = plus(x, symbol(s), -c);
  if (c > 0) return s.lower.some((bound) => prove(plus(rest, bound, c), tries));
  return s.upper.some(({ scale, form }) => {
    // x = rest - |c| s >= 0 follows from factor * rest - (factor |c| / scale) * form >= 0.
    const factor = scale / gcd(scale, c);
    return prove(plus(times(rest, factor), form, (factor * c) / scale), tries);
  });
}

function isExact(x: Linear): boolean {
  if (Math.abs(x.constant) > EXACT_LIMIT) return false;
  for (const c of x.terms.values()) if (Math.abs(c) > EXACT_LIMIT) return false;
  return true;
}

function youngest(x: Linear): [Sym | null, number] {
  let best: Sym | null = null;
  for (const s of x.terms.keys()) if (best === null || s.age > best.age) best = s;
  return [best, best === null ? 0 : (x.terms.get(best) ?? 0)];
}
