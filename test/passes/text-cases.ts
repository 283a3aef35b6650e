import { readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { parseModule } from '../../compiler/ir/parse.js';
import { printModule } from '../../compiler/ir/print.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import type { Pass, PassContext } from '../../compiler/passes/pass.js';

interface TextCase {
  readonly title: string;
  readonly before: string;
  readonly after: string;
}

export const CONTEXT: PassContext = { target: 'webgpu', maxStorageElements: 2 ** 28 };

/** Cases of `<pass>.lac`: `==== title`, the IR that enters, `----`, the IR that leaves. */
function readCases(text: string): TextCase[] {
  return text
    .split(/^==== /m)
    .slice(1)
    .map((chunk) => {
      const end = chunk.indexOf('\n');
      const [before = '', after = ''] = chunk.slice(end + 1).split(/^----\n/m);
      return { title: chunk.slice(0, end), before, after };
    });
}

/** What the pass makes of the text; the codes and messages of what it refuses. */
export function transform(pass: Pass, text: string, ctx: PassContext = CONTEXT): string {
  const { module, diagnostics } = parseModule(text);
  if (module === null) throw new Error(diagnostics.map((d) => `${d.code} ${d.message}`).join('\n'));
  try {
    for (const kernel of module.kernels) pass.run(kernel, ctx);
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    return `${error.diagnostics.map((d) => `${d.code} ${d.message}`).join('\n')}\n`;
  }
  expect(verifyModule(module)).toEqual([]);
  return `${printModule(module).trimEnd()}\n`;
}

/** Runs every case of the file beside the tests; with LAC_UPDATE set, rewrites what leaves instead. */
export function textCases(pass: Pass, ctx: (title: string) => PassContext = () => CONTEXT): void {
  const file = new URL(`./${pass.name}.lac`, import.meta.url);
  const cases = readCases(readFileSync(file, 'utf8'));
  if (process.env.LAC_UPDATE) {
    const text = cases.map(
      (c) => `==== ${c.title}\n${c.before.trimEnd()}\n----\n${transform(pass, c.before, ctx(c.title))}`,
    );
    writeFileSync(file, text.join('\n'));
    return;
  }
  describe(`${pass.name}, text in, text out`, () => {
    it.each(cases)('$title', ({ title, before, after }) => {
      expect(transform(pass, before, ctx(title))).toBe(`${after.trimEnd()}\n`);
    });
  });
}
