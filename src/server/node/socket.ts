// biome-ignore lint/suspicious/noExplicitAny: listeners of events of all kinds.
type Listener = (...args: any[]) => void;

/** What of a socket is needed here; `on` and the like are its prototype's. */
interface Socket {
  readonly destroyed: boolean;
  on(event: string, listener: Listener): unknown;
  once(event: string, listener: Listener): unknown;
  off(event: string, listener: Listener): unknown;
}

const ENDS: ReadonlySet<string> = new Set(['close', 'end', 'error']);
const FUNCTIONS = ['on', 'addListener', 'once', 'off', 'removeListener'] as const;

const held = new WeakMap<object, HeldEnds>();

/**
 * Holds what is told of the end of a socket back from those who begin to listen from now on: what
 * sends a file stops at that in the middle, though others wait for the rest. Returns a function that
 * ends this.
 */
export function holdEnds(socket: object): () => void {
  let ends = held.get(socket);
  if (ends === undefined) {
    ends = new HeldEnds(socket as Socket);
    held.set(socket, ends);
  }
  return ends.enter();
}

/** Of one socket, on which several requests may be answered at a time. */
class HeldEnds {
  readonly #socket: Socket;
  #count = 0;
  #waiting: { readonly event: string; readonly listener: Listener; readonly isOnce: boolean }[] =
    [];

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  enter(): () => void {
    if (this.#count++ === 0) this.#takeOver();
    let isIn = true;
    return () => {
      if (isIn && --this.#count === 0) this.#giveBack();
      isIn = false;
    };
  }

  #takeOver(): void {
    const socket = this.#socket;
    const { on, once, off } = socket;
    const listen = (isOnce: boolean) => (event: string, listener: Listener) => {
      if (ENDS.has(event)) this.#waiting.push({ event, listener, isOnce });
      else (isOnce ? once : on).call(socket, event, listener);
      return socket;
    };
    const forget = (event: string, listener: Listener) => {
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
      off: forget,
      removeListener: forget,
    });
  }

  #giveBack(): void {
    const socket = this.#socket as Socket & Record<string, unknown>;
    for (const name of FUNCTIONS) delete socket[name];
    for (const { event, listener, isOnce } of this.#waiting.splice(0)) {
      if (!socket.destroyed) socket[isOnce ? 'once' : 'on'](event, listener);
      else if (event === 'close') queueMicrotask(() => listener.call(socket));
    }
  }
}
