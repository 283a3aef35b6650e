import { medianInterval } from '../tuner/statistics.js';
import type { TuneEvent } from '../tuner/tune.js';
import type { Row } from '../tuner/types.js';
import { milliseconds, pairs } from './figures.js';
import type { Output } from './output.js';
import { bar, StatusLine } from './status-line.js';

/** Shows how a tune comes on: a line that is written over on a terminal, events as JSON, notes of what went wrong. */
export class TuneProgress {
  readonly #output: Output;
  readonly #kernel: string;
  readonly #line: StatusLine | null;

  constructor(output: Output, kernel: string) {
    const { format, quiet } = output.options;
    this.#output = output;
    this.#kernel = kernel;
    this.#line = format === 'pretty' && !quiet && output.stderr.isTTY === true ? new StatusLine(output.stderr) : null;
  }

  take(event: TuneEvent): void {
    if (event.kind === 'stage') this.#stage(event.text);
    else if (event.kind === 'row') this.#row(event);
    else if (event.kind === 'known') this.#known(event);
    else if (event.kind === 'unkept') this.#note(`results are not kept: ${event.why}`);
    else if (event.kind === 'worker' && event.event.kind === 'absent')
      this.#note(`${this.#kernel} goes on without ${event.event.device}: ${event.event.why}`);
  }

  clear(): void {
    this.#line?.clear();
  }

  #stage(text: string): void {
    this.#output.event('progress', { kernel: this.#kernel, text });
    this.#line?.show(`${this.#kernel}  ${text}`);
  }

  #row({ row, progress }: TuneEvent & { readonly kind: 'row' }): void {
    const { tried, toTry, best, elapsedMs, leftMs, stage } = progress;
    const found = best === null ? { best: null } : { best: best.config, bestMs: medianOf(best) };
    const { config, state } = row;
    this.#output.event('progress', {
      kernel: this.#kernel,
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
      `${this.#kernel}  ${bar(toTry === 0 ? 1 : tried / toTry)} ${tried} of ${toTry}`,
      ...(leftMs === null ? [] : [`${Math.ceil(leftMs / 1000)} s left`]),
      ...(best === null ? [] : [`best ${milliseconds(medianOf(best))} (${pairs(best.config)})`]),
    ];
    this.#line?.show(parts.join('  '));
  }

  #known({ rows, used }: TuneEvent & { readonly kind: 'known' }): void {
    const have = `the cache has ${rows} configuration${rows === 1 ? '' : 's'} of ${this.#kernel} at these sizes`;
    this.#output.event('progress', { kernel: this.#kernel, known: rows, resumed: used });
    this.clear();
    this.#output.detail(`${have}; ${used ? 'they are kept' : '--resume would keep them'}`);
  }

  #note(text: string): void {
    this.clear();
    this.#output.warn(text);
  }
}

const medianOf = ({ samples }: Row): number => (samples === undefined ? Number.NaN : medianInterval(samples.ms).median);
