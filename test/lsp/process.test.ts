import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildLac, type Lac, scratch } from '../cli/lac.js';
import { Editor, offsetIn } from './editor.js';
import { HELPER, KERNEL } from './sources.js';

let lac: Lac;
const folder = scratch({ 'package.json': '{}', 'gram.ts': KERNEL, 'decay.ts': HELPER });
const gram = folder.path('gram.ts');
beforeAll(() => {
  lac = buildLac();
});
afterAll(() => {
  folder.remove();
});

const frame = (body: string): string => `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;

describe('the server ends', () => {
  test('with its input, and says that nobody asked it to', async () => {
    const editor = await Editor.start(lac.main);
    editor.process.stdin?.end();
    expect(await editor.ended).toBe(1);
  });

  test('with its input before it was greeted', async () => {
    const editor = new Editor(lac.main);
    editor.process.stdin?.end();
    expect(await editor.ended).toBe(1);
  });

  test('with the process that started it, though its input stays open', async () => {
    const parent = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], { stdio: 'ignore' });
    const editor = await Editor.start(lac.main, { processId: parent.pid });
    parent.kill('SIGKILL');
    expect(await editor.ended).toBe(1);
  });

  test('with `exit`, 0 after `shutdown` and 1 without', async () => {
    expect(await (await Editor.start(lac.main)).stop()).toBe(0);
    const hasty = await Editor.start(lac.main);
    await hasty.connection.sendNotification('exit');
    expect(await hasty.ended).toBe(1);
  });

  test('with a signal, at once', async () => {
    const editor = await Editor.start(lac.main);
    editor.process.kill('SIGTERM');
    expect(await editor.ended).toBeNull();
  });
});

describe('the server goes on', () => {
  let editor: Editor;
  beforeAll(async () => {
    editor = await Editor.start(lac.main);
  }, 120_000);
  afterAll(async () => {
    expect(await editor.stop()).toBe(0);
  });

  test.each([
    ['JSON that is none', frame('{"jsonrpc": "2.0", "method": ')],
    ['a message that is none', frame('[1, 2, 3]')],
    ['a request that nobody knows', frame('{"jsonrpc":"2.0","id":77,"method":"textDocument/fly","params":{}}')],
    ['parameters that are none', frame('{"jsonrpc":"2.0","id":78,"method":"textDocument/hover","params":{"a":1}}')],
    ['no parameters', frame('{"jsonrpc":"2.0","method":"textDocument/didOpen"}')],
    [
      'a change of what is not open',
      frame(
        '{"jsonrpc":"2.0","method":"textDocument/didChange","params":{"textDocument":{"uri":"file:///x.ts","version":3},"contentChanges":[{"text":""}]}}',
      ),
    ],
    [
      'a place outside of the text',
      frame(
        '{"jsonrpc":"2.0","id":79,"method":"textDocument/hover","params":{"textDocument":{"uri":"file:///x.ts"},"position":{"line":1e9,"character":-1}}}',
      ),
    ],
    [
      'an address that is none',
      frame(
        '{"jsonrpc":"2.0","method":"textDocument/didOpen","params":{"textDocument":{"uri":"file://host/%ZZ","languageId":"typescript","version":1,"text":"x"}}}',
      ),
    ],
  ])('after %s', async (_what, bytes) => {
    editor.process.stdin?.write(bytes);
    await editor.open(gram, KERNEL);
    expect(await editor.findings(gram)).toEqual([]);
    const found = await editor.hover(gram, offsetIn(KERNEL, 'let |acc'));
    expect(found?.contents).toMatchObject({ value: expect.stringContaining('f32 [BM, BN]') });
    await editor.close(gram);
  });

  test('after a kernel that never ends being checked was edited again', async () => {
    await editor.open(gram, KERNEL.replace('range(0, D, BD)', 'range(0, 1 << 30, 1, { unroll: true })'));
    await editor.replace(gram, 'range(0, 1 << 30, 1, { unroll: true })', 'range(0, D, BD)');
    expect(await editor.findings(gram)).toEqual([]);
    await editor.close(gram);
  });
});
