/** Control flow, barriers, fences. */
import type { Decoded, Decoder, Operands } from './decode.js';
import { fault } from './fault.js';
import type { Execute } from './loops.js';
import type { Warp } from './warp.js';

const nothing: Execute = () => undefined;

const branch: Decoder = (o) => {
  const to = o.at(0);
  if (to.kind !== 'label' || !['bra', 'bra.uni'].includes(o.opcode)) return o.refuse();
  return { kind: 'branch', target: to.target, execute: nothing };
};

const exit: Decoder = (o) =>
  o.opcode === 'ret' || o.opcode === 'exit' ? { kind: 'exit', execute: nothing } : o.refuse();

const trap: Decoder = () => ({
  execute: (w, lanes, n) => {
    if (n > 0) throw fault(w, 'LAC0828', 'the program ended itself with trap', lanes[0]);
  },
});

/** bar.sync a{, b}; bar.arrive a, b; bar.warp.sync mask; barrier{.cta}.sync.aligned. */
const barrier: Decoder = (o) => {
  const name = o.opcode
    .replace(/^barrier(\.cta)?\.(sync|arrive)(\.aligned)?$/, 'bar.$2')
    .replace(/^bar\.cta\./, 'bar.');
  if (name === 'bar.warp.sync') return warpBarrier(o);
  if (name !== 'bar.sync' && name !== 'bar.arrive') return o.refuse();
  if (o.count < 1 || o.count > 2 || (name === 'bar.arrive' && o.count === 1)) o.refuse(`it has ${o.count} operands`);
  const waits = name === 'bar.sync';
  const id = o.source(0, 'int');
  const threads = o.count === 2 ? o.source(1, 'int') : null;
  const execute: Execute = (w, lanes, n) => {
    const which = uniform(w, id, lanes, n);
    w.cta.barriers.arrive(w, which, threads === null ? null : uniform(w, threads, lanes, n), waits);
  };
  return { kind: 'barrier', execute };
};

/** One value for all lanes: hardware takes that of any one of them. */
function uniform(w: Warp, slot: number, lanes: Uint8Array, n: number): number {
  const first = w.u[slot + (lanes[0] as number)] as number;
  for (let i = 1; i < n; i++)
    if (w.u[slot + (lanes[i] as number)] !== first)
      throw fault(w, 'LAC0827', `lanes of the warp name ${first} and ${w.u[slot + (lanes[i] as number)]}`, lanes[i]);
  return first;
}

/** Orders the accesses of all lanes of the warp that have not ended. Masks of some of them are not built. */
function warpBarrier(o: Operands): Decoded {
  const mask = o.source(0, 'int');
  const execute: Execute = (w, lanes, n) => {
    const named = uniform(w, mask, lanes, n);
    for (let i = 0; i < n; i++)
      if ((named & (1 << (lanes[i] as number))) === 0)
        throw fault(w, 'LAC0421', 'bar.warp.sync of some lanes of a warp is not built', lanes[i]);
    w.synchronizeLanes();
  };
  return { kind: 'barrier', execute };
}

/** Orderings for memory models that this emulator does not have: one thread after the other is ordered anyway. */
const ignored =
  (...opcodes: string[]): Decoder =>
  (o) =>
    opcodes.includes(o.opcode) ? { execute: nothing } : o.refuse();

export const BARRIER_DECODERS: Readonly<Record<string, Decoder>> = {
  bra: branch,
  ret: exit,
  exit,
  trap,
  bar: barrier,
  barrier,
  fence: ignored('fence.acq_rel.cta', 'fence.acq_rel.gpu', 'fence.sc.cta', 'fence.sc.gpu'),
  membar: ignored('membar.cta', 'membar.gl'),
  griddepcontrol: ignored('griddepcontrol.wait', 'griddepcontrol.launch_dependents'),
  setmaxnreg: ignored('setmaxnreg.inc.sync.aligned.u32', 'setmaxnreg.dec.sync.aligned.u32'),
  prefetch: ignored('prefetch.global.L2'),
};
