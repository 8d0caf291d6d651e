import { type AbortSource, LazyAbort, untilAborted, whenAborted } from '../once/abort.js';
import { OnceError } from '../once/errors.js';
import { Heartbeat } from '../once/heartbeat.js';
import type { Detailed } from '../once/index.js';
import type { RunContext } from '../once/settle.js';
import {
  clearTimer,
  isBoundToRequest,
  monotonicMs,
  setTimer,
  type Timer,
} from '../runtime/runtime.js';
import { joinChunks } from './chunks.js';
import { watchCompleteness } from './completeness.js';
import { BrokenResponseError, HttpError, ResponseNotKeptError } from './errors.js';
import { Recording } from './recording.js';
import { headOf, type ResponseHead, type StoredResponse, withoutQuery } from './stored-response.js';

/** What callers get: a response that is coming in, or one that was kept. */
export type Answer =
  | { readonly head: ResponseHead; readonly hasBody: boolean }
  | { readonly stored: StoredResponse; readonly outcome: Outcome; readonly ageMs: number };

export type Outcome = 'executed' | 'joined' | 'replayed';

export interface ExchangeLimits {
  readonly maxBytes: number;
  readonly maxUnreadBytes: number;
  readonly idleMs: number;
  readonly leaseMs: number;
  readonly isKept: (response: ResponseInfo) => boolean;
  /** Whether bodies come as they travel, in their `content-encoding`. */
  readonly isCoded: boolean;
}

/** What a rule decides by. */
export interface ResponseInfo {
  readonly status: number;
  readonly headers: Headers;
  readonly url: string;
}

/** A caller of an exchange: first it waits for the head, then it reads the body. */
class Subscriber {
  readonly #signal: AbortSource | undefined;
  readonly #onUnsubscribe: () => void;
  /** The response's, once the request is sent; read only if the response has one. */
  body: ReadableStream<Uint8Array> | undefined;
  isSubscribed = true;

  constructor(signal: AbortSource | undefined, onUnsubscribe: () => void) {
    this.#signal = signal;
    this.#onUnsubscribe = onUnsubscribe;
  }

  attach(recording: Recording): void {
    this.body = recording.read(this.#signal, () => this.unsubscribe());
  }

  unsubscribe(): void {
    if (!this.isSubscribed) return;
    this.isSubscribed = false;
    this.#onUnsubscribe();
  }

  /** For a caller that is gone before it had the response. */
  cancel(): void {
    this.body?.cancel().catch(() => {});
    this.unsubscribe();
  }
}

/** One request on its way to an answer, and who waits for that. */
export class Exchange {
  readonly fingerprint: string | undefined;
  readonly traceparent: string | undefined;
  readonly #limits: ExchangeLimits;
  readonly #abortsWhenAbandoned: boolean;
  readonly answer: Promise<Answer>;
  /** When nobody needs the answer and it need not be kept: ends the wait for the store and for others. */
  readonly abandonment = new LazyAbort();
  /** Until all is done, also in the store; never rejects. */
  readonly settled: Promise<void>;
  /** The response, once it is kept. */
  stored: StoredResponse | undefined;
  readonly #heartbeat: Heartbeat | undefined;
  #onSettled = () => {};
  #resolve: (answer: Answer) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #recording: Recording | undefined;
  readonly #subscribers = new Set<Subscriber>();
  #isExecuting = false;
  /** Whether the store has nothing more to say, either. */
  #isSettled = false;
  #onLookedUp = () => {};
  /** Resolves when it is known whether there is an answer, or one is being made. */
  readonly lookedUp = new Promise<void>((resolve) => {
    this.#onLookedUp = resolve;
  });
  /** Whether it is decided what becomes of the response. */
  #hasEnded = false;
  /** Ends a response that is not kept, when nobody reads it. */
  #drop = () => {};

  constructor(
    limits: ExchangeLimits,
    abortsWhenAbandoned: boolean,
    fingerprint: string | undefined,
    traceparent: string | undefined,
  ) {
    this.#limits = limits;
    this.#abortsWhenAbandoned = abortsWhenAbandoned;
    this.fingerprint = fingerprint;
    this.traceparent = traceparent;
    if (isBoundToRequest()) this.#heartbeat = new Heartbeat(limits.leaseMs);
    this.settled = new Promise((resolve) => {
      this.#onSettled = resolve;
    });
    this.answer = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Callers are told; there may be none left.
    this.answer.catch(() => {});
  }

  /** Whether one more can still get the whole answer. */
  get canBeJoined(): boolean {
    return this.#recording?.isWhole ?? true;
  }

  /** Whether its answer may be somebody else's, too. */
  get isOpen(): boolean {
    return !this.#hasEnded && !this.abandonment.aborted;
  }

  /** Whether its own request is on its way, or has been. */
  get isExecuting(): boolean {
    return this.#isExecuting;
  }

  /** Whether the request that started it is gone, and it with that. */
  get isGone(): boolean {
    return this.#heartbeat?.isGone ?? false;
  }

  /** A promise of it, for other requests too: rejects with `RequestGoneError` if it will not settle. */
  until<T>(promise: Promise<T>): Promise<T> {
    return this.#heartbeat?.until(promise) ?? promise;
  }

  /** What `once` has given. */
  resolve({ value, outcome, ageMs }: Detailed<StoredResponse>): void {
    this.stored = value;
    this.#resolve({ stored: value, outcome, ageMs });
    this.#settle();
  }

  reject(error: unknown): void {
    const value = madeHere(error);
    if (value === undefined) this.#reject(error);
    else this.#resolve({ stored: value, outcome: 'joined', ageMs: 0 });
    this.#settle();
  }

  #settle(): void {
    this.#heartbeat?.stop();
    this.#isSettled = true;
    this.#onLookedUp();
    this.#onSettled();
  }

  /** Counts a caller in until it leaves or has read everything; only while `canBeJoined`. */
  subscribe(signal: AbortSource | undefined): Subscriber {
    const subscriber = new Subscriber(signal, () => this.#abandonIfAlone());
    this.#subscribers.add(subscriber);
    if (this.#recording !== undefined) subscriber.attach(this.#recording);
    return subscriber;
  }

  /** Sends the request, hands the response to all who wait while it comes in, and returns it whole. */
  async execute(
    { key, abort }: RunContext,
    send: (signal: AbortSignal) => Promise<Response>,
  ): Promise<StoredResponse> {
    this.#isExecuting = true;
    this.#onLookedUp();
    const upstream = new LazyAbort();
    const stopListening = whenAborted(abort, () => upstream.abort(abort.reason));
    const idle = new IdleTimer(this.#limits.idleMs, () => {
      const error = new HttpError(
        'SAMEKEY_TIMEOUT',
        `Cannot wait for the response of ${key}: nothing came for ${this.#limits.idleMs} ms, wanted more within idleMs`,
      );
      this.#recording?.fail(error);
      upstream.abort(error);
    });
    try {
      const sending = send(upstream.signal);
      const recording = this.#prepare();
      const response = await untilAborted(sending, upstream).catch((error) => {
        // One that takes no notice of its signal may still come, and holds a connection.
        sending.then(({ body }) => body?.cancel()).catch(() => {});
        throw error;
      });
      idle.touch();
      return await this.#record(key, response, recording, upstream, idle);
    } finally {
      idle.stop();
      stopListening();
    }
  }

  /** Makes what callers read, while the request is under way: nobody waits for that then. */
  #prepare(): Recording {
    const recording = new Recording(this.#limits);
    this.#recording = recording;
    for (const subscriber of this.#subscribers)
      if (subscriber.isSubscribed) subscriber.attach(recording);
    return recording;
  }

  async #record(
    key: string,
    response: Response,
    recording: Recording,
    upstream: LazyAbort,
    idle: IdleTimer,
  ): Promise<StoredResponse> {
    if (response.status === 0) {
      throw new HttpError(
        'SAMEKEY_BAD_ARGUMENT',
        `Cannot share the response of ${key}: it is ${response.type}, wanted one that can be read (no mode "no-cors", no redirect "manual" in a browser)`,
      );
    }
    if (response.bodyUsed || response.body?.locked) {
      throw new HttpError(
        'SAMEKEY_BAD_ARGUMENT',
        `Cannot share the response of ${key}: its body was read already, wanted one that nobody has read`,
      );
    }
    const head = headOf(response, this.#limits.isCoded);
    // Not what is merely like it, such as the promise of an async rule.
    const isKept = this.#limits.isKept(response) === true;
    // Whoever tries again now wants another answer than this.
    if (!isKept && response.status >= 400) {
      this.#hasEnded = true;
      // Nor should that wait for the rest of this one. A handler is not to be stopped in the middle.
      if (!this.#limits.isCoded) this.#drop = () => upstream.abort(notKept(key, response));
    }
    if (response.body === null) {
      this.#hasEnded = true;
      this.#resolve({ head, hasBody: false });
      if (!isKept) throw notKept(key, response);
      return { ...head, url: withoutQuery(head.url), body: new Uint8Array() };
    }
    this.#resolve({ head, hasBody: true });
    const { isCoded } = this.#limits;
    const watch = watchCompleteness(response, this.#limits.maxBytes, isCoded);
    let fault: string | undefined;
    let body: Uint8Array | undefined;
    const bodyOf = () => {
      if (recording.isWhole) body ??= joinChunks(recording.chunks, recording.byteCount);
      return body;
    };
    const source = response.body.getReader();
    // Not every body ends because its request was aborted.
    const stopListening = whenAborted(upstream, () => source.cancel().catch(() => {}));
    try {
      // It may have aborted since the head came.
      upstream.throwIfAborted();
      if (recording.readerCount === 0) this.#drop();
      for (;;) {
        const { done, value } = await source.read();
        if (done) break;
        idle.touch();
        // Who read it alone would be refused it, too (Fetch §2.2.4).
        if (value[Symbol.toStringTag] !== 'Uint8Array') {
          throw new BrokenResponseError(key, 'its body is made of something else than bytes');
        }
        watch.see(value);
        recording.write(value);
        if (recording.isWhole) continue;
        await recording.room();
        if (recording.readerCount > 0) continue;
        const error = tooLong(key, response, this.#limits.maxBytes);
        upstream.abort(error);
        throw error;
      }
      upstream.throwIfAborted();
      // A failure need not be well-formed to be told.
      if (isKept || response.ok) {
        fault = watch.fault(bodyOf);
      }
      // A handler's stream that says it failed has all the same been read to its end.
      const endsWell = isCoded && !response.headers.has('content-length');
      if (fault !== undefined && !endsWell) throw new BrokenResponseError(key, fault);
    } catch (error) {
      this.#hasEnded = true;
      recording.fail(error);
      source.cancel(error).catch(() => {});
      throw error;
    } finally {
      stopListening();
      this.#drop = () => {};
    }
    this.#hasEnded = true;
    recording.end();
    if (fault !== undefined) throw new BrokenResponseError(key, fault);
    if (!recording.isWhole) throw tooLong(key, response, this.#limits.maxBytes);
    if (!isKept) throw notKept(key, response);
    return { ...head, url: withoutQuery(head.url), body: bodyOf() as Uint8Array };
  }

  #abandonIfAlone(): void {
    for (const subscriber of this.#subscribers) {
      if (subscriber.isSubscribed) return;
      this.#subscribers.delete(subscriber);
    }
    // What has not been sent yet need not be; what has been is billed, and its answer serves a retry.
    if (this.#hasEnded) {
      this.#drop();
      return;
    }
    if (this.#isSettled || (this.#isExecuting && !this.#abortsWhenAbandoned)) return;
    this.abandonment.abort(new DOMException('All callers have left', 'AbortError'));
  }
}

/** The response of a run that this process has made for callers who are gone, and that could not be kept. */
function madeHere(error: unknown): StoredResponse | undefined {
  const value = error instanceof OnceError && 'value' in error ? error.value : undefined;
  const { status, body } = (value ?? {}) as Partial<StoredResponse>;
  const isResponse = typeof status === 'number' && body instanceof Uint8Array;
  return isResponse ? (value as StoredResponse) : undefined;
}

const notKept = (key: string, { status }: Response) =>
  new ResponseNotKeptError(key, status, `its status is ${status}`);

const tooLong = (key: string, { status }: Response, maxBytes: number) =>
  new ResponseNotKeptError(key, status, `it is longer than ${maxBytes} bytes (maxResultBytes)`);

/** Calls `onIdle` when `touch` was not called for that long. */
class IdleTimer {
  readonly #idleMs: number;
  readonly #onIdle: () => void;
  #timer: Timer;
  #touchedAt = monotonicMs();

  constructor(idleMs: number, onIdle: () => void) {
    this.#idleMs = idleMs;
    this.#onIdle = onIdle;
    this.#timer = setTimer(() => this.#check(), idleMs);
  }

  /** Cheaper than a new timer for each chunk. */
  touch(): void {
    this.#touchedAt = monotonicMs();
  }

  stop(): void {
    clearTimer(this.#timer);
  }

  #check(): void {
    const leftMs = this.#touchedAt + this.#idleMs - monotonicMs();
    if (leftMs <= 0) this.#onIdle();
    else this.#timer = setTimer(() => this.#check(), leftMs);
  }
}
