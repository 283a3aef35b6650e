import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { buildProgram } from '../../cli/program.js';
import { readShapes } from '../../cli/shapes-file.js';
import { SourceProject } from '../../driver/source.js';
import { targetNamed } from '../../driver/target.js';
import { rowsOf } from '../../driver/tuned-file.js';
import { ROOT, readable } from '../house/sources.js';

const page = readable('docs/tuning.md') ?? '';
const json = [...page.matchAll(/^```json\n([\s\S]*?)^```/gm)].map(([, block = '']) => block);
const folder = mkdtempSync(join(tmpdir(), 'lac-docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the page on tuning', () => {
  test('names every option of lac tune, and no other', () => {
    const program = buildProgram(async () => {});
    const tune = program.commands.find((c) => c.name() === 'tune');
    const own = tune?.options.map((o) => o.long ?? '') ?? [];
    const told = new Set([...page.matchAll(/(--[a-z]+)/g)].map(([, flag = '']) => flag));
    const known = [...own, ...program.options.map((o) => o.long ?? '')];
    expect([...told].filter((flag) => !known.includes(flag))).toEqual([]);
    expect(own.filter((flag) => !told.has(flag) && flag !== '--set')).toEqual([]);
  });

  test('its file of shapes is one', () => {
    const file = join(folder, 'shapes.json');
    writeFileSync(file, json[0] ?? '');
    expect(readShapes(file).map((s) => [s.kernel, s.dims.N, s.dtypes.T ?? null, s.options])).toEqual([
      ['lightningFwd', 8192, 'bf16', {}],
      [null, 1000, null, { precise: true }],
    ]);
  });

  test('its row is one, of a kernel and knobs that there are', () => {
    const [row] = rowsOf(json[1] ?? '', 'docs/tuning.md');
    const { kernels } = new SourceProject().read(join(ROOT, 'kernels/lightning/forward.ts'));
    const decl = kernels.find((k) => k.name === row?.kernel);
    expect(Object.keys(row?.config ?? {})).toEqual(Object.keys(decl?.tune ?? {}));
    for (const [knob, value] of Object.entries(row?.config ?? {})) expect(decl?.tune[knob]).toContain(value);
    expect(row?.when.key.length).toBe(decl?.tuneKey?.length);
    expect(targetNamed(`sm_${row?.sm}`)).not.toBeNull();
  });
});
