import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const ends: (() => void)[] = [];

/** Called when the tests of the file are over; the last first. `ends.ts` sees to it for every file. */
export const atEndOfFile = (end: () => void): void => void ends.push(end);

export function endFile(): void {
  for (const end of ends.splice(0).reverse()) end();
}

/** A folder of its own, `lac-NAME-...`, that is gone after the tests of the file. */
export function temporaryFolder(name: string): string {
  const path = mkdtempSync(join(tmpdir(), `lac-${name}-`));
  atEndOfFile(() => rmSync(path, { recursive: true, force: true }));
  return path;
}
