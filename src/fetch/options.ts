import { priceOptions } from '../cost/options.js';
import type { OnceEvent } from '../once/index.js';
import { func, joined, type OptionsOf, specs, without } from '../options/spec.js';
import type { FetchFunction } from '../request/foreign.js';
import {
  keyFormat,
  keyHeaderOptions,
  methods,
  providerState,
  requestKeyOptions,
} from '../request/options.js';
import { callerLimits, exchangeOptions } from '../response/options.js';
import { isUnknownFailure } from '../response/unknown-failure.js';

/** The argument of `onEvent`: an event of `samekey/once`, or this one. */
export type FetchEvent =
  | OnceEvent
  | {
      /** One key was requested many times with a `temperature` above 0: its caller may expect different answers. */
      readonly type: 'repeats';
      /** The key that was requested many times. */
      readonly key: string;
      /** The W3C Trace Context of the request. */
      readonly traceparent: string | undefined;
      /** How many times it was requested. */
      readonly count: number;
      /** The `temperature` in the body of the request. */
      readonly temperature: number;
    };

const ownOptions = /* @__PURE__ */ specs(() => ({
  /**
   * The `fetch` that sends requests.
   * @defaultValue `globalThis.fetch`
   */
  fetch: func<FetchFunction>(),
  /** Methods of requests that are sent at most once. Requests with other methods pass through. */
  methods,
  /**
   * Selects the requests with these methods that are sent at most once.
   * @defaultValue all
   */
  applies: func<(request: { readonly method: string; readonly url: URL }) => boolean>(),
  /**
   * The format of the keys that a caller may set itself.
   * @defaultValue any of up to 255 visible ASCII characters
   */
  keyFormat,
  /** What to do with requests whose meaning is state at their provider, such as the next turn of a conversation: let an equal request join while the first is in progress, store and replay their responses as well (`'store'`), or send each one (`'pass'`). */
  providerState,
  /** Limits of each account and key in this process, for a program that sends requests of others. A request beyond one rejects with `SAMEKEY_LIMIT`. */
  limits: callerLimits,
  /**
   * Selects the errors after which the request may have been processed: `onUnknown` then decides for the next caller.
   * @defaultValue errors after which the server may have received the request
   */
  unknownErrors: func<(error: unknown) => boolean>(isUnknownFailure),
  /** Receives each event. An error that it throws is ignored. */
  onEvent: func<(event: FetchEvent) => void>(),
  /** Receives a promise per request that resolves when its response is stored, for platforms that stop work after the response. */
  waitUntil: func<(settled: Promise<void>) => void>(),
}));

const REPLACED = ['onEvent', 'savingOf', 'unknownErrors'] as const;

/** The options of `idempotentFetch`: its own, and those of `createOnce` (`src/once/options.ts`), with their defaults. */
export const fetchOptions: Omit<typeof exchangeOptions, (typeof REPLACED)[number]> &
  typeof requestKeyOptions &
  typeof keyHeaderOptions &
  typeof priceOptions &
  typeof ownOptions = /* @__PURE__ */ specs(() =>
  joined(
    without(exchangeOptions, ...REPLACED),
    requestKeyOptions,
    keyHeaderOptions,
    priceOptions,
    ownOptions,
  ),
);

/** The options of `idempotentFetch`. */
export interface FetchOptions extends OptionsOf<typeof fetchOptions> {}
