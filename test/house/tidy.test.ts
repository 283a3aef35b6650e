import { homedir } from 'node:os';
import { describe, expect, test } from 'vitest';
import { CODES } from '../../compiler/diag/codes.js';
import { ROOT, readable, repositoryFiles } from './sources.js';

const texts = repositoryFiles()
  .filter((path) => !/\.(png|svg|tar|gz|br|node)$/.test(path))
  .map((path) => ({ path, text: readable(path) ?? '' }));
const containing = (pattern: RegExp | string): string[] =>
  texts
    .filter(({ text }) => (typeof pattern === 'string' ? text.includes(pattern) : pattern.test(text)))
    .map((t) => t.path);

describe('nothing in the repository belongs to one machine', () => {
  test('no path of the working copy or of a home', () => {
    expect(containing(ROOT.replace(/\/$/, ''))).toEqual([]);
    if (homedir().length > 6) expect(containing(homedir())).toEqual([]);
    expect(containing(/(?<![\w.-])\/(?:home|Users)\/[a-z][\w-]*\//)).toEqual([]);
  });

  test('the lockfile names packages and hashes, no registry', () => {
    const lock = readable('package-lock.json') ?? '';
    expect(lock).toContain('"integrity"');
    expect(lock).not.toMatch(/"resolved"/);
    expect(readable('.npmrc') ?? '').not.toMatch(/^\s*(@[^:]+:)?registry\s*=|_auth/im);
  });
});

describe('registries', () => {
  test('no file names the host that packages came from', () => {
    const registry = process.env.npm_config_registry ?? '';
    if (registry !== '') expect(containing(new URL(registry).host)).toEqual([]);
    const lock = readable('package-lock.json') ?? '';
    expect(lock).not.toMatch(/https?:\/\/[^/"]*(registry|artifact|nexus|mirror)/i);
  });
});

describe('diagnostic codes', () => {
  test('every code is provoked, or at least named, by a test', () => {
    const tests = texts.filter(({ path }) => path.startsWith('test/')).map(({ text }) => text);
    const codes = Object.keys(CODES);
    expect(codes.filter((code) => !tests.some((text) => text.includes(code)))).toEqual([]);
  });
});

describe('the house', () => {
  test('no file is named after nothing', () => {
    expect(
      texts
        .map((t) => t.path)
        .filter((p) => !p.includes('/fixtures/') && /(^|\/)(utils?|helpers?|misc|common)(\.|\/)/.test(p)),
    ).toEqual([]);
  });

  test('no any, no suppressed types in what ships', () => {
    const own = (paths: string[]): string[] => paths.filter((p) => p.endsWith('.ts') && !/^(test|dsl)\//.test(p));
    expect(own(containing(/@ts-(ignore|expect-error|nocheck)/))).toEqual([]);
  });

  test('the README begins with the two commands', () => {
    const head = (readable('README.md') ?? '').split('\n').slice(0, 25).join('\n');
    expect(head).toContain('npm ci && npm start');
    expect(head).toContain('npm test');
  });
});
