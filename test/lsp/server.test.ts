import { readFileSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Diagnostic } from 'vscode-languageserver/node';
import { CODES } from '../../compiler/diag/codes.js';
import { explanation } from '../../compiler/diag/explanation.js';
import { buildLac, type Lac, scratch } from '../cli/lac.js';
import { Editor, offsetIn, positionOf } from './editor.js';
import { HELPER, KERNEL } from './sources.js';

let lac: Lac;
let editor: Editor;
const folder = scratch({ 'package.json': '{}', 'gram.ts': KERNEL, 'decay.ts': HELPER });
const [gram, decay] = [folder.path('gram.ts'), folder.path('decay.ts')];

beforeAll(async () => {
  lac = buildLac();
  editor = await Editor.start(lac.main);
});
afterAll(async () => {
  expect(await editor.stop()).toBe(0);
  folder.remove();
});

/** An opened file of its own, so that tests do not meet. */
async function opened(name: string, text: string): Promise<string> {
  const file = folder.path(name);
  writeFileSync(file, text);
  await editor.open(file, text);
  return file;
}
const codes = (found: readonly Diagnostic[]): unknown[] => found.map((d) => d.code);

describe('findings', () => {
  test('come as one types, of text that is in no file', async () => {
    const file = await opened('typing.ts', KERNEL);
    expect(await editor.findings(file)).toEqual([]);
    await editor.replace(file, 'trans(cast(b, f32))', 'cast(b, f32)');
    const [found, ...more] = await editor.findings(file);
    expect(more).toEqual([]);
    const text = editor.text(file);
    expect(found).toMatchObject({ severity: 1, source: 'lac', code: expect.stringMatching(/^LAC02/) });
    expect(found?.message).toContain('\nhelp: ');
    const at = offsetIn(text, 'cast(b, f32)');
    expect(found?.relatedInformation).toContainEqual({
      location: {
        uri: pathToFileURL(file).href,
        range: { start: positionOf(text, at), end: positionOf(text, at + 'cast(b, f32)'.length) },
      },
      message: expect.stringContaining('f32'),
    });
    await editor.replace(file, 'cast(b, f32)', 'trans(cast(b, f32))');
    expect(await editor.findings(file)).toEqual([]);
    expect(readFileSync(file, 'utf8')).toBe(KERNEL);
    await editor.close(file);
  });

  test('warnings are warnings', async () => {
    const file = await opened('warning.ts', KERNEL.replace('export const gram', 'const gram'));
    expect(await editor.findings(file)).toMatchObject([{ code: 'LAC0308', severity: 2 }]);
    await editor.close(file);
  });

  test('in a helper are shown where they are, with the call, while its caller is open', async () => {
    await editor.open(gram, KERNEL);
    await editor.open(decay, HELPER);
    await editor.replace(decay, 'x * col(w)', 'x * w');
    const [found] = await editor.until(decay, (d) => d.length > 0);
    expect(found).toMatchObject({ code: 'LAC0202' });
    expect(found?.relatedInformation?.map((r) => r.location.uri)).toContain(pathToFileURL(gram).href);
    expect(await editor.findings(gram)).toEqual([]);
    await editor.close(gram);
    expect(await editor.until(decay, (d) => d.length === 0)).toEqual([]);
    await editor.close(decay);
  });

  test('end with the document, and the disk counts again', async () => {
    await editor.open(gram, KERNEL);
    await editor.open(decay, HELPER.replace('col(w)', 'w'));
    await editor.until(decay, (d) => d.length > 0);
    await editor.close(decay);
    await editor.until(decay, (d) => d.length === 0);
    await editor.close(gram);
    const broken = await opened('broken.ts', 'import { kernel } from "lac";\nexport const k = kernel({');
    expect(codes(await editor.findings(broken))).toEqual(['LAC0101']);
    await editor.close(broken);
    expect(await editor.until(broken, (d) => d.length === 0)).toEqual([]);
  });

  test('a helper that changes on the disk is read again when the editor says so', async () => {
    const helper = folder.path('other.ts');
    writeFileSync(helper, HELPER);
    const file = await opened('user.ts', KERNEL.replace('./decay.js', './other.js'));
    expect(await editor.findings(file)).toEqual([]);
    writeFileSync(helper, HELPER.replace('col(w)', 'w'));
    const changes = [{ uri: pathToFileURL(helper).href, type: 2 }];
    await editor.connection.sendNotification('workspace/didChangeWatchedFiles', { changes });
    expect(codes(await editor.until(helper, (d) => d.length > 0))).toEqual(['LAC0202']);
    await editor.close(file);
  });

  test.each([
    [
      'a host program',
      "import { openDevice } from 'lac';\nconst d: Device = await openDevice();\nthrow new Error();\n",
    ],
    ['no kernel at all', 'export class A<T> { constructor(private x: T) {} }\n'],
    ['no TypeScript either', 'a b c ((((\n'],
  ])('%s has none', async (_what, text) => {
    const file = await opened('plain.ts', text);
    expect(await editor.findings(file)).toEqual([]);
    await editor.close(file);
  });

  test('a file that is too large says so at its start', async () => {
    const file = await opened('large.ts', `${KERNEL}//${'x'.repeat(2 << 20)}\n`);
    const [found] = await editor.findings(file);
    expect(found).toMatchObject({ code: 'LAC0002', range: { start: { line: 0, character: 0 } } });
    await editor.close(file);
  });

  test('lines may end in CRLF, and columns count UTF-16 units', async () => {
    const text = KERNEL.replace('const rows = m * BM;', '/* 𝒳𝒴 é */ const rows = m * BX;').replaceAll('\n', '\r\n');
    const file = await opened('crlf.ts', text);
    const [found] = await editor.findings(file);
    const line = text.slice(0, text.indexOf('BX')).split('\r\n').length - 1;
    const character = '    /* 𝒳𝒴 é */ const rows = m * '.length;
    expect(found?.range).toEqual({ start: { line, character }, end: { line, character: character + 2 } });
    await editor.close(file);
  });

  test('a document in no file is left alone', async () => {
    const textDocument = { uri: 'untitled:Untitled-1', languageId: 'typescript', version: 1, text: KERNEL };
    await editor.connection.sendNotification('textDocument/didOpen', { textDocument });
    const at = { textDocument: { uri: textDocument.uri }, position: { line: 17, character: 10 } };
    expect(await editor.connection.sendRequest('textDocument/hover', at)).toBeNull();
    await editor.connection.sendNotification('textDocument/didClose', { textDocument: { uri: textDocument.uri } });
  });
});

describe('what the editor is shown', () => {
  beforeAll(async () => {
    await editor.open(gram, KERNEL);
    await editor.open(decay, HELPER);
  });
  afterAll(async () => {
    await editor.close(gram);
    await editor.close(decay);
  });

  const hover = async (file: string, mark: string, n = 0): Promise<string> => {
    const found = await editor.hover(file, offsetIn(editor.text(file), mark, n));
    return (found?.contents as { value: string } | undefined)?.value ?? '';
  };

  test.each([
    ['a variable', 'let |acc', 0, 'acc: f32 [BM, BN]'],
    ['a variable where it is used, carried by a loop', 'acc = |acc + dot', 0, 'acc: f32 [BM, BN]'],
    ['the target of an assignment', '|acc = acc + dot', 0, 'acc: f32 [BM, BN]'],
    ['an operation, by its operator', ' |* -0.5', 0, 'f32 [BM]'],
    ['a call, by its name', '|decayed(cast(a', 0, 'gives `f32 [BM, BD]`'],
    ['a call of the language, by its name', '|dot(', 0, 'gives `f32 [BM, BN]`'],
    ['a call of a method, by its name', 'x.|load', 0, 'gives `f32 [BM, BD]`'],
    ['a call, by what is in it', '|cast(a', 0, 'gives `f32 [BM, BD]`'],
    ['a view', '|x.load', 0, 'x: view of f32 [N, D]'],
    ['a scalar', 'const |rows', 0, 'rows: i32 scalar'],
    ['a knob', 'm * |BM', 0, 'BM = 32'],
    ['a knob, and its values', 'm * |BM', 0, 'knob: [32, 64]'],
    ['a dimension', '{ |D, BM, BN, BD, halved }', 0, 'D = '],
    ['a dimension, and where it is', '{ |D, BM, BN, BD, halved }', 0, 'axis 1 of x): comptime'],
    ['a dimension in quotes', "input(T, ['|N'", 0, 'axis 0 of x, axis 0 of y, axis 1 of y): known at launch'],
    ['an option', '|halved ?', 0, 'halved: false'],
    ['an axis', '{ |m, n }', 0, 'axis of the grid'],
    ['a dtype parameter', 'const |T', 0, 'f32, f16'],
    ['a function of the language', '|dot(', 0, 'dot(a, b)'],
    ['a function of the language, and what it does', '|cdiv(', 0, 'Smallest integer >= a/b'],
    ['a method of a view', 'x.|load', 0, 'may be negative or past the end'],
    ['a kernel', 'const |gram', 0, 'x: in T [N, D]'],
  ])('hover: %s', async (_what, mark, n, wanted) => {
    expect(await hover(gram, mark, n)).toContain(wanted);
  });

  test('hover: extents have their values below', async () => {
    expect(await hover(gram, 'let |acc')).toContain('[BM=32, BN=16], with T = f32');
  });

  test('hover: a branch that is not taken is known from the variant that takes it', async () => {
    expect(await hover(gram, 'acc |* 0.5')).toContain('f32 [BM, BN]');
  });

  test('hover: in a helper, what its caller gives it', async () => {
    expect(await hover(decay, 'x |* col')).toContain('f32 [BM, BD]');
    expect(await hover(decay, 'const |w')).toContain('w: f32 [BM]');
  });

  test('hover: nothing in white space, comments and types', async () => {
    for (const mark of ['|\n\nconst T', 'in |blocks']) expect(await hover(gram, mark)).toBe('');
  });

  test('hover marks the expression that it is about', async () => {
    const found = await editor.hover(gram, offsetIn(KERNEL, 'f32) |* -0.5'));
    const start = offsetIn(KERNEL, 'cast(iota(BM), f32) * -0.5');
    expect(found?.range).toEqual({
      start: positionOf(KERNEL, start),
      end: positionOf(KERNEL, start + 'cast(iota(BM), f32) * -0.5'.length),
    });
  });

  const shownHints = async (file: string): Promise<string[]> => {
    const lines = editor.text(file).split('\n');
    return (await editor.hints(file)).map(({ position, label }) => {
      const before = (lines[position.line] ?? '').slice(0, position.character);
      return `${/[\w$]+$/.exec(before)?.[0]}${String(label)}`;
    });
  };

  test('hints', async () => {
    expect(await shownHints(gram)).toEqual([
      'rows: i32',
      's: f32[BM]',
      'acc: f32[BM, BN]',
      'a: f32[BM, BD]',
      'b: f32[BN, BD]',
      'scaled: f32[BM, BN]',
    ]);
    expect(await shownHints(decay)).toEqual(['x: f32[BM, BD]', 's: f32[BM]', 'w: f32[BM]']);
  });

  test('hints and hover survive a text without syntax', async () => {
    await editor.replace(gram, '    const scaled', '    const more = (;\n    const scaled');
    expect(codes(await editor.findings(gram))).toEqual(['LAC0101']);
    expect(await shownHints(gram)).toEqual(expect.arrayContaining(['acc: f32[BM, BN]', 'scaled: f32[BM, BN]']));
    expect(await hover(gram, 'y.store([|rows')).toContain('rows: i32');
    await editor.replace(gram, '    const more = (;\n', '');
    expect(await editor.findings(gram)).toEqual([]);
  });

  const target = async (file: string, mark: string): Promise<[string, string] | null> => {
    const found = await editor.definition(file, offsetIn(editor.text(file), mark));
    if (found === null) return null;
    const path = [gram, decay].find((f) => pathToFileURL(f).href === found.uri) ?? new URL(found.uri).pathname;
    const lines = readFileSync(path, 'utf8').split('\n');
    const { start, end } = found.range;
    return [path, (lines[start.line] ?? '').slice(start.character, end.character)];
  };

  test.each([
    ['a variable', '|acc + dot', 'acc'],
    ['an argument of the body', '|x.load', 'x'],
    ['a knob', 'm * |BM', 'BM'],
    ['a knob in the grid', 'cdiv(N, |BN)', 'BN'],
    ['a dimension', 'range(0, |D', "'D'"],
    ['a dimension in comptime', "comptime: ['|D", "'D'"],
    ['an option', '|halved ?', 'halved'],
    ['an axis', '|m * BM', 'm'],
    ['a constant of the file', 'input(|T', 'T'],
    ['the index of a loop', 'n * BN, |d]', 'd'],
  ])('definition: %s', async (_what, mark, wanted) => {
    expect(await target(gram, mark)).toEqual([gram, wanted]);
  });

  test('definitions lie where a declaration has the name, not where it is used', async () => {
    const found = await editor.definition(gram, offsetIn(KERNEL, 'range(0, |D'));
    expect(found?.range.start).toEqual(positionOf(KERNEL, offsetIn(KERNEL, "'D'")));
    const knob = await editor.definition(gram, offsetIn(KERNEL, 'm * |BM'));
    expect(knob?.range.start).toEqual(positionOf(KERNEL, offsetIn(KERNEL, 'tune: { |BM')));
    const axis = await editor.definition(gram, offsetIn(KERNEL, '|m * BM'));
    expect(axis?.range.start).toEqual(positionOf(KERNEL, offsetIn(KERNEL, '|m: cdiv')));
  });

  test('definition: a helper in another file, from its call and from its import', async () => {
    expect(await target(gram, 'dot(|decayed')).toEqual([decay, 'decayed']);
    expect(await target(gram, '{ |decayed }')).toEqual([decay, 'decayed']);
    expect(await target(gram, "'|./decay.js'")).toEqual([decay, '']);
  });

  test('definition: the language', async () => {
    const found = await target(gram, '|dot(');
    expect(found?.[0]).toMatch(/dsl\/surface\.d\.ts$/);
    expect(found?.[1]).toBe('dot');
  });

  test('the outline', async () => {
    const [kernel, ...more] = await editor.symbols(gram);
    expect(more).toEqual([]);
    expect(kernel).toMatchObject({ name: 'gram', detail: 'kernel' });
    expect(kernel?.children?.map((c) => `${c.detail} ${c.name}`)).toEqual([
      'argument x',
      'argument y',
      'knob BM',
      'knob BN',
      'knob BD',
      'option halved',
    ]);
  });

  test('completion', async () => {
    const labels = async (mark: string) =>
      (await editor.complete(gram, offsetIn(KERNEL, mark))).map((item) => item.label);
    expect(await labels('x.|load')).toEqual(expect.arrayContaining(['load', 'store', 'at']));
    expect(await labels('= |zeros')).toEqual(expect.arrayContaining(['zeros', 'dot', 'acc', 'BM', 'halved']));
    expect(await labels("input(T, ['|N")).toEqual([]);
    expect(await labels('acc.|x'.replace('acc.|x', '|acc * 0.5'))).not.toContain('load');
  });
});

test('an editor that can is asked to watch files, and to ask for hints again after each check', async () => {
  const workspace = { didChangeWatchedFiles: { dynamicRegistration: true }, inlayHint: { refreshSupport: true } };
  const other = await Editor.start(lac.main, { capabilities: { workspace } });
  await other.untilAsked('client/registerCapability', 1);
  expect(other.asked[0]?.params).toMatchObject({ registrations: [{ method: 'workspace/didChangeWatchedFiles' }] });
  await other.open(gram, KERNEL);
  await other.untilAsked('workspace/inlayHint/refresh', 1);
  await other.replace(gram, '-0.5', '-0.25');
  await other.untilAsked('workspace/inlayHint/refresh', 2);
  expect(await other.stop()).toBe(0);
  expect(other.logged).toEqual([]);
});

describe('code actions', () => {
  test('apply the help of a finding', async () => {
    const file = await opened('fix.ts', KERNEL.replace('iota(BM)', 'iotta(BM)'));
    expect(codes(await editor.findings(file))).toEqual(['LAC0104']);
    const text = editor.text(file);
    const at = offsetIn(text, 'iotta');
    const [fix, explain, ...more] = await editor.actions(file, at, at);
    expect(more).toEqual([]);
    expect(fix).toMatchObject({ title: 'did you mean iota?', kind: 'quickfix', isPreferred: true });
    const [change] = fix?.edit?.changes?.[pathToFileURL(file).href] ?? [];
    expect(change).toEqual({
      newText: 'iota',
      range: { start: positionOf(text, at), end: positionOf(text, at + 'iotta'.length) },
    });
    await editor.replace(file, 'iotta', String(change?.newText));
    expect(await editor.findings(file)).toEqual([]);
    expect(explain).toMatchObject({ title: 'Explain LAC0104', command: { command: 'lac.explain' } });
    expect(await editor.actions(file, at, at)).toEqual([]);
    await editor.close(file);
  });

  test('are those of the place only', async () => {
    const file = await opened('place.ts', KERNEL.replace('iota(BM)', 'iotta(BM)'));
    expect(await editor.actions(file, 0, 5)).toEqual([]);
    await editor.close(file);
  });

  test('explain a code', async () => {
    const wanted = explanation('LAC0104', CODES.LAC0104);
    expect(await editor.connection.sendRequest('lac/explain', 'LAC0104')).toBe(wanted);
    expect(await editor.connection.sendRequest('lac/explain', 'LAC9999')).toBeNull();
    const params = { command: 'lac.explain', arguments: ['LAC0104'] };
    expect(await editor.connection.sendRequest('workspace/executeCommand', params)).toBe(wanted);
  });

  test('codes link to their explanation where the editor can show it', async () => {
    const other = await Editor.start(lac.main, { initializationOptions: { explainScheme: 'lac-explain' } });
    const file = folder.path('link.ts');
    await other.open(file, KERNEL.replace('iota(BM)', 'iotta(BM)'));
    expect(await other.findings(file)).toMatchObject([{ codeDescription: { href: 'lac-explain:LAC0104.md' } }]);
    expect(await other.stop()).toBe(0);
  });
});
