import { whenAborted } from '../../once/abort.js';
import { BrokenResponseError } from '../../response/errors.js';
import type { HiddenHangUp, HiddenSocket } from './hang-up.js';
import type { NodeResponse } from './http.js';
import { bytesOf, headersSet, isMeasured, setHeaders } from './written.js';

/** How much a handler may write ahead of whoever takes it, before it is told to wait. */
const HIGH_WATER_MARK = 64 * 1024;

/** Statuses whose responses have no body (Fetch §2.2.3). */
const NULL_BODY = new Set([204, 205, 304]);

type Listener = (...args: unknown[]) => void;

/** The functions of a response as they were before it was captured: what is written by them is sent. */
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
 * Takes what a handler writes to its response, instead of sending it, and resolves to that when its
 * head is there. The handler sees a response that works as ever; but that its client hangs up, it
 * sees only when it has written all, or when the signal aborts: nobody wants it any longer then.
 */
export function captureResponse(
  to: NodeResponse,
  wire: Wire,
  hangUp: HiddenHangUp,
  signal: AbortSignal,
): Promise<Response> {
  return new Capture(to, wire, hangUp, signal).response;
}

class Capture {
  readonly response: Promise<Response>;
  readonly #to: NodeResponse;
  readonly #wire: Wire;
  readonly #hangUp: HiddenHangUp;
  readonly #socket: HiddenSocket<NodeResponse['socket']>;
  #stopListening = () => {};
  #resolve: (response: Response) => void = () => {};
  #reject: (error: unknown) => void = () => {};
  #body: ReadableStreamDefaultController<Uint8Array> | undefined;
  #hasHead = false;
  /** Of the body, where all of it comes with the head. */
  #wholeLength: number | undefined;
  #isOver = false;
  /** Nobody takes what is written any longer. */
  #isDropped = false;
  #needsDrain = false;
  #isHungUp = false;
  /** The server was set to close connections on which nothing happens. */
  #isTimedOut = false;
  /** What waits for `drain` and `close`, of which the handler has its own. */
  readonly #listeners = {
    drain: new Map<Listener, Listener>(),
    close: new Map<Listener, Listener>(),
  };

  constructor(to: NodeResponse, wire: Wire, hangUp: HiddenHangUp, signal: AbortSignal) {
    this.#to = to;
    this.#wire = wire;
    this.#hangUp = hangUp;
    hangUp.onCut = () => this.#fail(undefined);
    this.response = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    this.#isHungUp = to.destroyed;
    wire.once('close', () => this.#onHangUp());
    this.#takeOver();
    const { socket } = to;
    this.#socket = hangUp.hideSocket(to);
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
    const forget = (event: string, listener: Listener) => {
      this.#heldFor(event)?.delete(listener);
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
      off: forget,
      removeListener: forget,
    };
    Object.assign(to as object, functions);
    const states = {
      headersSent: () => this.#hasHead,
      writableEnded: () => this.#isOver,
      writableNeedDrain: () => this.#needsDrain,
    };
    for (const [name, get] of Object.entries(states)) {
      Object.defineProperty(to, name, { get, configurable: true });
    }
    // Node sets these when the client hangs up.
    for (const name of ['destroyed', '_closed', 'closed'] as const) {
      let value = (to as unknown as Record<string, unknown>)[name];
      Object.defineProperty(to, name, {
        get: () => (this.#isOver ? value : false),
        set: (set) => {
          value = set;
        },
        configurable: true,
      });
    }
  }

  #heldFor(event: string): Map<Listener, Listener> | undefined {
    return event === 'drain' || event === 'close' ? this.#listeners[event] : undefined;
  }

  #listen(event: string, listener: Listener, isOnce: boolean): void {
    const held = this.#isOver ? undefined : this.#heldFor(event);
    if (held === undefined) {
      this.#wire[isOnce ? 'once' : 'on'](event, listener);
      return;
    }
    held.set(listener, () => {
      if (isOnce) held.delete(listener);
      listener.call(this.#to);
    });
  }

  #tell(event: 'drain' | 'close'): void {
    for (const call of [...this.#listeners[event].values()]) call();
  }

  /** The head, if it is not there yet: as Node does it, by whatever `writeHead` there is. */
  #needHead(): void {
    if (!this.#hasHead) this.#to.writeHead(this.#to.statusCode);
  }

  #writeHead(status: number, rest: readonly unknown[]): void {
    if (this.#hasHead || this.#isOver) return;
    const [message, more] = typeof rest[0] === 'string' ? rest : [undefined, rest[0]];
    const headers = headersSet(this.#to.getHeaders());
    setHeaders(headers, more);
    if (this.#wholeLength !== undefined && !NULL_BODY.has(status) && !isMeasured(headers)) {
      headers.set('content-length', String(this.#wholeLength));
    }
    // Its client would wait for what is said to come, and never does (RFC 9110 §15.3.6).
    if (status === 205) headers.delete('content-length');
    const body = NULL_BODY.has(status) ? null : this.#stream();
    const response = new Response(body, {
      status,
      statusText: (message as string | undefined) ?? this.#to.statusMessage ?? '',
      headers,
    });
    this.#hasHead = true;
    this.#to.statusCode = status;
    this.#resolve(response);
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
          this.#tell('drain');
        },
        cancel: () => this.#drop(),
      },
      { highWaterMark: HIGH_WATER_MARK, size: (chunk) => chunk.length },
    );
  }

  #write(chunk: unknown, encoding: unknown, callback: unknown): boolean {
    const told = [encoding, callback].find((each) => typeof each === 'function');
    const bytes = bytesOf(chunk, encoding);
    if (told !== undefined) queueMicrotask(() => (told as Listener)());
    // To who waits for `drain` alone, it would never come.
    if (this.#isOver) return this.#isDropped;
    this.#needHead();
    if (bytes.length > 0 && !this.#isDropped) this.#body?.enqueue(bytes);
    this.#needsDrain = !this.#isDropped && (this.#body?.desiredSize ?? 1) <= 0;
    return !this.#needsDrain;
  }

  #end(...args: unknown[]): void {
    const told = args.find((each) => typeof each === 'function');
    if (this.#isOver) {
      if (told !== undefined) queueMicrotask(() => (told as Listener)());
      return;
    }
    if (told !== undefined) this.#wire.once('finish', told as Listener);
    const [chunk, encoding] = args;
    const bytes =
      chunk === undefined || chunk === null || typeof chunk === 'function'
        ? undefined
        : bytesOf(chunk, encoding);
    if (!this.#hasHead) this.#wholeLength = bytes?.length ?? 0;
    this.#needHead();
    if (bytes !== undefined && bytes.length > 0 && !this.#isDropped) this.#body?.enqueue(bytes);
    if (!this.#isDropped) this.#body?.close();
    this.#over();
  }

  #fail(error: unknown): void {
    if (this.#isOver) return;
    const reason =
      error ?? new BrokenResponseError('this request', 'its handler ended before its response');
    if (!this.#hasHead) this.#reject(reason);
    else if (!this.#isDropped) this.#body?.error(reason);
    this.#over();
  }

  /** What is still written goes nowhere; the handler is told that its client is gone, if it is. */
  #drop(): void {
    if (this.#isOver || this.#isDropped) return;
    this.#isDropped = true;
    this.#needsDrain = false;
    this.#ignoreHeaders();
    this.#tell('drain');
    if (this.#isHungUp) this.#over();
  }

  /** Once another response than the handler's was sent, Node throws where it sets a header of its own. */
  #ignoreHeaders(): void {
    const to = this.#to as unknown as Record<string, unknown>;
    const isSent = () => Reflect.get(Object.getPrototypeOf(to), 'headersSent', to) === true;
    for (const name of ['setHeader', 'setHeaders', 'appendHeader', 'removeHeader']) {
      const own = to[name];
      if (typeof own !== 'function') continue;
      to[name] = (...args: unknown[]) => (isSent() ? to : own.apply(to, args));
    }
  }

  /** From here on the response is what it was, and its events are Node's. */
  #over(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#needsDrain = false;
    this.#stopListening();
    this.#socket.show();
    this.#hangUp.show();
    if (this.#isHungUp) this.#tell('close');
    else this.#wire.once('close', () => this.#tell('close'));
  }

  #onHangUp(): void {
    this.#isHungUp = true;
    if (this.#isOver) return;
    const socket = this.#socket.real;
    // Neither the client's end nor a broken line: it was this side that cut the connection, as
    // frameworks do it after an error that came too late. Before there is a head it is a server that
    // closes connections, and what the handler does is worth no less for it.
    const isOwnDoing =
      this.#hasHead &&
      !this.#isTimedOut &&
      socket !== null &&
      !socket.readableEnded &&
      !socket.errored;
    if (isOwnDoing) this.#fail(undefined);
    else if (this.#isDropped) this.#over();
  }
}
