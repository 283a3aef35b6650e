import type { Command } from 'commander';
import type { Verb } from './context.js';
import { EXIT } from './exit.js';

type Shell = 'bash' | 'zsh' | 'fish';

interface VerbWords {
  readonly name: string;
  readonly description: string;
  readonly flags: readonly { readonly long: string; readonly description: string }[];
}

/** `lac completion SHELL`: a script for `eval` or the shell's folder of completions, made from the command line itself. */
export const completionOf =
  (program: Command): Verb<Shell, object> =>
  async (shell, _options, { output }) => {
    const shown = program.createHelp().visibleCommands(program);
    const verbs = shown.filter((c) => c.name() !== 'help').map((c) => wordsOf(c, program));
    const script = { bash, zsh, fish }[shell](verbs);
    output.result(script, { shell, script });
    return EXIT.ok;
  };

function wordsOf(command: Command, program: Command): VerbWords {
  const flags = [...command.options, ...program.options].flatMap(({ long, description }) =>
    long === undefined || long === null ? [] : [{ long, description }],
  );
  return {
    name: command.name(),
    description: command.description(),
    flags: [...flags, { long: '--help', description: 'show help' }],
  };
}

const longs = (v: VerbWords): string => v.flags.map((f) => f.long).join(' ');
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

const bash = (verbs: readonly VerbWords[]): string => `_lac() {
  local word="\${COMP_WORDS[COMP_CWORD]}" words=""
  case "\${COMP_WORDS[1]}" in
${verbs.map((v) => `    ${v.name}) words="${longs(v)}" ;;`).join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${verbs.map((v) => v.name).join(' ')} --help --version"
  elif [ "\${word#-}" = "$word" ]; then COMPREPLY=($(compgen -f -- "$word")); return; fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
complete -o filenames -F _lac lac`;

const zsh = (verbs: readonly VerbWords[]): string => `#compdef lac
_lac() {
  if (( CURRENT == 2 )); then
    local -a verbs=(${verbs.map((v) => quoted(`${v.name}:${v.description}`)).join(' ')})
    _describe verb verbs
    return
  fi
  case $words[2] in
${verbs.map((v) => `    ${v.name}) _arguments ${v.flags.map((f) => quoted(`${f.long}[${f.description.replace(/[[\]:]/g, ' ')}]`)).join(' ')} '*:file:_files' ;;`).join('\n')}
  esac
}
compdef _lac lac`;

const fish = (verbs: readonly VerbWords[]): string =>
  verbs
    .flatMap((v) => [
      `complete -c lac -n __fish_use_subcommand -a ${v.name} -d ${quoted(v.description)}`,
      ...v.flags.map(
        (f) =>
          `complete -c lac -n '__fish_seen_subcommand_from ${v.name}' -l ${f.long.slice(2)} -d ${quoted(f.description)}`,
      ),
    ])
    .join('\n');
