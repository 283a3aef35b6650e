import { type Diagnostic, diagnostic } from '../compiler/diag/diagnostic.js';
import { folderToRead } from '../store/files.js';
import { TuningStore } from '../store/store.js';

/** Of a process, by the folder that the environment names: opened once, where there is one. */
const stores = new Map<string, TuningStore | null>();
const told = new Set<string>();
const notes: string[] = [];

/** The cache of this user, if there is one. Nothing is loaded, and no file is made, where there is none. */
export function tuningStore(): TuningStore | null {
  const folder = folderToRead();
  if (folder === null) return null;
  const known = stores.get(folder);
  if (known !== undefined) return known;
  const opened = TuningStore.open(folder);
  const store = opened instanceof TuningStore ? opened : null;
  if (!(opened instanceof TuningStore)) notes.push(opened.why);
  stores.set(folder, store);
  return store;
}

/** What went wrong with the cache since this was asked last: LAC0918. */
export function storeWarnings(): Diagnostic[] {
  const all = [...notes, ...[...stores.values()].flatMap((store) => store?.notes ?? [])];
  return all.flatMap((text) => {
    if (told.has(text)) return [];
    told.add(text);
    return [diagnostic('LAC0918', text, null, { severity: 'warning', help: ['`lac cache verify` reads all of it'] })];
  });
}
