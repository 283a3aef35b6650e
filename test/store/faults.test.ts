import { chmodSync, copyFileSync, existsSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { fileOf } from '../../store/files.js';
import { TuningStore } from '../../store/store.js';
import type { StoredRow, TuningKey } from '../../store/types.js';
import { folder, openStore, settle } from './folders.js';
import { keyOf, measured } from './keys.js';

const keys = [1, 2, 3, 4].map((N) => keyOf({ sizes: { N } }));

/** Rows for a few keys, all of them in the file. */
function filled(): string {
  const path = folder();
  const store = openStore(path);
  for (const [i, key] of keys.entries()) {
    for (let C = 1; C <= 12; C++) store.put(key, measured(C, ...Array<number>(C).fill(C + i / 8)));
    store.choose(key, { C: i + 1 });
  }
  store.close();
  settle(fileOf(path, 1));
  return path;
}

/** Rows that are there are those that were written, under the keys that they were written under. */
function expectSound(store: TuningStore): void {
  for (const [i, key] of keys.entries()) {
    for (const row of store.rows(key)) {
      const { C = 0 } = row.config;
      expect(row).toEqual(measured(C, ...Array<number>(C).fill(C + i / 8)));
    }
    for (const offer of store.offers(key))
      if (offer.how === 'exact' && offer.config.C !== i + 1) expectRow(store, key, offer.config.C);
  }
}

/** Where the choice of a tune is lost, the fastest row that is left stands for it. */
function expectRow(store: TuningStore, key: TuningKey, C = 0): void {
  expect(Math.min(...store.rows(key).map((row: StoredRow) => row.config.C ?? 0))).toBe(C);
}

describe('a file that was changed', () => {
  const original = filled();
  const bytes = readFileSync(fileOf(original, 1));

  test('at any byte gives no wrong row, never throws, and is written again', () => {
    let [damaged, missing] = [0, 0];
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 })), { minLength: 1, maxLength: 4 }),
        (flips) => {
          const path = folder();
          const changed = Buffer.from(bytes);
          for (const [at, bits] of flips) changed[at] = (changed[at] as number) ^ bits;
          writeFileSync(fileOf(path, 1), changed, { mode: 0o600 });
          const store = openStore(path);
          expectSound(store);
          store.verify();
          expect(store.put(keyOf(), measured(99))).toBe(true);
          expect(store.rows(keyOf())).toEqual([measured(99)]);
          if (existsSync(fileOf(path, 2))) damaged++;
          else if (store.list().reduce((sum, one) => sum + one.rows, 0) < 49) missing++;
          store.close();
        },
      ),
      { numRuns: 60 },
    );
    // The property is about something: flips are seen, by SQLite or by the checksums.
    expect(damaged + missing).toBeGreaterThan(20);
  });

  test('at any byte of the log beside it, as after a crash', () => {
    const path = folder();
    const store = openStore(path);
    for (const key of keys.slice(0, 2))
      for (let C = 1; C <= 3; C++) store.put(key, { config: { C }, state: 'hang', why: `C is ${C}` });
    const files = ['', '-wal'].map((end) => [end, readFileSync(fileOf(path, 1) + end)] as const);
    const length = files[1]?.[1].length ?? 0;
    expect(length).toBeGreaterThan(0);
    fc.assert(
      fc.property(fc.nat(length - 1), fc.integer({ min: 1, max: 255 }), (at, bits) => {
        const copy = folder();
        for (const [end, content] of files) writeFileSync(fileOf(copy, 1) + end, content, { mode: 0o600 });
        const log = readFileSync(`${fileOf(copy, 1)}-wal`);
        log[at] = (log[at] as number) ^ bits;
        writeFileSync(`${fileOf(copy, 1)}-wal`, log);
        const other = openStore(copy);
        for (const key of keys) for (const row of other.rows(key)) expect(row.why).toBe(`C is ${row.config.C}`);
        expect(other.put(keyOf(), measured(99))).toBe(true);
        other.close();
      }),
      { numRuns: 15 },
    );
  });

  test.each([0, 1, 100, 4096, 5000, 12_288])('to its first %i bytes', (length) => {
    const path = folder();
    copyFileSync(fileOf(original, 1), fileOf(path, 1));
    truncateSync(fileOf(path, 1), length);
    const store = openStore(path);
    expectSound(store);
    expect(store.put(keyOf(), measured(1))).toBe(true);
    expect(store.notes.length).toBe(length <= 1 ? 0 : 1);
  });

  test('is put aside with a note, and the one before it is removed', () => {
    const path = folder();
    for (const number of [1, 2]) writeFileSync(fileOf(path, number), 'no database '.repeat(500), { mode: 0o600 });
    const store = openStore(path);
    expect(store.file).toBe(fileOf(path, 3));
    expect(store.notes).toEqual([expect.stringMatching(/tuning-1\.2\.db is damaged \(.*\); it is put aside/)]);
    expect([1, 2, 3].map((number) => existsSync(fileOf(path, number)))).toEqual([false, true, true]);
  });

  test('while it is open is noticed, and work goes on in a new one, for all who have it open', () => {
    const path = filled();
    const [one, two] = [openStore(path), openStore(path)];
    const broken = Buffer.from(bytes);
    broken.fill(0xa5, 4096);
    writeFileSync(fileOf(path, 1), broken);
    for (const store of [one, two]) {
      expect(store.rows(keys[0] as TuningKey)).toEqual([]);
      expect(store.put(keyOf(), measured(1))).toBe(true);
      expect([store.file, store.notes.length]).toEqual([fileOf(path, 2), 1]);
    }
    expect(openStore(path).rows(keyOf())).toEqual([measured(1)]);
  });

  test('into that of another version is none of ours', () => {
    const path = folder();
    const other = Buffer.from(bytes);
    other.writeUInt32BE(7, 60);
    writeFileSync(fileOf(path, 1), other, { mode: 0o600 });
    expect(openStore(path).notes).toEqual([expect.stringContaining('its version is 7, and not 1')]);
  });
});

describe('where no cache can be', () => {
  afterEach(() => {
    vi.unstubAllEnvs();
  });

  const why = (opened: ReturnType<typeof TuningStore.open>): string =>
    opened instanceof TuningStore ? '' : opened.why;

  test('without a binary of libsql', () => {
    const load = (): never => {
      throw Object.assign(new Error("Cannot find module '@libsql/plan9-vax'"), { code: 'MODULE_NOT_FOUND' });
    };
    expect(why(TuningStore.open(folder(), load))).toBe(
      'there is no tuning cache: libsql has no binary for this platform',
    );
  });

  test.runIf(process.platform === 'linux')(
    'in a folder that cannot be made, or is a file, or is open to others',
    () => {
      expect(why(TuningStore.open('/proc/lac/tuning'))).toContain('its folder cannot be made');
      const path = join(folder(), 'file');
      writeFileSync(path, '');
      expect(why(TuningStore.open(path))).toContain('a file is in the way of its folder');
      const open = folder();
      chmodSync(open, 0o777);
      expect(why(TuningStore.open(open))).toContain('is writable by others');
    },
  );

  test('in a folder that the user chose: it is closed to others, whoever the folders above belong to', () => {
    const above = folder();
    chmodSync(above, 0o1777);
    const chosen = join(above, 'chosen');
    vi.stubEnv('LAC_TUNING_CACHE', chosen);
    const store = TuningStore.open();
    expect(why(store)).toBe('');
    if (store instanceof TuningStore) store.close();
    expect(statSync(chosen).mode & 0o777).toBe(0o700);
    vi.stubEnv('LAC_TUNING_CACHE', above);
    expect(why(TuningStore.open())).toBe(
      `the tuning cache ${above}/tuning-1.1.db is not used: ${above} is writable by others`,
    );
  });

  test('below a file: it lies in the next folder, and before that there is none', () => {
    const [file, temporary] = [join(folder(), 'file'), folder()];
    writeFileSync(file, '');
    vi.stubEnv('LAC_TUNING_CACHE', '');
    vi.stubEnv('LAC_CACHE', file);
    vi.stubEnv('TMPDIR', temporary);
    expect(TuningStore.existing()).toBeNull();
    for (const store of [TuningStore.open(), TuningStore.existing()]) {
      if (!(store instanceof TuningStore)) throw new Error(store?.why ?? 'there is none');
      expect(store.file.startsWith(temporary)).toBe(true);
      store.close();
    }
  });

  test('with LAC_TUNING_CACHE=off', () => {
    vi.stubEnv('LAC_TUNING_CACHE', 'off');
    expect(why(TuningStore.open())).toBe('there is no tuning cache: LAC_TUNING_CACHE is off');
    expect(TuningStore.existing()).toBeNull();
  });
});

describe('a clock that goes backwards', () => {
  afterEach(() => {
    vi.useRealTimers();
  });

  test('changes nothing: what was written last counts', () => {
    const store = openStore();
    vi.useFakeTimers({ toFake: ['Date'] });
    for (const [i, time] of [2_000_000_000_000, 1_000_000_000_000, 0].entries()) {
      vi.setSystemTime(time);
      store.put(keyOf(), measured(1, i + 1));
      store.choose(keyOf(), { C: i });
    }
    expect(store.rows(keyOf())).toEqual([measured(1, 3)]);
    expect(store.offers(keyOf())[0]?.config).toEqual({ C: 2 });
  });
});
