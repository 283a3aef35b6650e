import type { Readable, Writable } from 'node:stream';
import {
  type Connection,
  createConnection,
  DidChangeWatchedFilesNotification,
  type InitializeParams,
  type InitializeResult,
  ProposedFeatures,
  TextDocumentSyncKind,
  TextDocuments,
} from 'vscode-languageserver/node';
import { TextDocument } from 'vscode-languageserver-textdocument';
import { CODES, type Code, type CodeInfo } from '../compiler/diag/codes.js';
import { explanation } from '../compiler/diag/explanation.js';
import { codeActions, completion, definition, EXPLAIN, hover, inlayHints, symbols } from './answers.js';
import { Session } from './session.js';

/** Serves one editor until it says `exit`, closes the stream or dies; then the process ends. */
export function serve(input: Readable, output: Writable, version: string): void {
  const connection = createConnection(ProposedFeatures.all, input, output);
  const documents = new TextDocuments(TextDocument);
  const session = new Session(connection, documents);
  let watches = false;
  connection.onInitialize((params) => {
    watches = params.capabilities.workspace?.didChangeWatchedFiles?.dynamicRegistration === true;
    session.abilities = abilitiesOf(params);
    return initialized(version);
  });
  connection.onInitialized(() => {
    if (watches) watchFiles(connection, session);
  });
  connection.onDidChangeWatchedFiles(() => session.checker.changedOnDisk());
  answer(connection, session);
  documents.listen(connection);
  connection.listen();
}

/** What we answer. A mistake of ours costs one answer and is logged. */
function answer(connection: Connection, session: Session): void {
  const guarded =
    <P, R>(what: string, nothing: R, run: (params: P) => R | Promise<R>) =>
    async (params: P): Promise<R> => {
      try {
        return await run(params);
      } catch (error) {
        session.log(what, error);
        return nothing;
      }
    };
  connection.onHover(guarded('hover', null, (p) => hover(session, p)));
  connection.onDefinition(guarded('definition', null, (p) => definition(session, p)));
  connection.onCompletion(guarded('completion', [], (p) => completion(session, p)));
  connection.onDocumentSymbol(guarded('symbols', [], (p) => symbols(session, p.textDocument.uri)));
  connection.onCodeAction(guarded('code actions', [], (p) => codeActions(session, p)));
  connection.languages.inlayHint.on(guarded('inlay hints', [], (p) => inlayHints(session, p)));
  connection.onRequest('lac/explain', (code: unknown) => explained(code));
  connection.onExecuteCommand(({ command, arguments: [code] = [] }) => {
    const text = command === EXPLAIN ? explained(code) : null;
    if (text !== null) connection.window.showInformationMessage(text);
    return text;
  });
}

function explained(code: unknown): string | null {
  if (typeof code !== 'string' || !Object.hasOwn(CODES, code)) return null;
  const info: CodeInfo = CODES[code as Code];
  return explanation(code, info);
}

function abilitiesOf({ capabilities, initializationOptions: options }: InitializeParams): Session['abilities'] {
  const scheme: unknown = typeof options === 'object' && options !== null ? options.explainScheme : null;
  return {
    explainScheme: typeof scheme === 'string' && /^[a-z][a-z-]*$/.test(scheme) ? scheme : null,
    refreshesHints: capabilities.workspace?.inlayHint?.refreshSupport === true,
  };
}

const initialized = (version: string): InitializeResult => ({
  serverInfo: { name: 'lac', version },
  capabilities: {
    textDocumentSync: { openClose: true, change: TextDocumentSyncKind.Incremental, save: true },
    hoverProvider: true,
    definitionProvider: true,
    inlayHintProvider: true,
    documentSymbolProvider: true,
    codeActionProvider: true,
    completionProvider: { triggerCharacters: ['.'] },
    executeCommandProvider: { commands: [EXPLAIN] },
  },
});

function watchFiles(connection: Connection, session: Session): void {
  const watchers = [{ globPattern: '**/*.{ts,mts,js,mjs}' }];
  connection.client
    .register(DidChangeWatchedFilesNotification.type, { watchers })
    .catch((error: unknown) => session.log('watching files', error));
}
