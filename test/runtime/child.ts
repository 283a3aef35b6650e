import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';

/** Inside the package, so that the compiled runtime finds its dependencies. */
const FOLDER = path.resolve('node_modules', '.cache', `lac-runtime-test-${process.pid}`);

/** The runtime as JavaScript; vitest's own transform does not reach child processes. */
export function compileRuntime(): void {
  mkdirSync(FOLDER, { recursive: true });
  writeFileSync(
    path.join(FOLDER, 'tsconfig.json'),
    JSON.stringify({
      extends: path.resolve('tsconfig.json'),
      compilerOptions: { noEmit: false, noCheck: true, outDir: 'out', rootDir: path.resolve('.'), sourceMap: false },
      include: [path.resolve('runtime'), path.resolve('test/runtime/variants.ts')],
    }),
  );
  execFileSync(process.execPath, [path.resolve('node_modules/typescript/bin/tsc'), '-p', FOLDER], { stdio: 'pipe' });
}

export const removeRuntime = (): void => rmSync(FOLDER, { recursive: true, force: true });

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
}

/**
 * Runs the body of an async function in a process of its own; `lac` is the runtime, `variants` the module beside this
 * one. `shell` is put before node, for ulimit and the like.
 */
export function runChild(body: string, env: Record<string, string> = {}, shell = ''): Outcome {
  const script = path.join(FOLDER, `child-${Math.random().toString(36).slice(2)}.mjs`);
  const imports = ['runtime/index', 'test/runtime/variants'].map((m) =>
    JSON.stringify(path.join(FOLDER, 'out', `${m}.js`)),
  );
  writeFileSync(
    script,
    `import * as lac from ${imports[0]};\nimport * as variants from ${imports[1]};\n` +
      `const begin = performance.now();\n${body}\n`,
  );
  const begin = performance.now();
  const { VK_DRIVER_FILES: _a, VK_ICD_FILENAMES: _b, LAC_ICD: _c, ...rest } = process.env;
  const run = spawnSync('bash', ['-c', `${shell} exec "$0" "$1"`, process.execPath, script], {
    env: { ...rest, ...env },
    encoding: 'utf8',
    timeout: 30_000,
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr, ms: performance.now() - begin };
}
