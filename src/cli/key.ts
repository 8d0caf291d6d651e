import type { Command } from 'commander';
import {
  type Explanation,
  explain,
  type IdentityOptions,
  keyOfJson,
  keyOfStream,
  NAMESPACE_DNS,
  NAMESPACE_OID,
  NAMESPACE_URL,
  NAMESPACE_X500,
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
import { print } from './output.js';

interface KeyFlags extends IdentityFlags {
  readonly uuid?: string;
  readonly raw?: true;
  readonly json?: true;
}

const NAMESPACES: Record<string, string> = {
  dns: NAMESPACE_DNS,
  url: NAMESPACE_URL,
  oid: NAMESPACE_OID,
  x500: NAMESPACE_X500,
};

const EXAMPLES = `
Paths are JSONPath with names, indexes, * and .. ; a bare name means $.name.

Examples:
  samekey key request.json                            the key of everything in it
  samekey key request.json --preset anthropic         … but what may differ between attempts
  samekey key order.json -i order_id -i '$.items[*].sku' -s checkout
  curl -s https://example.com/body | samekey key --raw`;

export function addKeyCommand(program: Command): void {
  const command = program
    .command('key')
    .description('print the idempotency key of a request: JSON, or raw bytes')
    .argument('[FILE]', 'the request; standard input if it is - or left out')
    .option('--raw', 'take the bytes as they are, in constant memory, and not as JSON')
    .option('--uuid <namespace>', 'print a UUID version 5 instead: dns, url, oid, x500 or a UUID')
    .option('--json', 'print one line of JSON: the key and how it came about')
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

/** What `--json` prints. */
interface Derived {
  readonly key?: string;
  readonly uuid?: string;
  readonly [member: string]: unknown;
}

function refuseContradictions(flags: KeyFlags): void {
  const { raw, uuid } = flags;
  for (const name of ['include', 'exclude', 'preset', 'ref', 'bigNumbers'] as const) {
    if (raw && flags[name] !== undefined) {
      const flag = name === 'bigNumbers' ? 'big-numbers' : name;
      throw usageError(
        `--${flag} is for JSON, and --raw takes the bytes as they are: leave one out`,
      );
    }
  }
  for (const name of ['scope', 'bits', 'secretEnv'] as const) {
    if (uuid !== undefined && flags[name] !== undefined) {
      const flag = name === 'secretEnv' ? 'secret-env' : name;
      throw usageError(`--${flag} is for keys, and a UUID has its namespace only: leave one out`);
    }
  }
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
  // Otherwise whatever fails before a pipe would have one and the same key.
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
  // JSON has no undefined: null says that no --include named it.
  return { excluded: excluded.map(({ path, by = null }) => ({ path, by })), referenced };
}

function toNamespace(text: string): string {
  const namespace = NAMESPACES[text.toLowerCase()] ?? text;
  try {
    uuidv5(namespace, '');
    return namespace.toLowerCase();
  } catch {
    throw usageError(`--uuid ${JSON.stringify(text)}: wanted dns, url, oid, x500 or a UUID`);
  }
}
