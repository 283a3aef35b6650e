import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { programs } from '../random/programs.js';

/** Source text, and the folder that its imports are looked up from. */
export interface Source {
  readonly text: string;
  readonly folder: string;
}

const FOLDERS = ['kernels', 'test/dsl/fixtures/examples', 'test/kernels/cases', 'test/kernels/unseen'];
/** Generated programs, which use every feature in few lines. */
const GENERATED = 60;

function sources(folder: string): Source[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return sources(path);
    const text = /(?<!\.ref)\.ts$/.test(entry.name) ? readFileSync(path, 'utf8') : '';
    return /\b(?:kernel|plan)\(/.test(text) ? [{ text, folder }] : [];
  });
}

/** Kernels that are right: of the repository, of the design's examples, and generated ones. */
export const CORPUS: readonly Source[] = [
  ...FOLDERS.flatMap(sources),
  ...fc.sample(programs(8), { numRuns: GENERATED, seed: 1 }).map(({ text }) => ({ text, folder: 'test/fuzz' })),
];
