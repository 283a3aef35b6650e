/** What a device does at most, measured by kernels of our own and kept: once a device, its driver and this compiler. */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { LacError } from '../compiler/diag/diagnostic.js';
import { compileKernel } from '../driver/compile.js';
import { combinations } from '../driver/configurations.js';
import { deviceKey } from '../driver/device-key.js';
import { drawInputs } from '../driver/inputs.js';
import { prepare } from '../driver/prepare.js';
import { isPlan } from '../driver/source.js';
import { targetOf } from '../driver/target.js';
import { placeTensors } from '../driver/tensors.js';
import { writeFiles } from '../driver/write-files.js';
import { privateFolder } from '../runtime/cache-folder.js';
import type { Device } from '../runtime/device.js';
import { JsonValue } from '../runtime/json-value.js';
import { readTextFile } from '../runtime/read-text-file.js';
import { measure } from '../tuner/measure.js';
import { median } from '../tuner/statistics.js';
import { type Probe, probesFor } from './probes/probes.js';
import { ceilingsOf } from './saved-run.js';
import type { Ceiling, CeilingName, Ceilings } from './types.js';

/** The emulator and the interpreter take their time for other reasons than a device. */
const hasCeilings = ({ backend }: Pick<Device, 'backend'>): boolean => backend === 'cuda' || backend === 'webgpu';

interface CeilingOptions {
  /** Where they are kept; null: nowhere. */
  readonly folder?: string | null;
  /** How one is measured. */
  readonly probe?: (name: CeilingName, device: Device) => Promise<Ceiling | null>;
}

/**
 * The ceilings asked for: those that are kept, and the others measured now and kept. A device without ceilings has none.
 * What cannot be measured, or kept, is left out.
 */
export async function ceilingsFor(
  device: Device,
  names: readonly CeilingName[],
  onMeasure: (name: CeilingName) => void,
  { folder = privateFolder('bench'), probe = ceilingOf }: CeilingOptions = {},
): Promise<Ceilings> {
  if (!hasCeilings(device) || names.length === 0) return {};
  const file = folder === null ? null : new CeilingsFile(folder, device);
  const known = file?.read() ?? {};
  const made: Partial<Record<CeilingName, Ceiling>> = {};
  for (const name of new Set(names)) {
    if (known[name] !== undefined) continue;
    onMeasure(name);
    const ceiling = await probe(name, device);
    if (ceiling !== null) made[name] = ceiling;
  }
  const all = { ...known, ...made };
  if (Object.keys(made).length > 0) file?.write(all);
  return Object.fromEntries(Object.entries(all).filter(([name]) => names.includes(name as CeilingName)));
}

/** The best of all probes in all of their configurations; null where none of them runs. */
async function ceilingOf(name: CeilingName, device: Device): Promise<Ceiling | null> {
  let best: Ceiling | null = null;
  for (const probe of probesFor(name, device))
    for (const config of combinations(probe.decl.tune)) {
      const perSecond = await rateOf(probe, config, device);
      if (perSecond !== null && perSecond > (best?.perSecond ?? 0)) best = { perSecond, config };
    }
  return best;
}

const SAMPLES = 11;
const FIRST_ROUNDS = 16;
const MOST_ROUNDS = 2 ** 20;
/** Milliseconds of a launch: long against what launching costs. */
const LAUNCH_MS = { gpu: 4, software: 40, interpret: 40 } as const;

type Configuration = Readonly<Record<string, number>>;

async function rateOf(probe: Probe, config: Configuration, device: Device): Promise<number | null> {
  const { decl, dims, dtypes } = probe;
  try {
    const values = drawInputs(decl.args, dtypes, dims, {}, 0);
    const placed = placeTensors(device, decl.args, dtypes, dims, values, {});
    try {
      const time = async (rounds: number, count: number): Promise<number> => {
        const scalars = { ...probe.scalars, ...(isRounded(probe) ? { rounds } : {}) };
        const { launches } = prepare({ decl, device, tensors: placed.tensors, scalars, config, how: {} });
        const [result] = await measure(device, [{ sets: [launches.launches] }], { count });
        return result !== undefined && 'ms' in result ? median(result.ms) : Number.NaN;
      };
      const rounds = isRounded(probe) ? enough(await time(FIRST_ROUNDS, 3), LAUNCH_MS[device.info.kind]) : 1;
      const rate = (probe.amount(rounds) / (await time(rounds, SAMPLES))) * 1e3;
      return Number.isFinite(rate) && rate > 0 ? rate : null;
    } finally {
      placed.free();
    }
  } catch (error) {
    // A configuration or a size that this device has no room for.
    if (error instanceof LacError && device.state === 'open') return null;
    throw error;
  }
}

const isRounded = ({ decl }: Probe): boolean => decl.args.some((arg) => arg.name === 'rounds');

const enough = (ms: number, wanted: number): number =>
  Math.max(1, Math.min(MOST_ROUNDS, Math.round((FIRST_ROUNDS * wanted) / Math.max(ms, 1e-3)) || 1));

const MOST_BYTES = 2 ** 16;

/** One file a device: ceilings, and what they were measured with. Whatever is wrong with it, they are measured again. */
class CeilingsFile {
  readonly #folder: string;
  readonly #name: string;
  /** Of the programs too: what another version of the compiler reached says nothing. */
  readonly #of: string;

  constructor(folder: string, device: Device) {
    const fingerprint = deviceKey(device).device;
    this.#folder = folder;
    this.#name = `ceilings-${digest(fingerprint).slice(0, 16)}.json`;
    this.#of = digest([fingerprint, ...programsOf(device)].join('\n'));
  }

  read(): Ceilings {
    try {
      const path = join(this.#folder, this.#name);
      const json = JsonValue.parse(readTextFile(path, MOST_BYTES, 'LAC0931'), path, 'LAC0931');
      const text = JSON.stringify(json.get('ceilings').raw);
      const whole = json.get('of').string() === this.#of && json.get('sha256').string() === digest(text);
      return whole ? ceilingsOf(json.get('ceilings')) : {};
    } catch (error) {
      if (error instanceof LacError) return {};
      throw error;
    }
  }

  write(ceilings: Ceilings): void {
    const content = { of: this.#of, sha256: digest(JSON.stringify(ceilings)), ceilings };
    try {
      writeFiles(this.#folder, [{ name: this.#name, text: `${JSON.stringify(content)}\n` }]);
    } catch (error) {
      if (!(error instanceof LacError)) throw error;
    }
  }
}

const digest = (text: string): string => createHash('sha256').update(text).digest('hex');

/** Text of each probe's program in its first configuration, for the device. */
function programsOf(device: Device): string[] {
  const names: readonly CeilingName[] = ['copy', 'multiply-add', 'product f32'];
  return names.flatMap((name) => {
    const [probe] = probesFor(name, device);
    if (probe === undefined || isPlan(probe.decl)) return [];
    const { dims, dtypes } = probe;
    const { variant } = compileKernel(probe.decl, { dims, dtypes, target: targetOf(device) });
    return variant.target === 'interpret' ? [] : [variant.text];
  });
}
