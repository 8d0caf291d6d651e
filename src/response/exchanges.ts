import type { AbortSource } from '../once/abort.js';
import type { Detailed, OnceStats } from '../once/index.js';
import { LiveCall } from '../once/live.js';
import { OnceRunner } from '../once/once.js';
import {
  ArrivingResponse,
  type ResponseRules,
  type ResponseSubscriber,
} from './arriving-response.js';
import type { ExchangeSettings } from './options.js';
import { responseCodec, type StoredResponse, toResponse, withoutQuery } from './stored-response.js';

/** One caller's wish to have a request sent, or to get what came of it. */
export interface ExchangePlan {
  readonly key: string;
  /** Of the payload, where the key is not made of it. */
  readonly fingerprint?: string | undefined;
  readonly fresh?: boolean;
  /** Where it goes; who asks for it knows its query, which is not kept. */
  readonly url?: string;
  /** Ends the wait of this caller, and what it reads. */
  readonly signal?: AbortSource | undefined;
  readonly traceparent?: string | undefined;
  /** Is told when this caller is the first, until when there is something to do. */
  readonly onStart?: ((settled: Promise<void>) => void) | undefined;
  readonly send: (signal: AbortSignal) => Promise<Response>;
}

export interface Exchanged {
  readonly response: Response;
  readonly outcome: Detailed<unknown>['outcome'];
  /** Until the store has it, too, if it is kept; never rejects. */
  readonly settled: Promise<void>;
}

/** The header that says how a response came about. */
export const OUTCOME_HEADER = 'samekey';

/**
 * Requests that are under way and responses that are kept: at most one of each per key, and every
 * duplicate reads along.
 */
export class Exchanges {
  readonly once: OnceRunner;
  readonly #rules: ResponseRules;

  /** `isCoded` where bodies come as they travel: `fetch` decodes them, a handler's are as it made them. */
  constructor(settings: ExchangeSettings, isCoded = false) {
    this.once = new OnceRunner({ ...settings, codec: responseCodec, storeErrors: () => false });
    this.#rules = {
      maxBytes: settings.maxResultBytes,
      maxUnreadBytes: settings.maxUnreadBytes,
      idleMs: settings.idleMs,
      isKept: settings.storeResponses,
      isCoded,
    };
  }

  /** Sends the request, or returns the response of an equal one that was sent before. */
  async run(plan: ExchangePlan): Promise<Exchanged> {
    const { key, url, send, onStart, ...options } = plan;
    const call = new LiveCall(() => new ArrivingResponse(key, this.#rules, send), onStart);
    const answer = await this.once.live<StoredResponse, ResponseSubscriber>(key, call, options);
    const { outcome } = answer;
    const marks = { [OUTCOME_HEADER]: outcome, [`${OUTCOME_HEADER}-key`]: key };
    if ('subscriber' in answer) {
      const { subscriber, settled } = answer;
      return { outcome, settled, response: toResponse(subscriber.head, subscriber.body, marks) };
    }
    const { body, ...stored } = answer.value;
    const isSame = url !== undefined && withoutQuery(url) === stored.url;
    const head = isSame ? { ...stored, url } : stored;
    // A result of `onUnknown` is the caller's own object; every other one is a copy already.
    const bytes = outcome === 'executed' ? body.slice() : body;
    return { outcome, settled: Promise.resolve(), response: toResponse(head, bytes, marks) };
  }

  /** Removes the stored response; `false` if there was none, or the key is in use. */
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
