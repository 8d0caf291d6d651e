import { readOptions } from '../options/read.js';
import type { StoreRecord } from '../store/store.js';
import type { CallOptions } from './call.js';
import type { OnceContext } from './call-function.js';
import type { Codec, jsonCodec } from './codec.js';
import type { EncryptedCodec } from './encrypted-codec.js';
import type { Jsonified } from './jsonified.js';
import { type OnceOptions, onceOptions, withEncryption } from './options.js';
import { type Detailed, OnceRunner, type OnceStats, type RunFunction } from './runner.js';

/** The type of a result of the type `T`: that of JSON, unless the codec is `Exact`. */
type Result<T, Exact extends boolean> = Exact extends true ? T : Jsonified<T>;

/**
 * Runs a function at most once per key. Every caller receives the result as the codec returns it: with
 * the default, as JSON. `Exact` stands for a codec of the program, which returns values as they were.
 */
export interface Once<Exact extends boolean = false> {
  <T>(
    key: string,
    fn: (context: OnceContext) => T | Promise<T>,
    options?: CallOptions,
  ): Promise<Result<T, Exact>>;
  /** The same, with the origin of the result. */
  detailed<T>(
    key: string,
    fn: (context: OnceContext) => T | Promise<T>,
    options?: CallOptions,
  ): Promise<Detailed<Result<T, Exact>>>;
  /** Removes a result, or a record of unknown outcome. Returns `false` if there is no such record, or the key is running. */
  evict(key: string): Promise<boolean>;
  /** Returns the record in the store. */
  inspect(key: string): Promise<StoreRecord | undefined>;
  /** Returns the counts of this process. */
  stats(): OnceStats;
  /** Refuses new calls, waits for the runs in progress and closes the store. */
  close(): Promise<void>;
}

/**
 * Returns a function that runs another function at most once per key, in all processes that share the
 * store, and gives its result to every duplicate.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * const once = createOnce({ store: memoryStore() });
 * const key = keyOf({ model: 'm', messages: [] });
 * let calls = 0;
 * const call = async () => ({ answer: ++calls });
 * await Promise.all([once(key, call), once(key, call), once(key, call)]);
 * calls; // 1
 */
export function createOnce(
  options: OnceOptions & { readonly codec: typeof jsonCodec | EncryptedCodec<typeof jsonCodec> },
): Once;
export function createOnce(
  options: OnceOptions & { readonly codec: Codec | EncryptedCodec },
): Once<true>;
export function createOnce(options: OnceOptions): Once;
export function createOnce(options: OnceOptions): Once<boolean> {
  const settings = readOptions(onceOptions, options, 'options of createOnce');
  const onces = new OnceRunner(withEncryption(settings));
  const once = (key: string, fn: RunFunction, options?: CallOptions) =>
    onces.value(key, fn, options);
  return Object.assign(once, {
    detailed: onces.detailed.bind(onces),
    evict: (key: string) => onces.evict(key),
    inspect: (key: string) => onces.inspect(key),
    stats: () => onces.stats(),
    close: () => onces.close(),
  }) as unknown as Once<boolean>;
}
