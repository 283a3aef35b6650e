import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ROOT } from '../house/sources.js';

const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8');
const manifest = JSON.parse(read('editors/vscode/package.json'));
const program = read('editors/vscode/extension.js');

/** The extension is not installed here; what it says of the server and of itself must be so all the same. */
describe('the extension for VS Code', () => {
  test('has its entry, and the version of the package', () => {
    expect(manifest.main).toBe('./extension.js');
    expect(manifest.version).toBe(JSON.parse(read('package.json')).version);
    expect(read('editors/vscode/README.md')).toContain(`lac-vscode-${manifest.version}.vsix`);
  });

  test('parses, and requires only what VS Code has or its manifest names', () => {
    expect(() => new Function('require', 'module', program)).not.toThrow();
    const required = [...program.matchAll(/require\('([^']+)'\)/g)].map(([, name = '']) => name);
    const known = ['vscode', ...Object.keys(manifest.dependencies)];
    expect(required.filter((name) => !name.startsWith('node:') && !known.includes(name.replace(/\/.*/, '')))).toEqual(
      [],
    );
  });

  test('registers the commands that it declares, and reads the settings that it declares', () => {
    for (const { command } of manifest.contributes.commands) expect(program).toContain(`registerCommand('${command}'`);
    expect(Object.keys(manifest.contributes.configuration.properties)).toEqual(['lac.command']);
    expect(program).toContain("getConfiguration('lac').get('command'");
  });

  test('starts what package.json of lac calls its command', () => {
    expect(JSON.parse(read('package.json')).bin.lac).toBe('./dist/cli/main.js');
    expect(program).toContain("join(lac, 'dist', 'cli', 'main.js')");
  });

  test('speaks of a library that speaks the protocol of the server', () => {
    const own = JSON.parse(read('package.json')).dependencies['vscode-languageserver'];
    expect(manifest.dependencies['vscode-languageclient'].split('.')[0]).toBe(own.split('.')[0]);
  });
});
