#!/usr/bin/env node
import { readFileSync } from 'node:fs';
import { Command, CommanderError } from 'commander';
import { addAuditCommand } from './audit.js';
import { addBatchCommand } from './batch.js';
import { addBenchCommand } from './bench.js';
import { addCheckCommand } from './check.js';
import { addEngineCommand } from './engine.js';
import { type CliError, EXIT, EXIT_CODES, toCliError, usageError } from './exit-codes.js';
import { addExplainCommand } from './explain.js';
import { addKeyCommand } from './key.js';
import { addKeysCommand } from './keys.js';
import { watchOutput } from './output.js';
import { addPlaygroundCommand } from './playground.js';
import { addProxyCommand } from './proxy.js';
import { addStoreCommand } from './store.js';
import { printable, styleOf } from './terminal.js';

const HELP = `
Examples:
  samekey key request.json --preset openai            print the key of a request
  samekey keys requests.jsonl > keys.txt              print the key of every line
  samekey explain first.json retry.json -p anthropic  say why two keys differ
  grep -i idempotency-key app.log | samekey check     find keys that are no keys
  samekey audit calls.jsonl --cost-field usage.cost   find what was called twice, and its cost
  samekey engine                                      show who does the arithmetic
  samekey bench                                       time it on this machine
  samekey playground                                  see it all on a page
  samekey store ls --store redis://localhost          see what was run once
  samekey batch plan requests.jsonl --out tonight     send each request once, in batches
  samekey proxy --upstream https://api.openai.com     send every request at most once

Exit codes:
${EXIT_CODES.map(([code, meaning]) => `  ${String(code).padEnd(5)}${meaning}`).join('\n')}`;

function version(): string {
  const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(manifest) as { version: string }).version;
}

function createProgram(): Command {
  const program = new Command('samekey')
    .description('Same content, same key: idempotency keys derived from requests.')
    .version(version(), '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .helpCommand('help [command]', 'print the help of a command')
    .configureHelp({ styleTitle: (title) => styleOf(process.stdout).paint('bold', title) })
    // What goes wrong is printed in one place, `end`, in one line.
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
  addBatchCommand(program);
  addProxyCommand(program);
  return program;
}

/** Where the options of the command that was meant are listed. */
function help(): string {
  const name = process.argv[2] ?? '';
  return [
    'key',
    'keys',
    'explain',
    'check',
    'audit',
    'engine',
    'bench',
    'playground',
    'store',
    'batch',
    'proxy',
  ].includes(name)
    ? `samekey help ${name}`
    : 'samekey --help';
}

function fromCommander({ code, message }: CommanderError): CliError {
  if (code === 'commander.help' && process.argv[2] === 'store') {
    return usageError('wanted a command: ls, show, evict or sql; see samekey help store');
  }
  if (code === 'commander.help' && process.argv[2] === 'batch') {
    return usageError(
      'wanted a command: plan, record, results, status or drop; see samekey help batch',
    );
  }
  if (code === 'commander.help') {
    return usageError(
      'wanted a command: key, keys, explain, check, audit, engine, bench, playground, store, batch or proxy; see samekey --help',
    );
  }
  const what = message
    .replace(/^error: /, '')
    .replaceAll('\n', ' ')
    .replace(/\.$/, '');
  return usageError(what.includes('(Did you mean') ? what : `${what}; see ${help()}`);
}

/** Ends with one line on standard error; without one when the reader of the output has gone. */
function end(error: CliError | undefined): never {
  if (error !== undefined) process.stderr.write(`samekey: ${printable(error.message)}\n`);
  process.exit(error?.exitCode ?? EXIT.brokenPipe);
}

watchOutput(end);
try {
  await createProgram().parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) end(toCliError(error));
  if (error.exitCode !== 0) end(fromCommander(error));
}
