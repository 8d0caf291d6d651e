#!/usr/bin/env node
import { Command, CommanderError } from 'commander';
import { printable } from '../text/printable.js';
import { addAuditCommand } from './audit.js';
import { addBatchCommand } from './batch.js';
import { addBenchCommand } from './bench.js';
import { addCheckCommand } from './check.js';
import { addDashboardCommand } from './dashboard.js';
import { addEngineCommand } from './engine.js';
import { type CliError, EXIT, EXIT_CODES, toCliError, usageError } from './exit-codes.js';
import { addExplainCommand } from './explain.js';
import { addKeyCommand } from './key.js';
import { addKeysCommand } from './keys.js';
import { watchOutput } from './output.js';
import { addPlaygroundCommand } from './playground.js';
import { addProxyCommand } from './proxy.js';
import { addStoreCommand } from './store.js';
import { styleOf } from './terminal.js';
import { version } from './version.js';

const HELP = `
Examples:
  samekey key request.json --preset openai            print the key of a request
  samekey keys requests.jsonl > keys.txt              print the key of every line
  samekey explain first.json retry.json -p anthropic  show why two keys differ
  grep -i idempotency-key app.log | samekey check     find malformed keys
  samekey audit calls.jsonl --cost-field usage.cost   find repeated calls and their cost
  samekey engine                                      show the engines that work here
  samekey bench                                       time samekey on this machine
  samekey playground                                  show keys on a web page
  samekey store ls --store redis://localhost          list the records of a store
  samekey batch plan requests.jsonl --out tonight     send each request once, in batches
  samekey proxy --upstream https://api.openai.com     send each request at most once

Exit codes:
${EXIT_CODES.map(([code, meaning]) => `  ${String(code).padEnd(5)}${meaning}`).join('\n')}`;

function createProgram(): Command {
  const program = new Command('samekey')
    .description('Same content, same key: idempotency keys derived from requests.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    // Commander's own help command takes one name only: `help batch plan` would print `help batch`.
    .helpCommand(false)
    .configureHelp({ styleTitle: (title) => styleOf(process.stdout).paint('bold', title) })
    // `end` prints every error, in one line.
    .configureOutput({ writeErr: () => {} })
    .exitOverride()
    .addHelpText('after', HELP);
  addKeyCommand(program);
  addKeysCommand(program);
  addExplainCommand(program);
  addCheckCommand(program);
  addAuditCommand(program);
  addEngineCommand(program);
  addBenchCommand(program);
  addPlaygroundCommand(program);
  addStoreCommand(program);
  addDashboardCommand(program);
  addBatchCommand(program);
  addProxyCommand(program);
  program
    .command(HELP_COMMAND)
    .description('print the help of a command')
    .argument('[command...]')
    .action((names: string[]) => {
      const { command, rest } = findCommand(program, names);
      const [unknown] = rest;
      if (unknown !== undefined) throw commandError(command, `unknown command '${unknown}'`);
      command.outputHelp();
    });
  return program;
}

const HELP_COMMAND = 'help';

/** Follows names of commands and subcommands; `rest` begins with the first other word. */
function findCommand(
  program: Command,
  words: readonly string[],
): { readonly command: Command; readonly rest: readonly string[] } {
  let command = program;
  for (const [i, word] of words.entries()) {
    const next = command.commands.find((each) => each.name() === word);
    if (next === undefined) return { command, rest: words.slice(i) };
    command = next;
  }
  return { command, rest: [] };
}

/** A usage error that names the help of the command. */
function commandError(command: Command, message: string): CliError {
  const names: string[] = [];
  for (let each = command; each.parent; each = each.parent) names.unshift(each.name());
  const help = names.length === 0 ? '--help' : `help ${names.join(' ')}`;
  return usageError(`${message}; see samekey ${help}`);
}

function fromCommander({ code, message }: CommanderError, program: Command): CliError {
  const { command } = findCommand(program, process.argv.slice(2));
  // Commander prints the help of a command whose subcommand is missing.
  if (code === 'commander.help') {
    const names = command.commands
      .map((each) => each.name())
      .filter((name) => name !== HELP_COMMAND);
    return commandError(
      command,
      `wanted a command: ${names.slice(0, -1).join(', ')} or ${names.at(-1)}`,
    );
  }
  const text = message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .replace(/\.$/, '');
  return text.includes('(Did you mean') ? usageError(text) : commandError(command, text);
}

/** Ends the program with one line on standard error, or silently after a broken pipe. */
function end(error: CliError | undefined): never {
  if (error !== undefined) process.stderr.write(`samekey: ${printable(error.message)}\n`);
  process.exit(error?.exitCode ?? EXIT.brokenPipe);
}

watchOutput(end);
const program = createProgram();
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) end(toCliError(error));
  if (error.exitCode !== 0) end(fromCommander(error, program));
}
