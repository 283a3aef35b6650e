import { fileURLToPath, pathToFileURL } from 'node:url';
import type { Location, Range } from 'vscode-languageserver';
import { TextDocument } from 'vscode-languageserver-textdocument';
import type { Span } from '../compiler/diag/diagnostic.js';

/** Path of a file that a URI names; null for what lies in no file. */
export function pathOf(uri: string): string | null {
  try {
    return uri.startsWith('file:') ? fileURLToPath(uri) : null;
  } catch {
    return null;
  }
}

/** Offsets of files as lines and columns, in UTF-16 units as the protocol counts them. */
export class Places {
  readonly #text: (file: string) => string | undefined;
  readonly #uri: (file: string) => string | undefined;
  readonly #documents = new Map<string, TextDocument>();

  /** `uri`: how the editor names a file that it has open. */
  constructor(text: (file: string) => string | undefined, uri: (file: string) => string | undefined) {
    this.#text = text;
    this.#uri = uri;
  }

  uriOf(file: string): string {
    return this.#uri(file) ?? pathToFileURL(file).href;
  }

  range({ file, start, end }: Span): Range {
    const document = this.#document(file);
    return { start: document.positionAt(start), end: document.positionAt(end) };
  }

  location(span: Span): Location {
    return { uri: this.uriOf(span.file), range: this.range(span) };
  }

  #document(file: string): TextDocument {
    const text = this.#text(file) ?? '';
    const known = this.#documents.get(file);
    if (known?.getText() === text) return known;
    const document = TextDocument.create(file, 'typescript', 0, text);
    this.#documents.set(file, document);
    return document;
  }
}
