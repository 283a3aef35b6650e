import { describe, expect, it } from 'vitest';
import { opRow } from '../../compiler/ops/table.js';
import { exactly, relativeError, TRANSCENDENTAL, type Transcendental } from './high-precision.js';
import { everywhere, operands } from './samples.js';

/** Beyond, a result is an infinity, rounds to its limit in f64, or is below every f32. */
const INSIDE: { readonly [N in Transcendental]?: (x: number) => boolean } = {
  exp: (x) => Math.abs(x) < 110,
  exp2: (x) => Math.abs(x) < 160,
  log: (x) => x > 0,
  log2: (x) => x > 0,
  log1p: (x) => x > -1,
  sqrt: (x) => x >= 0,
  rsqrt: (x) => x > 0,
  sigmoid: (x) => Math.abs(x) < 110,
  tanh: (x) => Math.abs(x) < 30,
  erf: (x) => Math.abs(x) < 6,
};
/** Bounds in units of 2^-53 of the result: f32 results cannot tell them from the exact value. */
const BOUNDS: { readonly [N in Transcendental]?: number } = { erf: 16 };

const value = (name: Transcendental, x: number): number => opRow(name).evaluate?.([x], 'f32', {}) ?? NaN;

describe('the interpreter', () => {
  it.each(TRANSCENDENTAL)('%s is right to the last bits of f64 on every kind of f32', (name) => {
    const xs = operands(150).filter((x) => Number.isFinite(x) && (INSIDE[name]?.(x) ?? true));
    expect(xs.length).toBeGreaterThan(400);
    const errors = xs.map((x) => relativeError(name, x, value(name, x)));
    expect(Math.max(...errors)).toBeLessThan(BOUNDS[name] ?? 4);
  });

  it('is judged by digits from tables', () => {
    // Abramowitz & Stegun, tables 4.2, 4.4, 4.6 and 7.1.
    expect(exactly('exp', 1)).toBe('2.71828182845904523536028747135');
    expect(exactly('log', 2)).toBe('0.69314718055994530941723212146');
    expect(exactly('sin', 1)).toBe('0.84147098480789650665250232163');
    expect(exactly('cos', 3)).toBe('-0.98999249660044545727157279473');
    expect(exactly('erf', 1)).toBe('0.84270079294971486934122063508');
    expect(exactly('tanh', 1)).toBe('0.76159415595576488811945828260');
  });

  it('keeps special values', () => {
    expect(value('exp', -Infinity)).toBe(0);
    expect(value('log', 0)).toBe(-Infinity);
    expect(value('log1p', -1)).toBe(-Infinity);
    expect(value('sqrt', -1)).toBeNaN();
    expect(value('rsqrt', 0)).toBe(Infinity);
    expect(value('sigmoid', -Infinity)).toBe(0);
    expect(value('sigmoid', Infinity)).toBe(1);
    expect(value('tanh', -Infinity)).toBe(-1);
    expect(value('erf', Infinity)).toBe(1);
    for (const name of TRANSCENDENTAL) expect(value(name, NaN)).toBeNaN();
    for (const x of everywhere(3, 1000).filter(Number.isFinite)) {
      expect(Math.abs(value('erf', x))).toBeLessThanOrEqual(1);
      expect(Math.abs(value('sin', x))).toBeLessThanOrEqual(1);
    }
  });
});
