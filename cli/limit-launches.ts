import type { Diagnostic } from '../compiler/diag/diagnostic.js';
import { type Device, limitLaunches } from '../runtime/index.js';
import type { Context } from './context.js';
import { EXIT } from './exit.js';

/** Milliseconds that a launch may take where nobody says, by the kind of device. */
const USUAL_MS = { gpu: 60_000, software: 600_000, interpret: 600_000 } as const;

/** A kernel that never ends is told of, and ends the process; `last` is what is to be done before. */
export function limitLaunchesOf(
  device: Device,
  timeoutMs: number | undefined,
  { output, leave }: Pick<Context, 'output' | 'leave'>,
  last: (found: readonly Diagnostic[]) => void = () => {},
): void {
  limitLaunches(device, {
    limitMs: timeoutMs ?? USUAL_MS[device.info.kind],
    onStuck({ diagnostics }) {
      last(diagnostics);
      output.diagnostics(diagnostics);
      leave(EXIT.failed);
    },
  });
}
