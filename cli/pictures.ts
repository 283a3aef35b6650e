import { join } from 'node:path';
import { diagnostic, LacError } from '../compiler/diag/diagnostic.js';
import type { Kernel } from '../compiler/ir/module.js';
import { namedValues } from '../compiler/ir/print.js';
import { layoutSvg } from '../compiler/layout/svg.js';
import { writeFiles } from '../driver/write-files.js';

const ALL = 'all';

/**
 * Writes a picture of the layout of a value, by its name in the text of the IR, or of `all`: which thread holds which
 * element. Returns the paths. Throws LacError LAC0901 where no value of that name has a layout.
 */
export function writePictures(kernel: Kernel, wanted: string, folder: string): string[] {
  const drawn = [...namedValues(kernel)].flatMap(([name, { layout }]) =>
    layout === undefined ? [] : { name, layout },
  );
  const bare = wanted.replace(/^%/, '');
  const chosen = drawn.filter(({ name }) => bare === ALL || name === bare);
  if (chosen.length === 0) throw noSuchLayout(kernel, wanted, drawn);
  const files = chosen.map(({ name, layout }) => ({
    name: `${kernel.name}.${name}.svg`,
    text: `${layoutSvg(layout)}\n`,
  }));
  writeFiles(folder, files);
  return files.map((f) => join(folder, f.name));
}

function noSuchLayout(kernel: Kernel, wanted: string, drawn: readonly { readonly name: string }[]): LacError {
  const names = drawn.map(({ name }) => `%${name}`).join(', ');
  const help = names === '' ? 'layouts are there after the pass infer-layouts' : `laid out: ${names}`;
  return new LacError(
    diagnostic('LAC0901', `${kernel.name} has no layout to draw for ${wanted}`, null, { help: [help] }),
  );
}
