// biome-ignore lint/suspicious/noExplicitAny: listeners of events of all kinds.
type Listener = (...args: any[]) => void;

/** The part of a socket that is used here. `on` and its siblings are functions of the prototype. */
interface Socket {
  readonly destroyed: boolean;
  on(event: string, listener: Listener): unknown;
  once(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

const END_EVENTS: ReadonlySet<string> = new Set(['close', 'end', 'error']);
const FUNCTIONS = ['on', 'addListener', 'once', 'off', 'removeListener'] as const;

const held = new WeakMap<object, HeldEndEvents>();

/**
 * Withholds the end events of a socket from listeners that are added from now on: a file sender would
 * stop in the middle, although duplicates wait for the rest. Returns a function that ends this.
 */
export function holdEndEvents(socket: object): () => void {
  let ends = held.get(socket);
  if (ends === undefined) {
    ends = new HeldEndEvents(socket as Socket);
    held.set(socket, ends);
  }
  return ends.hold();
}

/** The events of one socket, on which several requests may be answered at a time. */
class HeldEndEvents {
  readonly #socket: Socket;
  #count = 0;
  #waiting: { readonly event: string; readonly listener: Listener; readonly isOnce: boolean }[] =
    [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  hold(): () => void {
    if (this.#count++ === 0) this.#takeOver();
    let isHolding = true;
    return () => {
      if (isHolding && --this.#count === 0) this.#release();
      isHolding = false;
    };
  }

  #takeOver(): void {
    const socket = this.#socket;
    const { on, once, off } = socket;
    const listen = (isOnce: boolean) => (event: string, listener: Listener) => {
      if (END_EVENTS.has(event)) this.#waiting.push({ event, listener, isOnce });
      else (isOnce ? once : on).call(socket, event, listener);
      return socket;
    };
    const remove = (event: string, listener: Listener) => {
      this.#waiting = this.#waiting.filter(
        (each) => each.event !== event || each.listener !== listener,
      );
      off.call(socket, event, listener);
      return socket;
    };
    Object.assign(socket, {
      on: listen(false),
      addListener: listen(false),
      once: listen(true),
      off: remove,
      removeListener: remove,
    });
  }

  #release(): void {
    const socket = this.#socket as Socket & Record<string, unknown>;
    for (const name of FUNCTIONS) delete socket[name];
    for (const { event, listener, isOnce } of this.#waiting.splice(0)) {
      if (!socket.destroyed) socket[isOnce ? 'once' : 'on'](event, listener);
      else if (event === 'close') queueMicrotask(() => listener.call(socket));
    }
  }
}
