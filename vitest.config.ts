import { resolve } from 'node:path';
import { configDefaults, defineConfig } from 'vitest/config';

/** What sets variables of the process, installs another runtime, replaces modules, starts children or fills the memory: a process for each file. */
const APART = [
  'test/{bench,benchmark,cli,docs,fuzz,house,lsp,python,random,runtime,store}/**/*.test.ts',
  'test/tuner/worker/**/*.test.ts',
  'test/dsl/host.test.ts',
  'test/driver/tuned-cache.test.ts',
  'test/driver/host-tune.test.ts',
  'test/tuner/from-host.test.ts',
  'docs/**/*.test.ts',
];

export default defineConfig({
  // Documentation imports the package by its name.
  resolve: { alias: [{ find: /^lac$/, replacement: resolve(import.meta.dirname, 'index.ts') }] },
  test: {
    globalSetup: 'test/setup/run.ts',
    setupFiles: ['test/setup/seed.ts', 'test/setup/cache.ts', 'test/setup/ends.ts'],
    testTimeout: 120_000,
    // The first that asks for the build waits for a compiler.
    hookTimeout: 300_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'apart', include: APART, sequence: { groupOrder: 1 } } },
      // One file after another in the same process: half of the time of most files was loading and warming the compiler.
      {
        extends: true,
        test: {
          name: 'together',
          include: ['test/**/*.test.ts'],
          exclude: [...configDefaults.exclude, ...APART],
          isolate: false,
          sequence: { groupOrder: 2 },
        },
      },
    ],
  },
});
