import { statSync } from 'node:fs';
import { SourceProject } from '../dsl/source.js';
import { type Analysis, analyse, nothingKnown } from './analysis.js';

/** Keystrokes within this time are one change, milliseconds. */
const SETTLE_MS = 40;
/** How long a check runs before somebody else has a turn, milliseconds. */
const SLICE_MS = 8;

export interface CheckerHost {
  /** Text of a file that the editor has open. */
  text(file: string): string | undefined;
  /** A check ended. `good`: the last one that could parse the file. */
  checked(analysis: Analysis): void;
  failed(file: string, error: unknown): void;
}

interface Open {
  readonly file: string;
  readonly project: SourceProject;
  /** What each file that the project has read from the disk looked like then. */
  readonly stamps: Map<string, string>;
  /** Counts changes; a check of an older count is given up. */
  changes: number;
  checkedChanges: number;
  last: Analysis | null;
  good: Analysis | null;
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done));

/** Keeps the analyses of all open files up to date: one check at a time, in slices, the file that changed last first. */
export class Checker {
  readonly #host: CheckerHost;
  readonly #open = new Map<string, Open>();
  /** Files to check, the most urgent last. */
  #queue: Open[] = [];
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | null = null;

  constructor(host: CheckerHost) {
    this.#host = host;
  }

  opened(file: string): void {
    const project = new SourceProject({ unsaved: (path) => this.#host.text(path) });
    this.#open.set(file, { file, project, stamps: new Map(), changes: 1, checkedChanges: 0, last: null, good: null });
    this.changed(file);
  }

  closed(file: string): void {
    this.#open.delete(file);
    this.#queue = this.#queue.filter((o) => o.file !== file);
    this.changed(file);
  }

  /** A file has another text: it is checked again, and before it what reads it. */
  changed(file: string): void {
    for (const o of this.#open.values()) if (o.file !== file && o.project.text(file) !== undefined) this.#mark(o);
    const own = this.#open.get(file);
    if (own !== undefined) this.#mark(own);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#run(), SETTLE_MS);
  }

  /** Files on the disk came, went or changed, who knows which. */
  changedOnDisk(): void {
    for (const o of this.#open.values()) this.#mark(o);
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => this.#run(), SETTLE_MS);
  }

  /** What is known of a file, of the text that it has now; null if it is not open. */
  async upToDate(file: string): Promise<Analysis | null> {
    for (let o = this.#open.get(file); o !== undefined; o = this.#open.get(file)) {
      if (o.checkedChanges === o.changes) return o.last;
      this.#queue = [...this.#queue.filter((other) => other !== o), o];
      await this.#run();
    }
    return null;
  }

  /** Analyses in which a file has a syntax: its own, then those of files that read it. Each is the last good one. */
  knowing(file: string): Analysis[] {
    const own = this.#open.get(file)?.good ?? null;
    const others = [...this.#open.values()].filter((o) => o.file !== file).map((o) => o.good);
    return [own, ...others].filter((a) => a !== null).filter((a) => a.modules.has(file));
  }

  /** Whether a file is open and its text has not been checked yet. */
  isBehind(file: string): boolean {
    const o = this.#open.get(file);
    return o !== undefined && o.checkedChanges !== o.changes;
  }

  projects(): SourceProject[] {
    return [...this.#open.values()].map((o) => o.project);
  }

  #mark(o: Open): void {
    o.changes++;
    this.#queue = [...this.#queue.filter((other) => other !== o), o];
  }

  #run(): Promise<void> {
    clearTimeout(this.#timer);
    this.#running ??= this.#drain().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #drain(): Promise<void> {
    for (let o = this.#queue.pop(); o !== undefined; o = this.#queue.pop()) await this.#check(o);
  }

  async #check(o: Open): Promise<void> {
    const { changes } = o;
    const abandoned = (): boolean => o.changes !== changes || this.#open.get(o.file) !== o;
    try {
      this.#forgetChanged(o);
      const steps = analyse(o.project, o.file, this.#host.text(o.file) ?? '');
      for (let until = performance.now() + SLICE_MS; ; ) {
        const step = steps.next();
        if (step.done === true) {
          this.#keep(o, changes, step.value);
          return;
        }
        if (performance.now() < until) continue;
        await turn();
        if (abandoned()) return;
        until = performance.now() + SLICE_MS;
      }
    } catch (error) {
      this.#host.failed(o.file, error);
      if (!abandoned()) this.#keep(o, changes, nothingKnown(o.project, o.file));
    }
  }

  #keep(o: Open, changes: number, analysis: Analysis): void {
    o.checkedChanges = changes;
    o.last = analysis;
    o.stamps.clear();
    for (const path of o.project.files()) if (this.#host.text(path) === undefined) o.stamps.set(path, diskStamp(path));
    if (analysis.modules.has(o.file)) o.good = analysis;
    this.#host.checked(analysis);
  }

  #forgetChanged(o: Open): void {
    for (const file of o.project.files()) {
      const unsaved = this.#host.text(file);
      if (unsaved === undefined ? o.stamps.get(file) !== diskStamp(file) : o.project.text(file) !== unsaved)
        o.project.invalidate(file);
    }
    // Its values go as well, so that they are seen again.
    o.project.invalidate(o.file);
  }
}

function diskStamp(file: string): string {
  try {
    const { mtimeMs, size } = statSync(file);
    return `${mtimeMs} ${size}`;
  } catch {
    return 'none';
  }
}
