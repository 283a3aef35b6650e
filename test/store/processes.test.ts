import { spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { beforeAll, describe, expect, test } from 'vitest';
import { builtSources } from '../setup/built.js';
import { folder, openStore } from './folders.js';
import { keysOf, rowOf } from './steps.js';
import { type Said, startWriter } from './writers.js';

beforeAll(() => void builtSources());

/** Every row that is there is whole; gives their number and the largest. */
function wholeRows(path: string, kernel: string): { readonly rows: number; readonly last: number } {
  const store = openStore(path);
  const rows = keysOf(kernel).flatMap((key) => store.rows(key));
  for (const row of rows) expect(row).toEqual(rowOf(row.config.C ?? 0));
  store.close();
  return { rows: rows.length, last: Math.max(0, ...rows.map((row) => row.config.C ?? 0)) };
}

const putsOf = (said: readonly Said[]): number => said.filter((s) => s.put !== undefined && s.ok === true).length;

/** Rounds of 32 writers, of which every other one is killed: 16 a round. LAC_KILLS=1000 is 63 rounds. */
const ROUNDS = Math.ceil(Number(process.env.LAC_KILLS ?? 16) / 16);
const ROWS = 12;

describe('32 writers at once, half of them killed in the middle', () => {
  const stops = fc.sample(fc.array(fc.integer({ min: 1, max: ROWS - 1 }), { minLength: 32, maxLength: 32 }), ROUNDS);

  test.each(stops.map((stop, i) => [i, stop] as const))(
    'round %i: all that was acknowledged is there, whole',
    async (_, stop) => {
      const path = folder();
      let ready = 0;
      const writers = stop.map((last, i) =>
        startWriter({ folder: path, name: `w${i}`, rows: ROWS }, (said, child) => {
          if (said.ready && ++ready === stop.length) for (const each of writers) each.child.send('go');
          // The child is in its next transaction by the time that the signal comes.
          if (i % 2 === 1 && said.put === last) child.kill('SIGKILL');
        }),
      );
      const said = await Promise.all(writers.map((each) => each.gone));
      for (const [i, all] of said.entries()) {
        expect(all.flatMap((s) => s.why ?? s.notes ?? [])).toEqual([]);
        const { rows, last } = wholeRows(path, `w${i}`);
        const acknowledged = putsOf(all);
        expect(acknowledged).toBe(i % 2 === 1 ? Math.max(stop[i] as number, acknowledged) : ROWS);
        expect([rows - acknowledged, last - acknowledged]).toEqual(expect.arrayContaining([expect.toBeOneOf([0, 1])]));
      }
      const store = openStore(path);
      expect(store.verify()).toMatchObject({ bad: [] });
      expect(store.file).toBe(join(path, 'tuning-1.1.db'));
    },
  );
});

/** One writer in a process with limits, told to begin at once. */
async function one(
  path: string,
  rows: number,
  how: { readonly shell?: string; readonly uid?: number },
): Promise<readonly Said[]> {
  const { gone } = startWriter(
    { folder: path, name: 'w', rows },
    (said, child) => {
      if (said.ready) child.send('go');
    },
    how,
  );
  return gone;
}

describe.runIf(process.platform === 'linux')('a writer', () => {
  test('whose disk is full goes on without a cache, says so once, and what was written before is there', async () => {
    const path = folder();
    const said = await one(path, 200, { shell: 'ulimit -f 128' });
    const puts = said.filter((s) => s.put !== undefined);
    expect(puts).toHaveLength(200);
    expect(said.at(-1)).toEqual({ done: true });
    const acknowledged = putsOf(said);
    expect([acknowledged > 0, acknowledged < 200]).toEqual([true, true]);
    expect(puts.slice(acknowledged).some((s) => s.ok)).toBe(false);
    expect(puts.at(-1)?.notes).toEqual([
      expect.stringMatching(/is not written: (no space is left|reading or writing fails)/),
    ]);
    expect(wholeRows(path, 'w').rows).toBe(acknowledged);
    expect(openStore(path).verify()).toMatchObject({ bad: [] });
  });

  test('that finds a folder which it cannot write to says why', async () => {
    const path = join(folder(), 'tuning');
    mkdirSync(path, { mode: 0o755 });
    // Root may write everywhere.
    const uid = process.getuid?.() === 0 ? 65534 : undefined;
    if (uid === undefined) chmodSync(path, 0o555);
    const [said] = await one(path, 1, uid === undefined ? {} : { uid });
    expect(said?.why).toMatch(/it cannot be opened|it cannot be written to|belongs to another user/);
  });
});

describe('a process that only looks', () => {
  test('loads no libsql and makes nothing where no cache is', () => {
    const script = `import { TuningStore } from ${JSON.stringify(join(builtSources(), 'store', 'store.js'))};
      import { createRequire } from 'node:module';
      console.log(TuningStore.existing(), Object.keys(createRequire(import.meta.url).cache).length);`;
    const env = { ...process.env, LAC_TUNING_CACHE: join(folder(), 'none') };
    const run = spawnSync(process.execPath, ['--input-type=module', '-e', script], { env, encoding: 'utf8' });
    expect([run.stderr, run.stdout]).toEqual(['', 'null 0\n']);
  });
});
