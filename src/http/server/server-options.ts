import type { OnceStats } from '../../once/index.js';
import type { ExchangeOptions } from '../exchange/exchanges.js';
import type { KeyFormat, KeyHeaderOptions } from '../request/key-header.js';
import type { RequestKeyOptions } from '../request/request-key.js';

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
