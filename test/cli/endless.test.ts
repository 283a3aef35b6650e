import { afterAll, expect, test } from 'vitest';
import { readable } from '../house/sources.js';
import { buildFake } from '../runtime/cuda/fake.js';
import { buildLac, scratch } from './lac.js';

const lac = buildLac();
const text = (readable('test/runtime/fixtures/endless.ts') ?? '').replace("'../../../index.js'", "'lac'");
const reference = (run: string): string =>
  `export const endless = { shape: { N: 100 }, run: ({ inputs }) => { ${run} } };`;
const folder = scratch({
  'endless.ts': text,
  'endless.ref.ts': reference('return { y: inputs.x };'),
  'asked.ref.ts': reference("process.stdout.write('asked'); for (;;);"),
});
afterAll(() => {
  lac.close();
  folder.remove();
});

const endless = (verb: string, device: string, ...args: string[]): string[] => [
  ...[verb, folder.path('endless.ts'), '--device', device],
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

/** Kernels that are called `endless` are, there too. */
const fake = buildFake();
afterAll(() => fake?.remove());
const gpu = fake === null ? 'webgpu:software' : 'cuda:0';
const cases: readonly (readonly [verb: string, device: string, message: RegExp])[] = [
  ['run', 'webgpu:software', /endless \(C=64, warps=1\) did not end within 1 ms on SwiftShader/],
  ['run', 'emulate', /endless\.ts:\d+:\d+\).*: endless \(C=64, warps=1\) did not end within 1 ms/],
  ['bench', gpu, /endless \(C=64, warps=1\) did not end within 1 ms on /],
];

test.each(cases)('lac %s on %s says which kernel does not end, and ends itself', async (verb, device, message) => {
  const { code, events } = await lac.events(endless(verb, device, '--timeout', '1ms'), {
    env: fake === null ? {} : { LAC_LIBCUDA: fake.library },
  });
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
      endless('bench', 'webgpu:software', '--shape', 'N=1', '--check', folder.path('asked.ref.ts')),
    ),
  ).toBeNull();
});

test('Ctrl-C ends lac bench while the emulator runs', async () => {
  expect(await interruptedAt('device', endless('bench', 'emulate'))).toBeNull();
});
