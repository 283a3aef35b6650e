import { createRequire } from 'node:module';
import type { ts as TS } from 'ts-morph';

/**
 * The TypeScript that ts-morph bundles, for parsing only, without ts-morph: its own 4 MB take a quarter of the time. Loaded
 * with `require`: an import of CommonJS first searches all 9 MB for the names of exports.
 */
const morph = createRequire(import.meta.url).resolve('ts-morph');
export const ts = createRequire(morph)('@ts-morph/common/dist/typescript.js') as typeof TS;
