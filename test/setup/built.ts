import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from '../house/sources.js';

/** What children of tests load beside the package. */
const MODULES = ['test/runtime/variants.ts', 'test/store/writer.ts', 'test/tuner/worker/faults.ts'];

/**
 * The sources as JavaScript, for processes that tests start: vitest's own transform does not reach them. Compiled by the first
 * test of a run that asks, below the root so that packages are found. Who asks at the same time compiles too, and one build
 * of the two is taken: nobody waits for a process that may have been killed.
 */
export function builtSources(): string {
  const folder = process.env.LAC_TEST_BUILD;
  if (folder === undefined) throw new Error('test/setup/run.ts has not run');
  if (existsSync(folder)) return folder;
  const partial = `${folder}.${process.pid}`;
  mkdirSync(partial, { recursive: true });
  const config = {
    extends: join(ROOT, 'tsconfig.build.json'),
    compilerOptions: { noCheck: true, outDir: '.', rootDir: ROOT },
    files: MODULES.map((file) => join(ROOT, file)),
  };
  writeFileSync(join(partial, 'tsconfig.json'), JSON.stringify(config));
  const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
  execFileSync(process.execPath, [tsc, '-p', partial], { stdio: 'pipe' });
  try {
    renameSync(partial, folder);
  } catch (error) {
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
  return folder;
}
