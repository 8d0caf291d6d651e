import { type AbortSource, untilAborted } from '../once/abort.js';
import { inProgress, mismatch, OnceError } from '../once/errors.js';
import type { Saved } from '../once/events.js';
import { RequestGoneError } from '../once/heartbeat.js';
import type { Detailed, OnceEvent, OnceStats } from '../once/index.js';
import { OnceRunner } from '../once/once.js';
import type { EventBody } from '../once/run.js';
import {
  clearTimer,
  isBoundToRequest,
  monotonicMs,
  setTimer,
  type Timer,
} from '../runtime/runtime.js';
import { isAnother } from '../store/transition.js';
import { HttpError, ResponseNotKeptError } from './errors.js';
import { Exchange, type ExchangeLimits, type Outcome } from './exchange.js';
import type { ExchangeSettings } from './options.js';
import { responseCodec, type StoredResponse, toResponse, withoutQuery } from './stored-response.js';

/** One caller's wish to have a request sent, or to get what came of it. */
export interface ExchangePlan {
  readonly key: string;
  /** Of the payload, where the key is not made of it. */
  readonly fingerprint?: string | undefined;
  readonly fresh?: boolean;
  /** Where it goes; who asks for it knows its query, which is not kept. */
  readonly url?: string;
  /** Ends the wait of this caller, and what it reads. */
  readonly signal?: AbortSource | undefined;
  readonly traceparent?: string | undefined;
  /** Is told when this caller is the first, until when there is something to do. */
  readonly onStart?: ((settled: Promise<void>) => void) | undefined;
  readonly send: (signal: AbortSignal) => Promise<Response>;
}

export interface Exchanged {
  readonly response: Response;
  readonly outcome: Outcome;
  /** Until the store has it, too, if it is kept; never rejects. */
  readonly settled: Promise<void>;
}

/** Whether an error says that somebody has waited for another's run for long enough. */
const isWaitTimeout = (error: unknown) =>
  error instanceof OnceError && error.code === 'SAMEKEY_IN_PROGRESS';

/** For one that waited for an exchange whose request is gone: it is to look again. */
const lookAgainIfRequestEnded = (error: unknown): undefined => {
  if (!(error instanceof RequestGoneError)) throw error;
};

/** The header that says how a response came about. */
export const OUTCOME_HEADER = 'samekey';

/**
 * Requests that are under way and responses that are kept: at most one of each per key, and every
 * duplicate reads along.
 */
export class Exchanges {
  readonly once: OnceRunner;
  readonly #limits: ExchangeLimits;
  readonly #options: ExchangeSettings;
  readonly #inProgress = new Map<string, Exchange>();
  /** All that `close` waits for: those that nobody may join any longer, too. */
  readonly #unsettled = new Set<Exchange>();
  /** What `once` did not see, because it was dealt with here. */
  readonly #counts = { joined: 0, conflicts: 0, mismatches: 0 };

  /** `isCoded` where bodies come as they travel: `fetch` decodes them, a handler's are as it made them. */
  constructor(settings: ExchangeSettings, isCoded = false) {
    this.#options = settings;
    this.once = new OnceRunner({ ...settings, codec: responseCodec, storeErrors: () => false });
    this.#limits = {
      maxBytes: settings.maxResultBytes,
      maxUnreadBytes: settings.maxUnreadBytes,
      idleMs: settings.idleMs,
      leaseMs: settings.leaseMs,
      isKept: settings.storeResponses,
      isCoded,
    };
  }

  /** Sends it, or gives what came or is coming of it. */
  async run(plan: ExchangePlan): Promise<Exchanged> {
    const calledAt = monotonicMs();
    for (;;) {
      plan.signal?.throwIfAborted();
      const underWay = this.#joinable(plan.key);
      const exchanged =
        underWay === undefined
          ? await this.#await(this.#start(plan), plan, undefined)
          : await this.#join(underWay, plan, calledAt).catch(lookAgainIfRequestEnded);
      if (exchanged !== undefined) return exchanged;
    }
  }

  /** Forgets the response that is kept; `false` if there was none, or the key is in use. */
  async evict(key: string): Promise<boolean> {
    let isGone = true;
    try {
      isGone = await this.once.evict(key);
      return isGone;
    } finally {
      // An exchange that began before this may still come to what was taken away.
      if (isGone) this.#inProgress.delete(key);
    }
  }

  async close(): Promise<void> {
    await this.once.close();
    // What it has answered, and the events of those who joined.
    await Promise.all(
      [...this.#unsettled].map((each) => each.until(each.settled).catch(lookAgainIfRequestEnded)),
    );
  }

  stats(): OnceStats {
    const stats = this.once.stats();
    const { joined, conflicts, mismatches } = this.#counts;
    return {
      ...stats,
      joined: stats.joined + joined,
      conflicts: stats.conflicts + conflicts,
      mismatches: stats.mismatches + mismatches,
    };
  }

  /** The exchange that callers of this key join. One whose request is gone is forgotten. */
  #joinable(key: string): Exchange | undefined {
    // The oldest first.
    for (const [each, exchange] of this.#inProgress) {
      if (!exchange.isGone) break;
      this.#forget(each, exchange);
    }
    const exchange = this.#inProgress.get(key);
    if (!exchange?.isGone) return exchange;
    this.#forget(key, exchange);
    return undefined;
  }

  #forget(key: string, exchange: Exchange): void {
    this.#remove(key, exchange);
    this.#unsettled.delete(exchange);
  }

  #remove(key: string, exchange: Exchange): void {
    if (this.#inProgress.get(key) === exchange) this.#inProgress.delete(key);
  }

  #start(plan: ExchangePlan): Exchange {
    const { key, fingerprint, fresh = false, traceparent, send } = plan;
    const abortsWhenAbandoned = this.#options.onAbandoned === 'abort';
    const exchange = new Exchange(this.#limits, abortsWhenAbandoned, fingerprint, traceparent);
    // One that throws has nothing begun.
    plan.onStart?.(exchange.settled);
    this.#inProgress.set(key, exchange);
    this.#unsettled.add(exchange);
    exchange.settled.then(() => this.#unsettled.delete(exchange));
    const ask = (): Promise<Detailed<StoredResponse>> =>
      this.once
        .detailed<StoredResponse>(key, (context) => exchange.execute(context, send), {
          fresh,
          signal: exchange.abandonment,
          ...(fingerprint !== undefined && { fingerprint }),
          ...(traceparent !== undefined && { traceparent }),
        })
        .catch((error) => {
          // What others sent and left, before they had an answer, came to nothing that is kept.
          const isOthers = error instanceof ResponseNotKeptError && !exchange.isExecuting;
          if (isOthers) return ask();
          throw error;
        });
    ask()
      .finally(() => this.#remove(key, exchange))
      .then(
        (answer) => exchange.resolve(answer),
        (error) => exchange.reject(error),
      );
    return exchange;
  }

  /** Gets what is coming of an exchange; `undefined` if the caller is to look again. */
  async #join(
    underWay: Exchange,
    plan: ExchangePlan,
    calledAt: number,
  ): Promise<Exchanged | undefined> {
    const { key, fingerprint, signal } = plan;
    // What is complete is nobody else's before the store says that it is kept: it may say no. What
    // is not kept, or was given up, is nothing to join.
    if (!underWay.isOpen) {
      await this.#inTime(underWay.until(underWay.settled), plan, calledAt);
      return undefined;
    }
    if (isAnother(underWay.fingerprint, fingerprint)) {
      // While it looks it may be the one that the store refuses.
      if (!underWay.isExecuting) {
        await this.#inTime(underWay.until(underWay.lookedUp), plan, calledAt, () =>
          this.#mismatch(plan),
        );
        if (!underWay.isExecuting) return undefined;
      }
      throw this.#mismatch(plan);
    }
    if (this.#options.onDuplicate === 'reject') {
      await untilAborted(underWay.until(underWay.lookedUp), signal);
      if (underWay.isExecuting) throw this.#conflict(plan, 0);
    }
    if (!underWay.canBeJoined) {
      this.#conflict(plan, 0);
      throw new HttpError(
        'SAMEKEY_TOO_LONG',
        `Cannot join ${key}: its response is longer than ${this.#limits.maxBytes} bytes, wanted the end of it, or a larger maxResultBytes`,
      );
    }
    // No request may read the stream of another one: a duplicate waits for all of it and gets a copy.
    if (isBoundToRequest()) {
      await this.#inTime(underWay.until(underWay.settled), plan, calledAt);
      return undefined;
    }
    return this.#await(underWay, plan, calledAt);
  }

  /** Waits for the answer; `undefined` if it is none for this caller, who is to look again. */
  async #await(
    exchange: Exchange,
    plan: ExchangePlan,
    calledAt: number | undefined,
  ): Promise<Exchanged | undefined> {
    const { key, signal, fresh } = plan;
    const isFirst = calledAt === undefined;
    const subscribedAt = monotonicMs();
    const subscriber = exchange.subscribe(signal);
    try {
      // Who was first waits for others by the rules of `once`.
      const answer = await (isFirst
        ? untilAborted(exchange.answer, signal)
        : this.#inTime(exchange.answer, plan, calledAt));
      const waitedMs = monotonicMs() - subscribedAt;
      // What was there before is not what who wants a fresh response waits for.
      const isOld =
        'stored' in answer && (answer.outcome === 'replayed' || answer.ageMs > waitedMs);
      if (fresh && !isFirst && isOld) {
        subscriber.unsubscribe();
        return undefined;
      }
      const own = 'stored' in answer ? answer.outcome : 'executed';
      const outcome = isFirst ? own : 'joined';
      if (!isFirst) {
        this.#counts.joined++;
        const joinedTraceparent = exchange.traceparent;
        const event = { type: 'joined', layer: 'process', waitedMs, joinedTraceparent } as const;
        this.#tellWithSaving(exchange, plan, event);
      }
      const { settled } = exchange;
      const marks = { [OUTCOME_HEADER]: outcome, [`${OUTCOME_HEADER}-key`]: key };
      if (!('stored' in answer)) {
        const { head, hasBody } = answer;
        if (!hasBody) subscriber.cancel();
        return {
          outcome,
          settled,
          response: toResponse(head, hasBody ? subscriber.body : null, marks),
        };
      }
      subscriber.unsubscribe();
      const { body, ...kept } = answer.stored;
      const isSame = plan.url !== undefined && withoutQuery(plan.url) === kept.url;
      const head = isSame ? { ...kept, url: plan.url } : kept;
      return { outcome, settled, response: toResponse(head, body.slice(), marks) };
    } catch (error) {
      subscriber.cancel();
      // The first caller has waited for others for long enough, and only that.
      const firstTimedOut = !isFirst && !exchange.isExecuting && isWaitTimeout(error);
      if (firstTimedOut && this.#leftMs(calledAt) > 0) return undefined;
      throw error;
    }
  }

  /** How much longer a duplicate waits that was called then. */
  #leftMs(calledAt: number): number {
    const { waitMs = Number.POSITIVE_INFINITY } = this.#options;
    return calledAt + waitMs - monotonicMs();
  }

  /** What a duplicate waits for, within its patience. */
  async #inTime<T>(
    awaited: Promise<T>,
    plan: ExchangePlan,
    calledAt: number,
    toError = (waitMs: number) => this.#conflict(plan, waitMs),
  ): Promise<T> {
    const { waitMs } = this.#options;
    if (waitMs === undefined) return untilAborted(awaited, plan.signal);
    let timer: Timer | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimer(() => reject(toError(waitMs)), Math.max(0, this.#leftMs(calledAt)));
    });
    try {
      return await untilAborted(Promise.race([awaited, tooLate]), plan.signal);
    } finally {
      clearTimer(timer);
    }
  }

  #mismatch({ key, traceparent }: ExchangePlan): Error {
    this.#counts.mismatches++;
    this.#emit(key, traceparent, { type: 'mismatch', layer: 'process' });
    return mismatch(key, undefined);
  }

  #conflict({ key, traceparent }: ExchangePlan, waitedMs: number): Error {
    this.#counts.conflicts++;
    this.#emit(key, traceparent, { type: 'conflict', layer: 'process', waitedMs });
    return inProgress(key, undefined, waitedMs);
  }

  /** What was saved is known when all of the response is. */
  async #tellWithSaving(
    exchange: Exchange,
    { key, traceparent }: ExchangePlan,
    event: EventBody,
  ): Promise<void> {
    const { savingOf, onEvent } = this.#options;
    if (savingOf === undefined || onEvent === undefined) {
      return this.#emit(key, traceparent, event);
    }
    await exchange.settled;
    let saved: Saved | undefined;
    try {
      if (exchange.stored !== undefined) saved = savingOf(exchange.stored as never);
    } catch {
      // Counting must not change what is counted.
    }
    this.#emit(key, traceparent, saved === undefined ? event : ({ ...event, saved } as EventBody));
  }

  #emit(key: string, traceparent: string | undefined, event: EventBody): void {
    try {
      this.#options.onEvent?.({ ...event, key, traceparent } as OnceEvent);
    } catch {
      // Watching must not change what is watched.
    }
  }
}
