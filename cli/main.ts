#!/usr/bin/env node
import './compile-cache.js';
import { Console } from 'node:console';
import { type Command, CommanderError } from 'commander';
import { LacError } from '../compiler/diag/diagnostic.js';
import type { Context } from './context.js';
import { bugText, EXIT, type ExitCode, exitCodeOfError } from './exit.js';
import { Output, type OutputOptions } from './output.js';
import { buildProgram } from './program.js';

/** Runs one command line and returns its exit code. Throws nothing. */
export async function main(argv: readonly string[]): Promise<ExitCode> {
  const interrupt = new AbortController();
  let exitCode: ExitCode = EXIT.ok;
  // Errors before a verb is known are printed in the format that was asked for, as far as it can be told.
  let output = new Output(fallbackOptions(argv));
  const program = buildProgram(async (command, verb) => {
    output = new Output(outputOptions(command));
    exitCode = await verb({ output, signal: interrupt.signal, endAtOnce, leave });
  });
  quietCommander(program, output);
  const { listen, endAtOnce } = interruptsOf(interrupt);
  const leave = (code: ExitCode): never => {
    output.event('done', { exitCode: code });
    endAtOnce();
    process.exit(code);
  };
  listen();
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (error) {
    // What an interrupted verb could not finish is no finding.
    if (!interrupt.signal.aborted) exitCode = report(error, output);
  } finally {
    endAtOnce();
  }
  if (interrupt.signal.aborted) exitCode = EXIT.interrupted;
  output.event('done', { exitCode });
  return exitCode;
}

const outputOptions = (command: Command): OutputOptions => {
  const { format, color, quiet = false, verbose = false } = command.optsWithGlobals<Partial<OutputOptions>>();
  return { format: format ?? 'pretty', color: color ?? 'auto', quiet, verbose };
};

function fallbackOptions(argv: readonly string[]): OutputOptions {
  const json = argv.some((a, i) => a === '--format=json' || (a === 'json' && argv[i - 1] === '--format'));
  return { format: json ? 'json' : 'pretty', color: 'auto', quiet: false, verbose: false };
}

/** As JSON, stdout belongs to events: commander's own words become one. */
function quietCommander(program: Command, output: Output): void {
  if (output.options.format !== 'json') return;
  const writeErr = (text: string): void => {
    const line = text.trim();
    if (line.startsWith('error:')) output.error(line.slice('error:'.length).trim());
  };
  for (const command of [program, ...program.commands]) command.configureOutput({ writeErr });
}

/**
 * The first Ctrl-C lets the verb end what it holds; a second, or two seconds without an end, is the end. Should the exit wait
 * for a driver, a third is one by the signal itself.
 */
function interruptsOf(interrupt: AbortController) {
  let heard = false;
  const end = (): never => {
    endAtOnce();
    process.exit(EXIT.interrupted);
  };
  const onInterrupt = (): void => {
    if (interrupt.signal.aborted) end();
    interrupt.abort();
    setTimeout(end, 2000).unref();
  };
  const listen = (): void => {
    heard = true;
    process.on('SIGINT', onInterrupt).on('SIGTERM', onInterrupt);
  };
  function endAtOnce<T>(work?: () => T): T | undefined {
    const again = heard && work !== undefined;
    if (again && interrupt.signal.aborted) end();
    heard = false;
    process.off('SIGINT', onInterrupt).off('SIGTERM', onInterrupt);
    try {
      return work?.();
    } finally {
      if (again) listen();
    }
  }
  return { listen, endAtOnce: endAtOnce as Context['endAtOnce'] };
}

function report(error: unknown, output: Output): ExitCode {
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  if (error instanceof LacError) output.diagnostics(error.diagnostics);
  else output.error(bugText(error, output.options.verbose));
  return exitCodeOfError(error);
}

/** What a reference says while it computes is no result. */
globalThis.console = new Console({ stdout: process.stderr, colorMode: false });

/** A reader that closes the pipe early (`lac ir ... | head`) is no error; a full disk is one, and not ours. */
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  process.stderr.write(`error: cannot write the results to stdout: ${error.message}\n`);
  process.exit(EXIT.failed);
});

/** An error outside of any verb's promise: ours, like every other that is not a LacError. */
process.on('uncaughtException', (error) => {
  process.stderr.write(`${bugText(error, process.argv.includes('-v'))}\n`);
  process.exit(EXIT.bug);
});

process.exitCode = await main(process.argv.slice(2));
