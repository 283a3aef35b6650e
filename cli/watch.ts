import { type FSWatcher, watch } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { LacError } from '../compiler/diag/diagnostic.js';
import type { SourceProject } from '../driver/source.js';
import type { Context } from './context.js';
import { EXIT, type ExitCode } from './exit.js';

/** Editors write a file in several steps: changes within this time are one, milliseconds. */
const SETTLE_MS = 30;

/**
 * Runs `work` now and after every change of a file that the project has read, on one warm project: only changed files
 * are read again. Ends with 130 on Ctrl-C.
 */
export async function watchFiles(
  { output, signal }: Context,
  project: SourceProject,
  work: () => Promise<ExitCode>,
): Promise<ExitCode> {
  const changed = new Set<string>();
  let wake = (): void => {};
  const folders = new FolderWatch((file) => {
    changed.add(file);
    wake();
  });
  signal.addEventListener('abort', () => wake(), { once: true });
  try {
    while (!signal.aborted) {
      for (const file of changed) project.invalidate(file);
      changed.clear();
      output.forgetSources();
      await attempt(work, output);
      folders.follow(project.files());
      output.progress('watching for changes; Ctrl-C ends');
      if (changed.size === 0)
        await new Promise<void>((done) => {
          wake = done;
          if (signal.aborted) done();
        });
      await new Promise((done) => setTimeout(done, SETTLE_MS));
    }
  } finally {
    folders.close();
  }
  return EXIT.interrupted;
}

/** A file that is broken for a moment does not end the watch. */
async function attempt(work: () => Promise<ExitCode>, output: Context['output']): Promise<void> {
  try {
    output.event('pass', { exitCode: await work() });
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    output.diagnostics(error.diagnostics, 'stdout');
    output.event('pass', { exitCode: EXIT.failed });
  }
}

/** Watches folders, not files: an editor that writes by renaming replaces the file that a watch would hold. */
class FolderWatch {
  readonly #watchers = new Map<string, FSWatcher>();
  readonly #files = new Set<string>();
  readonly #changed: (file: string) => void;

  constructor(changed: (file: string) => void) {
    this.#changed = changed;
  }

  follow(files: readonly string[]): void {
    for (const file of files) {
      this.#files.add(resolve(file));
      const folder = dirname(resolve(file));
      if (!this.#watchers.has(folder))
        this.#watchers.set(
          folder,
          watch(folder, (_event, name) => this.#seen(folder, name)),
        );
    }
  }

  close(): void {
    for (const watcher of this.#watchers.values()) watcher.close();
  }

  #seen(folder: string, name: string | null): void {
    for (const file of this.#files)
      if (dirname(file) === folder && (name === null || basename(file) === name)) this.#changed(file);
  }
}
