import { runKernel } from '../../driver/run.js';
import { type KernelDecl, type PlanDecl, SourceProject } from '../../driver/source.js';
import type { Device } from '../../runtime/device.js';
import type { Entry, Nested, Values } from './page-source.js';

/** Runs the kernel of a snippet on its inputs. The differences to the results that it states; none where they agree. */
export async function runSnippet(file: string, entry: Entry, device: Device): Promise<string[]> {
  const decl = declarationOf(file, entry.kernel ?? '');
  const { given, result } = entry;
  if (Object.keys(result).length === 0) return [`${decl.name} states no result`];
  const scalars = Object.fromEntries(
    Object.entries(given).filter((e): e is [string, number] => typeof e[1] === 'number'),
  );
  const inputs = Object.fromEntries(Object.entries(given).map(([name, v]) => [name, flat(v)]));
  const dims = dimsOf(decl, { ...result, ...given });
  const want = Object.fromEntries(Object.entries(result).map(([name, v]) => [name, flat(v)]));
  const reference = { shape: dims, scalars, run: () => want };
  const report = await runKernel({ decl, reference, device, dims, inputs, scalars });
  const wrong = report.outputs.filter((o) => !o.ok).map((o) => `${o.output}: ${[...(report.values[o.output] ?? [])]}`);
  const unsaid = report.outputs.map((o) => o.output).filter((name) => !(name in result));
  return [...wrong, ...unsaid.map((name) => `${name} is not stated`)];
}

const project = new SourceProject();

function declarationOf(file: string, name: string): KernelDecl | PlanDecl {
  const { kernels, plans, diagnostics } = project.read(file);
  const found = [...kernels, ...plans].find((d) => d.name === name);
  if (found === undefined) throw new Error(`${name} is not read: ${JSON.stringify(diagnostics)}`);
  return found;
}

const flat = (v: Nested): Float64Array => Float64Array.from(typeof v === 'number' ? [v] : (v.flat(8) as number[]));

/** Sizes of dimensions, read off the values that the snippet states. */
function dimsOf(decl: KernelDecl | PlanDecl, values: Values): Record<string, number> {
  const dims: Record<string, number> = {};
  for (const arg of decl.args) {
    let value = values[arg.name];
    for (const dim of arg.dir === 'scalar' ? [] : arg.dims) {
      if (typeof value === 'number' || value === undefined) break;
      dims[dim] = value.length;
      value = value[0];
    }
  }
  return dims;
}
