import type { Config } from '../driver/configurations.js';
import { isPlan } from '../driver/source.js';
import { targetOf } from '../driver/target.js';
import { tunedBefore, usualOf } from './leading.js';
import { type Estimate, estimator } from './model/estimate.js';
import { machineOf } from './model/machine.js';
import { rankRows } from './rank-rows.js';
import { configKey } from './search/knobs.js';
import { enumerateSpace } from './space.js';
import type { TuneRequest } from './tune.js';
import type { Row } from './types.js';
import type { OpenBench } from './worker/pool.js';

/** The configurations of a problem on a device. */
export interface ConfigSpace {
  /** What a call takes as of now, then what it takes that nothing was tuned for: those that may run. */
  readonly leading: readonly Config[];
  /** The latter. */
  readonly usual: Config | null;
  /** Of those that were ranked, those whose registers are predicted not to suffice, and that do not lead. */
  doubtful(): readonly Config[];
  /** Every configuration, with what the cost model says of it as far as the time allows. */
  rank(limitMs: number): Promise<readonly Row[]>;
  /** Null where the model was not asked. */
  workOf(config: Config): Estimate['work'] | null;
}

export function configSpace(
  { device, model }: Pick<OpenBench, 'device' | 'model'>,
  request: TuneRequest,
  now: () => number,
): ConfigSpace {
  const { decl, problem, facts, signal, onEvent } = request;
  const ctx = { dims: problem.dims, dtypes: problem.dtypes, target: targetOf(device), ...(facts && { facts }) };
  const estimate = estimator(decl, { ...ctx, machine: machineOf(device) });
  const usual = usualOf(decl, ctx, estimate);
  const before = tunedBefore(decl, ctx, device, estimate);
  // Of what a call takes the author's `prune` is not asked: it would be taken, however fast something else is.
  const rows = enumerateSpace(decl, ctx).map((row) =>
    row.state === 'pruned' && isSame(row, before) ? opened(row) : row,
  );
  const open = new Set(rows.flatMap((row) => (row.state === 'open' ? [configKey(row.config)] : [])));
  const leading = [before, usual].filter(
    (config) => config !== null && open.has(configKey(config)) && !('state' in estimate(config)),
  ) as Config[];
  const isLeading = ({ config }: Row): boolean => leading.some((c) => configKey(c) === configKey(config));
  /** Of those that lead there is one whatever time there was. */
  const estimated = ({ config }: Row): Pick<Row, 'estimateMs' | 'resources'> => {
    const found = estimate(config);
    return 'state' in found ? {} : { estimateMs: found.estimateMs, resources: found.resources };
  };
  const works = new Map<string, Estimate['work']>();
  const doubtful: Config[] = [];
  return {
    leading,
    usual,
    doubtful: () => doubtful,
    async rank(limitMs) {
      const ranked = await rankRows(rows, estimate, {
        ...{ now, signal, limitMs },
        ...(model && !isPlan(decl) && { model: (config: Config) => model(config, facts) }),
        onEstimate(row, { work, isTight }) {
          works.set(configKey(row.config), work);
          if (isTight && !isLeading(row)) doubtful.push(row.config);
        },
        onProgress: (done, of) => onEvent({ kind: 'stage', text: `estimating configurations, ${done} of ${of}` }),
      });
      return ranked.map((row) =>
        row.estimateMs === undefined && isLeading(row) ? { ...row, ...estimated(row) } : row,
      );
    },
    workOf: (config) => works.get(configKey(config)) ?? null,
  };
}

const isSame = ({ config }: Row, other: Config | null): boolean =>
  other !== null && configKey(config) === configKey(other);

const opened = ({ config }: Row): Row => ({ config, state: 'open' });
