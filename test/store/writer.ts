/** The processes that tests start, kill and stop: `writer.js rows FOLDER NAME COUNT` and `writer.js steps FOLDER`. */
import { openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { TuningStore } from '../../store/store.js';
import { keysOf, rowOf, take } from './steps.js';

const [, , what, folder = '', name = '', count] = process.argv;

function opened(path: string): TuningStore {
  const store = TuningStore.open(path);
  if (store instanceof TuningStore) return store;
  throw new Error(store.why);
}

const say = (message: object): Promise<void> =>
  new Promise((done) => process.send?.(message, undefined, undefined, () => done()));

/** Waits for a word, puts rows one after another, and says after each what came of it. */
async function rows(): Promise<void> {
  const store = TuningStore.open(folder);
  if (!(store instanceof TuningStore)) {
    await say({ why: store.why });
    return process.disconnect();
  }
  const go = new Promise((resolve) => process.once('message', resolve));
  await say({ ready: true });
  await go;
  const keys = keysOf(name);
  for (let C = 1; C <= Number(count); C++) {
    const ok = store.put(keys[C % keys.length] as (typeof keys)[number], rowOf(C));
    await say({ put: C, ok, notes: store.notes });
  }
  await say({ done: true });
  process.disconnect();
}

/** Steps in one cache, after which comes another. */
const STEPS = 400;
/** Most caches are closed and opened again after so many: the last to close one moves the log into the file. */
const OPEN_FOR = 30;
/** Every so many caches there is one whose log grows until SQLite moves it by itself. */
const LONG = 4;

/** Never ends. After each step the file `acknowledged` says which cache it is in and which step it has taken; then it prints a dot. */
function steps(): never {
  const acknowledged = openSync(join(folder, 'acknowledged'), 'w');
  const words = new Float64Array(2);
  for (let cache = 1; ; cache++) {
    for (let step = 0, store: TuningStore | null = null; step <= STEPS; step++) {
      const path = join(folder, String(cache));
      if (step > 0) {
        store ??= opened(path);
        if (!take(store, step)) throw new Error(`step ${step} was not written: ${store.notes.join()}`);
      }
      words.set([cache, step]);
      writeSync(acknowledged, new Uint8Array(words.buffer), 0, undefined, 0);
      writeSync(1, '.');
      if (step === STEPS || (cache % LONG !== 0 && step % OPEN_FOR === 0)) {
        store?.close();
        store = null;
      }
    }
  }
}

if (what === 'steps') steps();
else await rows();
