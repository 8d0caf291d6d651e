import { type AbortSource, whenAborted } from '../../once/abort.js';
import { hasNoBody } from '../../request/status.js';
import { joinChunks } from '../../response/chunks.js';
import { BrokenResponseError } from '../../response/errors.js';
import {
  headerIn,
  type ResponseBody,
  type ResponseData,
  type ResponseHead,
} from '../../response/response-data.js';
import { type CapturedCalls, giveBack, type Listener, takeOver } from './captured-functions.js';
import type { HiddenDisconnect } from './disconnect.js';
import type { NodeRequest, NodeResponse } from './http.js';
import { CLOSED_MEMBERS } from './private-members.js';
import { OriginalWire, type Wire } from './wire.js';
import { bytesOf, hasBodyLength, linesSet, linesWith } from './written.js';

/** How far a handler may write ahead of the fastest reader before `write` returns `false`. */
const HIGH_WATER_MARK_BYTES = 64 * 1024;

const OF_CONNECTION = ['connection', 'trailer'];

/**
 * Captures the output of a handler instead of sending it. To the handler the response works as usual,
 * except that it learns of a disconnected client only after it has written everything, or when the signal
 * aborts because no caller waits any longer.
 */
export class Capture implements CapturedCalls {
  /** Resolves when the handler has written the head: with the whole body if that ends in the same turn. */
  readonly response: Promise<ResponseData>;
  readonly wire: Wire;
  hasHead = false;
  isFinished = false;
  needsDrain = false;
  readonly #from: NodeRequest;
  readonly #to: NodeResponse;
  readonly #disconnect: HiddenDisconnect;
  readonly #timeoutCount: number | undefined;
  #stopWaiting = () => {};
  #resolve: (response: ResponseData) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  /** The head, until it is known whether the whole body comes with it. */
  #head: ResponseHead | undefined;
  /** The beginning of the body, until then. */
  #early: Uint8Array[] = [];
  #earlyByteCount = 0;
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  /** The length of the body if it is written together with the head. */
  #wholeLength: number | undefined;
  /** No caller reads the output any longer. */
  #isDropped = false;
  #isDisconnected = false;
  /** Whether the functions of the response were given back. */
  #isReleased = false;
  /** The handler's listeners for `drain` and `close`, which the capture emits itself. */
  #listeners: Record<'drain' | 'close', Map<Listener, Listener>> | undefined;

  constructor(
    from: NodeRequest,
    to: NodeResponse,
    disconnect: HiddenDisconnect,
    abort: AbortSource,
    isDisconnected: boolean,
  ) {
    this.#from = from;
    this.#to = to;
    this.#disconnect = disconnect;
    this.#timeoutCount = disconnect.connection?.timeoutCount;
    this.wire = new OriginalWire(to);
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    disconnect.capture(to, () => this.#fail(undefined));
    if (isDisconnected) this.#hideDisconnect();
    else this.wire.on('close', () => this.#onDisconnect());
    takeOver(to, this);
    this.#stopWaiting = whenAborted(abort, () => this.#drop());
    // It had aborted before.
    if (this.isFinished) this.#stopWaiting();
  }

  writeHead(status: number, rest: readonly unknown[]): void {
    if (this.hasHead || this.isFinished) return;
    const [message, more] = typeof rest[0] === 'string' ? rest : [undefined, rest[0]];
    let headers = linesWith(linesSet(this.#to.getHeaders()), more);
    // Node.js announces no length for a body that it does not send.
    const hasBody = this.#from.method !== 'HEAD' && !hasNoBody(status);
    if (hasBody && this.#wholeLength !== undefined && !hasBodyLength(headers)) {
      headers.push(['content-length', String(this.#wholeLength)]);
    }
    // A 205 has no body: its client would wait for the announced bytes (RFC 9110 §15.3.6).
    if (status === 205) {
      headers = headers.filter(([name, value]) => name !== 'content-length' || value === '0');
    }
    // They belong to this connection, and are no part of the response that duplicates get.
    for (const name of OF_CONNECTION) {
      const value = more === undefined ? null : headerIn(headers, name);
      if (value !== null) this.#to.setHeader(name, value);
    }
    const statusText = (message as string | undefined) ?? this.#statusMessage ?? '';
    this.hasHead = true;
    this.#to.statusCode = status;
    this.#head = { status, statusText, url: '', headers };
    if (!hasBody) this.#resolveWith(null);
    // Frameworks end most bodies in the turn in which they write the head.
    else if (this.#wholeLength === undefined) queueMicrotask(() => this.#openStream());
  }

  flushHeaders(): void {
    this.#needHead();
  }

  write(chunk: unknown, encoding: unknown, callback: unknown): boolean {
    const onWritten = [encoding, callback].find((each) => typeof each === 'function');
    const bytes = bytesOf(chunk, encoding);
    if (onWritten !== undefined) queueMicrotask(() => (onWritten as Listener)());
    // `true` after a drop: a handler that waits for `drain` would never continue otherwise.
    if (this.isFinished) return this.#isDropped;
    this.#needHead();
    this.#push(bytes);
    this.needsDrain = !this.#isDropped && (this.#body?.desiredSize ?? 1) <= 0;
    return !this.needsDrain;
  }

  end(...args: unknown[]): void {
    const onFinish = args.find((each) => typeof each === 'function');
    if (this.isFinished) {
      if (onFinish !== undefined) queueMicrotask(() => (onFinish as Listener)());
      return;
    }
    const [chunk, encoding] = args;
    const bytes =
      chunk === undefined || chunk === null || typeof chunk === 'function'
        ? undefined
        : bytesOf(chunk, encoding);
    if (onFinish !== undefined) this.wire.once('finish', onFinish as Listener);
    if (!this.hasHead) this.#wholeLength = bytes?.length ?? 0;
    this.#needHead();
    if (this.#head === undefined || this.#isDropped) {
      if (bytes !== undefined) this.#push(bytes);
      if (!this.#isDropped) this.#body?.close();
    } else if (this.#early.length === 0) {
      this.#resolveWith(bytes ?? new Uint8Array());
    } else {
      if (bytes !== undefined) this.#early.push(bytes);
      this.#resolveWith(joinChunks(this.#early, this.#earlyByteCount + (bytes?.length ?? 0)));
    }
    this.#finish();
  }

  destroy(error: Error | undefined): void {
    this.#fail(error);
    this.wire.destroy(error);
  }

  /** Ends the response: its handler has failed. */
  abandon(error: unknown): void {
    this.#fail(error);
  }

  /**
   * Gives the functions of the response back, so that another response can be written. Returns `false` if
   * the handler still writes.
   */
  release(): boolean {
    if (this.isFinished && !this.#isReleased) {
      this.#isReleased = true;
      giveBack(this.#to, this);
    }
    return this.isFinished;
  }

  listen(event: string, listener: Listener, isOnce: boolean): void {
    if (this.isFinished || (event !== 'drain' && event !== 'close')) {
      this.wire[isOnce ? 'once' : 'on'](event, listener);
      return;
    }
    this.#listeners ??= { drain: new Map(), close: new Map() };
    const held = this.#listeners[event];
    held.set(listener, () => {
      if (isOnce) held.delete(listener);
      listener.call(this.#to);
    });
  }

  stopListening(event: string, listener: Listener): void {
    if (event === 'drain' || event === 'close') this.#listeners?.[event].delete(listener);
    this.wire.off(event, listener);
  }

  #emit(event: 'drain' | 'close'): void {
    for (const call of [...(this.#listeners?.[event].values() ?? [])]) call();
  }

  /** Writes the head as Node does: through the current `writeHead`, which middleware may have replaced. */
  #needHead(): void {
    if (!this.hasHead) this.#to.writeHead(this.#to.statusCode);
  }

  /** `undefined` for HTTP/2, where Node warns of a program that reads it. */
  get #statusMessage(): string | undefined {
    return this.#from.stream === undefined ? this.#to.statusMessage : undefined;
  }

  #resolveWith(body: ResponseBody): void {
    if (this.#head === undefined) return;
    const { status, statusText, url, headers } = this.#head;
    this.#head = undefined;
    this.#resolve({ status, statusText, url, headers, body });
  }

  /** Opens the stream of a body that does not end in the turn in which its head was written. */
  #openStream(): void {
    if (this.#head === undefined) return;
    const stream = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#body = controller;
        },
        pull: () => {
          if (!this.needsDrain) return;
          this.needsDrain = false;
          this.#emit('drain');
        },
        cancel: () => this.#drop(),
      },
      { highWaterMark: HIGH_WATER_MARK_BYTES, size: (chunk) => chunk.length },
    );
    for (const bytes of this.#early.splice(0)) this.#body?.enqueue(bytes);
    this.#resolveWith(stream);
  }

  #push(bytes: Uint8Array): void {
    if (bytes.length === 0 || this.#isDropped) return;
    if (this.#head === undefined) {
      this.#body?.enqueue(bytes);
      return;
    }
    this.#early.push(bytes);
    this.#earlyByteCount += bytes.length;
    if (this.#earlyByteCount >= HIGH_WATER_MARK_BYTES) this.#openStream();
  }

  #fail(error: unknown): void {
    if (this.isFinished) return;
    const reason =
      error ?? new BrokenResponseError('this request', 'its handler ended before its response');
    if (!this.hasHead) this.#reject(reason);
    else if (!this.#isDropped) {
      this.#openStream();
      this.#body?.error(reason);
    }
    this.#finish();
  }

  /** Discards further output, and reports the disconnect to the handler if there was one. */
  #drop(): void {
    if (this.isFinished || this.#isDropped) return;
    this.#isDropped = true;
    this.needsDrain = false;
    this.#ignoreHeaders();
    this.#emit('drain');
    if (this.#isDisconnected) this.#finish();
  }

  /** Node throws if a handler sets a header after another response than its own was sent. */
  #ignoreHeaders(): void {
    const to = this.#to as unknown as Record<string, unknown>;
    const isSent = () => Reflect.get(Object.getPrototypeOf(to), 'headersSent', to) === true;
    for (const name of ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader']) {
      const own = to[name];
      if (typeof own !== 'function') continue;
      to[name] = (...args: unknown[]) => (isSent() ? to : own.apply(to, args));
    }
  }

  /** Restores the response, whose events come from Node again. */
  #finish(): void {
    if (this.isFinished) return;
    this.isFinished = true;
    this.needsDrain = false;
    this.#stopWaiting();
    this.#disconnect.reveal();
    if (this.#listeners === undefined) return;
    if (this.#isDisconnected) this.#emit('close');
    else this.wire.once('close', () => this.#emit('close'));
  }

  #onDisconnect(): void {
    if (this.isFinished) return;
    this.#hideDisconnect();
    if (this.#isClosedHere()) this.#fail(undefined);
    else if (this.#isDropped) this.#finish();
  }

  /** Hides that Node has closed the response. */
  #hideDisconnect(): void {
    this.#isDisconnected = true;
    for (const name of CLOSED_MEMBERS) {
      const value = (this.#to as unknown as Record<string, unknown>)[name];
      Object.defineProperty(this.#to, name, {
        get: () => (this.isFinished ? value : false),
        set() {},
        configurable: true,
      });
    }
  }

  /**
   * Whether this server has closed the connection: frameworks close it after an error that follows the head.
   * Before the head it is a server that shuts down, and the handler's result still counts.
   */
  #isClosedHere(): boolean {
    if (!this.hasHead) return false;
    const { stream } = this.#from;
    if (stream !== undefined) return stream.rstCode === 0;
    const { connection } = this.#disconnect;
    return (
      connection !== undefined &&
      connection.timeoutCount === this.#timeoutCount &&
      !connection.isEndedByPeer
    );
  }
}
