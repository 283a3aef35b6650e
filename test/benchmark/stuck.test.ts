import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test, vi } from 'vitest';
import { readRun } from '../../benchmark/saved-run.js';
import { bench } from '../../cli/bench.js';
import { Output } from '../../cli/output.js';
import { sweep } from '../../cli/sweep.js';
import { runtimeError } from '../../runtime/errors.js';
import type { LaunchLimit } from '../../runtime/launch-limit.js';
import { contextFor } from '../cli/context.js';
import { SCALE, SCALE_REFERENCE } from '../cli/fixtures-text.js';

let limit: LaunchLimit | null = null;
vi.mock('../../runtime/launch-limit.js', () => ({
  limitLaunches: (_: unknown, given: LaunchLimit) => {
    limit = given;
  },
}));

const folder = mkdtempSync(join(tmpdir(), 'lac-stuck-'));
afterAll(() => rmSync(folder, { recursive: true }));
writeFileSync(join(folder, 'scale.ts'), SCALE);
writeFileSync(join(folder, 'scale.ref.ts'), SCALE_REFERENCE);

test('a run that is stuck prints and stores the points that it has', async () => {
  const written = { stdout: '', stderr: '' };
  const sink = (name: 'stdout' | 'stderr') => ({
    write(text: string) {
      written[name] += text;
      if (text.includes('"point"') && text.includes('"N":16'))
        limit?.onStuck(runtimeError('LAC0714', 'scale did not end within 3 s on a test'));
    },
  });
  const how = { format: 'json', color: 'never', quiet: false, verbose: false } as const;
  const output = new Output(how, sink('stdout'), sink('stderr'));
  const run = join(folder, 'run.json');
  const options = { device: 'emulate', seed: 0, samples: 1, threshold: 0.05, timeout: 3000, output: [run] };
  const done = bench(
    join(folder, 'scale.ts'),
    { ...options, sweep: sweep('N=4..16') },
    contextFor({ output, signal: new AbortController().signal }),
  );
  await expect(done).rejects.toThrow('the process would have ended with 1');
  expect(limit).toMatchObject({ limitMs: 3000 });
  const { points, notes } = readRun(run);
  expect(points.map(({ dims }) => dims.N)).toEqual([4, 8]);
  expect(notes).toContain('stopped, points are missing: scale did not end within 3 s on a test');
  const events = written.stdout.split('\n').filter((line) => line !== '');
  expect(events.at(-1)).toContain('"LAC0714"');
});
