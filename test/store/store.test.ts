import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { contentOf, entryOf } from '../../store/entry.js';
import type { TuningStore } from '../../store/store.js';
import type { StoredRow } from '../../store/types.js';
import type { Row } from '../../tuner/types.js';
import { folder, openStore } from './folders.js';
import { anyKey, anyRow, keyOf, measured } from './keys.js';

const offered = (store: TuningStore, key = keyOf()) => store.offers(key).map((o) => [o.config.C, o.how, o.doublings]);

describe('rows', () => {
  test('come back as they were put, under their key alone, the last one of each configuration', () => {
    const store = openStore();
    fc.assert(
      fc.property(anyKey, anyKey, fc.array(anyRow, { maxLength: 4 }), (key, other, rows) => {
        store.clear();
        for (const row of rows) expect(store.put(key, row)).toBe(true);
        const last = new Map(rows.map((row) => [JSON.stringify(Object.entries(row.config).sort()), row]));
        expect(store.rows(key)).toHaveLength(last.size);
        expect(store.rows(key)).toEqual(expect.arrayContaining([...last.values()]));
        const same = JSON.stringify(entryOf({ kind: 'check', key, config: {}, ok: true }));
        if (JSON.stringify(entryOf({ kind: 'check', key: other, config: {}, ok: true })) !== same)
          expect(store.rows(other)).toEqual([]);
        expect(store.notes).toEqual([]);
      }),
      { numRuns: 30 },
    );
  });

  test('the order of names in keys and configurations does not count', () => {
    const store = openStore();
    store.put(keyOf({ sizes: { N: 1, B: 2 } }), { config: { C: 1, warps: 2 }, state: 'hang' });
    store.put(keyOf({ sizes: { B: 2, N: 1 } }), { config: { warps: 2, C: 1 }, state: 'crash' });
    expect(store.rows(keyOf({ sizes: { N: 1, B: 2 } })).map((row) => row.state)).toEqual(['crash']);
  });

  test('what a search has not settled is not kept, nor what the declaration prunes', () => {
    const store = openStore();
    for (const state of ['open', 'pruned'] as const) expect(store.put(keyOf(), { config: { C: 1 }, state })).toBe(true);
    expect(store.rows(keyOf())).toEqual([]);
  });

  test('figures that are no numbers are left out, and text is one line', () => {
    const store = openStore();
    const rmse = Number.NaN;
    store.put(keyOf(), { config: { C: 1 }, state: 'wrong', rmse, why: 'two\nlines \u001b[31m' });
    expect(store.rows(keyOf())).toEqual([{ config: { C: 1 }, state: 'wrong', why: 'two lines  [31m' }]);
  });

  test('are those of the tuner', () => {
    const row: Row = measured(1);
    const back: StoredRow = row;
    expect((back satisfies Row).state).toBe('measured');
  });

  test('outlive the process, in a folder and a file that nobody else can read', () => {
    const path = join(folder(), 'tuning');
    const store = openStore(path);
    store.put(keyOf(), measured(1));
    store.close();
    expect(store.rows(keyOf())).toEqual([]);
    expect(openStore(path).rows(keyOf())).toEqual([measured(1)]);
    if (process.platform === 'win32') return;
    expect(statSync(path).mode & 0o777).toBe(0o700);
    for (const name of readdirSync(path)) expect(statSync(join(path, name)).mode & 0o777).toBe(0o600);
  });
});

describe('what is offered for a key', () => {
  const wider = keyOf({ sizes: { N: 2048, B: 1 } });
  const widest = keyOf({ sizes: { N: 8192, B: 1 } });
  const sibling = keyOf({ device: 'gpu 2, driver 12' });

  test('its own, then the nearest sizes on this device, then its architecture', () => {
    const store = openStore();
    store.choose(sibling, { C: 4 });
    store.choose(widest, { C: 3 });
    store.choose(wider, { C: 2 });
    store.choose(keyOf({ device: 'tpu', architecture: 'other' }), { C: 9 });
    store.choose(keyOf({ comptime: { D: 64 } }), { C: 9 });
    store.choose(keyOf({ sizes: { N: 16384, B: 1 } }), { C: 9 });
    const others = [[2, 'sizes', 1], [3, 'sizes', 3], [4, 'architecture', 0]]; // biome-ignore format: a table
    expect(offered(store)).toEqual(others);
    store.choose(keyOf(), { C: 1 });
    expect(offered(store)).toEqual([[1, 'exact', 0], ...others]);
    expect(offered(store, keyOf({ sizes: { B: 1 } }))[0]).toEqual([1, 'sizes', 0]);
  });

  test('of a tune that did not come to its end, the fastest that was measured', () => {
    const store = openStore();
    store.put(keyOf(), measured(1, 3, 3, 9));
    store.put(keyOf(), measured(2, 4, 2, 2));
    store.put(keyOf(), { config: { C: 3 }, state: 'wrong', samples: { ms: [1], how: 'host' } });
    expect(offered(store)).toEqual([[2, 'exact', 0]]);
    store.choose(keyOf(), { C: 1 });
    expect(offered(store)).toEqual([[1, 'exact', 0]]);
  });

  test('nothing that was found wrong later', () => {
    const store = openStore();
    store.put(keyOf(), measured(1));
    store.choose(keyOf(), { C: 1 });
    store.put(keyOf(), { config: { C: 1 }, state: 'wrong' });
    expect(offered(store)).toEqual([]);
  });

  test('one configuration of a key, the last that was settled on, whatever the clock says', () => {
    const store = openStore();
    for (const C of [1, 2, 3, 2]) store.choose(keyOf(), { C });
    expect(offered(store)).toEqual([[2, 'exact', 0]]);
    expect(store.list().map((k) => k.rows)).toEqual([0]);
  });
});

describe('what was checked on this device', () => {
  test('is remembered for a key and a configuration', () => {
    const store = openStore();
    expect(store.checked(keyOf(), { C: 1 })).toBeUndefined();
    store.remember(keyOf(), { C: 1 }, true);
    store.remember(keyOf(), { C: 2 }, false);
    expect([1, 2, 3].map((C) => store.checked(keyOf(), { C }))).toEqual([true, false, undefined]);
    expect(store.checked(keyOf({ device: 'gpu 2' }), { C: 1 })).toBeUndefined();
    store.remember(keyOf(), { C: 2 }, true);
    expect(store.checked(keyOf(), { C: 2 })).toBe(true);
  });
});

describe('export and import', () => {
  test('give back every row, marked, and what tunes settled on', () => {
    const [from, to] = [openStore(), openStore()];
    fc.assert(
      fc.property(fc.array(fc.tuple(anyKey, anyRow), { maxLength: 5 }), (pairs) => {
        for (const store of [from, to]) store.clear();
        for (const [key, row] of pairs) from.put(key, row);
        for (const [key, row] of pairs) if (row.state === 'measured') from.choose(key, row.config);
        const text = from.export();
        to.import(text, 'f');
        for (const [key] of pairs) {
          expect(to.rows(key)).toEqual(from.rows(key).map((row) => ({ ...row, imported: true })));
          expect(to.offers(key).map((o) => o.config)).toEqual(from.offers(key).map((o) => o.config));
          expect(to.offers(key).every((o) => o.imported)).toBe(true);
        }
        expect(to.export()).toBe(text);
      }),
      { numRuns: 20 },
    );
  });

  test('what was measured here stays', () => {
    const [from, to] = [openStore(), openStore()];
    from.put(keyOf(), measured(1, 5));
    from.put(keyOf(), measured(2, 6));
    from.choose(keyOf(), { C: 2 });
    to.put(keyOf(), measured(1, 7));
    to.put(keyOf(), { config: { C: 2 }, state: 'wrong' });
    expect(to.import(from.export(), 'f')).toBe(0);
    expect(to.offers(keyOf()).map((o) => [o.config.C, o.imported])).toEqual([[1, false]]);
    to.clear();
    expect(to.import(from.export(), 'f')).toBe(2);
    expect(to.import(from.export(), 'f')).toBe(2);
    expect(to.rows(keyOf())).toHaveLength(2);
  });

  test('by kernel and device', () => {
    const store = openStore();
    store.put(keyOf({ kernel: 'a', device: 'NVIDIA H100' }), measured(1));
    store.put(keyOf({ kernel: 'b', device: 'NVIDIA H100' }), measured(1));
    store.put(keyOf({ kernel: 'b', device: 'SwiftShader' }), measured(1));
    expect(store.export({ kernel: 'a' }).trim().split('\n')).toHaveLength(2);
    expect(store.list({ device: 'h100' }).map((l) => l.key.kernel)).toEqual(['a', 'b']);
    expect(store.clear({ kernel: 'b', device: 'swift' })).toBe(1);
    expect(store.clear()).toBe(2);
    expect(store.list()).toEqual([]);
  });

  test('text that is something else is LAC0922, and nothing is taken in', () => {
    const store = openStore();
    const good = openStore();
    good.put(keyOf(), measured(1));
    const [head = '', line = ''] = good.export().split('\n');
    const refused = (text: string): void => {
      const codes = (): string[] => {
        try {
          store.import(text, 'f');
          return [];
        } catch (error) {
          return error instanceof LacError ? error.diagnostics.map((d) => d.code) : [String(error)];
        }
      };
      expect([text.slice(0, 80), codes()]).toEqual([text.slice(0, 80), ['LAC0922']]);
    };
    const changes: readonly (readonly [string, string])[] = [
      ['"kernel":"k"', '"kernel":"k\\u001b[2J"'],
      ['"kernel":"k"', '"kernel":7'],
      ['"config":{"C":1}', '"config":{"__proto__":1}'],
      ['"config":{"C":1}', '"config":{"C":0.5}'],
      ['"config":{"C":1}', `"config":{${Array.from({ length: 65 }, (_, i) => `"k${i}":1`).join()}}`],
      ['"ms":[1]', '"ms":[]'],
      ['"ms":[1]', '"ms":[-1]'],
      ['"ms":[1]', '"ms":[null]'],
      ['"state":"measured"', '"state":"best"'],
      ['"row":', '"more":1,"row":'],
    ];
    for (const [from, to] of changes) {
      expect(line).toContain(from);
      refused(`${head}\n${line}\n${line.replace(from, to)}\n`);
    }
    for (const text of ['', 'hello', '{}', '[]', line, head.replace('1', '2'), `${head}\n${line.slice(0, -3)}`])
      refused(text);
    refused(`${head}\n${line.replace('"k"', `"${'k'.repeat(300_000)}"`)}`);
    refused(head + '\n'.repeat(300_000));
    refused(`${head}\n${'['.repeat(100_000)}`);
    expect(store.list()).toEqual([]);
  });
});

describe('a byte that changed', () => {
  test('anywhere in an entry makes it nothing', () => {
    const entry = entryOf({ kind: 'row', key: keyOf(), row: measured(1) });
    expect(contentOf(entry)).not.toBeNull();
    const fields = ['kind', 'key', 'problem', 'config', 'text', 'checksum'] as const;
    fc.assert(
      fc.property(fc.constantFrom(...fields), fc.nat(), fc.integer({ min: 1, max: 127 }), (field, at, bits) => {
        const bytes = Buffer.from(entry[field]);
        bytes[at % bytes.length] = (bytes[at % bytes.length] as number) ^ bits;
        expect(contentOf({ ...entry, [field]: bytes.toString('latin1') })).toBeNull();
      }),
    );
    expect(contentOf({ ...entry, kind: entry.config, config: entry.kind })).toBeNull();
  });
});
