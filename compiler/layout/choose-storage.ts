import { Bug } from '../diag/diagnostic.js';
import { type Access, fewestWavefronts, WAVEFRONT_BYTES, wavefronts } from './banks.js';
import { rowCount, rowExtent, type Storage, storageBytes } from './storage.js';

export interface StorageRequest {
  readonly shape: readonly number[];
  readonly elementBytes: number;
  readonly accesses: readonly Access[];
  /** What may be tried besides row-major order. Default: both. */
  readonly kinds?: readonly ('swizzle' | 'padded')[];
}

export interface StorageChoice {
  readonly storage: Storage;
  readonly bytes: number;
  /** Wavefronts of a warp for each access, once. */
  readonly wavefronts: readonly number[];
  /** Sum of wavefronts times executions. */
  readonly cost: number;
}

/** The cheapest storage for these readers and writers; of equals the smaller one, then the simpler one. */
export function chooseStorage(request: StorageRequest): StorageChoice {
  const { shape, elementBytes, accesses } = request;
  const times = accesses.map((a) => a.executions ?? 1);
  const priceOf = (counts: readonly number[]) => counts.reduce((sum, n, i) => sum + n * (times[i] ?? 1), 0);
  const least = priceOf(accesses.map((a) => fewestWavefronts(a, elementBytes)));
  let best: StorageChoice | undefined;
  for (const storage of candidates(request)) {
    const bytes = storageBytes(shape, elementBytes, storage);
    const counts = accesses.map((a) => wavefronts(a, elementBytes, storage));
    const cost = priceOf(counts);
    if (best === undefined || cost < best.cost || (cost === best.cost && bytes < best.bytes))
      best = { storage, bytes, wavefronts: counts, cost };
    // Candidates come by increasing size: the first without conflicts is the one.
    if (best.cost === least) break;
  }
  if (best === undefined) throw new Bug('layout: no storage to choose from');
  return best;
}

/** Plain first; then swizzles (which take no space) and paddings, each from the smallest parameters up. */
function* candidates(request: StorageRequest): Generator<Storage> {
  const { shape, elementBytes, accesses, kinds = ['swizzle', 'padded'] } = request;
  yield { kind: 'plain' };
  const widest = Math.max(4, ...accesses.map((a) => a.vector * elementBytes));
  if (kinds.includes('swizzle')) yield* swizzles(rowExtent(shape) * elementBytes, rowCount(shape), widest);
  if (kinds.includes('padded'))
    for (let padBytes = widest; padBytes <= 64; padBytes *= 2) yield { kind: 'padded', padBytes };
}

/** Chunks of `chunkBytes` stay whole, and every chunk stays in its row. */
export function* swizzles(rowBytes: number, rows: number, chunkBytes: number): Generator<Storage> {
  const chunks = rowBytes / chunkBytes;
  for (let m = 1; m < Math.min(chunks, WAVEFRONT_BYTES / chunkBytes); m = 2 * m + 1)
    for (let a = 0; a <= 4 && 2 ** a < rows; a++)
      for (let s = 0; m << s < chunks && s <= 2; s++) yield { kind: 'swizzle', chunkBytes, a, m, s };
}
