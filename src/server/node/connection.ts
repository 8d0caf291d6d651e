// biome-ignore lint/suspicious/noExplicitAny: listeners of events of all kinds.
type Listener = (...args: any[]) => void;

/** The part of a socket that is used here. */
interface Socket {
  readonly destroyed: boolean;
  readonly readableEnded: boolean;
  readonly errored?: unknown;
  on(event: string, listener: Listener): unknown;
  once(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
  /** `destroy` calls it first. A subclass of a stream may replace it. */
  _destroy?(error: Error | null, callback: Listener): void;
}

/** A request that does not notice the end of its socket. */
export interface EndObserver {
  /** Called when the socket is destroyed, before anything else can notice it. */
  onSocketDestroyed(): void;
}

const CONNECTION = Symbol('samekey.connection');
type Observed = Socket & { [CONNECTION]: Connection };

const END_EVENTS: ReadonlySet<string> = new Set(['close', 'end', 'error']);

/**
 * Functions of all observed sockets. They stay for the life of the socket, which may carry any number of
 * requests, and pass through while no request hides its end.
 */
const FUNCTIONS = {
  on(this: Observed, event: string, listener: Listener) {
    return this[CONNECTION].listen(event, listener, false);
  },
  addListener(this: Observed, event: string, listener: Listener) {
    return this[CONNECTION].listen(event, listener, false);
  },
  once(this: Observed, event: string, listener: Listener) {
    return this[CONNECTION].listen(event, listener, true);
  },
  off(this: Observed, event: string, listener: Listener) {
    return this[CONNECTION].remove(event, listener);
  },
  removeListener(this: Observed, event: string, listener: Listener) {
    return this[CONNECTION].remove(event, listener);
  },
};

function destroyObserved(this: Observed, error: Error | null, callback: Listener): void {
  this[CONNECTION].destroy(error, callback);
}

/**
 * Tells the requests of a socket when it is destroyed. Until they have ended, it withholds the end events
 * of the socket from listeners that a handler adds: a file sender would stop in the middle, although
 * duplicates wait for the rest.
 */
export class Connection {
  /** How often the socket was idle for longer than the server's timeout. */
  timeoutCount = 0;
  readonly #socket: Observed;
  readonly #on: Socket['on'];
  readonly #once: Socket['once'];
  readonly #off: Socket['off'];
  readonly #destroy: Socket['_destroy'];
  readonly #observers = new Set<EndObserver>();
  #waiting: { readonly event: string; readonly listener: Listener; readonly isOnce: boolean }[] =
    [];

  /** Returns the connection of a socket; `undefined` if it is no socket. */
  static of(socket: unknown): Connection | undefined {
    const { on, [CONNECTION]: known } = (socket ?? {}) as Partial<Observed>;
    return known ?? (on && new Connection(socket as Observed));
  }

  private constructor(socket: Observed) {
    this.#socket = socket;
    this.#on = socket.on;
    this.#once = socket.once;
    this.#off = socket.off;
    this.#destroy = socket._destroy;
    socket[CONNECTION] = this;
    this.#on.call(socket, 'timeout', () => {
      this.timeoutCount++;
    });
    Object.assign(socket, FUNCTIONS);
    if (this.#destroy !== undefined) socket._destroy = destroyObserved;
  }

  /** Whether the client or the network has ended the connection. */
  get isEndedByPeer(): boolean {
    return this.#socket.readableEnded || Boolean(this.#socket.errored);
  }

  observe(observer: EndObserver): void {
    this.#observers.add(observer);
    if (this.#socket.destroyed) observer.onSocketDestroyed();
  }

  unobserve(observer: EndObserver): void {
    if (!this.#observers.delete(observer) || this.#observers.size > 0) return;
    if (this.#waiting.length > 0) this.#release();
  }

  listen(event: string, listener: Listener, isOnce: boolean): Socket {
    if (this.#observers.size > 0 && END_EVENTS.has(event)) {
      this.#waiting.push({ event, listener, isOnce });
    } else {
      (isOnce ? this.#once : this.#on).call(this.#socket, event, listener);
    }
    return this.#socket;
  }

  remove(event: string, listener: Listener): Socket {
    if (this.#waiting.length > 0) {
      this.#waiting = this.#waiting.filter(
        (each) => each.event !== event || each.listener !== listener,
      );
    }
    this.#off.call(this.#socket, event, listener);
    return this.#socket;
  }

  destroy(error: Error | null, callback: Listener): void {
    for (const observer of this.#observers) observer.onSocketDestroyed();
    this.#destroy?.call(this.#socket, error, callback);
  }

  #release(): void {
    const socket = this.#socket;
    for (const { event, listener, isOnce } of this.#waiting.splice(0)) {
      if (!socket.destroyed) this.listen(event, listener, isOnce);
      else if (event === 'close') queueMicrotask(() => listener.call(socket));
    }
  }
}
