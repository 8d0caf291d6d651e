import type { Command } from 'commander';
import { explain, explainDifference, type Identity } from '../index.js';
import { EXIT, toCliError, usageError } from './exit-codes.js';
import { differenceView, type Explained, explanationView } from './explain-view.js';
import { addIdentityOptions, type IdentityFlags, toIdentity } from './identity-options.js';
import { type Input, parse, readJson, toInput } from './input.js';
import { print } from './output.js';
import { styleOf } from './terminal.js';

const EXAMPLES = `
With two files, the exit code is 0 if their keys are equal and 1 if they differ.
A terminal shows long values shortened; a pipe gets them whole.

Examples:
  samekey explain request.json --preset anthropic
  samekey explain first.json retry.json --exclude trace_id
  samekey explain first.json retry.json | less`;

export function addExplainCommand(program: Command): void {
  const command = program
    .command('explain')
    .description('show how the key of a request is derived, or why two keys differ')
    .argument('<A>', 'a request, or - for standard input')
    .argument('[B]', 'a second request, to compare')
    .addHelpText('after', EXAMPLES)
    .action(runExplain);
  addIdentityOptions(command);
}

async function runExplain(
  fileA: string,
  fileB: string | undefined,
  flags: IdentityFlags,
): Promise<void> {
  const identity = toIdentity(flags);
  if (fileA === '-' && fileB === '-') {
    throw usageError('standard input can be read only once: wanted a file for A or for B');
  }
  // Comparing holds both requests as values, as canonical text, and as values parsed from that.
  const copyCount = fileB === undefined ? 2 : 6;
  const a = await read(toInput(fileA, 'explain'), identity, copyCount);
  const style = styleOf(process.stdout);
  if (fileB === undefined) {
    await print(explanationView(a, identity, style));
    return;
  }
  const b = await read(toInput(fileB, 'explain'), identity, copyCount);
  const differences = explainDifference(a.value, b.value, identity);
  if (a.explanation.key !== b.explanation.key) process.exitCode = EXIT.no;
  await print(differenceView(a, b, differences, style));
}

async function read(input: Input, identity: Identity, copyCount: number): Promise<Explained> {
  const bytes = await readJson(input, copyCount);
  try {
    const value = parse(bytes, identity);
    return { name: input.name, value, explanation: explain(value, identity) };
  } catch (error) {
    throw toCliError(error, input.name);
  }
}
