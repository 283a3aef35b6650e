import { createRequire } from 'node:module';
import type { ts as TS } from 'ts-morph';

/**
 * The TypeScript that ts-morph bundles, for parsing only. Loaded with `require`: an import of CommonJS first searches all
 * 12 MB for the names of exports, which is 0.35 s of the 0.9 s of start-up.
 */
export const { ts } = createRequire(import.meta.url)('ts-morph') as { readonly ts: typeof TS };
