import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { BlockMeasurements } from '../blocks/measurements.js';
import { blockSizesPage } from '../blocks/page.js';
import type { Measurements } from './measurements.js';
import { pages } from './pages.js';

/**
 * The pages of docs/reports from what was measured; it measures nothing itself:
 *   node dist/bench/reports/main.js [--data bench/reports/data] [--blocks bench/blocks/data] [--out docs/reports]
 * The files of `--data` and `--blocks` are those that the sections of these names of bench/cuda/session.sh leave in their
 * folder.
 */
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: 'bench/reports/data' },
    blocks: { type: 'string', default: 'bench/blocks/data' },
    out: { type: 'string', default: 'docs/reports' },
  },
});

function read<T>(folder: string): T[] {
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).filter((name) => name.endsWith('.json'));
  return files.sort().map((name) => JSON.parse(readFileSync(path.join(folder, name), 'utf8')) as T);
}

const blocks = read<BlockMeasurements>(options.blocks);
mkdirSync(options.out, { recursive: true });
const all = [...pages(read<Measurements>(options.data)), ...(blocks.length > 0 ? [blockSizesPage(blocks)] : [])];
for (const { name, markdown, svgs } of all) {
  writeFileSync(path.join(options.out, `${name}.md`), markdown);
  for (const [file, text] of Object.entries(svgs)) writeFileSync(path.join(options.out, file), text);
  console.log(`${name}.md, ${Object.keys(svgs).length} figures`);
}
