import type { NodeRequest } from './node-http.js';

/** With this Node ends a request whose connection is gone. */
const isOfConnection = (error: unknown) =>
  (error as { code?: unknown } | undefined)?.code === 'ECONNRESET';

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
  /** Is shown instead of the one that is closed, once it is: it looks open, and can still be cut off. */
  socket: object | undefined;
  #hungUp: { readonly error: Error | undefined; readonly socket: unknown } | undefined;

  constructor(from: NodeRequest) {
    this.#from = from;
    this.#destroy = from.destroy.bind(from);
    from.destroy = (error) => {
      if (isOfConnection(error)) {
        this.#hungUp = { error, socket: from.socket };
        this.socket = this.#openAs(from.socket);
        this.#setSocket(this.socket);
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
    this.#from.destroy = this.#destroy;
    if (this.#hungUp === undefined) return;
    const { error, socket } = this.#hungUp;
    this.#hungUp = undefined;
    this.#setSocket(socket);
    this.#destroy(error);
  }

  #openAs(socket: unknown): object {
    const destroy = () => {
      this.onCut();
      return open;
    };
    const open: object = Object.create(socket as object | null, {
      readable: { value: true },
      writable: { value: true },
      destroyed: { value: false },
      destroy: { value: destroy },
      // Nothing is written to it.
      _httpMessage: { value: null },
    });
    return open;
  }

  #setSocket(value: unknown): void {
    Object.defineProperty(this.#from, 'socket', { value, configurable: true, writable: true });
  }
}
