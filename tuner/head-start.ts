import type { Config } from '../driver/configurations.js';
import { configKey } from './search/knobs.js';
import { type Bench, DEFAULT_AHEAD } from './search/search.js';

/** The same bench, which has begun to prepare a configuration before anybody asks for it. */
export function headStart(bench: Bench, config: Config): Bench {
  const row = bench.prepare(config);
  row.catch(() => {});
  const key = configKey(config);
  return {
    get ahead() {
      return bench.ahead ?? DEFAULT_AHEAD;
    },
    prepare: (wanted) => (configKey(wanted) === key ? row : bench.prepare(wanted)),
    sample: bench.sample.bind(bench),
    recheck: bench.recheck.bind(bench),
  };
}
