import { type AbortSource, LazyAbort, whenAborted } from '../once/abort.js';
import type { Alarms } from '../once/alarms.js';
import type { RunContext } from '../once/call-function.js';
import type { LiveFunction } from '../once/live.js';
import { optional } from '../options/own.js';
import { afterEvents } from '../runtime/runtime.js';
import { type BodyJudge, COMPLETE, type Judgement } from './answer.js';
import { type Arrived, readArrived, readReceived, untilDrained, wholeBody } from './arrived.js';
import { joinChunks } from './chunks.js';
import { BrokenResponseError, HttpError, ResponseNotKeptError } from './errors.js';
import type { HeldBytes } from './held-bytes.js';
import { IdleLimit } from './idle-limit.js';
import { LateJudge } from './late-judge.js';
import { LengthCheck } from './length-check.js';
import { Recording } from './recording.js';
import {
  type HeaderLine,
  headerIn,
  type ResponseBody,
  type ResponseData,
  type ResponseHead,
} from './response-data.js';
import { ResponseSubscriber } from './response-subscriber.js';
import { isStoredEarly, notStored, type StorageRules, tooLong, toStore } from './storable.js';
import { roomFor, type StoredResponse, sharedHead, withoutQuery } from './stored-response.js';

const NONE: readonly HeaderLine[] = [];
const ignore = () => {};

/** A judge that holds more than this holds a document, and not a message of a stream. */
const MAX_MESSAGE_BYTES = 64 * 1024;
/** A document that is judged takes its bytes, its text and its value. */
const DOCUMENT_COPIES = 3;

export interface ResponseRules extends StorageRules {
  /** The account of what the process holds, if that has a bound. */
  readonly held: HeldBytes | undefined;
  readonly maxUnreadBytes: number;
  readonly idleMs: number;
  /** Alarms after `idleMs`. */
  readonly idleLimits: Alarms;
  /** Whether bodies are still in their `content-encoding`: those of handlers in this process. */
  readonly isCoded: boolean;
  /** Returns the judge of a response; without one, all responses are complete. */
  readonly judge: ((response: ResponseData, maxBytes: number) => BodyJudge | undefined) | undefined;
}

/** The request to send. */
interface SendPlan {
  readonly key: string;
  /** Whether only code of the platform runs while the response is awaited. */
  readonly isSentByPlatform?: boolean;
  send(abort: LazyAbort): Promise<ResponseData>;
}

/** A request in flight and its response, which is recorded while it arrives and judged at its end. */
export class ArrivingResponse implements LiveFunction<ResponseSubscriber> {
  readonly #plan: SendPlan;
  readonly #rules: ResponseRules;
  head: ResponseHead | undefined;
  /** Its cookies, which are for the client whose request was sent. A handler's are written by its server. */
  cookies: readonly HeaderLine[] = NONE;
  /** The body if all of it arrived with the head, `null` if there is none; `undefined` for a stream. */
  whole: Uint8Array | null | undefined;
  #recording: Recording | undefined;
  #lateJudge: LateJudge | undefined;
  readonly #subscribers = new Set<ResponseSubscriber>();
  /** The end of the response, once it is decided. */
  #end: 'complete' | 'failed' | undefined;
  /** Aborts a failed response that will not be stored, when it has no subscriber left. */
  #drop = ignore;
  /** Whether nothing is read because the readers of a long response stall. */
  #waitsForReader = false;
  /** Gives back the memory to store the response from. */
  #unreserve = ignore;
  /** Whether its run is over. */
  #isReleased = false;

  constructor(plan: SendPlan, rules: ResponseRules) {
    this.#plan = plan;
    this.#rules = rules;
  }

  get mayCallOnce(): boolean {
    return !optional(this.#plan, 'isSentByPlatform');
  }

  get isOpen(): boolean {
    // A reader of a failure may retry before the failure is judged.
    this.#lateJudge?.catchUp();
    return this.#end === undefined;
  }

  get hasFailed(): boolean {
    return !this.isOpen && this.#end === 'failed';
  }

  refuseSubscriber(): Error | undefined {
    if (this.#recording?.isWhole ?? true) return undefined;
    return new HttpError(
      'SAMEKEY_TOO_LONG',
      `Cannot join ${this.#plan.key}: its response is longer than ${this.#rules.maxBytes} bytes, wanted the end of it, or a larger maxResultBytes`,
    );
  }

  subscribe(signal: AbortSource | undefined, onEnd: () => void): ResponseSubscriber {
    const subscriber = new ResponseSubscriber(this, signal, () => {
      this.#subscribers.delete(subscriber);
      if (this.#end !== undefined && this.#subscribers.size === 0) this.#drop();
      subscriber.leave?.();
    });
    subscriber.leave = onEnd;
    this.#subscribers.add(subscriber);
    if (this.#recording !== undefined) subscriber.attach(this.#recording);
    return subscriber;
  }

  /** The outcome in the run is the whole response, which a slow reader would hold a second and a third time. */
  release(): void {
    for (const subscriber of this.#subscribers) subscriber.leave = undefined;
    this.#isReleased = true;
    this.#unreserve();
  }

  /**
   * Sends the request, hands the response to all subscribers while it arrives, and resolves to the whole of
   * it. Without an async function, whose frame takes 2 KB, and without a promise for a body in memory.
   */
  run(
    { key, abort }: RunContext,
    onArriving: () => void,
    finishLater: (work: Promise<unknown>) => void,
  ): Promise<StoredResponse> {
    return new Promise((resolve, reject) => {
      const { idleMs, idleLimits, maxBytes, held } = this.#rules;
      const refusal = held?.refusal(key);
      if (refusal !== undefined) {
        this.#end = 'failed';
        reject(refusal);
        return;
      }
      const upstream = new LazyAbort();
      /** Whether what follows the head, and is in memory already, is being read. */
      let reading: Promise<unknown> | undefined;
      let isOver = false;
      const stopListening = whenAborted(abort, () => {
        // A response that has ended is not cut: what has arrived is read first.
        const drained = untilDrained({
          isOver: () => isOver || upstream.aborted,
          reading: () => reading,
          byteCount: () => this.#recording?.byteCount ?? 0,
        });
        void drained.then(() => {
          if (!isOver) upstream.abort(abort.reason);
        });
      });
      const idle = new IdleLimit(idleLimits, () => {
        const error = this.#waitsForReader
          ? new HttpError(
              'SAMEKEY_TOO_SLOW',
              `Cannot continue to read the response of ${key}: nothing was read for ${idleMs} ms, wanted a reader that reads within idleMs`,
            )
          : new HttpError(
              'SAMEKEY_TIMEOUT',
              `Cannot wait for the response of ${key}: nothing arrived for ${idleMs} ms, wanted data within idleMs`,
            );
        this.#recording?.fail(error);
        // The other side has answered, so the outcome is known: it is too long to be stored.
        const isTooLong = this.#waitsForReader && this.head !== undefined;
        upstream.abort(isTooLong ? tooLong(key, this.head as ResponseHead, maxBytes) : error);
      });
      const stop = () => {
        isOver = true;
        idle.stop();
        stopListening();
      };
      const fail = (error: unknown) => {
        this.#end = 'failed';
        stop();
        reject(error);
      };
      const take = (response: ResponseData, arrived: Arrived) => {
        try {
          const transfer = { upstream, idle, onArriving, finishLater, stop };
          const stored = this.#take(response, arrived, transfer);
          if (stored instanceof Promise) {
            stored.then(resolve, (error) => {
              this.#end = 'failed';
              reject(error);
            });
            return;
          }
          stop();
          resolve(stored);
        } catch (error) {
          arrived.cancel(error);
          fail(error);
        }
      };
      let sending: Promise<ResponseData>;
      try {
        sending = this.#plan.send(upstream);
      } catch (error) {
        fail(error);
        return;
      }
      const stopWaiting = upstream.listen(() => {
        fail(upstream.reason);
        // A response that ignores the abort may still arrive, and would hold a connection.
        sending.then(({ body }) => cancelBody(body)).catch(() => {});
      });
      sending.then(
        (response) => {
          if (upstream.aborted) return;
          stopWaiting();
          idle.touch();
          const { body, isReceived } = response;
          if (body === null || body instanceof Uint8Array) take(response, wholeBody(body));
          else {
            const arriving = isReceived
              ? readReceived(body, maxBytes)
              : readArrived(body, maxBytes);
            reading = arriving.then((arrived) => {
              reading = undefined;
              take(response, arrived);
            }, fail);
          }
        },
        (error) => {
          stopWaiting();
          fail(error);
        },
      );
    });
  }

  /** Returns the response to store, as a promise if it is still arriving. */
  #take(
    response: ResponseData,
    arrived: Arrived,
    transfer: Transfer,
  ): StoredResponse | Promise<StoredResponse> {
    const { maxBytes, judge, isCoded } = this.#rules;
    const { chunks, byteCount, isWhole } = arrived;
    if (!isCoded) this.cookies = response.headers.filter(([name]) => name === 'set-cookie');
    const arriving: Arriving = {
      response,
      head: sharedHead(response, isCoded),
      isStoredEarly: isStoredEarly(response, this.#rules),
      judge: response.body === null ? undefined : judge?.(response, maxBytes),
    };
    if (!isWhole || byteCount > maxBytes || transfer.upstream.aborted) {
      return this.#stream(arriving, arrived, transfer);
    }
    for (const chunk of chunks) arriving.judge?.see(chunk);
    const judgement = this.#judgeEnd(arriving, arriving.judge);
    // Its reader receives what has arrived, and then the error.
    if (this.#breaks(arriving, judgement)) {
      return this.#record(arriving, arrived, transfer, () => {}, judgement).finally(transfer.stop);
    }
    const body = joinChunks(chunks, byteCount);
    this.head = arriving.head;
    this.whole = response.body === null ? null : body;
    this.#end = 'complete';
    transfer.onArriving();
    const stored = { ...storedHead(arriving.head), body };
    return this.#storable(arriving, judgement, stored);
  }

  /** A failed response ends the run. The rest of it still reaches those who read it. */
  #stream(arriving: Arriving, arrived: Arrived, transfer: Transfer): Promise<StoredResponse> {
    let fail = (_: Error) => {};
    const failure = new Promise<never>((_, reject) => {
      fail = (error) => {
        this.#end = 'failed';
        this.#drop = () => transfer.upstream.abort(error);
        reject(error);
      };
    });
    const recorded = this.#record(arriving, arrived, transfer, fail).finally(transfer.stop);
    failure.catch(() => transfer.finishLater(recorded));
    return Promise.race([failure, recorded]);
  }

  /** Hands the rest of a response to all subscribers while it arrives. */
  async #record(
    arriving: Arriving,
    arrived: Arrived,
    { upstream, idle, onArriving }: Transfer,
    fail: (error: Error) => void,
    known?: Judgement,
  ): Promise<StoredResponse> {
    const key = this.#plan.key;
    const { maxBytes, isCoded } = this.#rules;
    const { response, head, isStoredEarly } = arriving;
    let { judge } = arriving;
    let stored: StoredResponse | undefined;
    this.head = head;
    const recording = new Recording(this.#rules);
    this.#recording = recording;
    for (const subscriber of this.#subscribers) subscriber.attach(recording);
    onArriving();
    // A retry must not join a failed response. A handler is never stopped halfway.
    if (isStoredEarly === false && !isCoded) fail(notStored(key, response));
    else if (isStoredEarly !== true && response.status >= 400) this.#end = 'failed';
    let hasFailed = response.status >= 400;
    let isTold = false;
    let judgement = known;
    let lateJudge =
      judge && known === undefined
        ? new LateJudge(
            judge,
            (failure) => {
              if (failure === undefined || hasFailed) return;
              hasFailed = true;
              isTold = true;
              fail(new ResponseNotKeptError(key, response.status, failure.why));
              if (recording.readerCount === 0) this.#drop();
            },
            (error) => upstream.abort(error),
          )
        : undefined;
    this.#lateJudge = lateJudge;
    // Some bodies do not end when their request aborts.
    const stopListening = whenAborted(upstream, () => {
      arrived.cancel();
      recording.wakeSource();
    });
    try {
      // It may have aborted since the head arrived.
      upstream.throwIfAborted();
      if (recording.readerCount === 0) this.#drop();
      for (let at = 0; ; at++) {
        const value = arrived.chunks[at] ?? (await arrived.read()).value;
        if (value === undefined) break;
        // `fetch` refuses such a body as well (Fetch §2.2.4).
        if (value[Symbol.toStringTag] !== 'Uint8Array') {
          throw new BrokenResponseError(key, 'its body contains something other than bytes');
        }
        lateJudge?.add(value);
        recording.write(value);
        // The readers come first: the rest of this loop delayed each chunk by 17 µs.
        await undefined;
        idle.touch();
        lateJudge?.catchUpSoon();
        if (recording.isTooMuch) {
          idle.pause();
          await recording.affordable(() => upstream.aborted);
          idle.resume();
        }
        // The document would stay in memory, and is judged from the file later.
        if (recording.isSpilled && judge !== undefined && holdsDocument(judge)) {
          judge = undefined;
          lateJudge = undefined;
          this.#lateJudge = undefined;
        }
        if (recording.isWhole) continue;
        this.#waitsForReader = true;
        await recording.room();
        this.#waitsForReader = false;
        if (recording.readerCount > 0) continue;
        const error = tooLong(key, response, maxBytes);
        upstream.abort(error);
        throw error;
      }
      lateJudge?.catchUp();
      // A reader of a failure to its end finds the event of it.
      if (isTold) await new Promise<void>(afterEvents);
      upstream.throwIfAborted();
      if (judge === undefined && arriving.judge !== undefined && isStoredEarly !== false) {
        if (recording.isWhole) {
          judge = this.#rules.judge?.(response, maxBytes);
          stored = await this.#copyOf(head, recording, DOCUMENT_COPIES);
          judge?.see(stored.body);
        } else {
          const length = new LengthCheck(response, isCoded);
          length.see({ length: recording.byteCount });
          judgement = length.end();
        }
      }
      judgement ??= this.#judgeEnd(arriving, judge);
      if (this.#breaks(arriving, judgement)) throw new BrokenResponseError(key, judgement.why);
    } catch (error) {
      // A failure that was told before the connection broke is the outcome.
      lateJudge?.catchUp();
      this.#end = 'failed';
      recording.fail(error);
      recording.unpin();
      arrived.cancel(error);
      if (this.#isReleased) this.#unreserve();
      throw error;
    } finally {
      stopListening();
      // Both hold the whole response as long as a slow reader has not read it.
      this.#drop = ignore;
      this.#lateJudge = undefined;
    }
    this.#end = 'complete';
    recording.end();
    try {
      if (!recording.isWhole) return this.#storable(arriving, judgement, undefined);
      // A part of it may move to a file while this waits for memory.
      if (this.#rules.held !== undefined) stored ??= await this.#copyOf(head, recording);
      stored ??= copyInMemory(head, recording);
      return this.#storable(arriving, judgement, stored);
    } finally {
      recording.unpin();
      if (this.#isReleased) this.#unreserve();
    }
  }

  /**
   * Copies the response, from memory and its file, to where it is stored from.
   *
   * @throws {BrokenResponseError} if the file cannot be read.
   */
  async #copyOf(head: ResponseHead, recording: Recording, copies = 1): Promise<StoredResponse> {
    await this.#reserve(copies * recording.byteCount);
    const stored = roomFor(storedHead(head), recording.byteCount);
    try {
      await recording.copyTo(stored.body);
    } catch {
      const why = 'the part of it that was moved to a file cannot be read';
      throw new BrokenResponseError(this.#plan.key, why);
    }
    return stored;
  }

  /** Waits until there is memory for the response, which is stored from there. */
  async #reserve(byteCount: number): Promise<void> {
    this.#unreserve = (await this.#rules.held?.reserve(byteCount)) ?? ignore;
  }

  /** A failure is passed on even if it is malformed. */
  #judgeEnd({ isStoredEarly }: Arriving, judge: BodyJudge | undefined): Judgement {
    return isStoredEarly === false ? COMPLETE : (judge?.end() ?? COMPLETE);
  }

  /** Whether the response ends with an error for its readers. */
  #breaks({ response }: Arriving, { verdict }: Judgement): boolean {
    if (verdict !== 'broken' || response.status >= 400) return false;
    // A handler's stream is complete for its reader: no connection cut it off.
    return !this.#rules.isCoded || headerIn(response.headers, 'content-length') !== null;
  }

  /** @throws {HttpError} for a response that is not stored. */
  #storable(
    { response, isStoredEarly }: Arriving,
    judgement: Judgement,
    stored: StoredResponse | undefined,
  ): StoredResponse {
    return toStore(this.#plan.key, response, { isStoredEarly, judgement, stored }, this.#rules);
  }
}

/** What a response uses while it is received. */
interface Transfer {
  readonly upstream: LazyAbort;
  readonly idle: IdleLimit;
  readonly onArriving: () => void;
  readonly finishLater: (work: Promise<unknown>) => void;
  /** Called when nothing more can arrive. */
  readonly stop: () => void;
}

/** A response, and what is decided about it before its end. */
interface Arriving {
  readonly response: ResponseData;
  readonly head: ResponseHead;
  readonly isStoredEarly: boolean | undefined;
  readonly judge: BodyJudge | undefined;
}

const holdsDocument = (judge: BodyJudge) => (optional(judge, 'heldBytes') ?? 0) > MAX_MESSAGE_BYTES;

const storedHead = (head: ResponseHead): ResponseHead => ({ ...head, url: withoutQuery(head.url) });

function copyInMemory(head: ResponseHead, { chunks, byteCount }: Recording): StoredResponse {
  const stored = roomFor(storedHead(head), byteCount);
  let at = 0;
  for (const chunk of chunks) {
    stored.body.set(chunk, at);
    at += chunk.length;
  }
  return stored;
}

async function cancelBody(body: ResponseBody): Promise<void> {
  if (body instanceof ReadableStream) await body.cancel();
}
