import { resolve } from 'node:path';
import { defineConfig } from 'vitest/config';

export default defineConfig({
  // Documentation imports the package by its name.
  resolve: { alias: [{ find: /^lac$/, replacement: resolve(import.meta.dirname, 'index.ts') }] },
  test: {
    include: ['test/**/*.test.ts', 'docs/**/*.test.ts'],
    setupFiles: ['test/setup/seed.ts', 'test/setup/cache.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 2,
  },
});
