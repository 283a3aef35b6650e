// @ts-check
const { existsSync, readFileSync } = require('node:fs');
const { join } = require('node:path');
const vscode = require('vscode');
const { LanguageClient, TransportKind } = require('vscode-languageclient/node');

/** Addresses under which the explanation of a code can be opened. */
const SCHEME = 'lac-explain';

/** @type {import('vscode-languageclient/node').LanguageClient | undefined} */
let client;

/** @param {import('vscode').ExtensionContext} context */
async function activate(context) {
  context.subscriptions.push(
    vscode.workspace.registerTextDocumentContentProvider(SCHEME, { provideTextDocumentContent: explanation }),
    vscode.commands.registerCommand('lac.restart', async () => {
      await stop();
      await start(true);
    }),
  );
  await start(false);
}

/** @param {boolean} asked whether somebody waits for it */
async function start(asked) {
  const server = serverCommand();
  if (server === null) {
    const message = 'lac is not installed in this workspace: npm install lac, or set lac.command';
    if (asked) void vscode.window.showWarningMessage(message);
    return;
  }
  client = new LanguageClient('lac', 'lac', server, {
    documentSelector: [{ scheme: 'file', language: 'typescript' }],
    initializationOptions: { explainScheme: SCHEME },
    middleware: { executeCommand },
  });
  await client.start();
}

/** @returns {import('vscode-languageclient/node').ServerOptions | null} */
function serverCommand() {
  const [command, ...args] = vscode.workspace.getConfiguration('lac').get('command', /** @type {string[]} */ ([]));
  if (command !== undefined) return { command, args, transport: TransportKind.stdio };
  for (const folder of vscode.workspace.workspaceFolders ?? []) {
    const root = folder.uri.fsPath;
    for (const lac of [join(root, 'node_modules', 'lac'), root]) {
      const main = join(lac, 'dist', 'cli', 'main.js');
      if (isLac(lac) && existsSync(main))
        return { command: 'node', args: [main, 'lsp'], transport: TransportKind.stdio, options: { cwd: root } };
    }
  }
  return null;
}

/** @param {string} folder */
function isLac(folder) {
  try {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name === 'lac';
  } catch {
    return false;
  }
}

/** @param {import('vscode').Uri} uri */
async function explanation(uri) {
  const code = uri.path.replace(/\.md$/, '');
  const text = await client?.sendRequest('lac/explain', code);
  return typeof text === 'string' ? text : `There is no code ${code}.`;
}

/** `Explain CODE` opens a document here; other editors get a message.
 * @type {import('vscode-languageclient/node').ExecuteCommandMiddleware['executeCommand']}
 */
async function executeCommand(command, args, next) {
  if (command !== 'lac.explain') return next(command, args);
  return vscode.commands.executeCommand('vscode.open', vscode.Uri.parse(`${SCHEME}:${args[0]}.md`));
}

async function stop() {
  const old = client;
  client = undefined;
  await old?.stop();
}

module.exports = { activate, deactivate: stop };
