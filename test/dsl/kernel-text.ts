import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { printModule } from '../../compiler/ir/print.js';
import { lowerKernel, representatives, SourceProject } from '../../dsl/source.js';
import { temporaryFolder } from '../setup/temporary.js';

/** A new folder that is a project of its own, with the given files. */
export function projectWith(files: Readonly<Record<string, string>>): string {
  const dir = temporaryFolder('dsl');
  writeFileSync(join(dir, 'package.json'), '{}');
  for (const [name, text] of Object.entries(files)) writeFileSync(join(dir, name), text);
  return dir;
}

const NAMES =
  'all, argmax, bf16, bitcast, cast, cdiv, col, concat, cumsum, dot, exp, expand, extent, f16, f32, full, i32, idiv, input, insert, iota, kernel, max, maximum, minimum, output, range, reduce, reshape, row, scalar, scan, slice, sum, take, trans, u32, where, zeros';

export const kernelText = (statements: string, before = '', module = ''): string => `import { ${NAMES} } from 'lac';
${module}
export const probe = kernel({
  args: { x: input(f32, ['M', 'N']), y: output(f32, ['M', 'N']) },
  options: { flag: false },
  grid: ({ M }) => ({ m: M }),
}, ({ x, y }, { N, flag }, { m }) => {
  const t = x.load([m, 0], [32, 32]);
  ${before}
  ${statements}
});
`;

/** IR of a kernel with these statements; its diagnostics, as text, where there are errors. */
export function body(statements: string, before = '', module = ''): string {
  const dir = projectWith({ 'k.ts': kernelText(statements, before, module) });
  const [decl] = new SourceProject().read(join(dir, 'k.ts')).kernels;
  if (decl === undefined) return 'no kernel';
  const lowered = lowerKernel(decl, representatives(decl).base);
  if (lowered.module === null) return lowered.diagnostics.map((d) => `${d.code}: ${d.message}`).join('\n');
  return printModule(lowered.module);
}
