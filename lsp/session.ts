import type { Connection, TextDocuments } from 'vscode-languageserver/node';
import type { TextDocument } from 'vscode-languageserver-textdocument';
import { readText } from '../dsl/read/read-text.js';
import type { Analysis } from './analysis.js';
import { Checker } from './checker.js';
import { Board, sent } from './findings.js';
import { Places, pathOf } from './places.js';
import { View } from './view.js';

/** What an editor can do with answers, beyond what every editor can. */
export interface Abilities {
  /** Scheme of addresses under which it shows the explanation of a code; null if it has none. */
  readonly explainScheme: string | null;
  readonly refreshesHints: boolean;
}

/** The state between an editor and us: open files, what their checks found, and what the editor was told. */
export class Session {
  readonly board = new Board();
  readonly checker: Checker;
  readonly places: Places;
  abilities: Abilities = { explainScheme: null, refreshesHints: false };
  readonly #connection: Connection;
  readonly #byPath = new Map<string, TextDocument>();

  constructor(connection: Connection, documents: TextDocuments<TextDocument>) {
    this.#connection = connection;
    this.checker = new Checker({
      text: (file) => this.#byPath.get(file)?.getText(),
      checked: (analysis) => this.#checked(analysis),
      failed: (file, error) => this.log(`the check of ${file} failed`, error),
    });
    this.places = new Places(
      (file) => this.#textOf(file),
      (file) => this.#byPath.get(file)?.uri,
    );
    documents.onDidOpen(({ document }) => this.#opened(document));
    documents.onDidChangeContent(({ document }) => this.#changed(document));
    documents.onDidClose(({ document }) => this.#closed(document));
    documents.onDidSave(() => this.checker.changedOnDisk());
  }

  log(what: string, error: unknown): void {
    const text = error instanceof Error ? (error.stack ?? error.message) : String(error);
    this.#connection.console.error(`lac: ${what}\n${text}`);
  }

  /** The document, and what is known of it now that its check has ended; null for what is not open or no file. */
  async current(uri: string): Promise<{ document: TextDocument; view: View | null } | null> {
    const file = pathOf(uri);
    if (file === null) return null;
    await this.checker.upToDate(file);
    const document = this.#byPath.get(file);
    return document === undefined ? null : { document, view: this.#view(file, document) };
  }

  /** The same without waiting: while somebody types, the check is always behind. */
  present(uri: string): { document: TextDocument; view: View | null } | null {
    const file = pathOf(uri);
    const document = file === null ? undefined : this.#byPath.get(file);
    return file === null || document === undefined ? null : { document, view: this.#view(file, document) };
  }

  #view(file: string, document: TextDocument): View | null {
    return View.of(file, document.getText(), this.checker.knowing(file));
  }

  #opened(document: TextDocument): void {
    const file = pathOf(document.uri);
    if (file === null) return;
    this.#byPath.set(file, document);
    this.checker.opened(file);
  }

  #changed(document: TextDocument): void {
    const file = pathOf(document.uri);
    if (file !== null && this.#byPath.has(file)) this.checker.changed(file);
  }

  #closed(document: TextDocument): void {
    const file = pathOf(document.uri);
    if (file === null) return;
    const { uri } = document;
    this.#byPath.delete(file);
    this.checker.closed(file);
    for (const target of this.board.remove(file)) this.#publish(target, target === file ? uri : undefined);
  }

  #checked(analysis: Analysis): void {
    for (const target of this.board.put(analysis.file, analysis.diagnostics)) this.#publish(target);
    if (this.abilities.refreshesHints) this.#connection.languages.inlayHint.refresh().catch(() => {});
  }

  #publish(file: string, uri = this.places.uriOf(file)): void {
    // Its own check will publish it, with what holds of the text that it has by now.
    if (this.checker.isBehind(file)) return;
    const version = this.#byPath.get(file)?.version;
    const diagnostics = this.board.in(file).map((d) => sent(d, file, this.places, (code) => this.#explained(code)));
    const params = { uri, diagnostics, ...(version === undefined ? {} : { version }) };
    this.#connection.sendDiagnostics(params).catch(() => {});
  }

  #explained(code: string): string | null {
    const { explainScheme } = this.abilities;
    return explainScheme === null ? null : `${explainScheme}:${code}.md`;
  }

  #textOf(file: string): string | undefined {
    const open = this.#byPath.get(file)?.getText();
    if (open !== undefined) return open;
    for (const reader of this.checker.projects()) {
      const text = reader.text(file);
      if (text !== undefined) return text;
    }
    // The declarations of the language, which no project reads.
    const text = readText(file);
    return typeof text === 'string' ? text : undefined;
  }
}
