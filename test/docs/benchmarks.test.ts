import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildProgram } from '../../cli/program.js';
import { sweep } from '../../cli/sweep.js';
import { ROOT } from '../house/sources.js';

const page = readFileSync(join(ROOT, 'docs/benchmarks.md'), 'utf8');
const program = buildProgram(async () => {});
const verb = program.commands.find((c) => c.name() === 'bench');
const options = [...(verb?.options ?? []), ...program.options].map((o) => o.long ?? '');

test('the page on benchmarks names every option of lac bench, and no other', () => {
  const named = new Set([...page.matchAll(/--[a-z-]+/g)].map(([name]) => name).filter((name) => name !== '---'));
  expect([...named].filter((name) => !options.includes(name))).toEqual([]);
  expect((verb?.options ?? []).map((o) => o.long ?? '').filter((name) => !named.has(name))).toEqual([]);
});

test('its sweeps are ones', () => {
  const texts = [...page.matchAll(/^\| `([^`]+=[^`]+)` \|/gm)].map(([, text = '']) => text);
  expect(texts).toHaveLength(4);
  expect(texts.map((text) => sweep(text).length)).toEqual([1, 1, 2, 1]);
});
