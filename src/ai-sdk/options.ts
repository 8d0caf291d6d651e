import { priceOptions } from '../cost/options.js';
import {
  duration,
  func,
  joined,
  type OptionsOf,
  type SettingsOf,
  specs,
  without,
} from '../options/spec.js';
import { identityOptions, providerState } from '../request/options.js';
import { exchangeOptions } from '../response/options.js';
import { isUnknownCallFailure } from './unknown-failure.js';

const callKeyOptions = /* @__PURE__ */ specs(() => ({
  /**
   * The part of a call's parameters that identifies it.
   * @defaultValue all parameters
   */
  identity: identityOptions.identity,
  /**
   * Tenant, account, environment, …: equal calls in different scopes have different keys. The middleware does not see a model's API key and address.
   * @defaultValue none
   */
  scope: identityOptions.scope,
  /**
   * More headers that differ between two attempts of one call, and so do not count.
   * @defaultValue none
   */
  ignoredHeaders: identityOptions.ignoredHeaders,
}));

/** How a call becomes a key. */
export interface CallKeyOptions extends OptionsOf<typeof callKeyOptions> {}

export type CallKeySettings = SettingsOf<typeof callKeyOptions>;

const ownOptions = /* @__PURE__ */ specs(() => ({
  /** What to do with calls whose meaning is state at their provider, such as the next turn of a conversation: let an equal call join while the first is in progress, store and replay their answers as well (`'store'`), or make each one (`'pass'`). */
  providerState,
  // An answer that is not streamed arrives at once, and some models think for minutes.
  /** How long a model may send nothing. */
  idleMs: duration({ default: 15 * 60 * 1000, min: 1 }),
  /**
   * Selects the errors after which the model may have answered: `onUnknown` then decides for the next caller.
   * @defaultValue errors after which the provider may have received the call
   */
  unknownErrors: func<(error: unknown) => boolean>(isUnknownCallFailure),
}));

const REPLACED = ['idleMs', 'savingOf', 'storeResponses', 'unknownErrors'] as const;

/** The options of `idempotencyMiddleware`. */
export const middlewareOptions: Omit<typeof exchangeOptions, (typeof REPLACED)[number]> &
  typeof callKeyOptions &
  typeof priceOptions &
  typeof ownOptions = /* @__PURE__ */ specs(() =>
  joined(without(exchangeOptions, ...REPLACED), callKeyOptions, priceOptions, ownOptions),
);

/** The options of `idempotencyMiddleware`. */
export interface IdempotencyMiddlewareOptions extends OptionsOf<typeof middlewareOptions> {}
