import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import type { Measurements } from './measurements.js';
import { pages } from './pages.js';

/**
 * The pages of docs/reports from what was measured; it measures nothing itself:
 *   node dist/bench/reports/main.js [--data bench/reports/data] [--out docs/reports]
 * The files of `--data` are those that the section `reports` of bench/cuda/session.sh leaves in its folder.
 */
const { values: options } = parseArgs({
  options: {
    data: { type: 'string', default: 'bench/reports/data' },
    out: { type: 'string', default: 'docs/reports' },
  },
});

const files = readdirSync(options.data)
  .filter((name) => name.endsWith('.json'))
  .sort();
const all = files.map((name) => JSON.parse(readFileSync(path.join(options.data, name), 'utf8')) as Measurements);
mkdirSync(options.out, { recursive: true });
for (const { name, markdown, svgs } of pages(all)) {
  writeFileSync(path.join(options.out, `${name}.md`), markdown);
  for (const [file, text] of Object.entries(svgs)) writeFileSync(path.join(options.out, file), text);
  console.log(`${name}.md, ${Object.keys(svgs).length} figures`);
}
