import { DiagnosticSeverity, type Diagnostic as Sent } from 'vscode-languageserver/node';
import type { Diagnostic } from '../compiler/diag/diagnostic.js';
import type { Places } from './places.js';

/** A finding as the protocol has it. What lies in no file is shown at the start of the file that was checked. */
export function sent(d: Diagnostic, checked: string, places: Places, explained: (code: string) => string | null): Sent {
  const span = d.span ?? { file: checked, start: 0, end: 0 };
  const help = d.help.map((h) => `\nhelp: ${h.text}`).join('');
  const href = explained(d.code);
  return {
    range: places.range(span),
    severity: d.severity === 'error' ? DiagnosticSeverity.Error : DiagnosticSeverity.Warning,
    code: d.code,
    ...(href === null ? {} : { codeDescription: { href } }),
    source: 'lac',
    message: d.message + help,
    relatedInformation: d.labels.map((l) => ({ location: places.location(l.span), message: l.text })),
  };
}

/**
 * What is wrong in each file, from the checks of all files that are open: a mistake in a helper is found by the check
 * of who calls it, maybe by several.
 */
export class Board {
  readonly #found = new Map<string, ReadonlyMap<string, readonly Diagnostic[]>>();

  /** Replaces what the check of `file` found; returns the files that something changed for. */
  put(file: string, findings: readonly Diagnostic[]): ReadonlySet<string> {
    const before = this.#found.get(file)?.keys() ?? [];
    const now = new Map<string, Diagnostic[]>([[file, []]]);
    for (const d of findings) {
      const target = d.span?.file ?? file;
      now.set(target, [...(now.get(target) ?? []), d]);
    }
    this.#found.set(file, now);
    return new Set([...before, ...now.keys()]);
  }

  /** Forgets the check of a file that was closed; returns the files that it had something to say of. */
  remove(file: string): ReadonlySet<string> {
    const before = new Set([file, ...(this.#found.get(file)?.keys() ?? [])]);
    this.#found.delete(file);
    return before;
  }

  /** Findings in a file, those of its own check first, each once. */
  in(file: string): readonly Diagnostic[] {
    const own = this.#found.get(file)?.get(file) ?? [];
    const others = [...this.#found].filter(([by]) => by !== file).flatMap(([, found]) => found.get(file) ?? []);
    const seen = new Set<string>();
    return [...own, ...others].filter((d) => {
      const key = `${d.code} ${d.span?.start ?? -1} ${d.span?.end ?? -1} ${d.message}`;
      if (seen.has(key)) return false;
      seen.add(key);
      return true;
    });
  }
}
