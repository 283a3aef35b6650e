import { writeFileSync } from 'node:fs';
import { LacError } from '../../compiler/diag/diagnostic.js';
import { compileKernel } from '../../driver/compile.js';
import type { KernelDecl } from '../../driver/source.js';
import { type Device, openDevice } from '../../runtime/index.js';
import { type CompileJob, type CompileReply, declarationOf, dtypesOf } from './problem.js';

/**
 * Compiles what it is told, one after another; with the name of a device also by the driver, which keeps the result for
 * other processes.
 */
const [, , which = ''] = process.argv;
const device: Device | null = which === '' ? null : await openDevice(which);

/** The kernel with nothing to choose: one configuration, refused where the default would refuse it. */
const only = (decl: KernelDecl, config: CompileJob['config']): KernelDecl => ({
  ...decl,
  tune: Object.fromEntries(Object.entries(config).map(([name, value]) => [name, [value]])),
  prune: null,
});

async function compile({ id, of, config, facts, target, file }: CompileJob): Promise<CompileReply> {
  const decl = declarationOf(of.kernel);
  const request = { dtypes: dtypesOf(of, decl), dims: { D: of.D, E: of.D }, facts, target };
  try {
    const { variant, refused } = compileKernel(only(decl, config), request);
    const [tight] = refused;
    if (tight !== undefined) return { id, refused: tight.why.message };
    await device?.prepare(variant);
    const text = JSON.stringify(variant);
    writeFileSync(file, text);
    return { id, bytes: text.length };
  } catch (error) {
    const [first] = error instanceof LacError ? error.diagnostics : [];
    const [help] = first?.help ?? [];
    const text = typeof help === 'string' ? help : error instanceof Error ? error.message : String(error);
    return { id, refused: text.split('\n')[0] ?? '' };
  }
}

let last = Promise.resolve();
process.on('message', (job: CompileJob | 'end') => {
  last = last.then(async () => {
    if (job === 'end') {
      device?.destroy();
      process.disconnect();
    } else process.send?.(await compile(job));
  });
});
