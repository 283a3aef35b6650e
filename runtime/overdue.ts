/** Launches that take too long: what is said of them. */
import { configText } from './config-text.js';
import type { LaunchPlan } from './launch.js';

type Launched = Pick<LaunchPlan, 'kernel' | 'variant'>;

/** `hang (C=64, warps=1)`. */
function nameOf({ kernel, variant }: Launched): string {
  const knobs = configText(variant.config, ', ');
  return knobs === '' ? kernel : `${kernel} (${knobs})`;
}

/** Those that are named: a plan may have hundreds of launches. */
const MOST_NAMED = 4;

/** `launches` are those under way, any of which may be the one. */
export function overdueText(launches: Iterable<Launched>, limitMs: number): string {
  const names = [...new Set([...launches].map(nameOf))];
  const named = names.slice(-MOST_NAMED).join(', ');
  const what = names.length > 1 ? `one of ${named} (the last of ${names.length})` : named || 'a launch';
  return `${what} did not end within ${seconds(limitMs)}`;
}

const seconds = (ms: number): string =>
  ms < 1000 ? `${Math.round(ms)} ms` : `${Number((ms / 1000).toPrecision(3))} s`;

/** For a launch that begins now, in this thread. */
export function overdueIn(plan: Launched, limitMs: number, now = () => performance.now()): () => string | null {
  const begin = now();
  return () => (now() - begin > limitMs ? overdueText([plan], limitMs) : null);
}
