import { accessOf, type ViewVal, viewTypeOf } from '../value.js';
import { writable } from './access.js';
import type { Call } from './arguments.js';

const ATOMIC: ReadonlySet<string> = new Set(['f32', 'i32', 'u32']);

/** Whether atomics may add to the view: they read it and write it, in a dtype that every device adds. */
export function addable(call: Call, view: ViewVal): boolean {
  if (!writable(call, view)) return false;
  if (accessOf(view) === 'out') {
    call.ev.error('LAC0217', call.node, `${view.arg} is an output: nothing is there yet to add to`, {
      help: ['declare it as inout(...): the sums begin with what it holds at the launch'],
    });
    return false;
  }
  const { dtype } = viewTypeOf(view);
  if (ATOMIC.has(dtype)) return true;
  call.ev.error('LAC0227', call.node, `${call.name} adds f32, i32 or u32; ${view.arg} holds ${dtype}`, {
    help: ['declare it as inout(f32, [...]), and convert the sums in a second launch'],
  });
  return false;
}
