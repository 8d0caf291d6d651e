/** `samekey/fetch`: a `fetch` that sends the same request at most once, below an SDK's own retries. */
import { LRUCache } from 'lru-cache';
import { priceTable } from '../cost/prices.js';
import { savingOf } from '../cost/saving.js';
import { decoder } from '../engine/utf8.js';
import { scoped } from '../index.js';
import type { OnceStats } from '../once/index.js';
import { onceOptions } from '../once/options.js';
import { readOptions } from '../options/read.js';
import type { SettingsOf } from '../options/spec.js';
import { KeyHeader } from '../request/key-header.js';
import {
  baseAddress,
  type OutgoingRequest,
  readRequest,
  send,
} from '../request/outgoing-request.js';
import { keyOfRequest } from '../request/request-key.js';
import { Exchanges } from '../response/exchanges.js';
import type { StoredResponse } from '../response/stored-response.js';
import { type FetchOptions, fetchOptions } from './options.js';

export type { KeyFormat, KeyHeaderOptions, RequestKeyOptions } from '../request/options.js';
export {
  BrokenResponseError,
  HttpError,
  ResponseNotKeptError,
  SlowReaderError,
} from '../response/errors.js';
export type { ResponseInfo } from '../response/exchange.js';
export type { ExchangeOptions } from '../response/options.js';
export type { FetchEvent, FetchOptions } from './options.js';
export {
  type RetryBudget,
  type RetryBudgetOptions,
  type RetryEvent,
  type RetryPolicy,
  type RetryRules,
  retryBudget,
  retryPolicies,
  withRetry,
} from './retry/retry.js';

/** A `fetch` that sends the same request at most once. */
export interface IdempotentFetch {
  (input: RequestInfo | URL, init?: RequestInit): Promise<Response>;
  /** Forgets the response that is kept under a key, which the `samekey-key` header of each shows. */
  evict(key: string): Promise<boolean>;
  stats(): OnceStats;
  /** Refuses new requests, waits for those under way and closes the store. */
  close(): Promise<void>;
}

/** What a request says to this layer alone, in headers that are not sent on. */
const FRESH = 'samekey-fresh';
const SAMPLE = 'samekey-sample';
const SCOPE = 'samekey-scope';

/** After how many duplicates of one key there is a warning, if its answers are meant to vary. */
const WARNING_AT = 10;

/**
 * Returns a `fetch` that sends the same request at most once, in this process and all that share the
 * store, and gives its response to every duplicate: while it streams in, or from the store later.
 * A response says in its `samekey` header whether it was `executed`, `joined` or `replayed`.
 *
 * In a request's headers, `samekey-fresh: 1` asks for a new answer, `samekey-sample: 2` for a second
 * one beside the first, and `samekey-scope: …` keeps equal requests apart.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * let calls = 0;
 * const upstream = async () => Response.json({ answer: ++calls });
 * const fetch = idempotentFetch({ store: memoryStore(), fetch: upstream });
 * const ask = (body) =>
 *   fetch('https://api.example/v1/messages', {
 *     method: 'POST',
 *     headers: { 'content-type': 'application/json', 'x-api-key': 'a' },
 *     body,
 *   });
 * await (await ask('{"model":"m","messages":[]}')).json(); // { answer: 1 }
 * const again = await ask('{ "messages": [], "model": "m" }');
 * again.headers.get('samekey'); // 'replayed'
 * await again.json(); // { answer: 1 }
 */
export function idempotentFetch(options: FetchOptions): IdempotentFetch {
  const sender = new Sender(options);
  const fetch = (input: RequestInfo | URL, init?: RequestInit) => sender.fetch(input, init);
  return Object.assign(fetch, {
    evict: (key: string) => sender.exchanges.evict(key),
    stats: () => sender.exchanges.stats(),
    close: () => sender.exchanges.close(),
  });
}

class Sender {
  readonly exchanges: Exchanges;
  readonly #settings: SettingsOf<typeof fetchOptions>;
  readonly #fetch: typeof globalThis.fetch;
  readonly #methods: ReadonlySet<string>;
  readonly #header: KeyHeader;
  readonly #repeats = new LRUCache<string, number>({ max: 1000 });

  constructor(options: FetchOptions) {
    const settings = readOptions(fetchOptions, options, 'options of idempotentFetch', {
      others: { createOnce: onceOptions },
    });
    const { fetch = globalThis.fetch, methods, prices, currency } = settings;
    this.#settings = settings;
    // Called as a function: platforms refuse it as another object's method.
    this.#fetch = (input, init) => fetch(input, init);
    this.#methods = new Set(methods.map((method) => method.toUpperCase()));
    this.#header = new KeyHeader(settings);
    const table = prices && priceTable({ prices, ...(currency !== undefined && { currency }) });
    this.exchanges = new Exchanges({
      ...settings,
      savingOf: (response: StoredResponse) => savingOf(response, table),
    });
  }

  async fetch(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
    const method = (
      init?.method ?? (input instanceof Request ? input.method : 'GET')
    ).toUpperCase();
    if (!this.#methods.has(method)) return this.#fetch(input, init);
    if (this.#settings.applies !== undefined) {
      const url = new URL(input instanceof Request ? input.url : String(input), baseAddress());
      if (this.#settings.applies({ method, url }) === false) return this.#fetch(input, init);
    }
    const request = await readRequest(input, init);
    const { headers, signal } = request;
    const { key, fingerprint, sentKey } = await this.#keyOf(request);
    const fresh = /^(?:1|true)$/i.test(headers.get(FRESH) ?? '');
    // A copy of the caller's, and no longer of use as it was.
    for (const name of [FRESH, SAMPLE, SCOPE]) headers.delete(name);
    headers.set(this.#header.name, this.#header.write(sentKey));
    const { response, outcome } = await this.exchanges.run({
      key,
      fingerprint,
      url: request.url,
      fresh,
      signal,
      traceparent: headers.get('traceparent') ?? undefined,
      onStart: this.#settings.waitUntil,
      send: (signal) => send(request, headers, signal, this.#fetch),
    });
    if (outcome !== 'executed') this.#countRepeat(key, request);
    return response;
  }

  /** What the request is kept under, and what its header says. */
  async #keyOf(request: OutgoingRequest) {
    const { headers } = request;
    const { scope } = this.#settings;
    const more = headers.get(SCOPE);
    const scopes = [...[scope].flat(), ...(more ? [more] : [])];
    const ignoredHeaders = [...this.#settings.ignoredHeaders, this.#header.name];
    const own = { ...this.#settings, scope: scopes, ignoredHeaders };
    const found = await keyOfRequest(request, own, headers.get(SAMPLE) ?? undefined);
    const callersKey = this.#header.read(headers);
    if (callersKey === undefined) {
      return { key: found.key, fingerprint: undefined, sentKey: found.key };
    }
    this.#header.require(callersKey, this.#settings.keyFormat);
    // The same key of another account, or for another address, is another one.
    const key = scoped([...found.scope, "caller's key"], callersKey);
    return { key, fingerprint: found.contentKey, sentKey: callersKey };
  }

  /** Who samples wants another answer each time, and would wonder why it is always the same. */
  #countRepeat(key: string, { body, headers }: OutgoingRequest): void {
    const count = (this.#repeats.get(key) ?? 0) + 1;
    this.#repeats.set(key, count);
    if (count !== WARNING_AT) return;
    const temperature = temperatureIn(body);
    if (temperature === undefined || temperature <= 0) return;
    const traceparent = headers.get('traceparent') ?? undefined;
    try {
      this.#settings.onEvent?.({ type: 'repeats', key, traceparent, count, temperature });
    } catch {
      // Watching must not change what is watched.
    }
  }
}

function temperatureIn(body: string | Uint8Array): number | undefined {
  try {
    const { temperature, generationConfig } = JSON.parse(
      typeof body === 'string' ? body : decoder.decode(body),
    );
    const found = temperature ?? generationConfig?.temperature;
    return typeof found === 'number' ? found : undefined;
  } catch {
    return undefined;
  }
}
