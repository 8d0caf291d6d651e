import {
  byteCount,
  duration,
  either,
  flag,
  func,
  joined,
  LONGEST_MS,
  type OptionsOf,
  type SettingsOf,
  specs,
  without,
} from '../options/spec.js';
import { identityOptions, keyFormat, keyHeaderOptions, methods } from '../request/options.js';
import type { ExchangeStats } from '../response/exchanges.js';
import { callerLimits, exchangeOptions } from '../response/options.js';
import type { ResponseInfo } from '../response/storable.js';
import type { ServerProblem } from './problem.js';
import type { ErrorAnswer } from './refusals.js';

const ownOptions = /* @__PURE__ */ specs(() => ({
  /** Methods of requests that are processed at most once. Requests with other methods pass through. */
  methods,
  /**
   * Selects the requests with these methods that are processed at most once.
   * @defaultValue all
   */
  applies: func<(request: never) => boolean>(),
  /** Whether a request without a key is refused with 400. Otherwise it passes through. */
  required: either(flag(false), func<(request: never) => boolean>()),
  /** Whether a request without a key gets one, derived from its method, path, query, account and body. Requests without an account get none: two anonymous clients must not share a response. */
  deriveKey: flag(false),
  /**
   * Returns the account that sends the request; `undefined` for the default.
   * @defaultValue a digest of the request's credentials
   */
  account: func<(request: never) => string | undefined>(),
  /**
   * The format of the keys that clients may send.
   * @defaultValue any of up to 255 visible ASCII characters
   */
  keyFormat,
  /** How long a duplicate waits for the response of the first request before it is answered with 409. */
  waitMs: duration({ default: 10_000 }),
  /** Limits of each account and key in this process. A request beyond one is refused with 429. */
  limits: callerLimits,
  /** The largest body of a request with a key; a larger one is refused with 413. */
  maxBodyBytes: byteCount({ default: 10 * 1024 * 1024, max: LONGEST_MS }),
  /**
   * Selects the responses to store and replay.
   * @defaultValue those with a 2xx or 3xx status
   */
  // A 4xx says that nothing was done, for a reason that may not hold at the next attempt. A stored
  // 5xx could never be retried away.
  storeResponses: func<(response: ResponseInfo) => boolean>(
    ({ status }) => status >= 200 && status < 400,
  ),
  /**
   * Returns the answer to a request that samekey refuses, as `{ status, headers, body }`.
   * @defaultValue problem details (RFC 9457)
   */
  onError: func<(problem: ServerProblem, request: never) => ErrorAnswer>(),
  /** Receives a promise per run that resolves when its response is stored, for platforms that stop work after the response, such as `after` of Next.js. */
  waitUntil: func<(settled: Promise<void>) => void>(),
}));

const REPLACED = ['waitMs', 'storeResponses', 'unknownErrors'] as const;

/** The options of `idempotent` and of the middleware for each framework. */
export const serverOptions: Omit<typeof exchangeOptions, (typeof REPLACED)[number]> &
  typeof keyHeaderOptions &
  Omit<typeof identityOptions, 'ignoredHeaders'> &
  typeof ownOptions = /* @__PURE__ */ specs(() =>
  joined(
    without(exchangeOptions, ...REPLACED),
    keyHeaderOptions,
    without(identityOptions, 'ignoredHeaders'),
    ownOptions,
  ),
);

/**
 * How requests are recognised and their responses stored. `Incoming` is the platform's request, as
 * its middleware receives it.
 */
export interface ServerOptions<Incoming> extends OptionsOf<typeof serverOptions> {
  readonly applies?: (request: Incoming) => boolean;
  readonly required?: boolean | ((request: Incoming) => boolean);
  readonly account?: (request: Incoming) => string | undefined;
  readonly onError?: (problem: ServerProblem, request: Incoming) => ErrorAnswer;
}

export interface ServerSettings<Incoming>
  extends Omit<SettingsOf<typeof serverOptions>, 'applies' | 'required' | 'account'> {
  readonly applies: ((request: Incoming) => boolean) | undefined;
  readonly required: boolean | ((request: Incoming) => boolean);
  readonly account: ((request: Incoming) => string | undefined) | undefined;
}

/** The methods of every middleware and handler. */
export interface ServerControls {
  /** Deletes the stored response of a key, which the `samekey-key` header of each response shows. */
  evict(key: string): Promise<boolean>;
  /** Returns the counters since the middleware was created. */
  stats(): ExchangeStats;
  /** Refuses new requests, waits for those in progress and closes the store. */
  close(): Promise<void>;
}

/** How a request was answered: by the handler, with the response of another one, or from the store. */
export type IdempotencyOutcome = 'executed' | 'joined' | 'replayed';

/** What middleware and handlers can read of a request that is processed at most once. */
export interface IdempotencyState {
  /** The key of the record, as in the `samekey-key` header. It fits other services as a key. */
  readonly key: string;
  /** The key that the client sent, without quotes. `undefined` if it is derived. */
  readonly sentKey: string | undefined;
  /** The account by the option `account`, or the digest of the credentials; `''` without any. */
  readonly account: string;
  /**
   * As in the `samekey` header. `undefined` as long as the request waits, and if it is refused. In the
   * handler it is `executed`.
   */
  readonly outcome: IdempotencyOutcome | undefined;
}
