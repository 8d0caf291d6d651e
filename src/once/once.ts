import { fail, nameOf, quote, requireMembers } from '../errors/errors.js';
import { isKey } from '../key/key.js';
import type { StoreRecord } from '../store/store.js';
import { isAnother } from '../store/transition.js';
import { LazyAbort, untilAborted } from './abort.js';
import { ResultCache } from './cache.js';
import { closed, inProgress, mismatch } from './errors.js';
import type { Layer, OnceEvent, Saved } from './events.js';
import { type FlightPlan, fly, type Landing } from './flight.js';
import { GuardedStore } from './guarded-store.js';
import { open } from './kept.js';
import { type OnceOptions, type OnceSettings, toSettings } from './options.js';
import type { EventBody, OnceContext } from './run.js';

/** What one call asks for. */
export interface CallOptions {
  /** Ends the wait of this caller; the run goes on for the others, and by `onAbandoned` for nobody. */
  readonly signal?: AbortSignal;
  /** Of the payload, where the key is not made of it: another one under the same key is an error. */
  readonly fingerprint?: string;
  /** Runs it again though there is a result; a run that is under way is joined. */
  readonly fresh?: boolean;
  /** W3C Trace Context of the call, for events. */
  readonly traceparent?: string;
}

/** A result, and how it came about. */
export interface Detailed<T> {
  readonly value: T;
  /** `executed`: the function ran for this call; `joined`: it ran for another, meanwhile; `replayed`: before. */
  readonly outcome: 'executed' | 'joined' | 'replayed';
  /** Who answered. */
  readonly layer: Layer;
  readonly ageMs: number;
}

/** What has happened since `createOnce`. */
export interface OnceStats {
  readonly executed: number;
  readonly failed: number;
  readonly joined: number;
  readonly replayed: number;
  readonly conflicts: number;
  readonly mismatches: number;
  readonly leasesLost: number;
  readonly unknown: number;
  readonly storeErrors: number;
  /** Runs and waits under way. */
  readonly inFlight: number;
  readonly cached: number;
}

/** Runs a function at most once per key. */
export interface Once {
  <T>(key: string, fn: (context: OnceContext) => T | Promise<T>, options?: CallOptions): Promise<T>;
  /** The same, with how the result came about. */
  detailed<T>(
    key: string,
    fn: (context: OnceContext) => T | Promise<T>,
    options?: CallOptions,
  ): Promise<Detailed<T>>;
  /** Takes a result, or a record whose outcome is unknown, away; `false` if there was none, or it is running. */
  evict(key: string): Promise<boolean>;
  /** The record in the store. */
  inspect(key: string): Promise<StoreRecord | undefined>;
  stats(): OnceStats;
  /** Refuses new calls, waits for the runs under way and closes the store. */
  close(): Promise<void>;
}

/** A flight and who is on it. */
interface Flight {
  readonly landing: Promise<Landing>;
  readonly fingerprint: string | undefined;
  readonly traceparent: string | undefined;
  readonly abort: LazyAbort;
  passengers: number;
  /** Whether its result was evicted while it was under way. */
  isEvicted: boolean;
  /** Ends its wait for another process's run. */
  wake(): void;
}

const COUNTED = {
  executed: 'executed',
  failed: 'failed',
  joined: 'joined',
  replayed: 'replayed',
  conflict: 'conflicts',
  mismatch: 'mismatches',
  leaseLost: 'leasesLost',
  unknown: 'unknown',
  storeError: 'storeErrors',
} as const;

/**
 * Returns a function that runs another one at most once per key, in this process and in all that
 * share the store, and gives its result to every duplicate.
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
export function createOnce(options: OnceOptions): Once {
  const onces = new OnceRunner(toSettings(options));
  const once = async <T>(
    key: string,
    fn: (context: OnceContext) => T | Promise<T>,
    options?: CallOptions,
  ) => (await onces.detailed(key, fn, options)).value;
  return Object.assign(once, {
    detailed: onces.detailed.bind(onces) as Once['detailed'],
    evict: (key: string) => onces.evict(key),
    inspect: (key: string) => onces.inspect(key),
    stats: () => onces.stats(),
    close: () => onces.close(),
  }) as Once;
}

class OnceRunner {
  readonly #settings: OnceSettings;
  readonly #store: GuardedStore;
  readonly #cache: ResultCache;
  readonly #flights = new Map<string, Flight>();
  readonly #counts = {
    executed: 0,
    failed: 0,
    joined: 0,
    replayed: 0,
    conflicts: 0,
    mismatches: 0,
    leasesLost: 0,
    unknown: 0,
    storeErrors: 0,
  };
  #isClosed = false;

  constructor(settings: OnceSettings) {
    this.#settings = settings;
    this.#cache = new ResultCache(settings.cache, settings.clock);
    this.#store = new GuardedStore(settings.store, settings.storeTimeoutMs, (key, action, error) =>
      this.#emit(key, undefined, { type: 'storeError', action, error }),
    );
  }

  async detailed<T>(
    key: string,
    fn: (context: OnceContext) => T | Promise<T>,
    options: CallOptions = {},
  ): Promise<Detailed<T>> {
    check(key, fn, options);
    if (this.#isClosed) throw closed(key);
    const { signal, fingerprint, fresh = false, traceparent } = options;
    signal?.throwIfAborted();
    const cached = fresh ? undefined : this.#cache.get(key);
    if (cached !== undefined && !isAnother(cached.fingerprint, fingerprint)) {
      const ageMs = Math.max(0, this.#settings.clock() - cached.finishedAtMs);
      const event = { type: 'replayed', layer: 'process', ageMs } as const;
      const value = this.#give(key, traceparent, event, () =>
        open(cached.kept, this.#settings.codec),
      ) as T;
      return { value, outcome: 'replayed', layer: 'process', ageMs };
    }
    const under = this.#flights.get(key);
    if (under === undefined) {
      const flight = this.#start({ key, fn, fingerprint, fresh }, traceparent);
      return (await this.#board<T>(flight, key, true, options)) as Detailed<T>;
    }
    if (under.abort.isAborted) {
      // Its end is nothing to join, and not far.
      await untilAborted(
        under.landing.catch(() => {}),
        signal,
      );
      return this.detailed(key, fn, options);
    }
    if (isAnother(under.fingerprint, fingerprint)) return this.#refuseMismatch(key, traceparent);
    if (this.#settings.onDuplicate === 'reject') {
      this.#emit(key, traceparent, { type: 'conflict', layer: 'process', waitedMs: 0 });
      throw inProgress(key, undefined, 0);
    }
    const joined = await this.#board<T>(under, key, false, options);
    // Nothing was run for it: it was a look at what there was.
    return joined ?? this.detailed(key, fn, options);
  }

  async #refuseMismatch(key: string, traceparent: string | undefined): Promise<never> {
    this.#emit(key, traceparent, { type: 'mismatch', layer: 'process' });
    const { record } = await this.#store.read(key).catch(() => ({ record: undefined }));
    throw mismatch(key, record);
  }

  async evict(key: string): Promise<boolean> {
    checkKey(key);
    this.#cache.delete(key);
    const isGone = await this.#store.evict(key);
    // A flight that was under way may have put it back, or be about to.
    this.#cache.delete(key);
    const flight = this.#flights.get(key);
    if (isGone && flight !== undefined) flight.isEvicted = true;
    if (isGone) this.#emit(key, undefined, { type: 'evicted' });
    return isGone;
  }

  async inspect(key: string): Promise<StoreRecord | undefined> {
    checkKey(key);
    const { record } = await this.#store.read(key);
    if (record?.payload === undefined) return record;
    return { ...record, payload: record.payload.slice() };
  }

  stats(): OnceStats {
    return { ...this.#counts, inFlight: this.#flights.size, cached: this.#cache.size };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const flight of this.#flights.values()) flight.wake();
    await Promise.allSettled([...this.#flights.values()].map(({ landing }) => landing));
    this.#cache.clear();
    await this.#settings.store.close();
  }

  #start(plan: FlightPlan, traceparent: string | undefined): Flight {
    const { key, fingerprint } = plan;
    const abort = new LazyAbort();
    let flight: Flight | undefined;
    let wakeFlight = () => {};
    const landing = fly(plan, {
      settings: this.#settings,
      store: this.#store,
      abort,
      isAbandoned: () => flight?.passengers === 0,
      isClosed: () => this.#isClosed,
      onWake(wake) {
        wakeFlight = wake;
      },
      emit: (event) => this.#emit(key, traceparent, event),
    });
    const started: Flight = {
      landing,
      fingerprint,
      traceparent,
      abort,
      passengers: 0,
      isEvicted: false,
      wake: () => wakeFlight(),
    };
    flight = started;
    this.#flights.set(key, started);
    landing
      .finally(() => this.#flights.delete(key))
      .then(({ kept, fingerprint, ageMs, leftMs }) => {
        if (!started.isEvicted) this.#cache.set(key, kept, fingerprint, ageMs, leftMs);
      })
      // Passengers are told; there may be none left.
      .catch(() => {});
    return started;
  }

  /** Waits for a flight; `undefined` if it brought an old result for who wants a fresh one. */
  async #board<T>(
    flight: Flight,
    key: string,
    isFirst: boolean,
    { signal, traceparent, fingerprint, fresh }: CallOptions,
  ): Promise<Detailed<T> | undefined> {
    const boardedAt = performance.now();
    flight.passengers++;
    let landed: Landing;
    try {
      landed = await untilAborted(flight.landing, signal);
    } catch (error) {
      if (signal?.aborted && flight.passengers === 1 && this.#settings.onAbandoned === 'abort') {
        flight.abort.abort(signal.reason);
      }
      throw error;
    } finally {
      flight.passengers--;
      if (flight.passengers === 0) flight.wake();
    }
    const { ageMs } = landed;
    if (isAnother(landed.fingerprint, fingerprint)) {
      return this.#refuseMismatch(key, traceparent);
    }
    if (fresh && !isFirst && landed.outcome === 'replayed') return undefined;
    if (isFirst) {
      const layer = landed.own === undefined ? 'store' : 'process';
      const { outcome, waitedMs } = landed;
      const read = landed.own ?? (() => open(landed.kept, this.#settings.codec));
      const value =
        outcome === 'executed'
          ? read()
          : this.#give(
              key,
              traceparent,
              outcome === 'joined'
                ? { type: outcome, layer, waitedMs, joinedTraceparent: undefined }
                : { type: outcome, layer, ageMs },
              read,
            );
      return { value: value as T, outcome, layer, ageMs };
    }
    const waitedMs = performance.now() - boardedAt;
    const joinedTraceparent = flight.traceparent;
    const value = this.#give(
      key,
      traceparent,
      { type: 'joined', layer: 'process', waitedMs, joinedTraceparent },
      () => open(landed.kept, this.#settings.codec),
    ) as T;
    return { value, outcome: 'joined', layer: 'process', ageMs };
  }

  /** Reads a result for a duplicate, and tells of it: a kept error is one, too. */
  #give(
    key: string,
    traceparent: string | undefined,
    event: EventBody,
    read: () => unknown,
  ): unknown {
    let saved: { saved: Saved } | undefined;
    try {
      const value = read();
      saved = this.#savedBy(value);
      return value;
    } finally {
      this.#emit(key, traceparent, { ...event, ...saved });
    }
  }

  #savedBy(value: unknown): { saved: Saved } | undefined {
    const { savingOf, onEvent } = this.#settings;
    if (savingOf === undefined || onEvent === undefined) return undefined;
    try {
      const saved = savingOf(value as never);
      return saved && { saved };
    } catch {
      // Nor must counting.
      return undefined;
    }
  }

  #emit(key: string, traceparent: string | undefined, event: EventBody): void {
    if (event.type !== 'evicted') this.#counts[COUNTED[event.type]]++;
    try {
      this.#settings.onEvent?.({ ...event, key, traceparent } as OnceEvent);
    } catch {
      // Watching must not change what is watched.
    }
  }
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

function checkKey(key: unknown): void {
  if (isKey(key) || (typeof key === 'string' && UUID.test(key))) return;
  fail(
    TypeError,
    'SAMEKEY_BAD_KEY',
    `Cannot use the key ${typeof key === 'string' ? quote(key) : nameOf(key)}: wanted what keyOf, sha256Hex, scoped, uuidv5 or randomKey give`,
  );
}

function check(key: unknown, fn: unknown, options: CallOptions): void {
  checkKey(key);
  if (typeof fn !== 'function') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot run ${key}: the second argument is ${nameOf(fn)}, wanted a function`,
    );
  }
  requireMembers(options, ['signal', 'fingerprint', 'fresh', 'traceparent'], 'options of the call');
  const { fingerprint } = options;
  if (fingerprint !== undefined && typeof fingerprint !== 'string') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot run ${key}: fingerprint is ${nameOf(fingerprint)}, wanted text such as another key`,
    );
  }
}
