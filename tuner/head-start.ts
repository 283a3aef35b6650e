import type { Config } from '../driver/configurations.js';
import { configKey } from './search/knobs.js';
import type { Bench } from './search/search.js';

/** The same bench, which has begun to prepare a configuration before anybody asks for it. */
export function headStart(bench: Bench, config: Config): Bench {
  const row = bench.prepare(config);
  row.catch(() => {});
  const key = configKey(config);
  return {
    ...(bench.ahead !== undefined && { ahead: bench.ahead }),
    prepare: (wanted) => (configKey(wanted) === key ? row : bench.prepare(wanted)),
    sample: bench.sample.bind(bench),
    recheck: bench.recheck.bind(bench),
  };
}
