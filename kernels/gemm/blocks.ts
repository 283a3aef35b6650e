import { cdiv } from '../../dsl/index.js';
import { ALMOST, doublings, down, type On, tooLarge, up, WEBGPU_BYTES, within } from '../blocks.js';

/**
 * How far the blocks of a product are, in doublings, from what was best where it was measured. A program sums BM x BN
 * results, or two products of the same left operand side by side, over BK of the inner extent at a time.
 */
export function farFromBestProduct(
  { BM, BN, BK, warps, stages }: { BM: number; BN: number; BK: number; warps: number; stages: number },
  { M, N, products }: { M: number; N: number; products: number },
  { processors, sharedBytes, elementBytes }: On,
): number {
  const isWebgpu = sharedBytes <= WEBGPU_BYTES;
  const wide = elementBytes === 4 && !isWebgpu;
  const bytes = isWebgpu ? 4 : elementBytes;

  // Results: as many as registers hold the sums of, but few enough to occupy the device.
  const isLarge = products === 1 && bytes === 2 && ALMOST * cdiv(M, 128) * cdiv(N, 256) >= processors;
  const most = isLarge ? 256 : isWebgpu ? 64 : 128 / products;
  const rows = isWebgpu ? 128 / products : 128;
  const isMedium = ALMOST * cdiv(M, rows) * cdiv(N, most) >= processors;
  const few = within(16, up(M), 64);
  const bestBM = isMedium ? rows : few;
  const bestBN = isMedium ? most : within(32, down((ALMOST * N * cdiv(M, few)) / processors), 64);
  const shares = (products * bestBM * bestBN) / 1024;
  const bestWarps = isLarge || (isMedium && wide) ? 8 : within(2, shares, 4);

  // Inner extent, at once and on its way: weights that few rows are multiplied with come at the pace of memory.
  const isStream = bestBM < 64 && !isWebgpu;
  const bestBK = isWebgpu ? 32 : (isLarge || isStream ? 256 : 128) / bytes;
  const depth = isWebgpu ? 32 : (isStream ? 1024 : isLarge ? 512 : 768 / (1 + products)) / bytes;
  const ahead = isWebgpu ? 1 : stages;
  return (
    2 * doublings(BM, bestBM) +
    2 * doublings(BN, bestBN) +
    doublings(warps, bestWarps) +
    doublings(BK * stages, depth) +
    (stages === 1 && !isWebgpu ? 1 : 0) +
    doublings(BK, bestBK) / 2 +
    tooLarge((BM + products * BN) * BK * bytes * ahead, sharedBytes)
  );
}

/** The same for weights that every program unpacks for its rows. */
export function farFromBestUnpacked(
  { BM, BN, BK, warps }: { BM: number; BN: number; BK: number; warps: number },
  { M, N }: { M: number; N: number },
  { processors }: Pick<On, 'processors'>,
): number {
  const bestBM = M <= 16 ? 16 : 64;
  const bestBN = within(32, down((ALMOST * N * cdiv(M, bestBM)) / processors), 64);
  const bestWarps = bestBM * bestBN >= 4096 ? 8 : 4;
  return 2 * doublings(BM, bestBM) + 2 * doublings(BN, bestBN) + doublings(warps, bestWarps) + doublings(BK, 64);
}
