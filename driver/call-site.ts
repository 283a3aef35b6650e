import { existsSync, readFileSync } from 'node:fs';
import { SourceMap, type SourceMapPayload } from 'node:module';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A place in a file, line and column from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/**
 * The place in the source that a place in compiled JavaScript comes from, by the source map that the file names. The
 * place itself where there is no map: source that runs as it is, or that a loader has mapped already.
 */
export function sourcePlace(place: Place): Place {
  if (!/\.[mc]?js$/.test(place.file)) return place;
  const map = sourceMapOf(place.file);
  if (map === null) return place;
  const entry = map.findEntry(place.line - 1, place.column - 1);
  if (!('originalSource' in entry) || entry.originalSource === undefined) return place;
  const root = map.payload.sourceRoot ?? '';
  const source = entry.originalSource.startsWith('file:')
    ? fileURLToPath(entry.originalSource)
    : resolve(dirname(place.file), root, entry.originalSource);
  if (!existsSync(source)) return place;
  return { file: source, line: entry.originalLine + 1, column: entry.originalColumn + 1 };
}

const maps = new Map<string, SourceMap | null>();

function sourceMapOf(file: string): SourceMap | null {
  const known = maps.get(file);
  if (known !== undefined) return known;
  const map = readSourceMap(file);
  maps.set(file, map);
  return map;
}

function readSourceMap(file: string): SourceMap | null {
  try {
    const named = /\/\/# sourceMappingURL=(\S+)\s*$/.exec(readFileSync(file, 'utf8'))?.[1];
    if (named === undefined) return null;
    const inline = /^data:application\/json[^,]*;base64,(.*)$/.exec(named)?.[1];
    const json =
      inline === undefined
        ? readFileSync(resolve(dirname(file), named), 'utf8')
        : Buffer.from(inline, 'base64').toString();
    return new SourceMap(JSON.parse(json) as SourceMapPayload);
  } catch {
    return null;
  }
}
