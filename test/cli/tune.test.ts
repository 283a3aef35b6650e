import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { parseHTML } from 'linkedom';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { SCALE, SCALE_REFERENCE } from './fixtures-text.js';
import { buildLac, type Event, type Lac, scratch } from './lac.js';

let lac: Lac;
/** With C=512 it does not come to an end; everything else of it is the same. */
const scale = (...sizes: readonly number[]): string =>
  SCALE.replace('cdiv,', 'cdiv, idiv, range,')
    .replace('[64, 128], warps: [1] }', `[${sizes}], warps: [1] },\n    prune: ({ C }) => C > 32`)
    .replace(
      /y\.store.*/,
      `let t = x.load([n * C], [C]) * a;
    for (const _ of range(0, idiv(C, 512) * 1_000_000_000)) t = t + 1;
    y.store([n * C], t);`,
    );
const folder = scratch({
  'scale.ts': scale(64, 128, 32, 256, 512),
  'scale.ref.ts': SCALE_REFERENCE,
  'wrong.ts': SCALE,
  'wrong.ref.ts': SCALE_REFERENCE.replace('v * (a ?? 0)', '1'),
});
const env = { LAC_TUNING_CACHE: folder.path('cache') };
const tune = (...args: string[]) =>
  lac.events(['tune', folder.path('scale.ts'), '--device', 'emulate', ...args], { env });
const rowsOf = (events: readonly Event[], state: string): readonly Event[] =>
  events.filter((e) => e.event === 'result' && e.state === state);

beforeAll(() => {
  lac = buildLac();
});
afterAll(() => {
  folder.remove();
});

describe('lac tune', () => {
  test('Ctrl-C at the first time that is measured keeps it; --resume measures the others; the report has them all', async () => {
    let sent = false;
    const onOutput = (stdout: string): NodeJS.Signals | undefined => {
      if (sent || !stdout.includes('"state":"measured"')) return undefined;
      sent = true;
      return 'SIGINT';
    };
    const args = ['tune', folder.path('scale.ts'), '--device', 'emulate', '--write'];
    const first = await lac.events(args, { env, onOutput });
    expect(first.code).toBe(130);
    expect(first.events.at(-1)).toMatchObject({ event: 'done', exitCode: 130 });
    // What is half done is not written, nor is it said why something else keeps it from being written.
    expect(first.events.filter((e) => e.event === 'warning')).toEqual([]);
    const kept = rowsOf(first.events, 'measured').length;
    expect(kept).toBeGreaterThanOrEqual(1);
    expect(rowsOf(first.events, 'open').length).toBe(4 - kept);

    writeFileSync(folder.path('scale.ts'), scale(64, 128, 32, 256));
    const report = folder.path('report.html');
    const second = await tune('--resume', '--report', report);
    expect(second).toMatchObject({ code: 0, stderr: '' });
    const [done] = second.events.filter((e) => e.event === 'result' && 'configurations' in e);
    expect(done).toMatchObject({
      kernel: 'scale',
      configurations: 4,
      states: { measured: 3, pruned: 1 },
      ended: 'done',
    });
    expect(second.events).toContainEqual(expect.objectContaining({ event: 'progress', known: kept, resumed: true }));
    expect(rowsOf(second.events, 'measured').length).toBe(3);
    expect(second.events.filter((e) => e.event === 'progress' && 'tried' in e).length).toBeGreaterThan(0);
    const [best] = rowsOf(second.events, 'measured').filter((e) => e.best === true);
    expect(best?.config).toEqual(done?.best);
    const { document } = parseHTML(readFileSync(report, 'utf8'));
    expect(document.querySelectorAll('tbody tr').length).toBe(4);
  });

  test('a table for people, of what was measured before; nothing on stderr where it is no terminal', async () => {
    const args = ['tune', folder.path('scale.ts'), '--device', 'emulate', '--resume', '--budget', '1m'];
    const { code, stdout, stderr } = await lac.run(args, { env });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^kernel +scale {2}N=1000$/m);
    expect(stdout).toMatch(/^ +C +warps +time +95 % interval +of best +error/m);
    expect(stdout).toMatch(/^out +1 pruned by the kernel: C=32 warps=1: prune: C > 32 does not hold for C=32$/m);
    expect(stdout).toMatch(/^measured +\d of 4 in /m);
    expect(stdout).toMatch(/^best +C=\d+ warps=1 /m);
  });

  test('what cannot be written is said before anything is tuned', async () => {
    const codes = async (...args: string[]) => {
      const { code, events } = await tune(...args);
      return [code, ...events.flatMap((e) => (e.event === 'progress' ? [] : (e.code ?? e.event)))];
    };
    expect(await codes('--report', folder.path('scale.ts/page.html'))).toEqual([1, 'LAC0908', 'done']);
    writeFileSync(folder.path('scale.tune.json'), '<<<<<<< ours');
    const said = await codes('--write');
    rmSync(folder.path('scale.tune.json'));
    expect(said).toEqual([1, 'LAC0916', 'done']);
  });

  test('where every configuration is wrong: exit code 1, and why', async () => {
    const { code, events } = await lac.events(['tune', folder.path('wrong.ts'), '--device', 'emulate'], { env });
    expect(code).toBe(1);
    expect(events.find((e) => e.event === 'diagnostic')).toMatchObject({ code: 'LAC0921' });
    const [wrong] = rowsOf(events, 'wrong');
    expect(wrong?.why).toMatch(/^y: relative RMSE/);
    expect(events.some((e) => e.best === true)).toBe(false);
  });

  test('a device that is not there: exit code 3', async () => {
    const { code, stderr } = await lac.run(['tune', folder.path('scale.ts'), '--device', 'toaster'], { env });
    expect(code).toBe(3);
    expect(stderr).toContain('error[LAC0701]');
  });

  test('a length of time without a unit: exit code 2', async () => {
    const { code, stderr } = await lac.run(['tune', folder.path('scale.ts'), '--budget', '30'], { env });
    expect(code).toBe(2);
    expect(stderr).toContain('it needs a unit: 30s or 30m');
  });
});
