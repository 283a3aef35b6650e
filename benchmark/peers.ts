import type { Dims } from '../driver/reference.js';
import type { Samples } from '../tuner/types.js';

/** What libraries are asked to compute: the kernel's name, sizes and dtypes say which of them can. */
export interface PeerPoint {
  readonly kernel: string;
  readonly dims: Dims;
  readonly dtypes: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, boolean | number | string>>;
  readonly seed: number;
}

/** A library at one point: right, with its error against f64, or why it is out. */
export type PeerState =
  | { readonly name: string; readonly error: number }
  | { readonly name: string; readonly why: string };

/** What is being done meanwhile, for people. */
export type Doing = (what: string) => void;

/** Libraries that compute the same thing, in a process of their own on the same GPU. */
export interface Peers {
  /**
   * Which there are for a kernel, on inputs of their own; none where nobody has declared any. One that ends the process
   * or says nothing for minutes is out, and the process is started anew for the others. Throws LacError LAC0932.
   */
  open(point: PeerPoint, onDoing: Doing): Promise<readonly PeerState[]>;
  /** Samples of each, in turn. Throws LacError LAC0932. */
  sample(names: readonly string[], count: number, onDoing: Doing): Promise<ReadonlyMap<string, Samples>>;
  /** Ends the process. */
  close(): void;
}
