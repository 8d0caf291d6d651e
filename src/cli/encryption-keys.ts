/** The keys of `--encrypt-env` and `--encrypt-file`: `id:base64`, the first of which encrypts. */
import { type Command, Option } from 'commander';
import {
  type EncryptedCodec,
  encryptedCodec,
  encryptedCodecOptions,
} from '../once/encrypted-codec.js';
import { grouped } from '../text/counted.js';
import { usageError } from './exit-codes.js';
import { requireVariableName } from './identity-options.js';
import { readText, toFile } from './input.js';
import type { ProxyFlags } from './proxy-flags.js';

export type EncryptionFlags = Pick<ProxyFlags, 'encryptEnv' | 'encryptFile' | 'encryptPlain'>;

/** Says how many results could not be checked, because no keys were given. */
export const uncheckedText = (count: number): string =>
  count === 0 ? '' : `, ${grouped(count)} of them encrypted and not checked`;

/** Adds the options that encrypt the results of batches. */
export function addEncryptionOptions(command: Command): Command {
  const { words = [], default: plain } = encryptedCodecOptions.plain;
  return command
    .option(
      '--encrypt-env <NAME>',
      'encrypt the stored results with the keys in this environment variable, id:base64[,id:base64…]',
    )
    .option('--encrypt-file <FILE>', 'the same with the keys in this file, one a line')
    .addOption(
      new Option(
        '--encrypt-plain <NAME>',
        'refuse stored results that are not encrypted, read them, or also write results like them',
      )
        .choices(words)
        .default(plain),
    );
}

/** Returns the encryption that the flags ask for. No message shows a part of a key. */
export async function encryptionOf({
  encryptEnv: variable,
  encryptFile: path,
  encryptPlain: plain,
}: EncryptionFlags): Promise<EncryptedCodec | undefined> {
  if (variable !== undefined && path !== undefined) {
    throw usageError('--encrypt-env and --encrypt-file: wanted one of them');
  }
  if (variable !== undefined) {
    requireVariableName(variable, '--encrypt-env', 'keys');
    const name = `--encrypt-env ${variable}`;
    const text = process.env[variable];
    if (!text) throw usageError(`${name}: the variable is not set, wanted id:base64[,id:base64…]`);
    return codecOf(name, text.split(','), plain);
  }
  if (path !== undefined) {
    if (LIKE_KEYS.test(path)) {
      throw usageError('--encrypt-file wants the name of a file, not the keys');
    }
    const file = toFile(path, '--encrypt-file');
    const text = (await readText(file, ', wanted id:base64 on each line')).toString();
    return codecOf(`--encrypt-file ${file.name}`, text.split('\n'), plain);
  }
  if (plain !== 'refuse') {
    throw usageError(`--encrypt-plain ${plain}: wanted --encrypt-env or --encrypt-file, too`);
  }
  return undefined;
}

/** The beginning of `id:base64`, which no message may show. */
const LIKE_KEYS = /^\s*[\w.-]{1,32}:[\w+/-]{42}/;

function codecOf(
  name: string,
  items: readonly string[],
  plain: EncryptionFlags['encryptPlain'],
): EncryptedCodec {
  const keys = items
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .map((item, index) => {
      const colon = item.indexOf(':');
      if (colon < 0) throw usageError(`${name}: key ${index + 1} has no ":", wanted id:base64`);
      return { id: item.slice(0, colon), key: item.slice(colon + 1) };
    });
  if (keys.length === 0) throw usageError(`${name}: there is no key, wanted id:base64`);
  try {
    return encryptedCodec({ keys, plain });
  } catch (error) {
    const { code, message } = error as { code?: unknown; message: string };
    const [, index, member, state] = FAULT.exec(message) ?? [];
    if (code !== 'SAMEKEY_BAD_ARGUMENT' || state === undefined) throw error;
    const what = `${member === 'id' ? 'the id of ' : ''}key ${Number(index) + 1}`;
    // The index of another key is that of a list of the program.
    const fault = state.replace(/keys\[(\d+)\]/, (_, other) => `key ${Number(other) + 1}`);
    throw usageError(`${name}: ${what} ${fault}, wanted ${WANTED[member as 'id' | 'key']}`);
  }
}

const FAULT = /^[^:]*: keys\[(\d+)\]\.(id|key) ([^,]*), wanted /;
const WANTED = {
  id: 'different ids of 1 to 32 letters, digits, ".", "_" and "-"',
  key: '32 bytes in base64, as openssl rand -base64 32 prints them',
};
