import type { Entry, Page } from './page-source.js';
import { anchorOf, headingOf, NOTE } from './render-page.js';

/** The first page: every entry of every page. */
export function renderIndex(pages: readonly { readonly stem: string; readonly page: Page }[]): string {
  const link = (stem: string, e: Entry): string => `[${headingOf(e)}](${stem}.md#${anchorOf(e)})`;
  const rows = pages.map(
    ({ stem, page }) => `- **[${page.title}](${stem}.md)**: ${page.entries.map((e) => link(stem, e)).join(' · ')}`,
  );
  return `${NOTE('the pages')}

# Language reference

What a kernel may say, and what it means. Each entry has the declaration, the meaning, shapes and dtypes, what holds in the
corners, the errors that it can give, and a snippet. Every snippet is compiled and run by the tests, on the interpreter,
through WebGPU and on the PTX emulator; \`x = ...\` below one is what it was given, \`y -> ...\` what it must give.

${rows.join('\n')}
- **[Semantics](semantics.md)**: the corners, row by row: what is the same on every device, and what is not
- **[Errors](errors.md)**: every diagnostic code
- **[Accuracy](../math.md)** of the elementwise functions

The [tutorial](../tutorial/README.md) goes from the sum of two vectors to Lightning Attention in five steps.
`;
}
