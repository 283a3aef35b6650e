import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { builtSources } from '../setup/built.js';

const folder = mkdtempSync(path.join(tmpdir(), 'lac-runtime-'));

/** The runtime as JavaScript; vitest's own transform does not reach child processes. */
export const compileRuntime = (): void => void builtSources();
export const removeRuntime = (): void => rmSync(folder, { recursive: true, force: true });

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/**
 * Runs the body of an async function in a process of its own; `lac` is the runtime, `variants` the module beside this
 * one. `shell` is put before node, for ulimit and the like.
 */
export function runChild(body: string, env: Record<string, string> = {}, shell = ''): Outcome {
  const script = path.join(folder, `child-${Math.random().toString(36).slice(2)}.mjs`);
  const imports = ['runtime/index', 'test/runtime/variants'].map((m) =>
    JSON.stringify(pathToFileURL(path.join(builtSources(), `${m}.js`)).href),
  );
  writeFileSync(
    script,
    `import * as lac from ${imports[0]};\nimport * as variants from ${imports[1]};\n` +
      `const begin = performance.now();\n${body}\n`,
  );
  const { VK_DRIVER_FILES: _a, VK_ICD_FILENAMES: _b, LAC_ICD: _c, ...rest } = process.env;
  const run = spawnSync('bash', ['-c', `${shell} exec "$0" "$1"`, process.execPath, script], {
    env: { ...rest, ...env },
    encoding: 'utf8',
    timeout: 100_000,
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}
