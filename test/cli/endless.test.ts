import { afterAll, expect, test } from 'vitest';
import { readable } from '../house/sources.js';
import { buildLac, scratch } from './lac.js';

const lac = buildLac();
const text = (readable('test/runtime/fixtures/endless.ts') ?? '').replace("'../../../index.js'", "'lac'");
const reference = (run: string): string =>
  `export const hang = { shape: { N: 100 }, run: ({ inputs }) => { ${run} } };`;
const folder = scratch({
  'hang.ts': text,
  'hang.ref.ts': reference('return { y: inputs.x };'),
  'asked.ref.ts': reference("console.log('asked'); for (;;);"),
});
afterAll(() => folder.remove());

const hang = (verb: string, device: string, ...args: string[]): string[] => [
  ...[verb, folder.path('hang.ts'), '--device', device],
  ...args,
];

/** What comes of SIGINT as soon as stdout has the words. */
async function interruptedAt(words: string, args: readonly string[]): Promise<number | null> {
  let sent = false;
  const onOutput = (stdout: string): NodeJS.Signals | undefined => {
    if (sent || !stdout.includes(words)) return undefined;
    sent = true;
    return 'SIGINT';
  };
  return (await lac.run(args, { onOutput })).code;
}

test.each([
  ['run', 'webgpu:software', /hang \(C=64, warps=1\) did not end within 1 ms on SwiftShader/],
  ['run', 'emulate', /hang\.ts:\d+:\d+\).*: hang \(C=64, warps=1\) did not end within 1 ms/],
  ['bench', 'webgpu:software', /hang \(C=64, warps=1\) did not end within 1 ms on SwiftShader/],
])('lac %s on %s says which kernel does not end, and ends itself', async (verb, device, message) => {
  const { code, events } = await lac.events(hang(verb, device, '--timeout', '1ms'));
  expect(code).toBe(1);
  expect(events.find((e) => e.event === 'diagnostic')).toMatchObject({
    code: 'LAC0714',
    message: expect.stringMatching(message),
  });
  expect(events.at(-1)).toMatchObject({ event: 'done', exitCode: 1 });
});

// By the signal itself, which shells report as 130.
test('Ctrl-C ends lac bench while a reference computes', async () => {
  expect(
    await interruptedAt(
      'asked',
      hang('bench', 'webgpu:software', '--shape', 'N=1', '--check', folder.path('asked.ref.ts')),
    ),
  ).toBeNull();
});

test('Ctrl-C ends lac bench while the emulator runs', async () => {
  expect(await interruptedAt('device', hang('bench', 'emulate'))).toBeNull();
});
