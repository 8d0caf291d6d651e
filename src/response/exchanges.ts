import type { AbortSource, LazyAbort } from '../once/abort.js';
import type { Detailed, OnceStats } from '../once/index.js';
import { OnceRunner } from '../once/runner.js';
import {
  ArrivingResponse,
  type ResponseRules,
  type ResponseSubscriber,
} from './arriving-response.js';
import type { ExchangeSettings } from './options.js';
import type { HeaderLine, ResponseBody, ResponseData, ResponseHead } from './response-data.js';
import { responseCodec, type StoredResponse, withoutQuery } from './stored-response.js';

/** One caller's request. */
export interface ExchangePlan {
  readonly key: string;
  /** A digest of the payload, if the key is not derived from it. */
  readonly fingerprint?: string | undefined;
  readonly fresh?: boolean;
  /** The request's URL. Its query is not stored; a duplicate's response has the query of its own request. */
  readonly url?: string;
  /** Ends the wait of this caller, and its body. */
  readonly signal?: AbortSource | undefined;
  readonly traceparent?: string | undefined;
  /** Whether the response may be stored. Otherwise equal requests join it while it is in progress. */
  readonly isStored?: boolean;
  /** Called if this caller is the first, with a promise that resolves when the work is done. */
  readonly onStart?: ((settled: Promise<void>) => void) | undefined;
  readonly send: (abort: LazyAbort) => Promise<ResponseData>;
}

export interface Exchanged {
  readonly response: ResponseData;
  readonly outcome: Detailed<unknown>['outcome'];
  /** Resolves when the response is stored, or will not be; never rejects. */
  readonly settled: Promise<void>;
}

/** The response header with the outcome: `executed`, `joined` or `replayed`. */
export const OUTCOME_HEADER = 'samekey';
const KEY_HEADER = 'samekey-key';

/**
 * Sends at most one request per key. Duplicates read the response while it arrives, or receive the
 * stored one.
 */
export class Exchanges {
  readonly once: OnceRunner;
  readonly #rules: ResponseRules;

  constructor(
    settings: ExchangeSettings,
    { isCoded = false, judge }: Partial<Pick<ResponseRules, 'isCoded' | 'judge'>> = {},
  ) {
    this.once = new OnceRunner({ ...settings, codec: responseCodec, storeErrors: () => false });
    this.#rules = {
      maxBytes: settings.maxResultBytes,
      maxUnreadBytes: settings.maxUnreadBytes,
      idleMs: settings.idleMs,
      isStored: settings.storeResponses,
      isCoded,
      judge,
    };
  }

  /** Sends the request, or returns the response of an equal one that was sent before. */
  async run(plan: ExchangePlan): Promise<Exchanged> {
    const { key, url, send, onStart, isStored = true, ...options } = plan;
    const rules = isStored ? this.#rules : { ...this.#rules, isStored: () => false };
    const call = { create: () => new ArrivingResponse(key, rules, send), onStart };
    const answer = await this.once
      .live<StoredResponse, ResponseSubscriber>(key, call, options)
      .catch(unstoredAnswer);
    const { outcome } = answer;
    if ('subscriber' in answer) {
      const { subscriber, settled } = answer;
      return { outcome, settled, response: marked(subscriber.head, subscriber.body, outcome, key) };
    }
    const { body, ...stored } = answer.value;
    const isSame = url !== undefined && withoutQuery(url) === stored.url;
    const head = isSame ? { ...stored, url } : stored;
    // A result of `onUnknown` is the caller's own object; every other one is a copy already.
    const bytes = outcome === 'executed' ? new Uint8Array(body) : body;
    return { outcome, settled: Promise.resolve(), response: marked(head, bytes, outcome, key) };
  }

  /** Removes the stored response; `false` if nothing was stored, or the key is in use. */
  evict(key: string): Promise<boolean> {
    return this.once.evict(key);
  }

  close(): Promise<void> {
    return this.once.close();
  }

  stats(): OnceStats {
    return this.once.stats();
  }
}

/** Returns a response with headers that tell its outcome. If two layers are nested, the outer one tells. */
function marked(
  head: ResponseHead,
  body: ResponseBody,
  outcome: string,
  key: string,
): ResponseData {
  const { status, statusText, url } = head;
  const headers: HeaderLine[] = [];
  for (const line of head.headers) {
    if (line[0] !== OUTCOME_HEADER && line[0] !== KEY_HEADER) headers.push(line);
  }
  headers.push([OUTCOME_HEADER, outcome], [KEY_HEADER, key]);
  return { status, statusText, url, headers, body };
}

/**
 * Returns the answer that the store has no room for. Only a response that `onUnknown` found comes here:
 * the callers of any other one have read it by then.
 */
function unstoredAnswer(error: unknown): Detailed<StoredResponse> {
  const { code, value } = error as { code?: unknown; value?: unknown };
  if (code !== 'SAMEKEY_STORE_FULL' || value === undefined) throw error;
  return { value: value as StoredResponse, outcome: 'executed', layer: 'process', ageMs: 0 };
}
