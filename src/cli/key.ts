import type { Command } from 'commander';
import {
  type Explanation,
  explain,
  type IdentityOptions,
  keyOfJson,
  keyOfStream,
  uuidv5,
} from '../index.js';
import { toCliError, usageError } from './exit-codes.js';
import {
  addIdentityOptions,
  type IdentityFlags,
  toFormat,
  toIdentity,
} from './identity-options.js';
import { bytesOf, emptyInput, type Input, parse, readBytes, readJson, toInput } from './input.js';
import { refuseKeyFlags, toNamespace } from './namespaces.js';
import { print } from './output.js';

interface KeyFlags extends IdentityFlags {
  readonly uuid?: string;
  readonly raw?: true;
  readonly json?: true;
}

const EXAMPLES = `
Paths are JSONPath with names, indexes, slices, * and .. ; a bare name such as
id means $.id, and $.messages[:-1] all messages but the last.

Examples:
  samekey key request.json                            the key of the whole request
  samekey key request.json --preset anthropic         … without volatile members
  samekey key order.json -i order_id -i '$.items[*].sku' -s checkout
  curl -s https://example.com/body | samekey key --raw`;

export function addKeyCommand(program: Command): void {
  const command = program
    .command('key')
    .description('print the idempotency key of a request (JSON or raw bytes)')
    .argument('[FILE]', 'the request (default: standard input, also written -)')
    .option('--raw', 'hash the raw bytes, in constant memory, instead of JSON')
    .option('--uuid <namespace>', 'print a UUID version 5 instead: dns, url, oid, x500 or a UUID')
    .option('--json', 'print one line of JSON: the key and how it was derived')
    .addHelpText('after', EXAMPLES)
    .action(runKey);
  addIdentityOptions(command);
}

async function runKey(file: string | undefined, flags: KeyFlags): Promise<void> {
  refuseContradictions(flags);
  const input = toInput(file, 'key');
  const derived = flags.raw
    ? await deriveFromBytes(input, flags)
    : await deriveFromJson(input, flags);
  await print(flags.json ? `${JSON.stringify(derived)}\n` : `${derived.uuid ?? derived.key}\n`);
}

/** The data that `--json` prints. */
interface Derived {
  readonly key?: string;
  readonly uuid?: string;
  readonly [member: string]: unknown;
}

function refuseContradictions(flags: KeyFlags): void {
  const { raw } = flags;
  for (const name of ['include', 'exclude', 'preset', 'ref', 'bigNumbers'] as const) {
    if (raw && flags[name] !== undefined) {
      const flag = name === 'bigNumbers' ? 'big-numbers' : name;
      throw usageError(`--${flag} applies to JSON, and --raw hashes raw bytes: leave one out`);
    }
  }
  refuseKeyFlags(flags);
}

async function deriveFromBytes(input: Input, flags: KeyFlags): Promise<Derived> {
  if (flags.uuid !== undefined) {
    const namespace = toNamespace(flags.uuid);
    return { uuid: uuidv5(namespace, await readBytes(input)), namespace };
  }
  const format = toFormat(flags);
  let isEmpty = true;
  const key = await keyOfStream(
    (async function* () {
      for await (const chunk of bytesOf(input)) {
        isEmpty = false;
        yield chunk;
      }
    })(),
    format,
  );
  // If a program before a pipe fails, its empty output must not get a key.
  if (isEmpty) throw emptyInput(input);
  return { key, ...formatOf(format) };
}

async function deriveFromJson(input: Input, flags: KeyFlags): Promise<Derived> {
  const namespace = flags.uuid === undefined ? undefined : toNamespace(flags.uuid);
  const identity = toIdentity(flags);
  const bytes = await readJson(input, 1);
  try {
    if (namespace === undefined && !flags.json) return { key: keyOfJson(bytes, identity) };
    const { key, canonical, ...notes } = explain(parse(bytes, identity), identity);
    return namespace === undefined
      ? { key, ...formatOf(identity), ...withoutScopes(notes) }
      : { uuid: uuidv5(namespace, canonical), namespace, ...withoutScopes(notes) };
  } catch (error) {
    throw toCliError(error, input.name);
  }
}

function formatOf({ bits = 256, scope = [], secret }: IdentityOptions) {
  return { bits, scopes: scope, hmac: secret !== undefined };
}

function withoutScopes({ excluded, referenced }: Pick<Explanation, 'excluded' | 'referenced'>) {
  // JSON has no undefined. null means that no --include selected the path.
  return { excluded: excluded.map(({ path, by = null }) => ({ path, by })), referenced };
}
