import type { LibraryCase, LibraryMeasurements } from './measurements.js';

/** What `lac tune --json` prints of a configuration, and at the end of a kernel. */
export interface TuneEvent {
  readonly event: string;
  readonly kernel?: string;
  readonly file?: string;
  readonly ended?: string;
  readonly dims?: LibraryCase['dims'];
  readonly dtypes?: LibraryCase['dtypes'];
  readonly options?: LibraryCase['options'];
  readonly config?: Readonly<Record<string, number>>;
  readonly state?: string;
  readonly medianMs?: number;
}

interface From {
  readonly date: string;
  readonly commit: string;
  readonly relative: (file: string) => string;
}

/** Kernels of which anything was timed. */
export function recorded(events: readonly TuneEvent[], { date, commit, relative }: From): LibraryCase[] {
  const cases: LibraryCase[] = [];
  let own: TuneEvent[] = [];
  for (const event of events) {
    if (event.event !== 'result') continue;
    if (event.ended === undefined) {
      own.push(event);
      continue;
    }
    const { kernel = '', file = '', dims = {}, dtypes = {}, options = {} } = event;
    const timed = own.filter((e) => e.kernel === kernel && e.medianMs !== undefined);
    const refused = own.filter((e) => e.kernel === kernel && e.state === 'limit').map((e) => e.config ?? {});
    const [first] = timed;
    own = [];
    if (first === undefined) continue;
    const times = timed
      .map((e) => ({ config: Object.values(e.config ?? {}), ms: Number(e.medianMs?.toPrecision(4)) }))
      .sort((a, b) => a.ms - b.ms);
    const of = { kernel, file: relative(file), dims, dtypes, options, date, commit };
    cases.push({ ...of, knobs: Object.keys(first.config ?? {}), times, refused: refused.map((c) => Object.values(c)) });
  }
  return cases;
}

/** As JSON, a configuration a line: what changes is seen in a diff. */
export function measurementsText({ cases, ...rest }: LibraryMeasurements): string {
  const entries = (of: object): string[] =>
    Object.entries(of).map(([k, v]) => `${JSON.stringify(k)}: ${JSON.stringify(v)}`);
  const blocks = cases.map(({ times, ...of }) => {
    const lines = times.map((t) => `    ${JSON.stringify(t)}`);
    return `  {${entries(of).join(', ')}, "times": [\n${lines.join(',\n')}\n  ]}`;
  });
  return `{\n${entries(rest).join(',\n')},\n"cases": [\n${blocks.join(',\n')}\n]\n}\n`;
}
