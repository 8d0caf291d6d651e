import { decoder } from '../engine/utf8.js';
import { type AbortSource, LazyAbort, untilAborted, whenAborted } from '../once/abort.js';
import type { RunContext } from '../once/call-function.js';
import type { LiveFunction, Subscriber } from '../once/live.js';
import type { Verdict } from '../providers/provider.js';
import { clearTimer, monotonicMs, setTimer, type Timer } from '../runtime/runtime.js';
import { type BodyJudge, COMPLETE } from './answer.js';
import { joinChunks } from './chunks.js';
import { BrokenResponseError, HttpError, ResponseNotKeptError } from './errors.js';
import { toValue } from './json-reader.js';
import { Recording } from './recording.js';
import { headOf, type ResponseHead, type StoredResponse, withoutQuery } from './stored-response.js';

export interface ResponseRules {
  readonly maxBytes: number;
  readonly maxUnreadBytes: number;
  readonly idleMs: number;
  readonly isStored: (response: ResponseInfo) => boolean;
  /** Whether bodies are still in their `content-encoding`: those of handlers in this process. */
  readonly isCoded: boolean;
  /** Returns the judge of a response; without one, all responses are complete. */
  readonly judge: ((response: Response, maxBytes: number) => BodyJudge | undefined) | undefined;
}

/** What `storeResponses` decides by, at the end of a response. */
export interface ResponseInfo {
  /** The HTTP status. */
  readonly status: number;
  /** The headers of the response. */
  readonly headers: Headers;
  /** The URL of the response, after redirects. */
  readonly url: string;
  /**
   * What the response is: `complete`; `failed`, by its status or because it says so; or `unknown`, for
   * an API whose answers samekey does not know. A `broken` response is never stored.
   */
  readonly verdict: Verdict;
  /** The parsed body; `undefined` if it is not one JSON document. It is parsed when it is first read. */
  readonly json: unknown;
}

/** A caller of a request: first it waits for the head, then it reads the body. */
export class ResponseSubscriber implements Subscriber {
  readonly #response: ArrivingResponse;
  readonly #signal: AbortSource | undefined;
  readonly #onEnd: () => void;
  #body: ReadableStream<Uint8Array> | undefined;
  #hasEnded = false;

  constructor(response: ArrivingResponse, signal: AbortSource | undefined, onEnd: () => void) {
    this.#response = response;
    this.#signal = signal;
    this.#onEnd = onEnd;
  }

  /** The head, once it has arrived. */
  get head(): ResponseHead {
    return this.#response.head as ResponseHead;
  }

  /** The body from its beginning, or `null` for a response without a body. */
  get body(): ReadableStream<Uint8Array> | null {
    if (this.#response.hasBody) return this.#body ?? null;
    this.cancel();
    return null;
  }

  attach(recording: Recording): void {
    if (!this.#hasEnded) this.#body = recording.read(this.#signal, () => this.#end());
  }

  cancel(): void {
    this.#body?.cancel().catch(() => {});
    this.#end();
  }

  #end(): void {
    if (this.#hasEnded) return;
    this.#hasEnded = true;
    this.#onEnd();
  }
}

/** A request in flight and its response, which is recorded while it arrives and judged at its end. */
export class ArrivingResponse implements LiveFunction<ResponseSubscriber> {
  readonly #key: string;
  readonly #rules: ResponseRules;
  readonly #send: (signal: AbortSignal) => Promise<Response>;
  head: ResponseHead | undefined;
  hasBody = false;
  #recording: Recording | undefined;
  readonly #subscribers = new Set<ResponseSubscriber>();
  /** Whether the end of the response is decided. */
  #hasEnded = false;
  /** Aborts a failed response that will not be stored, when it has no subscriber left. */
  #drop = () => {};

  constructor(key: string, rules: ResponseRules, send: (signal: AbortSignal) => Promise<Response>) {
    this.#key = key;
    this.#rules = rules;
    this.#send = send;
  }

  get isOpen(): boolean {
    return !this.#hasEnded;
  }

  refuseSubscriber(): Error | undefined {
    if (this.#recording?.isWhole ?? true) return undefined;
    return new HttpError(
      'SAMEKEY_TOO_LONG',
      `Cannot join ${this.#key}: its response is longer than ${this.#rules.maxBytes} bytes, wanted the end of it, or a larger maxResultBytes`,
    );
  }

  subscribe(signal: AbortSource | undefined, onEnd: () => void): ResponseSubscriber {
    const subscriber = new ResponseSubscriber(this, signal, () => {
      this.#subscribers.delete(subscriber);
      if (this.#hasEnded && this.#subscribers.size === 0) this.#drop();
      onEnd();
    });
    this.#subscribers.add(subscriber);
    if (this.#recording !== undefined) subscriber.attach(this.#recording);
    return subscriber;
  }

  /** Sends the request, hands the response to all subscribers while it arrives, and returns it whole. */
  async run(
    { key, abort }: RunContext,
    onArriving: () => void,
    finishLater: (work: Promise<unknown>) => void,
  ): Promise<StoredResponse> {
    const upstream = new LazyAbort();
    const stopListening = whenAborted(abort, () => upstream.abort(abort.reason));
    const idle = new IdleTimer(this.#rules.idleMs, () => {
      const error = new HttpError(
        'SAMEKEY_TIMEOUT',
        `Cannot wait for the response of ${key}: nothing arrived for ${this.#rules.idleMs} ms, wanted data within idleMs`,
      );
      this.#recording?.fail(error);
      upstream.abort(error);
    });
    const stop = () => {
      idle.stop();
      stopListening();
    };
    let response: Response;
    const recording = this.#prepare();
    try {
      const sending = this.#send(upstream.signal);
      response = await untilAborted(sending, upstream).catch((error) => {
        // A response that ignores the abort may still arrive, and would hold a connection.
        sending.then(({ body }) => body?.cancel()).catch(() => {});
        throw error;
      });
    } catch (error) {
      stop();
      throw error;
    }
    idle.touch();
    let fail = (_: Error) => {};
    const failure = new Promise<never>((_, reject) => {
      // A failed response ends the run. The rest of it still reaches those who read it.
      fail = (error) => {
        this.#hasEnded = true;
        this.#drop = () => upstream.abort(error);
        reject(error);
      };
    });
    const recorded = this.#record(response, recording, upstream, idle, onArriving, fail).finally(
      stop,
    );
    failure.catch(() => finishLater(recorded));
    return Promise.race([failure, recorded]);
  }

  /** Creates the streams of the subscribers while the request is in flight, when they wait anyway. */
  #prepare(): Recording {
    const recording = new Recording(this.#rules);
    this.#recording = recording;
    for (const subscriber of this.#subscribers) subscriber.attach(recording);
    return recording;
  }

  async #record(
    response: Response,
    recording: Recording,
    upstream: LazyAbort,
    idle: IdleTimer,
    onArriving: () => void,
    fail: (error: Error) => void,
  ): Promise<StoredResponse> {
    const key = this.#key;
    if (response.status === 0) {
      throw new HttpError(
        'SAMEKEY_BAD_ARGUMENT',
        `Cannot share the response of ${key}: it is ${response.type}, wanted a readable response (no mode "no-cors", no redirect "manual" in a browser)`,
      );
    }
    if (response.bodyUsed || response.body?.locked) {
      throw new HttpError(
        'SAMEKEY_BAD_ARGUMENT',
        `Cannot share the response of ${key}: its body was read already, wanted an unread one`,
      );
    }
    const { isCoded, maxBytes } = this.#rules;
    const head = headOf(response, isCoded);
    this.head = head;
    const isStored = isStoredEarly(response, this.#rules);
    if (response.body === null) {
      this.#hasEnded = true;
      onArriving();
      const info = infoOf(response, toVerdict(response, 'complete'), () => undefined);
      // Must be strictly `true`: a promise from an async predicate does not count.
      if (this.#rules.isStored(info) !== true) throw notStored(key, response);
      return { ...head, url: withoutQuery(head.url), body: new Uint8Array() };
    }
    this.hasBody = true;
    onArriving();
    // A retry must not join a failed response. A handler is never stopped halfway.
    if (isStored === false && !isCoded) fail(notStored(key, response));
    else if (isStored !== true && response.status >= 400) this.#hasEnded = true;
    const judge = this.#rules.judge?.(response, maxBytes);
    let hasFailed = response.status >= 400;
    let judgement = COMPLETE;
    const source = response.body.getReader();
    // Some bodies do not end when their request aborts.
    const stopListening = whenAborted(upstream, () => source.cancel().catch(() => {}));
    try {
      // It may have aborted since the head arrived.
      upstream.throwIfAborted();
      if (recording.readerCount === 0) this.#drop();
      for (;;) {
        const { done, value } = await source.read();
        if (done) break;
        idle.touch();
        // `fetch` refuses such a body as well (Fetch §2.2.4).
        if (value[Symbol.toStringTag] !== 'Uint8Array') {
          throw new BrokenResponseError(key, 'its body contains something other than bytes');
        }
        judge?.see(value);
        recording.write(value);
        const failure = judge?.failure;
        if (failure !== undefined && !hasFailed) {
          hasFailed = true;
          fail(new ResponseNotKeptError(key, response.status, failure.why));
          if (recording.readerCount === 0) this.#drop();
        }
        if (recording.isWhole) continue;
        await recording.room();
        if (recording.readerCount > 0) continue;
        const error = tooLong(key, response, maxBytes);
        upstream.abort(error);
        throw error;
      }
      upstream.throwIfAborted();
      // A failure is passed on even if it is malformed.
      if (isStored !== false) judgement = judge?.end() ?? COMPLETE;
      // A handler's stream is complete for its reader: no connection cut it off.
      const endsWell = isCoded && !response.headers.has('content-length');
      if (judgement.verdict === 'broken' && !endsWell && response.status < 400) {
        throw new BrokenResponseError(key, judgement.why);
      }
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
    const { verdict, why } = judgement;
    if (verdict === 'broken') throw new BrokenResponseError(key, why);
    if (!recording.isWhole) throw tooLong(key, response, maxBytes);
    const hasError = verdict === 'failed' && response.status < 400;
    const body = joinChunks(recording.chunks, recording.byteCount);
    const info = infoOf(response, toVerdict(response, verdict), () =>
      toValue(decoder.decode(body).replace(/^\ufeff/, '')),
    );
    if (hasError || !(isStored ?? this.#rules.isStored(info) === true)) {
      throw why === ''
        ? notStored(key, response)
        : new ResponseNotKeptError(key, response.status, why);
    }
    return { ...head, url: withoutQuery(head.url), body };
  }
}

/** Responses with an error status have failed, whatever their body says. */
const toVerdict = ({ status }: Response, verdict: Verdict): Verdict =>
  status >= 400 && verdict !== 'broken' ? 'failed' : verdict;

function infoOf(
  { status, headers, url }: Response,
  verdict: Verdict,
  parse: () => unknown,
): ResponseInfo {
  let parsed: { readonly json: unknown } | undefined;
  return {
    status,
    headers,
    url,
    verdict,
    get json() {
      parsed ??= { json: parse() };
      return parsed.json;
    },
  };
}

/**
 * Decides about a response with an error status before its body arrives, because a retry must neither
 * join it nor wait for it. Returns `undefined` if `storeResponses` needs the body, and for all other
 * responses.
 */
function isStoredEarly(response: Response, { isStored }: ResponseRules): boolean | undefined {
  if (response.status < 400) return undefined;
  let needsBody = false;
  const { status, headers, url } = response;
  try {
    const answer = isStored({
      status,
      headers,
      url,
      get verdict() {
        needsBody = true;
        return 'failed' as const;
      },
      get json() {
        needsBody = true;
        return undefined;
      },
    });
    return needsBody ? undefined : answer === true;
  } catch (error) {
    if (needsBody) return undefined;
    throw error;
  }
}

const notStored = (key: string, { status }: Response) =>
  new ResponseNotKeptError(key, status, `its status is ${status}`);

const tooLong = (key: string, { status }: Response, maxBytes: number) =>
  new ResponseNotKeptError(key, status, `it is longer than ${maxBytes} bytes (maxResultBytes)`);

/** Calls `onIdle` if `touch` is not called for `idleMs`. */
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
