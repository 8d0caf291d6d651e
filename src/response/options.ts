import type { EncryptedCodec } from '../once/index.js';
import { isEncrypted, onceOptions } from '../once/options.js';
import {
  byteCount,
  duration,
  func,
  joined,
  LONGEST_MS,
  type OptionsOf,
  type SettingsOf,
  specs,
  value,
  without,
} from '../options/spec.js';
import type { ResponseInfo } from './arriving-response.js';

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
}));

/** The options of `createOnce` for responses, whose codec and stored errors are given. */
export const exchangeOptions: Omit<typeof onceOptions, 'codec' | 'storeErrors'> &
  typeof responseOptions = /* @__PURE__ */ specs(() =>
  joined(without(onceOptions, 'codec', 'storeErrors'), responseOptions),
);

/** How responses are shared and stored. */
export interface ExchangeOptions extends OptionsOf<typeof exchangeOptions> {}

export type ExchangeSettings = SettingsOf<typeof exchangeOptions>;
