import { nested } from '../options/nested.js';
import { optional } from '../options/own.js';
import {
  byteCount,
  choice,
  duration,
  either,
  func,
  instance,
  LONGEST_MS,
  LONGEST_TTL_MS,
  type OptionSpec,
  type OptionsOf,
  off,
  required,
  type SettingsOf,
  specs,
  value,
  wholeNumber,
} from '../options/spec.js';
import { steadyClockMs } from '../runtime/runtime.js';
import type { Store, StoreRecord } from '../store/store.js';
import { type Codec, faultOfCodec, jsonCodec } from './codec.js';
import type { EncryptedCodec } from './encrypted-codec.js';
import type { OnceEvent, Saved } from './events.js';

/** The decision about a key whose run has an unknown outcome. */
export type UnknownDecision = 'retry' | 'hold';

/** The decision of `onUnknown`: run it again, leave it locked, or use this result. */
export type Reconciliation =
  | UnknownDecision
  | {
      /** The result of the earlier run, as the function would have returned it. */
      readonly value: unknown;
    };

export const cacheOptions = /* @__PURE__ */ specs(() => ({
  /** The most results that this process caches. */
  maxEntries: wholeNumber({ default: 1000, min: 1 }),
  /** The most bytes that this process caches. */
  maxBytes: byteCount({ default: 32 * 1024 * 1024, min: 1 }),
  /** How long this process caches a result. An `evict` in another process does not clear this cache: this process may return the old result for that long. */
  ttlMs: duration({ default: 5 * 60 * 1000, min: 1, max: LONGEST_TTL_MS }),
}));

/** The result cache of one process, in front of the store. */
export interface CacheOptions extends OptionsOf<typeof cacheOptions> {}

type CacheSettings = SettingsOf<typeof cacheOptions>;

export const unknownDecision = /* @__PURE__ */ choice<UnknownDecision>('retry', 'hold');

/** The options of `createOnce`. */
export const onceOptions = /* @__PURE__ */ specs(() => ({
  /** The store of the records: any store of `samekey/store/…`, or your own. */
  store: required(
    instance<Store>(
      'a store such as memoryStore()',
      'claim',
      'renew',
      'complete',
      'release',
      'read',
      'evict',
      'close',
    ),
  ),
  /** How long a result is stored and replayed. */
  ttlMs: duration({ default: 24 * 60 * 60 * 1000, min: 1, max: LONGEST_TTL_MS }),
  /** How long an owner may stay silent before another process may claim its key. The owner renews its lease three times in that time. */
  leaseMs: duration({ default: 30_000, min: 10 }),
  /** Whether a duplicate waits for the run in progress (`'join'`) or is rejected (`'reject'`). */
  onDuplicate: choice('join', 'reject'),
  /**
   * How long a duplicate waits for a run in another process.
   * @defaultValue no limit
   */
  waitMs: duration({}),
  /**
   * How long the function may take. After that its signal aborts, its callers are rejected, and the outcome is unknown.
   * @defaultValue no limit
   */
  timeoutMs: duration({}),
  /** Whether the next caller of a key whose last run has an unknown outcome runs it again (`'retry'`), is rejected until `evict` (`'hold'`), or does what this function returns. */
  onUnknown: either(
    unknownDecision,
    func<(record: StoreRecord) => Reconciliation | Promise<Reconciliation>>(),
  ),
  /** Whether a caller is rejected (`'fail'`) or runs without protection (`'run'`) when the store fails. */
  onStoreError: choice('fail', 'run'),
  /** How long the store may take to answer one call. */
  storeTimeoutMs: duration({ default: 5000, min: 1 }),
  /**
   * Selects errors of the function to store and replay as its result.
   * @defaultValue none
   */
  storeErrors: func<(error: unknown) => boolean>(() => false),
  /**
   * Selects errors that leave the outcome unknown, such as a connection that broke after the request was sent: `onUnknown` then decides for the next caller, at once. If `unknownErrors` itself throws, the outcome is unknown.
   * @defaultValue none
   */
  unknownErrors: func<(error: unknown) => boolean>(() => false),
  /** The results that this process caches in front of the store; `false` turns the cache off. */
  cache: either(nested(cacheOptions) as OptionSpec<CacheOptions, CacheSettings>, off()),
  /** Whether a run whose callers have all aborted continues and stores its result (`'keep'`), or its signal aborts (`'abort'`). */
  onAbandoned: choice('keep', 'abort'),
  /**
   * How results become bytes. `encryptedCodec` encrypts them.
   * @defaultValue `jsonCodec`
   */
  codec: value<Codec | EncryptedCodec>(
    '{ name, encode, decode }',
    (given) => (isEncrypted(given) ? undefined : faultOfCodec(given)),
    jsonCodec,
  ),
  /** Whether a caller is rejected (`'hold'`) or runs the function again (`'retry'`) if the stored result cannot be decrypted or decoded. */
  onUnreadable: choice('hold', 'retry'),
  /** The largest result that is stored. */
  maxResultBytes: byteCount({ default: 16 * 1024 * 1024, max: LONGEST_MS }),
  /**
   * Returns milliseconds since 1970. Only ages within this process depend on it.
   * @defaultValue a clock that follows no change of the system time
   */
  clock: func<() => number>(steadyClockMs),
  /** Receives each event. An error that it throws is ignored. */
  onEvent: func<(event: OnceEvent) => void>(),
  /** Returns the tokens and the cost that a duplicate with this result saves, for events: `savingIn` of `samekey/cost`. */
  savingOf: func<(value: never) => Saved | undefined>(),
}));

/** The options of `createOnce`. */
export interface OnceOptions extends OptionsOf<typeof onceOptions> {}

/** The options of `createOnce` with their defaults. */
export interface OnceSettings extends Omit<SettingsOf<typeof onceOptions>, 'codec'> {
  readonly codec: Codec;
  /** Encrypts what `codec` writes. */
  readonly encryption: EncryptedCodec | undefined;
}

/** Tells by the members: a program may have two copies of the package. */
export const isEncrypted = (given: unknown): given is EncryptedCodec => {
  if (typeof given !== 'object' || given === null) return false;
  const members = given as EncryptedCodec;
  return (
    typeof optional(members, 'seal') === 'function' &&
    typeof optional(members, 'open') === 'function' &&
    faultOfCodec(optional(members, 'codec')) === undefined
  );
};

/** Returns the codec of a product, in the encryption that its user chose. */
export const encryptedBy = (
  encryption: EncryptedCodec | undefined,
  codec: Codec,
): Codec | EncryptedCodec =>
  encryption === undefined
    ? codec
    : {
        codec,
        seal: (key, result) => encryption.seal(key, result),
        open: (key, stored) => encryption.open(key, stored),
      };

/** Separates a codec from its encryption: all but the way to the store and back knows only the codec. */
export function withEncryption<Given extends { readonly codec: Codec | EncryptedCodec }>(
  given: Given,
): Omit<Given, 'codec'> & Pick<OnceSettings, 'codec' | 'encryption'> {
  const { codec } = given;
  return isEncrypted(codec)
    ? { ...given, codec: codec.codec, encryption: codec }
    : { ...given, codec, encryption: undefined };
}

/** How often a lease is renewed before it runs out. */
export const RENEWALS_PER_LEASE = 3;
