import type { EncryptedCodec } from '../once/index.js';
import { isEncrypted, onceOptions } from '../once/options.js';
import { nested } from '../options/nested.js';
import {
  byteCount,
  duration,
  func,
  instance,
  joined,
  LONGEST_MS,
  type OptionSpec,
  type OptionsOf,
  type SettingsOf,
  specs,
  value,
  wholeNumber,
  without,
} from '../options/spec.js';
import type { Spill } from './held-bytes.js';
import type { ResponseInfo } from './storable.js';

/** Results with a codec of their own can only be encrypted. */
export const encryptionOnly = /* @__PURE__ */ value<EncryptedCodec>(
  'encryptedCodec({ keys })',
  (given) => (isEncrypted(given) ? undefined : [TypeError, 'is no encryptedCodec']),
);

const responseOptions = /* @__PURE__ */ specs(() => ({
  /**
   * Encrypts the stored responses: `encryptedCodec({ keys })`. Its own `codec` is not used.
   * @defaultValue none
   */
  codec: encryptionOnly,
  /**
   * Selects the responses to store and replay. A response that ended too early, or whose body says that it failed, is never stored.
   * @defaultValue those with a 2xx status that are complete
   */
  storeResponses: func<(response: ResponseInfo) => boolean>(
    (response) =>
      response.status >= 200 && response.status < 300 && response.verdict === 'complete',
  ),
  /** How long a response may stall before it is aborted. */
  idleMs: duration({ default: 5 * 60 * 1000, min: 1 }),
  /** How far one reader may fall behind another in a response that is too long to store. */
  maxUnreadBytes: byteCount({ default: 1024 * 1024, max: LONGEST_MS }),
  /**
   * How many bytes of responses this process holds in memory for their readers and for the store. Above it a new key is refused with `SAMEKEY_OVERLOADED` before it is sent.
   * @defaultValue no limit
   */
  maxHeldBytes: byteCount({ min: 1 }),
  /**
   * Where responses go that are above three quarters of `maxHeldBytes`. Without it they wait for their readers.
   * @defaultValue none
   */
  spill: instance<Spill>('an object with open()', 'open'),
}));

export const limitOptions = /* @__PURE__ */ specs(() => ({
  /**
   * The most runs that an account may start within a minute. Duplicates and replays do not count.
   * @defaultValue no limit
   */
  keysPerMinute: wholeNumber({ min: 1, max: 999_999_999 }),
  /**
   * The most bytes of responses that are stored for an account before its new keys are refused.
   * @defaultValue no limit
   */
  storedBytesPerAccount: byteCount({ min: 1, max: 1024 ** 4 }),
  /**
   * The most duplicates of one key that wait for its response, or read it as it arrives.
   * @defaultValue no limit
   */
  waitingPerKey: wholeNumber({ min: 1, max: 999_999_999 }),
}));

/** Limits of callers. */
export interface LimitOptions extends OptionsOf<typeof limitOptions> {}

/** The option of products that know the account of a caller. */
export const callerLimits = /* @__PURE__ */ specs(() => nested(limitOptions)) as OptionSpec<
  LimitOptions,
  SettingsOf<typeof limitOptions>
>;

/** The options of `createOnce` for responses, whose codec and stored errors are given. */
export const exchangeOptions: Omit<typeof onceOptions, 'codec' | 'storeErrors'> &
  typeof responseOptions = /* @__PURE__ */ specs(() =>
  joined(without(onceOptions, 'codec', 'storeErrors'), responseOptions),
);

/** How responses are shared and stored. */
export interface ExchangeOptions extends OptionsOf<typeof exchangeOptions> {}

export type ExchangeSettings = SettingsOf<typeof exchangeOptions>;
