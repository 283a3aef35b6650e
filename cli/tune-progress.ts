import { medianInterval } from '../tuner/statistics.js';
import type { TuneEvent } from '../tuner/tune.js';
import type { Problem, Row } from '../tuner/types.js';
import { milliseconds, pairs } from './figures.js';
import type { Output } from './output.js';
import { bar, StatusLine } from './status-line.js';

/** Where it can be written over. */
export const lineOf = ({ options: { format, quiet }, stderr }: Output): StatusLine | null =>
  format === 'pretty' && !quiet && stderr.isTTY === true ? new StatusLine(stderr) : null;

/** Shows how a tune comes on: a line that is written over on a terminal, events as JSON, notes of what went wrong. */
export class TuneProgress {
  readonly #output: Output;
  readonly #of: Pick<Problem, 'kernel' | 'dims'>;
  readonly #line: StatusLine | null;

  /** `line`: of all tunes that are under way; null: nobody would see it. */
  constructor(output: Output, { kernel, dims }: Pick<Problem, 'kernel' | 'dims'>, line: StatusLine | null) {
    this.#output = output;
    this.#of = { kernel, dims };
    this.#line = line;
  }

  take(event: TuneEvent): void {
    if (event.kind === 'stage') this.#stage(event.text);
    else if (event.kind === 'row') this.#row(event);
    else if (event.kind === 'known') this.#known(event);
    else if (event.kind === 'unkept') this.#note(`results are not kept: ${event.why}`);
    else if (event.kind === 'worker' && event.event.kind === 'absent')
      this.#note(`${this.#of.kernel} goes on without ${event.event.device}: ${event.event.why}`);
  }

  clear(): void {
    this.#line?.clear();
  }

  #stage(text: string): void {
    this.#output.event('progress', { ...this.#of, text });
    this.#line?.show(`${this.#of.kernel}  ${text}`);
  }

  #row({ row, progress }: TuneEvent & { readonly kind: 'row' }): void {
    const { tried, toTry, best, elapsedMs, leftMs, stage } = progress;
    const found = best === null ? { best: null } : { best: best.config, bestMs: medianOf(best) };
    const { config, state } = row;
    this.#output.event('progress', {
      ...this.#of,
      stage,
      tried,
      toTry,
      ...found,
      elapsedMs,
      leftMs,
      config,
      state,
    });
    const parts = [
      `${this.#of.kernel}  ${bar(toTry === 0 ? 1 : tried / toTry)} ${tried} of ${toTry}`,
      ...(leftMs === null ? [] : [`${Math.ceil(leftMs / 1000)} s left`]),
      ...(best === null ? [] : [`best ${milliseconds(medianOf(best))} (${pairs(best.config)})`]),
    ];
    this.#line?.show(parts.join('  '));
  }

  #known({ rows, used }: TuneEvent & { readonly kind: 'known' }): void {
    const have = `the cache has ${rows} configuration${rows === 1 ? '' : 's'} of ${this.#of.kernel} at these sizes`;
    this.#output.event('progress', { ...this.#of, known: rows, resumed: used });
    this.clear();
    this.#output.detail(`${have}; ${used ? 'they are kept' : '--resume would keep them'}`);
  }

  #note(text: string): void {
    this.clear();
    this.#output.warn(text);
  }
}

const medianOf = ({ samples }: Row): number => (samples === undefined ? Number.NaN : medianInterval(samples.ms).median);
