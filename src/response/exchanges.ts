import type { AbortSource, LazyAbort } from '../once/abort.js';
import { Alarms } from '../once/alarms.js';
import { type CallerLimitSettings, CallerLimits } from '../once/caller-limits.js';
import type { Detailed, OnceStats } from '../once/index.js';
import { type LiveAnswer, OnceRunner } from '../once/runner.js';
import { optional, own } from '../options/own.js';
import { ArrivingResponse, type ResponseRules } from './arriving-response.js';
import { HeldBytes } from './held-bytes.js';
import type { ExchangeSettings } from './options.js';
import { Recording } from './recording.js';
import type { HeaderLine, ResponseBody, ResponseData, ResponseHead } from './response-data.js';
import type { ResponseSubscriber } from './response-subscriber.js';
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
  /** Whose limits apply. */
  readonly account?: string | undefined;
  /** Whether the response may be stored. Otherwise equal requests join it while it is in progress. */
  readonly isStored?: boolean;
  /** Whether `send` calls only the platform: no code that could send the same request, and wait for itself. */
  readonly isSentByPlatform?: boolean;
  /** Called if this caller is the first, with a promise that resolves when the work is done. */
  readonly onStart?: ((settled: Promise<void>) => void) | undefined;
  /** Called then, too, for a caller that needs no such promise. */
  onFirst?(): void;
  send(abort: LazyAbort): Promise<ResponseData>;
}

/** Counts since the start, and what is held now. */
export interface ExchangeStats extends OnceStats {
  /** How many bytes of responses are held in memory; counted with `maxHeldBytes` only. */
  readonly heldBytes: number;
  /** How many bytes of responses `spill` has. */
  readonly spilledBytes: number;
  /** Requests that were refused because too many bytes were held. */
  readonly overloaded: number;
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

  /** @param sharedWith Others with the same settings but for times, whose limits and cache these share. */
  constructor(
    settings: ExchangeSettings & { readonly limits?: CallerLimitSettings },
    rules: Partial<Pick<ResponseRules, 'isCoded' | 'judge'>> = {},
    sharedWith?: Exchanges,
  ) {
    const { codec: encryption, limits = {}, ttlMs, unknownErrors, maxHeldBytes, spill } = settings;
    const hasLimit = Object.values(limits).some((limit) => limit !== undefined);
    const fixed = {
      codec: responseCodec,
      encryption,
      storeErrors: () => false,
      // Nothing was sent.
      unknownErrors: (error: unknown) =>
        codeOf(error) !== 'SAMEKEY_OVERLOADED' && unknownErrors(error),
    };
    this.once = new OnceRunner(
      { ...settings, ...fixed },
      sharedWith?.once.limits ?? (hasLimit ? new CallerLimits(limits, ttlMs) : undefined),
      sharedWith?.once.cache,
    );
    this.#rules = {
      held: maxHeldBytes === undefined ? undefined : new HeldBytes(maxHeldBytes, spill),
      maxBytes: settings.maxResultBytes,
      maxUnreadBytes: settings.maxUnreadBytes,
      idleMs: settings.idleMs,
      idleLimits: new Alarms(settings.idleMs),
      isStored: settings.storeResponses,
      isCoded: own(rules, 'isCoded') ?? false,
      judge: own(rules, 'judge'),
    };
  }

  /** Sends the request, or returns the response of an equal one that was sent before. */
  run(plan: ExchangePlan): Promise<Exchanged> {
    return this.runThen(plan, (exchanged) => exchanged, rethrow);
  }

  /**
   * `run(plan).then(give, fail)`, without the promise in between. A waiting duplicate holds one promise,
   * and no frame of an async function, which takes 0.5 KB.
   */
  runThen<R>(
    plan: ExchangePlan,
    give: (exchanged: Exchanged) => R,
    fail: (error: unknown) => R,
  ): Promise<R> {
    const { key } = plan;
    const fingerprint = optional(plan, 'fingerprint');
    const signal = optional(plan, 'signal');
    const traceparent = optional(plan, 'traceparent');
    const account = optional(plan, 'account');
    const fresh = optional(plan, 'fresh');
    const onStart = optional(plan, 'onStart');
    const create = () => {
      optional(plan, 'onFirst')?.call(plan);
      const isStored = optional(plan, 'isStored') ?? true;
      const rules = isStored ? this.#rules : { ...this.#rules, isStored: () => false };
      return new ArrivingResponse(plan, rules);
    };
    const options = { fingerprint, fresh, signal, traceparent, account, ttlMs: undefined };
    return this.once
      .live<StoredResponse, ResponseSubscriber>(key, { create, onStart }, options)
      .then(
        (answer) => {
          let exchanged: Exchanged;
          try {
            exchanged = exchangedOf(plan, answer, this.#rules);
          } catch (error) {
            // Another program has stored a value that is no response.
            return fail(error);
          }
          return give(exchanged);
        },
        (error) => {
          const answer = unstoredAnswer(error);
          return answer === undefined ? fail(error) : give(exchangedOf(plan, answer, this.#rules));
        },
      );
  }

  /** Removes the stored response; `false` if nothing was stored, or the key is in use. */
  evict(key: string): Promise<boolean> {
    return this.once.evict(key);
  }

  close(): Promise<void> {
    return this.once.close();
  }

  stats(): ExchangeStats {
    const { held } = this.#rules;
    return {
      ...this.once.stats(),
      heldBytes: held?.byteCount ?? 0,
      spilledBytes: held?.spilledBytes ?? 0,
      overloaded: held?.refusedCount ?? 0,
    };
  }
}

const codeOf = (error: unknown) => (error as { code?: unknown } | null | undefined)?.code;

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

function exchangedOf(
  plan: ExchangePlan,
  answer: LiveAnswer<StoredResponse, ResponseSubscriber>,
  rules: ResponseRules,
): Exchanged {
  const { key } = plan;
  const { outcome } = answer;
  if (isSubscribed(answer)) {
    const { subscriber, settled } = answer;
    const head = outcome === 'executed' ? subscriber.ownHead : subscriber.head;
    return { outcome, settled, response: marked(head, subscriber.body, outcome, key) };
  }
  const { body, ...stored } = answer.value;
  const url = optional(plan, 'url');
  const isSame = url !== undefined && withoutQuery(url) === stored.url;
  const head = isSame ? { ...stored, url } : stored;
  const own = bodyFor(body, optional(plan, 'signal'), rules);
  return { outcome, settled: SETTLED, response: marked(head, own, outcome, key) };
}

/** A longer body is handed out in pieces if there is a bound, and counts as held until it is read. */
const MAX_WHOLE_BYTES = 256 * 1024;
const PIECE_BYTES = 64 * 1024;

/** Returns a stored body, which the cache and the store share, for one caller. */
function bodyFor(
  body: Uint8Array,
  signal: AbortSource | undefined,
  rules: ResponseRules,
): ResponseBody {
  if (rules.held === undefined || body.length <= MAX_WHOLE_BYTES) return new Uint8Array(body);
  const recording = new Recording({ ...rules, maxBytes: Number.POSITIVE_INFINITY });
  for (let at = 0; at < body.length; at += PIECE_BYTES) {
    recording.write(body.subarray(at, at + PIECE_BYTES));
  }
  recording.end();
  const stream = recording.read(signal);
  recording.unpin();
  return stream;
}

type Answered = LiveAnswer<StoredResponse, ResponseSubscriber>;

const isSubscribed = (
  answer: Answered,
): answer is Extract<Answered, { readonly subscriber: unknown }> =>
  Object.hasOwn(answer, 'subscriber');

const SETTLED = /* @__PURE__ */ Promise.resolve();

function rethrow(error: unknown): never {
  throw error;
}

/**
 * Returns the answer that the store has no room for. Only a response that `onUnknown` found comes here:
 * the callers of any other one have read it by then.
 */
function unstoredAnswer(error: unknown): Detailed<StoredResponse> | undefined {
  const { code, value } = (error ?? {}) as { code?: unknown; value?: unknown };
  if (code !== 'SAMEKEY_STORE_FULL' || value === undefined) return undefined;
  // The object of `onUnknown` itself, which every caller gets.
  const stored = value as StoredResponse;
  const copy = { ...stored, body: new Uint8Array(stored.body) };
  return { value: copy, outcome: 'executed', layer: 'process', ageMs: 0 };
}
