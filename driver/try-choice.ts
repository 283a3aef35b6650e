import { LacError } from '../compiler/diag/diagnostic.js';
import type { Untried } from './bind.js';
import { loadReference, referenceFileOf } from './load-reference.js';
import { reducedDims } from './reduced-dims.js';
import type { Reference } from './reference.js';
import { runKernel } from './run.js';
import { setVerdict, type Verdict } from './verdicts.js';

/** Elements of all arguments: what a reference computes in a moment. */
const MOST_ELEMENTS = 2 ** 18;

/**
 * Runs a configuration from elsewhere on this device at small sizes, compares it with the reference beside the kernel, and
 * remembers what came of it. Throws only where the device is lost: what runs there now would be too.
 */
export async function tryChoice(tried: Untried): Promise<void> {
  setVerdict(tried, await verdictBy(tried));
}

async function verdictBy(tried: Untried): Promise<Verdict> {
  const { decl, device, dtypes, config } = tried;
  const reference = await referenceOf(tried);
  if (reference === null) return 'untold';
  try {
    const dims = reducedDims(decl, tried.dims, reference, MOST_ELEMENTS);
    const { ok } = await runKernel({ decl, reference, device, dims, dtypes, config, values: false });
    return ok ? 'right' : 'wrong';
  } catch (error) {
    if (!(error instanceof LacError)) throw error;
    if (device.state !== 'open') {
      setVerdict(tried, 'wrong');
      throw error;
    }
    return error.diagnostics.every((d) => isAboutTheTrial(d.code)) ? 'untold' : 'wrong';
  }
}

/** Null where there is none that can be used: its own mistakes are not those of a program that only calls the kernel. */
async function referenceOf({ decl }: Untried): Promise<Reference | null> {
  for (const source of new Set([decl.file, decl.declaredIn])) {
    const file = referenceFileOf(source);
    try {
      if (file !== null) return await loadReference(file, decl.name);
    } catch (error) {
      if (!(error instanceof LacError)) throw error;
    }
  }
  return null;
}

/** Sizes and references that do not go together, memory that is short: nothing was found out about the program. */
const isAboutTheTrial = (code: string): boolean => code.startsWith('LAC09') || code === 'LAC0614' || code === 'LAC0706';
