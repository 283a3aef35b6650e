import { readFileSync } from 'node:fs';

/** Of this package: from package.json, which lies in a folder above this file, nearer for the source than for the compiled file. */
export function version(): string {
  known ??= found();
  return known;
}

let known: string | undefined;

function found(): string {
  let folder = new URL('.', import.meta.url);
  for (;;) {
    const at = packageAt(folder);
    if (at?.name === 'lac') return at.version ?? 'unknown';
    const up = new URL('..', folder);
    if (up.href === folder.href) return 'unknown';
    folder = up;
  }
}

function packageAt(folder: URL): { name?: string; version?: string } | null {
  try {
    return JSON.parse(readFileSync(new URL('package.json', folder), 'utf8')) as { name?: string; version?: string };
  } catch {
    return null;
  }
}
