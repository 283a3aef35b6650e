import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { makeFolder } from '../../runtime/make-folder.js';

it('makes what is missing, is content with what is there, and says what is in the way', () => {
  const root = mkdtempSync(join(tmpdir(), 'lac-folder-'));
  try {
    makeFolder(join(root, 'a', 'b', 'c'));
    makeFolder(join(root, 'a', 'b', 'c'));
    expect(existsSync(join(root, 'a', 'b', 'c'))).toBe(true);
    writeFileSync(join(root, 'file'), '');
    expect(() => makeFolder(join(root, 'file'))).toThrow('EEXIST');
    expect(() => makeFolder(join(root, 'file', 'd'))).toThrow('ENOTDIR');
  } finally {
    rmSync(root, { recursive: true });
  }
});

it.runIf(process.platform === 'linux')(
  'does not hang where folders cannot be made although the one above is there',
  () => {
    expect(() => makeFolder('/proc/lac/cache')).toThrow('ENOENT');
  },
);
