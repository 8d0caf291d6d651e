import {
  customId,
  defineIdentity,
  type Identity,
  type IdentityLike,
  isKey,
  keyOfJson,
  scoped,
} from '../index.js';
import { optional } from '../options/own.js';
import type { StoreRecord } from '../store/store.js';
import type { BatchProvider } from './request.js';

/**
 * Derives the keys of requests in batches. The scope of a key contains the provider and the URL, since
 * the same body means something else at another endpoint.
 */
export class ItemKeys {
  readonly #provider: BatchProvider;
  readonly #identity: Identity;
  readonly #byUrl = new Map<string, Identity>();

  constructor(provider: BatchProvider, identity: IdentityLike) {
    this.#provider = provider;
    // An integer that no double holds exactly, such as an int64 seed, keeps its digits.
    this.#identity = defineIdentity({ bigNumbers: 'digits', ...identity });
  }

  of(body: unknown, url: string): string {
    return customId(body, this.#identityFor(url));
  }

  ofJson(text: string | Uint8Array, url: string): string {
    return keyOfJson(text, this.#identityFor(url));
  }

  #identityFor(url: string): Identity {
    let identity = this.#byUrl.get(url);
    if (identity === undefined) {
      const scope = optional(this.#identity, 'scope') ?? [];
      identity = defineIdentity({
        ...this.#identity,
        scope: [this.#provider, url, ...(typeof scope === 'string' ? [scope] : scope)],
        bits: 128,
      });
      this.#byUrl.set(url, identity);
    }
    return identity;
  }
}

/** The store key of an item's record. The prefix `batch:` is reserved for them. */
export const itemKey = (id: string) => `batch:${id}`;

/**
 * The `custom_id` of an item in a batch: its key and a suffix for the claim, at most 64 characters. The
 * suffix distinguishes a late failure in an earlier batch from one in the current batch.
 */
export const customIdOf = (id: string, record: StoreRecord) => `${id}-${claimSuffix(record)}`;

const claimSuffix = ({ fencingToken }: StoreRecord) => fencingToken.toString(36);

/**
 * Parses a `custom_id` of `customIdOf`, or returns `undefined` for any other text. `isOf` says whether a
 * record is the claim that the suffix stands for.
 */
export function readCustomId(
  text: string,
): { readonly id: string; isOf(record: StoreRecord): boolean } | undefined {
  const [id = '', suffix, ...rest] = text.split('-');
  if (id.length !== 35 || !isKey(id) || suffix === undefined || rest.length > 0) return undefined;
  return { id, isOf: (record) => claimSuffix(record) === suffix };
}

/** Identifies the `number`th batch of a run in the owners of its items. */
export const batchOwner = (run: string, number: number) => `${run}/${number}`;
/** The key of the batch, and of its record. */
export const batchKey = (owner: string) => scoped('samekey/batch', owner);

/**
 * The owner of one item's claim. It is unique among all claims of the item, also if a run claims it
 * twice. It ends with the requesters as JSON, which saves a record for them.
 */
export const itemOwner = (batch: string, ordinal: number, requesters: readonly string[]) =>
  `${batch}/${ordinal}/${JSON.stringify(requesters)}`;

const OWNER = /^(([^/]+)\/\d+)\/\d+\/(\[.*\])$/s;

export interface ItemOwner {
  readonly run: string;
  readonly batch: string;
  readonly requesters: readonly string[];
}

/**
 * Parses an owner of `itemOwner`, or returns `undefined` for any other text. A damaged list costs its
 * names, and no result.
 */
export function readOwner(owner: string): ItemOwner | undefined {
  const [, batch, run, list] = OWNER.exec(owner) ?? [];
  if (batch === undefined || run === undefined || list === undefined) return undefined;
  return { run, batch, requesters: readNames(list) };
}

/** Parses a JSON list of names. In one that another program has damaged there are no names. */
export function readNames(text: string): readonly string[] {
  try {
    const names: unknown = JSON.parse(text);
    return Array.isArray(names) ? names.filter((name) => typeof name === 'string') : [];
  } catch {
    return [];
  }
}
