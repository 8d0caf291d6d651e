import type { NodeRequest } from './node-http.js';

/** With this Node ends a request whose connection is gone. */
const isOfConnection = (error: unknown) =>
  (error as { code?: unknown } | undefined)?.code === 'ECONNRESET';

/**
 * Hides from a handler, until `show`, that its client has hung up: Node would take the body from it
 * that it has not read yet, body parsers pass over a request whose socket is closed, and many a
 * handler stops where its request is closed.
 */
export class HiddenHangUp {
  /** Is called when the handler cuts the connection off, which may be gone already. */
  onCut = () => {};
  readonly #from: NodeRequest;
  readonly #destroy: NodeRequest['destroy'];
  #hungUp: { readonly error: Error | undefined; readonly socket: unknown } | undefined;

  constructor(from: NodeRequest) {
    this.#from = from;
    this.#destroy = from.destroy.bind(from);
    from.destroy = (error) => {
      if (isOfConnection(error)) {
        this.#hungUp = { error, socket: from.socket };
        this.#putSocket(from.socket);
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

  /** A socket that looks open, and by which one can still say that this is not the whole of it. */
  #putSocket(socket: unknown): void {
    if (typeof socket !== 'object' || socket === null) return;
    const destroy = () => {
      this.onCut();
      return value;
    };
    const value: object = Object.create(socket, {
      readable: { value: true },
      writable: { value: true },
      destroyed: { value: false },
      destroy: { value: destroy },
    });
    this.#setSocket(value);
  }

  #setSocket(value: unknown): void {
    Object.defineProperty(this.#from, 'socket', { value, configurable: true, writable: true });
  }
}
