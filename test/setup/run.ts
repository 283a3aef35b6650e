import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROOT } from '../house/sources.js';

/** Folders of a run carry the process that they belong to: `lac-tests-123-x7Yz`, `test-123`. */
const TEMPORARY = /^lac-tests-(\d+)-/;
const BUILT = /^test-(\d+)(\.|$)/;

/**
 * Once before all tests: a folder for temporary files, and a name for the build that tests share (see `built.ts`). Both are
 * gone after the run, whatever a test leaves behind; what runs leave that were killed goes with the next one.
 */
export default function setup(): (() => void) | undefined {
  // The projects of a run share one process.
  if (process.env.LAC_TEST_BUILD !== undefined) return undefined;
  const [parent, builds] = [tmpdir(), join(ROOT, 'build')];
  removeOrphans(parent, TEMPORARY);
  removeOrphans(builds, BUILT);
  const temporary = mkdtempSync(join(parent, `lac-tests-${process.pid}-`));
  process.env.TMPDIR = temporary;
  process.env.LAC_TEST_BUILD = join(builds, `test-${process.pid}`);
  return () => {
    rmSync(temporary, { recursive: true, force: true });
    removeOf(builds, BUILT, (pid) => pid === process.pid);
  };
}

/** Also those of an earlier process that had the number of this one. */
const removeOrphans = (parent: string, name: RegExp): void =>
  removeOf(parent, name, (pid) => pid === process.pid || !isRunning(pid));

function removeOf(parent: string, name: RegExp, isMeant: (pid: number) => boolean): void {
  for (const entry of namesIn(parent)) {
    const pid = name.exec(entry)?.[1];
    if (pid !== undefined && isMeant(Number(pid))) rmSync(join(parent, entry), { recursive: true, force: true });
  }
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
