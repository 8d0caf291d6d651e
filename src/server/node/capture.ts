import { type AbortSource, whenAborted } from '../../once/abort.js';
import { BrokenResponseError } from '../../response/errors.js';
import { linesOf, type ResponseData } from '../../response/response-data.js';
import { hasNoBody } from '../../response/status.js';
import type { HiddenDisconnect, HiddenSocket } from './disconnect.js';
import type { NodeResponse } from './http.js';
import { CLOSED_MEMBERS } from './private-members.js';
import { bytesOf, hasBodyLength, headersSet, setHeaders } from './written.js';

/** How far a handler may write ahead of the fastest reader before `write` returns `false`. */
const HIGH_WATER_MARK_BYTES = 64 * 1024;

type Listener = (...args: unknown[]) => void;

/** The original functions of a captured response: they write to the connection. */
export type Wire = Pick<
  NodeResponse,
  'writeHead' | 'write' | 'end' | 'destroy' | 'on' | 'once' | 'off'
>;

export const wireOf = (to: NodeResponse): Wire => ({
  writeHead: to.writeHead.bind(to),
  write: to.write.bind(to),
  end: to.end.bind(to),
  destroy: to.destroy.bind(to),
  on: to.on.bind(to),
  once: to.once.bind(to),
  off: to.off.bind(to),
});

/**
 * Captures the output of a handler instead of sending it, and resolves to a response when the handler
 * has written the head. To the handler the response works as usual, except that it learns of a
 * disconnected client only after it has written everything, or when the signal aborts because no
 * caller waits any longer.
 */
export function captureResponse(
  to: NodeResponse,
  wire: Wire,
  disconnect: HiddenDisconnect,
  signal: AbortSource,
  isHead: boolean,
): Promise<ResponseData> {
  return new Capture(to, wire, disconnect, signal, isHead).response;
}

class Capture {
  readonly response: Promise<ResponseData>;
  readonly #to: NodeResponse;
  readonly #wire: Wire;
  readonly #disconnect: HiddenDisconnect;
  /** Whether the request is a HEAD, whose response has no body. */
  readonly #isHead: boolean;
  readonly #socket: HiddenSocket<NodeResponse['socket']>;
  #stopListening = () => {};
  #resolve: (response: ResponseData) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #hasHead = false;
  /** The length of the body if it is written together with the head. */
  #wholeLength: number | undefined;
  #isFinished = false;
  /** No caller reads the output any longer. */
  #isDropped = false;
  #needsDrain = false;
  #isDisconnected = false;
  /** The server closed the idle connection by its own timeout. */
  #isTimedOut = false;
  /** The handler's listeners for `drain` and `close`, which the capture emits itself. */
  readonly #listeners = {
    drain: new Map<Listener, Listener>(),
    close: new Map<Listener, Listener>(),
  };

  constructor(
    to: NodeResponse,
    wire: Wire,
    disconnect: HiddenDisconnect,
    signal: AbortSource,
    isHead: boolean,
  ) {
    this.#to = to;
    this.#isHead = isHead;
    this.#wire = wire;
    this.#disconnect = disconnect;
    disconnect.onDestroy = () => this.#fail(undefined);
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#isDisconnected = to.destroyed;
    wire.once('close', () => this.#onDisconnect());
    this.#takeOver();
    const { socket } = to;
    this.#socket = disconnect.hideSocket(to);
    const onTimeout = () => {
      this.#isTimedOut = true;
    };
    socket?.once('timeout', onTimeout);
    const stopWaiting = whenAborted(signal, () => this.#drop());
    this.#stopListening = () => {
      socket?.off('timeout', onTimeout);
      stopWaiting();
    };
  }

  #takeOver(): void {
    const to = this.#to;
    const listen = (isOnce: boolean) => (event: string, listener: Listener) => {
      this.#listen(event, listener, isOnce);
      return to;
    };
    const remove = (event: string, listener: Listener) => {
      this.#listenersOf(event)?.delete(listener);
      this.#wire.off(event, listener);
      return to;
    };
    const functions = {
      writeHead: (status: number, ...rest: unknown[]) => {
        this.#writeHead(status, rest);
        return to;
      },
      write: (chunk: unknown, encoding?: unknown, callback?: unknown) =>
        this.#write(chunk, encoding, callback),
      end: (chunk?: unknown, encoding?: unknown, callback?: unknown) => {
        this.#end(chunk, encoding, callback);
        return to;
      },
      flushHeaders: () => this.#needHead(),
      destroy: (error?: Error) => {
        this.#fail(error);
        this.#wire.destroy(error);
        return to;
      },
      on: listen(false),
      addListener: listen(false),
      once: listen(true),
      off: remove,
      removeListener: remove,
    };
    Object.assign(to as object, functions);
    const states = {
      headersSent: () => this.#hasHead,
      writableEnded: () => this.#isFinished,
      writableNeedDrain: () => this.#needsDrain,
    };
    for (const [name, get] of Object.entries(states)) {
      Object.defineProperty(to, name, { get, configurable: true });
    }
    // Node sets these when the client disconnects.
    for (const name of CLOSED_MEMBERS) {
      let value = (to as unknown as Record<string, unknown>)[name];
      Object.defineProperty(to, name, {
        get: () => (this.#isFinished ? value : false),
        set: (set) => {
          value = set;
        },
        configurable: true,
      });
    }
  }

  #listenersOf(event: string): Map<Listener, Listener> | undefined {
    return event === 'drain' || event === 'close' ? this.#listeners[event] : undefined;
  }

  #listen(event: string, listener: Listener, isOnce: boolean): void {
    const held = this.#isFinished ? undefined : this.#listenersOf(event);
    if (held === undefined) {
      this.#wire[isOnce ? 'once' : 'on'](event, listener);
      return;
    }
    held.set(listener, () => {
      if (isOnce) held.delete(listener);
      listener.call(this.#to);
    });
  }

  #emit(event: 'drain' | 'close'): void {
    for (const call of [...this.#listeners[event].values()]) call();
  }

  /** Writes the head as Node does: through the current `writeHead`, which middleware may have replaced. */
  #needHead(): void {
    if (!this.#hasHead) this.#to.writeHead(this.#to.statusCode);
  }

  #writeHead(status: number, rest: readonly unknown[]): void {
    if (this.#hasHead || this.#isFinished) return;
    const [message, more] = typeof rest[0] === 'string' ? rest : [undefined, rest[0]];
    const headers = headersSet(this.#to.getHeaders());
    setHeaders(headers, more);
    // Node.js announces no length for a body that it does not send.
    const length = this.#isHead || hasNoBody(status) ? undefined : this.#wholeLength;
    if (length !== undefined && !hasBodyLength(headers)) {
      headers.set('content-length', String(length));
    }
    // A 205 has no body: its client would wait for the announced bytes (RFC 9110 §15.3.6).
    if (status === 205 && headers.get('content-length') !== '0') headers.delete('content-length');
    const body = this.#isHead || hasNoBody(status) ? null : this.#stream();
    const statusText = (message as string | undefined) ?? this.#to.statusMessage ?? '';
    this.#hasHead = true;
    this.#to.statusCode = status;
    this.#resolve({ status, statusText, url: '', headers: linesOf(headers), body });
  }

  #stream(): ReadableStream<Uint8Array> {
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#body = controller;
        },
        pull: () => {
          if (!this.#needsDrain) return;
          this.#needsDrain = false;
          this.#emit('drain');
        },
        cancel: () => this.#drop(),
      },
      { highWaterMark: HIGH_WATER_MARK_BYTES, size: (chunk) => chunk.length },
    );
  }

  #write(chunk: unknown, encoding: unknown, callback: unknown): boolean {
    const onWritten = [encoding, callback].find((each) => typeof each === 'function');
    const bytes = bytesOf(chunk, encoding);
    if (onWritten !== undefined) queueMicrotask(() => (onWritten as Listener)());
    // `true` after a drop: a handler that waits for `drain` would never continue otherwise.
    if (this.#isFinished) return this.#isDropped;
    this.#needHead();
    if (bytes.length > 0 && !this.#isDropped) this.#body?.enqueue(bytes);
    this.#needsDrain = !this.#isDropped && (this.#body?.desiredSize ?? 1) <= 0;
    return !this.#needsDrain;
  }

  #end(...args: unknown[]): void {
    const onFinish = args.find((each) => typeof each === 'function');
    if (this.#isFinished) {
      if (onFinish !== undefined) queueMicrotask(() => (onFinish as Listener)());
      return;
    }
    if (onFinish !== undefined) this.#wire.once('finish', onFinish as Listener);
    const [chunk, encoding] = args;
    const bytes =
      chunk === undefined || chunk === null || typeof chunk === 'function'
        ? undefined
        : bytesOf(chunk, encoding);
    if (!this.#hasHead) this.#wholeLength = bytes?.length ?? 0;
    this.#needHead();
    if (bytes !== undefined && bytes.length > 0 && !this.#isDropped) this.#body?.enqueue(bytes);
    if (!this.#isDropped) this.#body?.close();
    this.#finish();
  }

  #fail(error: unknown): void {
    if (this.#isFinished) return;
    const reason =
      error ?? new BrokenResponseError('this request', 'its handler ended before its response');
    if (!this.#hasHead) this.#reject(reason);
    else if (!this.#isDropped) this.#body?.error(reason);
    this.#finish();
  }

  /** Discards further output, and reports the disconnect to the handler if there was one. */
  #drop(): void {
    if (this.#isFinished || this.#isDropped) return;
    this.#isDropped = true;
    this.#needsDrain = false;
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
    if (this.#isFinished) return;
    this.#isFinished = true;
    this.#needsDrain = false;
    this.#stopListening();
    this.#socket.reveal();
    this.#disconnect.reveal();
    if (this.#isDisconnected) this.#emit('close');
    else this.#wire.once('close', () => this.#emit('close'));
  }

  #onDisconnect(): void {
    this.#isDisconnected = true;
    if (this.#isFinished) return;
    const socket = this.#socket.real;
    // The connection was not closed by the client or the network, so this side closed it: frameworks do that
    // after an error behind the head. Before the head it is a server that shuts down, and the
    // handler's result still counts.
    const isClosedHere =
      this.#hasHead &&
      !this.#isTimedOut &&
      socket !== null &&
      !socket.readableEnded &&
      !socket.errored;
    if (isClosedHere) this.#fail(undefined);
    else if (this.#isDropped) this.#finish();
  }
}
