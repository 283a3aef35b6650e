import { paramLayout } from '../../compiler/artifact.js';
import { Bug } from '../../compiler/diag/diagnostic.js';
import type { LaunchPlan } from '../launch.js';
import { ADDRESS_BYTES, type LoadedKernel } from './kernels.js';
import type { NativeContext, NativeGraph } from './native.js';

/** A launch whose program is loaded, with the addresses of its tensors in the order of the bindings. */
export interface Ready {
  readonly plan: LaunchPlan;
  readonly loaded: LoadedKernel;
  readonly addresses: readonly number[];
}

/**
 * Sequences that come again: the first time their launches are submitted one by one, from the second on as one graph. Only
 * addresses differ between sequences of one key.
 */
export class LaunchGraphs {
  /** Sequences that were submitted as one graph. */
  launched = 0;
  readonly #native: NativeContext;
  readonly #seen = new WeakMap<object, SequenceGraph | null>();

  constructor(native: NativeContext) {
    this.#native = native;
  }

  /** Whether the launches were submitted. */
  submit(key: object, launches: readonly Ready[]): boolean {
    const known = this.#seen.get(key);
    if (known === undefined) this.#seen.set(key, null);
    if (known === undefined || launches.length < 2) return false;
    const graph = known ?? new SequenceGraph(this.#native, launches);
    this.#seen.set(key, graph);
    graph.launch(launches);
    this.launched++;
    return true;
  }
}

class SequenceGraph {
  /** Parameters of each step, as the graph has them. */
  readonly #blocks: readonly Block[];
  readonly #graph: NativeGraph;

  constructor(native: NativeContext, launches: readonly Ready[]) {
    this.#blocks = launches.map(blockOf);
    const handles = launches.map(({ loaded }) => loaded.kernel.handle);
    const programs = launches.map(({ plan }) => plan.programs);
    const params = this.#blocks.map((block) => block.bytes);
    this.#graph = native.graph(handles, programs, params);
  }

  launch(launches: readonly Ready[]): void {
    for (const [i, { addresses }] of launches.entries()) {
      const block = this.#blocks[i];
      if (block === undefined) throw new Bug('a sequence has grown, and its key stayed');
      if (writeAddresses(block.words, addresses)) this.#graph.setParams(i, block.bytes);
    }
    this.#graph.launch();
  }
}

interface Block {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly words: Uint32Array<ArrayBuffer>;
}

function blockOf({ plan, loaded, addresses }: Ready): Block {
  if (plan.variant.target !== 'cuda') throw new Bug(`a variant for ${plan.variant.target} on a CUDA device`);
  const size = addresses.length * ADDRESS_BYTES + paramLayout(plan.variant.params).bytes;
  const bytes = new Uint8Array(size);
  const words = new Uint32Array(bytes.buffer);
  bytes.set(plan.paramBytes, loaded.paramsAt);
  writeAddresses(words, addresses);
  return { bytes, words };
}

/** Stores 64-bit addresses as pairs of words; whether one of them was another before. */
export function writeAddresses(words: Uint32Array, addresses: readonly number[]): boolean {
  let changed = false;
  for (let i = 0; i < addresses.length; i++) {
    // An address is not more than 2^49: storing it to a 32-bit word takes it modulo 2^32.
    const [low, high] = [(addresses[i] as number) >>> 0, Math.floor((addresses[i] as number) / 2 ** 32)];
    changed ||= words[2 * i] !== low || words[2 * i + 1] !== high;
    words[2 * i] = low;
    words[2 * i + 1] = high;
  }
  return changed;
}
