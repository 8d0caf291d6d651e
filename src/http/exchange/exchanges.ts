import { type AbortSource, untilAborted } from '../../once/abort.js';
import { inProgress, mismatch } from '../../once/errors.js';
import type { Saved } from '../../once/events.js';
import type { Detailed, OnceEvent, OnceOptions, OnceStats } from '../../once/index.js';
import { OnceRunner } from '../../once/once.js';
import { toSettings, whole } from '../../once/options.js';
import type { EventBody } from '../../once/run.js';
import {
  clearTimer,
  isBoundToRequest,
  monotonicMs,
  setTimer,
  type Timer,
} from '../../runtime/runtime.js';
import { isAnother } from '../../store/transition.js';
import { HttpError, ResponseNotKeptError } from './errors.js';
import { Exchange, type ExchangeLimits, type Outcome, type ResponseInfo } from './exchange.js';
import { responseCodec, type StoredResponse, toResponse, withoutQuery } from './stored-response.js';

/** How responses are shared and kept; what is not said here is as in `createOnce`. */
export interface ExchangeOptions extends Omit<OnceOptions, 'codec' | 'storeErrors'> {
  /** Which responses are kept and replayed: those with a 2xx status, unless given. */
  readonly storeResponses?: (response: ResponseInfo) => boolean;
  /** How long the other side may say nothing; 5 minutes unless given. */
  readonly idleMs?: number;
  /** How far one reader may fall behind another in a response too long to be kept; 1 MiB unless given. */
  readonly maxUnreadBytes?: number;
}

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
  readonly onStart?: ((landing: Promise<void>) => void) | undefined;
  readonly send: (signal: AbortSignal) => Promise<Response>;
}

export interface Exchanged {
  readonly response: Response;
  readonly outcome: Outcome;
  /** Until the store has it, too, if it is kept; never rejects. */
  readonly landing: Promise<void>;
}

/** The header that says how a response came about. */
export const OUTCOME_HEADER = 'samekey';

/**
 * Requests that are under way and responses that are kept: at most one of each per key, and every
 * duplicate reads along.
 */
export class Exchanges {
  readonly once: OnceRunner;
  readonly #limits: ExchangeLimits;
  readonly #options: ExchangeOptions;
  readonly #underWay = new Map<string, Exchange>();
  /** What `once` did not see, because it was dealt with here. */
  readonly #counts = { joined: 0, replayed: 0, conflicts: 0, mismatches: 0 };

  /** `isCoded` where bodies come as they travel: `fetch` decodes them, a handler's are as it made them. */
  constructor(options: ExchangeOptions, isCoded = false) {
    const { storeResponses, idleMs, maxUnreadBytes, ...onceOptions } = options;
    this.#options = options;
    this.once = new OnceRunner(toSettings({ ...onceOptions, codec: responseCodec }));
    this.#limits = {
      maxBytes: options.maxResultBytes ?? 16 * 1024 * 1024,
      maxUnreadBytes: whole('maxUnreadBytes', maxUnreadBytes, 1024 * 1024, 0),
      idleMs: whole('idleMs', idleMs, 5 * 60 * 1000, 1),
      isKept: storeResponses ?? (({ status }) => status >= 200 && status < 300),
      isCoded,
    };
  }

  /** Sends it, or gives what came or is coming of it. */
  async run(plan: ExchangePlan): Promise<Exchanged> {
    const { key, fingerprint, signal, traceparent } = plan;
    signal?.throwIfAborted();
    const underWay = this.#underWay.get(key);
    if (underWay === undefined) {
      const exchange = this.#start(plan);
      plan.onStart?.(exchange.landing);
      const exchanged = await this.#board(exchange, plan, true);
      return exchanged as Exchanged;
    }
    if (underWay.end === 'lost' || (underWay.end === 'kept' && plan.fresh)) {
      // Nothing to join: all that is left of it is to tell the store.
      await untilAborted(underWay.landing, signal);
      return this.run(plan);
    }
    if (isAnother(underWay.fingerprint, fingerprint)) {
      this.#counts.mismatches++;
      this.#emit(key, traceparent, { type: 'mismatch', layer: 'process' });
      throw mismatch(key, undefined);
    }
    if (this.#options.onDuplicate === 'reject' && underWay.end !== 'kept') {
      await untilAborted(underWay.looked, signal);
      if (underWay.isExecuting) throw this.#conflict(plan, 0);
    }
    if (!underWay.canBeJoined) {
      throw new HttpError(
        'SAMEKEY_TOO_LONG',
        `Cannot join ${key}: its response is longer than ${this.#limits.maxBytes} bytes, wanted the end of it, or a larger maxResultBytes`,
      );
    }
    // No request may read the stream of another one: a duplicate waits for all of it and gets a copy.
    if (isBoundToRequest()) {
      await this.#inTime(underWay.landing, plan);
      return this.run(plan);
    }
    // A look at what was there is not what who wants a fresh response waits for.
    return (await this.#board(underWay, plan, false)) ?? this.run(plan);
  }

  stats(): OnceStats {
    const stats = this.once.stats();
    const { joined, replayed, conflicts, mismatches } = this.#counts;
    return {
      ...stats,
      joined: stats.joined + joined,
      replayed: stats.replayed + replayed,
      conflicts: stats.conflicts + conflicts,
      mismatches: stats.mismatches + mismatches,
    };
  }

  #start({ key, fingerprint, fresh = false, traceparent, send }: ExchangePlan): Exchange {
    const abortsWhenAbandoned = this.#options.onAbandoned === 'abort';
    const exchange = new Exchange(this.#limits, abortsWhenAbandoned, fingerprint, traceparent);
    this.#underWay.set(key, exchange);
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
    exchange.landing = ask()
      .finally(() => this.#underWay.delete(key))
      .then(
        ({ value, outcome }) => {
          exchange.resolve(value, outcome);
          exchange.stored = value;
        },
        (error) => exchange.reject(error),
      );
    return exchange;
  }

  /** Waits for the answer; `undefined` if it is an old one for who wants a fresh one. */
  async #board(
    exchange: Exchange,
    plan: ExchangePlan,
    isFirst: boolean,
  ): Promise<Exchanged | undefined> {
    const { key, signal, fresh } = plan;
    const boardedAt = monotonicMs();
    const hasEnded = exchange.end !== undefined;
    const seat = exchange.enter(signal);
    try {
      // Who was first waits for others by the rules of `once`.
      const answer = await (isFirst
        ? untilAborted(exchange.answer, signal)
        : this.#inTime(exchange.answer, plan));
      const isOld = 'stored' in answer && answer.outcome === 'replayed';
      if (fresh && !isFirst && isOld) {
        seat.leave();
        return undefined;
      }
      const own = 'stored' in answer ? answer.outcome : 'executed';
      const outcome = isFirst ? own : hasEnded ? 'replayed' : 'joined';
      const layer = 'process';
      if (outcome === 'replayed' && !isFirst) {
        this.#counts.replayed++;
        this.#tellWithSaving(exchange, plan, { type: 'replayed', layer, ageMs: 0 });
      } else if (!isFirst) {
        this.#counts.joined++;
        const waitedMs = monotonicMs() - boardedAt;
        const joinedTraceparent = exchange.traceparent;
        this.#tellWithSaving(exchange, plan, {
          type: 'joined',
          layer,
          waitedMs,
          joinedTraceparent,
        });
      }
      const { landing } = exchange;
      const marks = { [OUTCOME_HEADER]: outcome, [`${OUTCOME_HEADER}-key`]: key };
      if (!('stored' in answer)) {
        const { head, hasBody } = answer;
        if (!hasBody) seat.giveUp();
        return { outcome, landing, response: toResponse(head, hasBody ? seat.body : null, marks) };
      }
      seat.leave();
      const { body, ...kept } = answer.stored;
      const isSame = plan.url !== undefined && withoutQuery(plan.url) === kept.url;
      const head = isSame ? { ...kept, url: plan.url } : kept;
      return { outcome, landing, response: toResponse(head, body.slice(), marks) };
    } catch (error) {
      seat.giveUp();
      throw error;
    }
  }

  /** What a duplicate waits for, within its patience. */
  async #inTime<T>(awaited: Promise<T>, plan: ExchangePlan): Promise<T> {
    const { waitMs } = this.#options;
    if (waitMs === undefined) return untilAborted(awaited, plan.signal);
    let timer: Timer | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimer(() => reject(this.#conflict(plan, waitMs)), waitMs);
    });
    try {
      return await untilAborted(Promise.race([awaited, tooLate]), plan.signal);
    } finally {
      clearTimer(timer);
    }
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
    await exchange.landing;
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
