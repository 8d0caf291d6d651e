import type { Command } from 'commander';
import { ItemKeys } from '../batch/item.js';
import type { KeyedRequest } from '../batch/planner.js';
import {
  type BatchProvider,
  FORMATS,
  lineOverheadBytes,
  readRequest,
  requireFit,
} from '../batch/request.js';
import { identities } from '../index.js';
import { badLine } from './batch-lines.js';
import { usageError } from './exit-codes.js';
import { type IdentityFlags, toIdentity } from './identity-options.js';
import { memberText } from './member-text.js';
import { addStoreNameFlags, type StoreAddress } from './open-store.js';

const PROVIDERS = Object.keys(FORMATS) as BatchProvider[];

export const DEFAULT_STORE = 'lmdb:.samekey';

export interface RequestFlags extends StoreAddress, Omit<IdentityFlags, 'store'> {
  readonly skipInvalid?: true;
  readonly json?: true;
}

/** Adds the options of the store. `--store` has no short form: `-s` is `--scope`. */
export function addStoreOption(command: Command): Command {
  const description = `the store of the results (default: ${DEFAULT_STORE})`;
  return addStoreNameFlags(command.option('--store <ADDRESS>', description));
}

/** Adds the argument and the options of the commands that read requests. */
export function addRequestOptions(command: Command): Command {
  return addStoreOption(command)
    .argument('[FILE]', 'one request per line (default: standard input, also written -)')
    .option('--skip-invalid', 'report an invalid line and continue');
}

/** Reads requests from lines of JSON. All must be for the same provider, that of the first one. */
export class RequestReader {
  provider: BatchProvider | undefined;
  readonly #flags: IdentityFlags;
  #keys: ItemKeys | undefined;

  constructor(flags: IdentityFlags) {
    if (flags.bits !== undefined) {
      throw usageError('--bits does not apply to batches, whose keys have 128 bits');
    }
    this.#flags = flags;
    // Reports invalid flags before any input is read.
    toIdentity(flags);
  }

  /** Reads the line with this number. `value` is the parsed `text`. */
  read(text: string, value: object, lineNumber: number): KeyedRequest {
    const provider = PROVIDERS.find((name) => FORMATS[name].bodyMember in value);
    if (provider === undefined) {
      throw badLine('wanted a member "params" (Anthropic) or "body" (OpenAI)');
    }
    if (provider !== (this.provider ?? provider)) {
      throw badLine(`it is a request to ${provider}, wanted ${this.provider} as in earlier lines`);
    }
    const { requester, route } = readRequest(value, provider, 'the line');
    const format = FORMATS[provider];
    const body = memberText(text, [format.bodyMember]);
    const byteCount = lineOverheadBytes(route.url) + Buffer.byteLength(body);
    requireFit('the line', route, byteCount, format);
    const keys = this.#keys ?? new ItemKeys(provider, this.#identity(provider));
    const id = keys.ofJson(body, route.url);
    // Only a valid line decides which provider the others must be for.
    this.provider = provider;
    this.#keys = keys;
    return { id, ordinal: lineNumber, requester, route, body, byteCount };
  }

  #identity(provider: BatchProvider) {
    const { include, exclude, preset } = this.#flags;
    const identity = toIdentity(this.#flags);
    const hasSelection = include !== undefined || exclude !== undefined || preset !== undefined;
    return hasSelection ? identity : { ...identity, exclude: identities[provider].exclude };
  }
}
