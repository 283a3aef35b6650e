/** What the pages are made from: files that a session on a GPU writes. Times are medians, in milliseconds. */
export interface Measurements {
  readonly device: string;
  readonly api: 'CUDA' | 'WebGPU';
  /** Year-month-day. */
  readonly date: string;
  readonly commit: string;
  readonly dtype: string;
  readonly lengths?: readonly LengthPoint[];
  readonly shares?: readonly SharePoint[];
}

/** One contender at one length, B = 1. */
export interface LengthPoint {
  readonly what: string;
  readonly pass: 'forward' | 'backward';
  readonly H: number;
  readonly D: number;
  readonly N: number;
  /** Null where it did not fit, took too long, or failed; `why` says which. */
  readonly ms: number | null;
  /** The most bytes that were allocated during the call, and bytes of the tensors that it is given and gives. */
  readonly peakBytes: number | null;
  readonly tensorBytes: number;
  readonly why?: string;
}

export type Part = 'neither' | 'intra' | 'inter' | 'both';

/** Lightning forward with some of its parts. */
export interface SharePoint {
  readonly part: Part;
  readonly heads: number;
  readonly N: number;
  readonly D: number;
  readonly C: number;
  readonly ms: number;
}
