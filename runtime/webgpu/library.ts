import os from 'node:os';
import { messageOf } from '../errors.js';

/** glibc's RTLD_NODELETE: the library stays after dlclose, which Node calls on whatever is not an addon. */
const RTLD_NODELETE = 0x1000;

/**
 * Loads a shared library for the life of the process, so that a later dlopen of the same soname, by Dawn, finds it.
 * `scope` says whether its symbols serve libraries loaded later. Returns null, or why it does not load. Linux only.
 *
 * process.dlopen takes addons; for any other library it throws after loading it, with a message that says so.
 */
export function loadLibrary(nameOrPath: string, scope: 'global' | 'local'): string | null {
  const { RTLD_NOW, RTLD_GLOBAL, RTLD_LOCAL } = os.constants.dlopen;
  const visibility = scope === 'global' ? RTLD_GLOBAL : RTLD_LOCAL;
  try {
    process.dlopen({ exports: {} }, nameOrPath, RTLD_NOW | visibility | RTLD_NODELETE);
    return null;
  } catch (e) {
    const message = messageOf(e);
    return message.startsWith('Module did not self-register') ? null : message;
  }
}
