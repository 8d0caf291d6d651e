/** `samekey/fetch`: a `fetch` that sends equal requests once, below the retries of an SDK. */
import { priceTable } from '../cost/prices.js';
import { savingOf } from '../cost/saving.js';
import { decoder } from '../engine/utf8.js';
import { onceOptions } from '../once/options.js';
import { ignoreRejection, notify } from '../options/callbacks.js';
import { optionOf, readOptions } from '../options/read.js';
import type { SettingsOf } from '../options/spec.js';
import {
  asPlatformFetch,
  type FetchFunction,
  isRequest,
  type PlatformFetch,
  senderOf,
} from '../request/foreign.js';
import { KeyHeader } from '../request/key-header.js';
import { baseUrl, type OutgoingRequest, readRequest, send } from '../request/outgoing-request.js';
import { FRESH, OWN_HEADERS, SAMPLE, SCOPE } from '../request/own-headers.js';
import { isProviderState } from '../request/provider-state.js';
import { RequestKeys } from '../request/request-key.js';
import { type Exchanged, type ExchangeStats, Exchanges } from '../response/exchanges.js';
import { ResponseJudge } from '../response/judge.js';
import { dataOf, toResponse } from '../response/response-data.js';
import type { StoredResponse } from '../response/stored-response.js';
import { type FetchOptions, fetchOptions } from './options.js';
import { answerForSdk } from './sdk-answer.js';

export type { KeyFormat, KeyHeaderOptions, RequestKeyOptions } from '../request/options.js';
export {
  BrokenResponseError,
  HttpError,
  ResponseNotKeptError,
  SlowReaderError,
} from '../response/errors.js';
export type { ExchangeStats } from '../response/exchanges.js';
export type { Spill, SpillFile } from '../response/held-bytes.js';
export type { ExchangeOptions } from '../response/options.js';
export type { ResponseInfo } from '../response/storable.js';
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

/** A `fetch` that sends equal requests once. */
export interface IdempotentFetch extends PlatformFetch {
  /** Sends a request, joins an equal request in progress, or replays a stored response. */
  (input: Request | string | URL, init?: RequestInit): Promise<Response>;
  /**
   * Deletes the stored response of a key, or its record with an unknown outcome. The `samekey-key`
   * header of a response has its key. Resolves to `false` if the key has no such record.
   */
  evict(key: string): Promise<boolean>;
  /** Returns counts of the requests since this `fetch` was created. */
  stats(): ExchangeStats;
  /** Refuses new requests, waits for requests in progress and closes the store. */
  close(): Promise<void>;
}

/**
 * The platform's own `fetch`: nothing of this module could be in it yet. It calls no code of the program,
 * so its runs need no look for deadlocks, which slows down every promise of Node 20 and 22: a call of
 * 2 KB takes 150 µs less there.
 */
const PLATFORM_FETCH = globalThis.fetch;

/** The number of duplicates of one key that causes a `repeats` event. */
const REPEATS_PER_WARNING = 10;
/** How many keys are counted at the same time. */
const MAX_REPEATED = 1000;

/**
 * Returns a `fetch` that sends equal requests once, in this process and in every process that shares
 * the store. A duplicate joins the request in progress and receives its stream from the beginning, or
 * receives the stored response later. The `samekey` header of a response is `executed`, `joined` or
 * `replayed`.
 *
 * Request headers change this for one request: `samekey-fresh: 1` replaces the stored response,
 * `samekey-sample: 2` requests a second response beside the first, and `samekey-scope: …` separates
 * equal requests.
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
  const fetch = (input: Request | string | URL, init?: RequestInit) => sender.fetch(input, init);
  return Object.assign(asPlatformFetch(fetch), {
    evict: (key: string) => sender.exchanges.evict(key),
    stats: () => sender.exchanges.stats(),
    close: () => sender.exchanges.close(),
  });
}

class Sender {
  readonly exchanges: Exchanges;
  readonly #settings: SettingsOf<typeof fetchOptions>;
  /** Sends requests that pass through, and all others. */
  readonly #fetch: FetchFunction;
  readonly #sender: FetchFunction;
  readonly #isSentByPlatform: boolean;
  readonly #methods: ReadonlySet<string>;
  readonly #header: KeyHeader;
  readonly #keys: RequestKeys;
  /** The repetitions of keys, those of the last repeated key at the end. */
  readonly #repeats = new Map<string, number>();

  constructor(options: FetchOptions) {
    const settings = readOptions(fetchOptions, options, 'options of idempotentFetch', {
      hintAt: optionOf({ createOnce: onceOptions }),
    });
    const { fetch = globalThis.fetch, methods, prices, currency } = settings;
    this.#settings = settings;
    // A platform's `fetch` must not be called as a method of this object.
    this.#fetch = (input, init) => fetch(input, init);
    this.#sender = senderOf(fetch);
    this.#isSentByPlatform = fetch === PLATFORM_FETCH;
    this.#methods = new Set(methods.map((method) => method.toUpperCase()));
    this.#header = new KeyHeader(settings);
    this.#keys = new RequestKeys(settings, settings.headerName);
    const table = prices && priceTable({ prices, ...(currency !== undefined && { currency }) });
    this.exchanges = new Exchanges(
      {
        ...settings,
        savingOf: (response: StoredResponse) => savingOf(response, table),
      },
      { judge: (response, maxBytes) => new ResponseJudge(response, maxBytes) },
    );
  }

  async fetch(input: Request | string | URL, init?: RequestInit): Promise<Response> {
    const method = (init?.method ?? (isRequest(input) ? input.method : 'GET')).toUpperCase();
    if (!this.#methods.has(method)) return this.#pass(input, init);
    if (this.#settings.applies !== undefined) {
      const url = new URL(isRequest(input) ? input.url : String(input), baseUrl());
      const answer = this.#settings.applies({ method, url });
      ignoreRejection(answer);
      if (answer === false) return this.#pass(input, init);
    }
    const reading = readRequest(input, init);
    const request = reading instanceof Promise ? await reading : reading;
    const { headers, given, signal } = request;
    const { providerState } = this.#settings;
    const callersKey = this.#header.read(given);
    // A caller's own key says which request it is.
    const isState =
      providerState !== 'store' && callersKey === undefined && isProviderState(request);
    // `headers` is a copy: the caller's headers stay as they are.
    const deleteOwn = () => {
      for (const name of OWN_HEADERS) if (given.has(name)) headers.delete(name);
    };
    if (isState && providerState === 'pass') {
      deleteOwn();
      return send(request, headers, signal, this.#sender);
    }
    const parts = { scope: given.get(SCOPE) ?? undefined, sample: given.get(SAMPLE) ?? undefined };
    const deriving = this.#keys.of(request, parts);
    const derived = deriving instanceof Promise ? await deriving : deriving;
    let { key } = derived;
    if (callersKey !== undefined) {
      const { keyFormat } = this.#settings;
      if (keyFormat !== undefined) this.#header.require(callersKey, keyFormat);
      key = derived.keyForCaller(callersKey);
    }
    const exchange = this.exchanges.run({
      key,
      fingerprint: callersKey && derived.contentKey,
      url: request.url,
      account: derived.account,
      fresh: /^(?:1|true)$/i.test(given.get(FRESH) ?? ''),
      signal,
      isStored: !isState,
      isSentByPlatform: this.#isSentByPlatform,
      traceparent: given.get('traceparent') ?? undefined,
      onStart: this.#settings.waitUntil,
      send: async (abort) => {
        deleteOwn();
        headers.set(this.#header.name, this.#header.write(callersKey ?? key));
        const answer = await send(request, headers, abort.signal, this.#sender);
        return dataOf(`the response of ${key}`, answer);
      },
    });
    let exchanged: Exchanged;
    try {
      exchanged = await exchange;
    } catch (error) {
      const answer = answerForSdk(error, given);
      if (answer === undefined) throw error;
      return answer;
    }
    const { response, outcome } = exchanged;
    if (outcome !== 'executed' && this.#settings.onEvent !== undefined) {
      this.#countRepeat(key, request);
    }
    return toResponse(response);
  }

  /** Sends a request that gets no key. */
  #pass(input: Request | string | URL, init: RequestInit | undefined): Promise<Response> {
    const given = init?.headers ?? (isRequest(input) ? input.headers : undefined);
    if (given === undefined) return this.#fetch(input, init);
    const headers = new Headers(given);
    if (!OWN_HEADERS.some((name) => headers.has(name))) return this.#fetch(input, init);
    for (const name of OWN_HEADERS) headers.delete(name);
    return this.#fetch(input, { ...init, headers });
  }

  /** Warns a caller that samples, and so may expect a different answer each time. */
  #countRepeat(key: string, { body, given }: OutgoingRequest): void {
    const repeats = this.#repeats;
    const count = (repeats.get(key) ?? 0) + 1;
    repeats.delete(key);
    repeats.set(key, count);
    if (repeats.size > MAX_REPEATED) repeats.delete(repeats.keys().next().value as string);
    if (count !== REPEATS_PER_WARNING) return;
    const temperature = temperatureIn(body);
    if (temperature === undefined || temperature <= 0) return;
    const traceparent = given.get('traceparent') ?? undefined;
    const { onEvent } = this.#settings;
    if (onEvent) notify(onEvent, { type: 'repeats', key, traceparent, count, temperature });
  }
}

function temperatureIn(body: string | Uint8Array): number | undefined {
  try {
    const { temperature, generationConfig } = JSON.parse(
      typeof body === 'string' ? body : decoder.decode(body),
    );
    const value = temperature ?? generationConfig?.temperature;
    return typeof value === 'number' ? value : undefined;
  } catch {
    return undefined;
  }
}
