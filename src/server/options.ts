import { fail, nameOf } from '../errors/errors.js';
import { scoped } from '../index.js';
import type { OnceStats } from '../once/index.js';
import { type KeyFormat, type KeyHeaderOptions, requireKeyFormat } from '../request/key-header.js';
import type { RequestKeyOptions } from '../request/request-key.js';
import type { ExchangeOptions } from '../response/exchanges.js';

/**
 * How requests are recognised and their responses kept; what is not said here is as in
 * `createOnce`. `Incoming` is the platform's request, as its middleware gets it.
 */
export interface ServerOptions<Incoming>
  extends Omit<ExchangeOptions, 'waitMs' | 'storeResponses' | 'storeErrors' | 'unknownErrors'>,
    KeyHeaderOptions,
    Pick<RequestKeyOptions, 'identity' | 'scope'> {
  /** Methods of requests that are processed at most once; POST and PATCH unless given. Others just pass. */
  readonly methods?: readonly string[];
  /** Which of these are; all unless given. */
  readonly applies?: (request: Incoming) => boolean;
  /** Whether a request without a key is refused with 400; it just passes unless given. */
  readonly required?: boolean | ((request: Incoming) => boolean);
  /**
   * Whether a request without a key gets one made of its method, path, query, account and body.
   * Not where there is no account: strangers who say the same are not one.
   */
  readonly deriveKey?: boolean;
  /** Whose request it is; unless given, or where it says nothing, what the credentials say. */
  readonly account?: (request: Incoming) => string | undefined;
  /** Which keys clients may send; any of up to 255 visible ASCII characters unless given. */
  readonly keyFormat?: KeyFormat;
  /** How long a duplicate waits for the first one's response before it is told 409; 10 seconds unless given. */
  readonly waitMs?: number;
  /** The largest body of a request with a key; 10 MiB unless given. A larger one is refused with 413. */
  readonly maxBodyBytes?: number;
  /** Which responses are kept and replayed: those with a 2xx or 3xx status, unless given. */
  readonly storeResponses?: ExchangeOptions['storeResponses'];
}

/** What every form of the middleware has beside its function. */
export interface ServerControls {
  /** Forgets the response that is kept under a key, which the `samekey-key` header of each shows. */
  evict(key: string): Promise<boolean>;
  stats(): OnceStats;
  /** Refuses new requests, waits for those under way and closes the store. */
  close(): Promise<void>;
}

/**
 * Checks what only a server has, when it is made: at a request it would be a client that is told.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT`, `SAMEKEY_BAD_SCOPE`.
 */
export function checkServerOptions<Incoming>(options: ServerOptions<Incoming>): void {
  const { methods = [], applies, account, required, storeResponses, keyFormat, scope } = options;
  const refuse = (name: string, value: unknown, wanted: string) =>
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot use the option ${name}: it is ${nameOf(value)}, wanted ${wanted}`,
    );
  if (!Array.isArray(methods) || methods.some((method) => typeof method !== 'string')) {
    refuse('methods', methods, 'a list of texts such as ["POST", "PATCH"]');
  }
  for (const [name, value] of Object.entries({ applies, account, storeResponses })) {
    if (value !== undefined && typeof value !== 'function') refuse(name, value, 'a function');
  }
  if (required !== undefined && typeof required !== 'boolean' && typeof required !== 'function') {
    refuse('required', required, 'true, false or a function');
  }
  if (keyFormat !== undefined) requireKeyFormat(keyFormat);
  if (scope !== undefined) scoped(scope, '');
}
