import type { Manifest, Variant } from '../compiler/artifact.js';
import type { Code } from '../compiler/diag/codes.js';
import { LacError } from '../compiler/diag/diagnostic.js';
import { type LaunchArgs, readArguments } from './arguments.js';
import { type Device, variantTarget } from './device.js';
import { runtimeError } from './errors.js';
import { KnownLaunches } from './known-launches.js';
import { bindLaunch, type LaunchPlan } from './launch.js';

/** Findings that another program may not give: dtypes, sizes, tensors that it uses, limits, assumptions. */
const OF_VARIANT: ReadonlySet<Code> = new Set(['LAC0604', 'LAC0606', 'LAC0611', 'LAC0613', 'LAC0617', 'LAC0619']);
/** Reasons that are listed where no program fits. */
const MAX_REASONS = 4;

/** A kernel that `lac compile` made. */
export class ArtifactKernel {
  readonly manifest: Manifest;
  readonly #known: KnownLaunches;

  constructor(manifest: Manifest) {
    this.manifest = manifest;
    this.#known = new KnownLaunches(manifest);
  }

  /** Checks the arguments, and launches the program that was compiled for them. Errors as `bind`. */
  async launch(device: Device, args: LaunchArgs): Promise<void> {
    await device.launch(this.#known.plan(device, args, () => this.bind(device, args)));
  }

  /**
   * The first program, newest generation first, that is for this device and whose assumptions hold. Throws LacError
   * LAC0601 to LAC0623 for what is wrong with the arguments themselves, LAC0624 where no program fits.
   */
  bind(device: Device, args: LaunchArgs): LaunchPlan {
    const variants = this.#variantsFor(device);
    const refusals: LacError[] = [];
    for (const variant of variants) {
      try {
        return bindLaunch(device, this.manifest, variant, args);
      } catch (error) {
        if (!(error instanceof LacError)) throw error;
        refusals.push(error);
      }
    }
    // What is wrong with the arguments, whatever the program, has its own error.
    readArguments(this.manifest, args, device);
    const [first] = refusals;
    const others = first?.diagnostics.filter((d) => !OF_VARIANT.has(d.code)) ?? [];
    if (others.length > 0) throw new LacError(others);
    throw first !== undefined && refusals.length === 1 ? first : this.#nothingFits(refusals);
  }

  #variantsFor(device: Device): readonly Variant[] {
    const target = variantTarget(device.backend);
    const all = this.manifest.variants;
    const own = all.filter((v) => v.target === target).sort((a, b) => smOf(b) - smOf(a));
    if (own.length > 0) return own;
    const has = [...new Set(all.map((v) => (v.target === 'cuda' ? `sm_${v.sm}` : v.target)))].join(', ');
    const help =
      target === 'interpret' ? 'the interpreter runs sources, not artifacts' : 'compile one: lac compile --target';
    throw runtimeError(
      'LAC0624',
      `${this.manifest.kernel} has no program for ${device.name}; it has ${has || 'none'}`,
      help,
    );
  }

  #nothingFits(refusals: readonly LacError[]): LacError {
    const reasons = [...new Set(refusals.flatMap((r) => r.diagnostics.map((d) => d.message)))];
    const shown = reasons.slice(0, MAX_REASONS).map((reason) => reason.replace(`${this.manifest.kernel}: `, ''));
    const message = `none of the ${refusals.length} programs of ${this.manifest.kernel} for this device fits: ${shown.join('; ')}`;
    return runtimeError('LAC0624', message, 'compile one for these arguments: lac compile --target --dtype --set');
  }
}

const smOf = (variant: Variant): number => (variant.target === 'cuda' ? variant.sm : 0);
