/**
 * Wavefronts of a shared-memory access: 32 banks of 4 bytes, one word of each a cycle. An access of w bytes a lane runs
 * in phases of 128 / w consecutive lanes (of ldmatrix and stmatrix: the eight rows of one matrix); a phase takes as many
 * wavefronts as the bank that is asked for the most different words, and equal words are served together.
 */
const words = new Int32Array(32 * 32);
const counts = new Int32Array(32);

/** `addresses` of the active lanes of a phase, each of `bytes` (1, 2, 4, 8 or 16) bytes and aligned to them. */
function phaseWavefronts(addresses: ArrayLike<number>, begin: number, end: number, bytes: number): number {
  const shift = bytes <= 4 ? 2 : bytes === 8 ? 3 : 4;
  // A lane's words are adjacent and aligned, so that whole chunks compete for groups of banks.
  const groups = 128 >> shift;
  counts.fill(0, 0, groups);
  let most = 0;
  for (let i = begin; i < end; i++) {
    const chunk = (addresses[i] as number) >> shift;
    const group = chunk & (groups - 1);
    const count = counts[group] as number;
    let k = 0;
    while (k < count && words[group * 32 + k] !== chunk) k++;
    if (k < count) continue;
    words[group * 32 + count] = chunk;
    counts[group] = count + 1;
    if (count + 1 > most) most = count + 1;
  }
  return most;
}

/** Wavefronts of the accesses of `n` lanes; `lanes` ascend, `addresses[i]` is that of lane `lanes[i]`. */
export function wavefronts(addresses: ArrayLike<number>, lanes: ArrayLike<number>, n: number, bytes: number): number {
  const perPhase = Math.min(32, 128 / Math.max(4, bytes));
  let total = 0;
  for (let begin = 0; begin < n; ) {
    const phase = Math.floor((lanes[begin] as number) / perPhase);
    let end = begin + 1;
    while (end < n && Math.floor((lanes[end] as number) / perPhase) === phase) end++;
    total += phaseWavefronts(addresses, begin, end, bytes);
    begin = end;
  }
  return total;
}

/** Phases of such an access that have a lane: its wavefronts without conflicts. */
export function phasesOf(lanes: ArrayLike<number>, n: number, bytes: number): number {
  const perPhase = Math.min(32, 128 / Math.max(4, bytes));
  let phases = 0;
  for (let i = 0, last = -1; i < n; i++) {
    const phase = Math.floor((lanes[i] as number) / perPhase);
    if (phase !== last) phases++;
    last = phase;
  }
  return phases;
}
