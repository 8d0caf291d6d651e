import type { NodeRequest } from './http.js';
import { HTTP_MESSAGE } from './private-members.js';
import { holdEndEvents } from './socket-events.js';

/** Node destroys the request of a lost connection with this error. */
const isConnectionReset = (error: unknown) =>
  (error as { code?: unknown } | undefined)?.code === 'ECONNRESET';

/** The socket of a request or response while its end is hidden. */
export interface HiddenSocket<Socket> {
  readonly real: Socket;
  reveal(): void;
}

/**
 * Hides from a handler, until `reveal`, that its client has disconnected, because its result still
 * serves duplicates. Otherwise Node would drop the unread body, body parsers would skip the request,
 * file senders would send nothing, and many handlers would stop.
 */
export class HiddenDisconnect {
  /** Called when the handler itself destroys the connection, which may be closed already. */
  onDestroy = () => {};
  readonly #from: NodeRequest;
  readonly #destroy: NodeRequest['destroy'];
  readonly #socket: HiddenSocket<unknown>;
  readonly #revealEndEvents: () => void;
  #open: object | undefined;
  #reset: { readonly error: Error | undefined } | undefined;

  constructor(from: NodeRequest) {
    this.#from = from;
    this.#destroy = from.destroy.bind(from);
    this.#socket = this.hideSocket(from);
    const { real } = this.#socket;
    const holdsEvents = this.#ownsSocket && typeof real === 'object' && real !== null;
    this.#revealEndEvents = holdsEvents ? holdEndEvents(real) : () => {};
    from.destroy = (error) => {
      if (isConnectionReset(error)) {
        this.#reset = { error };
      } else {
        // Node destroys every request that was read to its end. That is not the handler's doing.
        if (!from.readableEnded) this.onDestroy();
        this.#destroy(error);
      }
      return from;
    };
  }

  /** Restores the request. */
  reveal(): void {
    this.#revealEndEvents();
    this.#socket.reveal();
    this.#from.destroy = this.#destroy;
    if (this.#reset === undefined) return;
    const { error } = this.#reset;
    this.#reset = undefined;
    this.#destroy(error);
  }

  /** Replaces the socket, once it is closed, by one that looks open and can be destroyed. */
  hideSocket<Socket>(of: { readonly socket?: Socket }): HiddenSocket<Socket> {
    if (!this.#ownsSocket) return { real: of.socket as Socket, reveal() {} };
    let real = of.socket as Socket;
    const define = (descriptor: PropertyDescriptor) =>
      Object.defineProperty(of, 'socket', { ...descriptor, configurable: true, enumerable: true });
    define({
      get: () => this.#openFor(real),
      set: (socket: Socket) => {
        real = socket;
      },
    });
    return {
      get real() {
        return real;
      },
      reveal: () => define({ value: real, writable: true }),
    };
  }

  /** An HTTP/2 request shares its socket with others, and Node shows it a proxy object. */
  get #ownsSocket(): boolean {
    return this.#from.stream === undefined;
  }

  #openFor(socket: unknown): unknown {
    if (!(socket as { destroyed?: boolean } | null | undefined)?.destroyed) return socket;
    const destroy = () => {
      this.onDestroy();
      return this.#open;
    };
    this.#open ??= Object.create(socket as object, {
      readable: { value: true },
      writable: { value: true },
      destroyed: { value: false },
      destroy: { value: destroy },
      // The server writes no response to it.
      [HTTP_MESSAGE]: { value: null },
    });
    return this.#open;
  }
}
