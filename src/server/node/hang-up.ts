import type { NodeRequest } from './http.js';
import { holdEnds } from './socket.js';

/** With this Node ends a request whose connection is gone. */
const isOfConnection = (error: unknown) =>
  (error as { code?: unknown } | undefined)?.code === 'ECONNRESET';

/** The socket of a request or a response, while what is closed is hidden. */
export interface HiddenSocket<Socket> {
  readonly real: Socket;
  show(): void;
}

/**
 * Hides from a handler, until `show`, that its client has hung up: Node would take the body from it
 * that it has not read yet, body parsers pass over a request whose socket is closed, what sends files
 * sends none to such a response, and many a handler stops where its request is closed.
 */
export class HiddenHangUp {
  /** Is called when the handler cuts the connection off, which may be gone already. */
  onCut = () => {};
  readonly #from: NodeRequest;
  readonly #destroy: NodeRequest['destroy'];
  readonly #socket: HiddenSocket<unknown>;
  readonly #showEnds: () => void;
  #open: object | undefined;
  #hungUp: { readonly error: Error | undefined } | undefined;

  constructor(from: NodeRequest) {
    this.#from = from;
    this.#destroy = from.destroy.bind(from);
    this.#socket = this.hideSocket(from);
    const { real } = this.#socket;
    const holdsEnds = this.#isOfOneRequest && typeof real === 'object' && real !== null;
    this.#showEnds = holdsEnds ? holdEnds(real) : () => {};
    from.destroy = (error) => {
      if (isOfConnection(error)) {
        this.#hungUp = { error };
      } else {
        // As it is done with every request that was read to its end.
        if (!from.readableEnded) this.onCut();
        this.#destroy(error);
      }
      return from;
    };
  }

  /** From here on the request is what it was. */
  show(): void {
    this.#showEnds();
    this.#socket.show();
    this.#from.destroy = this.#destroy;
    if (this.#hungUp === undefined) return;
    const { error } = this.#hungUp;
    this.#hungUp = undefined;
    this.#destroy(error);
  }

  /** Shows, once the socket is closed, one that looks open and can still be cut off. */
  hideSocket<Socket>(of: { readonly socket?: Socket }): HiddenSocket<Socket> {
    if (!this.#isOfOneRequest) return { real: of.socket as Socket, show() {} };
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
      show: () => define({ value: real, writable: true }),
    };
  }

  /** HTTP/2 has a socket for many requests, and shows something else itself. */
  get #isOfOneRequest(): boolean {
    return this.#from.stream === undefined;
  }

  #openFor(socket: unknown): unknown {
    if (!(socket as { destroyed?: boolean } | null | undefined)?.destroyed) return socket;
    const destroy = () => {
      this.onCut();
      return this.#open;
    };
    this.#open ??= Object.create(socket as object, {
      readable: { value: true },
      writable: { value: true },
      destroyed: { value: false },
      destroy: { value: destroy },
      // Nothing is written to it.
      _httpMessage: { value: null },
    });
    return this.#open;
  }
}
