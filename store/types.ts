/** A value for every knob. */
export type Knobs = Readonly<Record<string, number>>;

/** What configurations are measured for. Which ones there are to choose from is no part of it: a new one is one more row. */
export interface TuningKey {
  /** Name, for people. */
  readonly kernel: string;
  /** Of all that the program is made of: source and compiler. */
  readonly hash: string;
  /** The device with its driver. */
  readonly device: string;
  /** What devices of one generation have in common. */
  readonly architecture: string;
  readonly dtypes: Readonly<Record<string, string>>;
  readonly comptime: Readonly<Record<string, number>>;
  readonly options: Readonly<Record<string, boolean | number | string>>;
  /** Buckets of the sizes that are known at run time only. */
  readonly sizes: Readonly<Record<string, number>>;
}

/** One configuration and all that was found out about it. `Row` of tuner/types.ts is one. */
export interface StoredRow {
  readonly config: Knobs;
  readonly state: (typeof STATES)[number];
  readonly why?: string;
  readonly code?: string;
  readonly estimateMs?: number;
  readonly resources?: {
    readonly sharedBytes: number;
    readonly threads: number;
    readonly programs: number;
    readonly registers?: number;
    readonly spillBytes?: number;
  };
  readonly samples?: { readonly ms: readonly number[]; readonly how: 'timestamp' | 'host' };
  readonly rmse?: number;
  readonly compileMs?: number;
  /** The sizes that it was measured at; those of the key are buckets. */
  readonly dims?: Readonly<Record<string, number>>;
  /** It came in a file, and was not measured here. */
  readonly imported?: true;
}

export const STATES = [
  'open',
  'measured',
  'pruned',
  'limit',
  'same',
  'wrong',
  'crash',
  'hang',
  'memory',
  'lost',
  'error',
] as const;

/** What the cache has to offer for a key. */
export interface Offer {
  readonly config: Knobs;
  /** The key itself; other sizes on this device; another device of this architecture, or this one with another driver. */
  readonly how: 'exact' | 'sizes' | 'architecture';
  /** Between the sizes of the two keys. */
  readonly doublings: number;
  /** The device that it was measured on. */
  readonly device: string;
  readonly imported: boolean;
}

/** Which rows are meant; absent: all. */
export interface Filter {
  readonly kernel?: string;
  /** A part of the device's name. */
  readonly device?: string;
}

/** One key of the cache, summed up. */
export interface Listed {
  readonly key: TuningKey;
  readonly rows: number;
  readonly measured: number;
  /** Null where nothing was measured. */
  readonly best: { readonly config: Knobs; readonly medianMs: number; readonly imported: boolean } | null;
}
