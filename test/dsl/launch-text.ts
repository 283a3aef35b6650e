import { join } from 'node:path';
import { evaluateExpr } from '../../compiler/expr.js';
import { interpretKernel } from '../../compiler/interp/interpret.js';
import type { Mode, TensorArg } from '../../compiler/interp/machine.js';
import { verifyModule } from '../../compiler/ir/verify.js';
import { languageNames } from '../../dsl/lower/builtins/table.js';
import { lowerKernel, SourceProject } from '../../dsl/source.js';
import { tensor } from '../interp/make.js';
import { projectWith } from './kernel-text.js';

/** A kernel as text: `args` as they are declared, and a body over the arguments, `env` and the program axis `p`. */
export interface KernelSource {
  readonly args: string;
  readonly body: string;
  /** Sizes that the body names. */
  readonly env?: string;
  readonly comptime?: string;
  /** Programs. Default 1. */
  readonly grid?: string;
  readonly module?: string;
}

export const sourceOf = ({ args, body, env = '', comptime = '', grid = '1', module = '' }: KernelSource): string => {
  const names = [...args.matchAll(/(\w+): ?(?:input|output|inout|scalar)\(/g)].map((m) => m[1]).join(', ');
  return `import { ${languageNames().join(', ')} } from 'lac';
${module}
export const probe = kernel({ args: { ${args} }, comptime: [${comptime}], grid: (size) => ({ p: ${grid} }) },
({ ${names} }, { ${env} }, { p }) => {
  ${body}
});
`;
};

/** Lowers the text, verifies its IR, and runs it in the interpreter; inputs keep what was given, outputs what was stored. */
export function launchText(
  source: KernelSource,
  args: Readonly<Record<string, TensorArg | number>>,
  mode: Mode = 'f64',
): void {
  const file = join(projectWith({ 'k.ts': sourceOf(source) }), 'k.ts');
  const { kernels, diagnostics } = new SourceProject().read(file);
  const [decl] = kernels;
  if (decl === undefined) throw new Error(JSON.stringify(diagnostics.map((d) => d.message)));
  const dims: Record<string, number> = {};
  for (const a of decl.args) {
    const given = args[a.name];
    if (a.dir !== 'scalar' && typeof given === 'object')
      for (const [axis, d] of a.dims.entries()) dims[d] = given.shape[axis] ?? 0;
  }
  const comptime = Object.fromEntries(decl.comptime.map((d) => [d, dims[d] ?? 0]));
  const lowered = lowerKernel(decl, { dtypes: {}, comptime, config: {} });
  const [kernel] = lowered.module?.kernels ?? [];
  if (lowered.module === null || kernel === undefined)
    throw new Error(lowered.diagnostics.map((d) => `${d.code}: ${d.message}`).join('\n'));
  const faults = verifyModule(lowered.module);
  if (faults.length > 0) throw new Error(faults.map((d) => d.message).join('\n'));
  const grid = Object.fromEntries(decl.grid.map(([axis, e]) => [axis, evaluateExpr(e, dims)]));
  interpretKernel(kernel, args, { mode, grid, dims });
}

/** A tensor of an argument: its values are those of the function of the element's number. */
export const filled = (shape: number[], f: (i: number) => number = (i) => i + 1, dtype: TensorArg['dtype'] = 'f32') =>
  tensor(
    shape,
    Float64Array.from({ length: shape.reduce((n, e) => n * e, 1) }, (_, i) => f(i)),
    dtype,
  );
