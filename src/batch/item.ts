import {
  customId,
  defineIdentity,
  type Identity,
  type IdentityLike,
  isKey,
  keyOfJson,
  scoped,
} from '../index.js';
import type { StoreRecord } from '../store/store.js';
import type { BatchProvider } from './request.js';

/**
 * The keys of requests in batches. Provider and URL are part of them: the same body is another
 * request elsewhere.
 */
export class ItemKeys {
  readonly #provider: BatchProvider;
  readonly #identity: Identity;
  readonly #byUrl = new Map<string, Identity>();

  constructor(provider: BatchProvider, identity: IdentityLike) {
    this.#provider = provider;
    this.#identity = defineIdentity(identity);
  }

  of(body: unknown, url: string): string {
    return customId(body, this.#at(url));
  }

  ofJson(text: string | Uint8Array, url: string): string {
    return keyOfJson(text, this.#at(url));
  }

  #at(url: string): Identity {
    let identity = this.#byUrl.get(url);
    if (identity === undefined) {
      const { scope = [] } = this.#identity;
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

/** Where the record of an item is; no other user of the store has keys that begin so. */
export const itemKey = (id: string) => `batch:${id}`;

/**
 * What an item is called in a batch: its key, and which claim of it that is. A late result of an
 * earlier batch must not pass for one of the batch that is under way. At most 64 characters.
 */
export const customIdOf = (id: string, record: StoreRecord) => `${id}-${claimText(record)}`;

const claimText = ({ fencingToken }: StoreRecord) => fencingToken.toString(36);

/** The key in a custom id, if it is one of ours, and whether it is of the claim that stands. */
export function readCustomId(
  text: string,
): { readonly id: string; isOf(record: StoreRecord): boolean } | undefined {
  const [id = '', claim, ...more] = text.split('-');
  if (id.length !== 35 || !isKey(id) || claim === undefined || more.length > 0) return undefined;
  return { id, isOf: (record) => claimText(record) === claim };
}

/** The owner of the items of the `number`th batch of a run, and the record of that batch. */
export const batchOwner = (run: string, number: number) => `${run}/${number}`;
export const batchKey = (owner: string) => scoped('samekey/batch', owner);

/**
 * The owner of one item: a text that no other claim of it ever has, also if a run claims it twice.
 * It ends with those who want the result, as JSON, which saves them a record of their own.
 */
export const itemOwner = (batch: string, ordinal: number, requesters: readonly string[]) =>
  `${batch}/${ordinal}/${JSON.stringify(requesters)}`;

const OWNER = /^(([^/]+)\/\d+)\/\d+\/(\[.*\])$/s;

export interface ItemOwner {
  readonly run: string;
  readonly batch: string;
  readonly requesters: readonly string[];
}

export function readOwner(owner: string): ItemOwner | undefined {
  const [, batch, run, requesters] = OWNER.exec(owner) ?? [];
  if (batch === undefined || run === undefined || requesters === undefined) return undefined;
  return { run, batch, requesters: JSON.parse(requesters) };
}
