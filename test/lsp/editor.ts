import { type ChildProcess, spawn } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import {
  type CodeAction,
  type CompletionItem,
  createMessageConnection,
  type Diagnostic,
  type DocumentSymbol,
  type Hover,
  type InlayHint,
  type Location,
  type MessageConnection,
  type Position,
  type PublishDiagnosticsParams,
  StreamMessageReader,
  StreamMessageWriter,
} from 'vscode-languageserver/node';
import { lineStarts } from '../../compiler/diag/source-text.js';
import { ROOT } from '../house/sources.js';

/** A change of a document by offsets of the text before it. */
export interface Edit {
  readonly start: number;
  readonly end: number;
  readonly put: string;
}

/** Where an offset is, told by our own count of lines, which is not that of the server. */
export function positionOf(text: string, offset: number): Position {
  const starts = lineStarts(text);
  const line = starts.findLastIndex((s) => s <= offset);
  return { line, character: offset - (starts[line] ?? 0) };
}

/** Offset of `mark` in a text, the n-th one; `|` in it is the place that is meant, else its start. */
export function offsetIn(text: string, mark: string, n = 0): number {
  const plain = mark.replace('|', '');
  let at = -1;
  for (let i = 0; i <= n; i++) at = text.indexOf(plain, at + 1);
  if (at < 0) throw new Error(`there is no ${plain}`);
  return at + Math.max(0, mark.indexOf('|'));
}

interface Document {
  readonly uri: string;
  text: string;
  version: number;
}

/** An editor as a test plays it: documents, and a server that it started over pipes. */
export class Editor {
  readonly process: ChildProcess;
  readonly connection: MessageConnection;
  readonly logged: string[] = [];
  /** Requests of the server. */
  readonly asked: { readonly method: string; readonly params: unknown }[] = [];
  readonly ended: Promise<number | null>;
  readonly #documents = new Map<string, Document>();
  readonly #published = new Map<string, PublishDiagnosticsParams>();
  #woken: (() => void)[] = [];

  constructor(main: string) {
    this.process = spawn(process.execPath, [main, 'lsp', '--stdio'], { cwd: ROOT, stdio: ['pipe', 'pipe', 'pipe'] });
    const { stdin, stdout, stderr } = this.process;
    if (stdin === null || stdout === null) throw new Error('no pipes');
    stderr?.setEncoding('utf8').on('data', (text: string) => this.logged.push(text));
    this.ended = new Promise((done) => this.process.on('exit', done));
    this.connection = createMessageConnection(new StreamMessageReader(stdout), new StreamMessageWriter(stdin));
    this.connection.onNotification('textDocument/publishDiagnostics', (params: PublishDiagnosticsParams) => {
      this.#published.set(params.uri, params);
      for (const wake of this.#woken.splice(0)) wake();
    });
    this.connection.onNotification('window/logMessage', ({ message }: { message: string }) => {
      this.logged.push(message);
    });
    for (const method of ['client/registerCapability', 'workspace/inlayHint/refresh'])
      this.connection.onRequest(method, (params: unknown) => {
        this.asked.push({ method, params });
        for (const wake of this.#woken.splice(0)) wake();
        return null;
      });
    this.connection.listen();
  }

  static async start(main: string, more: object = {}): Promise<Editor> {
    const editor = new Editor(main);
    await editor.connection.sendRequest('initialize', {
      processId: process.pid,
      rootUri: null,
      capabilities: {},
      ...more,
    });
    await editor.connection.sendNotification('initialized', {});
    return editor;
  }

  async stop(): Promise<number | null> {
    await this.connection.sendRequest('shutdown');
    await this.connection.sendNotification('exit');
    return this.ended;
  }

  text(file: string): string {
    return this.#document(file).text;
  }

  async open(file: string, text: string): Promise<void> {
    const document = { uri: pathToFileURL(file).href, text, version: 1 };
    this.#documents.set(file, document);
    const { uri, version } = document;
    await this.connection.sendNotification('textDocument/didOpen', {
      textDocument: { uri, version, text, languageId: 'typescript' },
    });
  }

  /** Changes in one message, each of the text that the one before it left. */
  async edit(file: string, ...edits: readonly Edit[]): Promise<void> {
    const document = this.#document(file);
    const contentChanges = edits.map(({ start, end, put }) => {
      const range = { start: positionOf(document.text, start), end: positionOf(document.text, end) };
      document.text = document.text.slice(0, start) + put + document.text.slice(end);
      return { range, text: put };
    });
    document.version++;
    const { uri, version } = document;
    await this.connection.sendNotification('textDocument/didChange', {
      textDocument: { uri, version },
      contentChanges,
    });
  }

  async replace(file: string, what: string, by: string): Promise<void> {
    const start = offsetIn(this.text(file), what);
    await this.edit(file, { start, end: start + what.length, put: by });
  }

  async close(file: string): Promise<void> {
    const { uri } = this.#document(file);
    this.#published.delete(uri);
    await this.connection.sendNotification('textDocument/didClose', { textDocument: { uri } });
  }

  /** What was published of the text as it is now; waits for it. */
  async findings(file: string): Promise<readonly Diagnostic[]> {
    const { uri, version } = this.#document(file);
    for (;;) {
      const published = this.#published.get(uri);
      if (published?.version === version) return published.diagnostics;
      await this.#next(`no diagnostics of version ${version} of ${uri}`);
    }
  }

  /** Waits until what was published of a file, open or not, is as wanted. */
  async until(file: string, wanted: (diagnostics: readonly Diagnostic[]) => boolean): Promise<readonly Diagnostic[]> {
    const { href } = pathToFileURL(file);
    for (;;) {
      const published = this.#published.get(href);
      if (published !== undefined && wanted(published.diagnostics)) return published.diagnostics;
      await this.#next(`diagnostics of ${href} are ${JSON.stringify(published?.diagnostics)}`);
    }
  }

  /** Waits until the server has asked for something often enough. */
  async untilAsked(method: string, times: number): Promise<void> {
    while (this.asked.filter((a) => a.method === method).length < times) await this.#next(`no ${method}`);
  }

  hover(file: string, offset: number): Promise<Hover | null> {
    return this.connection.sendRequest('textDocument/hover', this.#at(file, offset));
  }

  definition(file: string, offset: number): Promise<Location | null> {
    return this.connection.sendRequest('textDocument/definition', this.#at(file, offset));
  }

  complete(file: string, offset: number): Promise<CompletionItem[]> {
    return this.connection.sendRequest('textDocument/completion', this.#at(file, offset));
  }

  symbols(file: string): Promise<DocumentSymbol[]> {
    const textDocument = { uri: this.#document(file).uri };
    return this.connection.sendRequest('textDocument/documentSymbol', { textDocument });
  }

  hints(file: string): Promise<InlayHint[]> {
    return this.connection.sendRequest('textDocument/inlayHint', this.#range(file, 0, this.text(file).length));
  }

  actions(file: string, start: number, end: number): Promise<CodeAction[]> {
    const params = { ...this.#range(file, start, end), context: { diagnostics: [] } };
    return this.connection.sendRequest('textDocument/codeAction', params);
  }

  #at(file: string, offset: number) {
    const { uri, text } = this.#document(file);
    return { textDocument: { uri }, position: positionOf(text, offset) };
  }

  #range(file: string, start: number, end: number) {
    const { uri, text } = this.#document(file);
    return { textDocument: { uri }, range: { start: positionOf(text, start), end: positionOf(text, end) } };
  }

  #document(file: string): Document {
    const document = this.#documents.get(file);
    if (document === undefined) throw new Error(`${file} is not open`);
    return document;
  }

  async #next(what: string): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${what}\n${this.logged.join('\n')}`)), 60_000);
    });
    await Promise.race([new Promise<void>((done) => this.#woken.push(done)), late]);
    clearTimeout(timer);
  }
}
