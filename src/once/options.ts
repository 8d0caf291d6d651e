import { fail, nameOf, requireMembers } from '../errors/errors.js';
import { steadyClockMs } from '../runtime/runtime.js';
import type { Store, StoreRecord } from '../store/store.js';
import { type Codec, jsonCodec } from './codec.js';
import type { OnceEvent, Saved } from './events.js';

/** What to do about a key whose owner was never heard of again. */
export type UnknownDecision = 'retry' | 'hold';

/** What a look at the far side found: run it, leave it, or this is its result. */
export type Reconciliation = UnknownDecision | { readonly value: unknown };

export interface CacheOptions {
  readonly maxEntries?: number;
  readonly maxBytes?: number;
  readonly ttlMs?: number;
}

export interface OnceOptions {
  /** Where records are: `memoryStore()`, `lmdbStore(…)`, `redisStore(…)`, `postgresStore(…)`. */
  readonly store: Store;
  /** How long a result is replayed; 24 hours unless given. */
  readonly ttlMs?: number;
  /** How long an owner may be silent before it counts as gone; 30 seconds unless given. It says it is alive three times as often. */
  readonly leaseMs?: number;
  /** Whether a duplicate waits for the result of the run under way (`'join'`, the default) or is turned away. */
  readonly onDuplicate?: 'join' | 'reject';
  /** How long a duplicate waits for a run in another process; without end unless given. */
  readonly waitMs?: number;
  /** How long the function may take; without end unless given. Then its signal aborts and callers are told; what it did is unknown. */
  readonly timeoutMs?: number;
  /**
   * What to do when an owner was never heard of again, and so nobody knows whether its call
   * arrived: run it again (`'retry'`, the default), leave it until `evict` (`'hold'`), or what a
   * function finds out.
   */
  readonly onUnknown?:
    | UnknownDecision
    | ((record: StoreRecord) => Reconciliation | Promise<Reconciliation>);
  /** Whether callers are turned away (`'fail'`, the default) or run without protection when the store fails. */
  readonly onStoreError?: 'fail' | 'run';
  /** How long a store may take to answer; 5 seconds unless given. */
  readonly storeTimeoutMs?: number;
  /** Which errors of the function are kept and replayed; none unless given, so that a retry is one. */
  readonly storeErrors?: (error: unknown) => boolean;
  /**
   * After which errors of the function nobody knows whether the far side did the work, such as a
   * connection that was reset after the request was sent; none unless given. They are not kept: the
   * next caller is served by `onUnknown`, at once. An error it throws itself about counts as one.
   */
  readonly unknownErrors?: (error: unknown) => boolean;
  /**
   * Results kept in this process in front of the store, or `false`: 1000 of them and 32 MiB at most,
   * for 5 minutes, unless given. What another process evicts is replayed here for that long.
   */
  readonly cache?: CacheOptions | false;
  /** When all callers have given up: let the call go on and keep its result (`'keep'`, the default), or abort it. */
  readonly onAbandoned?: 'keep' | 'abort';
  /** How results are kept; JSON unless given. */
  readonly codec?: Codec;
  /** The largest result that is kept; 16 MiB unless given. */
  readonly maxResultBytes?: number;
  /** Milliseconds since 1970; a clock that nobody can set unless given. Only ages in this process depend on it. */
  readonly clock?: () => number;
  /** Is told what happens. What it throws is ignored. */
  readonly onEvent?: (event: OnceEvent) => void;
  /** What a duplicate saves that gets this result, for events: `savingIn` of `samekey/cost`. */
  readonly savingOf?: (value: never) => Saved | undefined;
}

/** How often a lease is renewed before it runs out. */
export const RENEWALS_PER_LEASE = 3;

/** Options with their defaults. */
export interface OnceSettings {
  readonly store: Store;
  readonly ttlMs: number;
  readonly leaseMs: number;
  readonly onDuplicate: 'join' | 'reject';
  readonly waitMs: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly onUnknown: NonNullable<OnceOptions['onUnknown']>;
  readonly onStoreError: 'fail' | 'run';
  readonly storeTimeoutMs: number;
  readonly storeErrors: (error: unknown) => boolean;
  readonly unknownErrors: (error: unknown) => boolean;
  readonly cache: Required<CacheOptions> | undefined;
  readonly onAbandoned: 'keep' | 'abort';
  readonly codec: Codec;
  readonly maxResultBytes: number;
  readonly clock: () => number;
  readonly onEvent: ((event: OnceEvent) => void) | undefined;
  readonly savingOf: ((value: never) => Saved | undefined) | undefined;
}

const MEMBERS = [
  'store',
  'ttlMs',
  'leaseMs',
  'onDuplicate',
  'waitMs',
  'timeoutMs',
  'onUnknown',
  'onStoreError',
  'storeTimeoutMs',
  'storeErrors',
  'unknownErrors',
  'cache',
  'onAbandoned',
  'codec',
  'maxResultBytes',
  'clock',
  'onEvent',
  'savingOf',
];

const STORE_FUNCTIONS = [
  'claim',
  'renew',
  'complete',
  'release',
  'read',
  'evict',
  'close',
] as const;

/** The longest that a timer of the platform can be set to. */
const LONGEST_MS = 2 ** 31 - 1;
/** A hundred years. */
const LONGEST_TTL_MS = 100 * 366 * 24 * 60 * 60 * 1000;

/**
 * Checks the options of `createOnce`.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` naming the member and what would be right.
 */
export function toSettings(options: OnceOptions): OnceSettings {
  requireMembers(options, MEMBERS, 'options of once');
  const { store, cache = {} } = options;
  for (const name of STORE_FUNCTIONS) {
    if (typeof store?.[name] !== 'function') {
      refuse(TypeError, `store has no ${name}(), wanted a store such as memoryStore()`);
    }
  }
  if (cache !== false) requireMembers(cache, ['maxEntries', 'maxBytes', 'ttlMs'], 'cache of once');
  const codec = options.codec ?? jsonCodec;
  if (
    typeof codec.encode !== 'function' ||
    typeof codec.decode !== 'function' ||
    typeof codec.name !== 'string'
  ) {
    refuse(TypeError, 'codec is no codec, wanted { name, encode, decode }');
  }
  const onUnknown = options.onUnknown ?? 'retry';
  if (typeof onUnknown !== 'function') {
    oneOf('onUnknown', onUnknown, ['retry', 'hold'], ' or a function');
  }
  const leaseMs = whole('leaseMs', options.leaseMs, 30_000, 10);
  return {
    store,
    ttlMs: whole('ttlMs', options.ttlMs, 24 * 60 * 60 * 1000, 1, LONGEST_TTL_MS),
    leaseMs,
    onDuplicate: oneOf('onDuplicate', options.onDuplicate ?? 'join', ['join', 'reject']),
    waitMs: optionalWhole('waitMs', options.waitMs),
    timeoutMs: optionalWhole('timeoutMs', options.timeoutMs),
    onUnknown,
    onStoreError: oneOf('onStoreError', options.onStoreError ?? 'fail', ['fail', 'run']),
    storeTimeoutMs: whole('storeTimeoutMs', options.storeTimeoutMs, 5000, 1),
    storeErrors: callable('storeErrors', options.storeErrors) ?? (() => false),
    unknownErrors: callable('unknownErrors', options.unknownErrors) ?? (() => false),
    cache:
      cache === false
        ? undefined
        : {
            maxEntries: whole('cache.maxEntries', cache.maxEntries, 1000, 1),
            maxBytes: whole('cache.maxBytes', cache.maxBytes, 32 * 1024 * 1024, 1, 2 ** 53 - 1),
            ttlMs: whole('cache.ttlMs', cache.ttlMs, 5 * 60 * 1000, 1, LONGEST_TTL_MS),
          },
    onAbandoned: oneOf('onAbandoned', options.onAbandoned ?? 'keep', ['keep', 'abort']),
    codec,
    maxResultBytes: whole('maxResultBytes', options.maxResultBytes, 16 * 1024 * 1024, 0),
    clock: callable('clock', options.clock) ?? steadyClockMs,
    onEvent: callable('onEvent', options.onEvent),
    savingOf: callable('savingOf', options.savingOf),
  };
}

function refuse(Class: new (message: string) => Error, what: string): never {
  return fail(Class, 'SAMEKEY_BAD_ARGUMENT', `Cannot make a once: ${what}`);
}

/** Checks a number of milliseconds or bytes. */
export function whole(
  name: string,
  value: unknown,
  fallback: number,
  least: number,
  most = LONGEST_MS,
): number {
  if (value === undefined) return fallback;
  if (typeof value !== 'number') {
    return refuse(TypeError, `${name} is ${nameOf(value)}, wanted a whole number from ${least}`);
  }
  if (!Number.isSafeInteger(value) || value < least || value > most) {
    refuse(RangeError, `${name} is ${value}, wanted a whole number from ${least} to ${most}`);
  }
  return value;
}

function optionalWhole(name: string, value: unknown): number | undefined {
  return value === undefined ? undefined : whole(name, value, 0, 0);
}

function oneOf<T extends string>(name: string, value: T, allowed: readonly T[], more = ''): T {
  if (allowed.includes(value)) return value;
  return refuse(
    typeof value === 'string' ? RangeError : TypeError,
    `${name} is ${typeof value === 'string' ? JSON.stringify(value) : nameOf(value)}, wanted ${allowed.map((each) => JSON.stringify(each)).join(' or ')}${more}`,
  );
}

function callable<T>(name: string, value: T | undefined): T | undefined {
  if (value === undefined || typeof value === 'function') return value;
  return refuse(TypeError, `${name} is ${nameOf(value)}, wanted a function`);
}
