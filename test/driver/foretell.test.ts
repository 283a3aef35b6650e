import { describe, expect, test } from 'vitest';
import { diagnostic } from '../../compiler/diag/diagnostic.js';
import type { Config } from '../../driver/configurations.js';
import { foretold, type Refusal } from '../../driver/foretell.js';

const LIMIT = 1000;
const memory = (config: Config, need: number): Refusal => ({
  config,
  why: diagnostic('LAC0501', 'too much memory', null, { exceeds: { need, limit: LIMIT } }),
});
const registers = (config: Config): Refusal => ({ config, why: diagnostic('LAC0503', 'too many registers') });
const hopeless = (config: Config, ...refused: Refusal[]): boolean => foretold(config, refused) !== undefined;

describe('what need not be compiled', () => {
  const just = memory({ C: 32, BE: 64, warps: 4, stages: 1 }, LIMIT + 1);

  test('what is too large stays so with larger blocks, and with another depth', () => {
    expect(hopeless({ C: 64, BE: 64, warps: 2, stages: 1 }, just)).toBe(true);
    expect(hopeless({ C: 32, BE: 64, warps: 4, stages: 2 }, just)).toBe(true);
    expect(hopeless({ C: 64, BE: 32, warps: 4, stages: 1 }, just)).toBe(false);
  });

  test('other warps may help where little is missing, and not where much is', () => {
    expect(hopeless({ C: 32, BE: 64, warps: 2, stages: 1 }, just)).toBe(false);
    expect(hopeless({ C: 32, BE: 64, warps: 2, stages: 1 }, memory(just.config, 2 * LIMIT))).toBe(true);
  });

  test('registers: more warps may help, fewer do not', () => {
    const refused = registers({ C: 64, warps: 4 });
    expect(hopeless({ C: 64, warps: 2 }, refused)).toBe(true);
    expect(hopeless({ C: 128, warps: 4 }, refused)).toBe(true);
    expect(hopeless({ C: 64, warps: 8 }, refused)).toBe(false);
    expect(hopeless({ C: 32, warps: 4 }, refused)).toBe(false);
  });

  test('two needs give a third on the same line', () => {
    // 2000 + 40 C: even C = 0 is too much.
    const slow = [memory({ C: 64, BE: 8, warps: 4 }, 4560), memory({ C: 32, BE: 8, warps: 4 }, 3280)];
    expect(hopeless({ C: 16, BE: 8, warps: 4 }, ...slow)).toBe(true);
    // 40 C: C = 16 fits.
    const steep = [memory({ C: 64, BE: 8, warps: 4 }, 2560), memory({ C: 32, BE: 8, warps: 4 }, 1280)];
    expect(hopeless({ C: 16, BE: 8, warps: 4 }, ...steep)).toBe(false);
    // Smaller in another knob too: the line says nothing.
    expect(hopeless({ C: 16, BE: 4, warps: 4 }, ...slow)).toBe(false);
    // Larger there: still too much.
    expect(hopeless({ C: 16, BE: 16, warps: 8 }, ...slow)).toBe(true);
  });

  test('warps that cannot be dealt out say nothing about others', () => {
    const refused: Refusal = { config: { C: 32, warps: 8 }, why: diagnostic('LAC0502', 'too many warps') };
    expect(hopeless({ C: 64, warps: 8 }, refused)).toBe(false);
  });
});
