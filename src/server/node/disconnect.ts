import { Connection } from './connection.js';
import type { NodeRequest, NodeResponse } from './http.js';
import { HTTP_MESSAGE } from './private-members.js';

/** Node destroys the request of a lost connection with this error. */
const isConnectionReset = (error: unknown) =>
  (error as { code?: unknown } | undefined)?.code === 'ECONNRESET';

type WithSocket = NodeRequest | NodeResponse;

const NONE: (() => void)[] = [];

const HIDDEN = Symbol('samekey.hidden');
type Hiding = NodeRequest & { [HIDDEN]?: HiddenDisconnect };

/** The `destroy` of all requests whose disconnect is hidden. */
function destroyHiding(this: Hiding, error?: Error): Hiding {
  this[HIDDEN]?.destroy(error);
  return this;
}

/**
 * Hides from a handler, until `reveal`, that its client has disconnected, because its result still
 * serves duplicates. Otherwise Node would drop the unread body, body parsers would skip the request,
 * file senders would send nothing, and many handlers would stop.
 *
 * Nothing is replaced before the client disconnects except `request.destroy`: accessors on every request
 * and response cost 40 µs, because they make V8 treat each as a dictionary.
 */
export class HiddenDisconnect {
  /** The connection of an HTTP/1 request. HTTP/2 requests share one, and Node shows them a proxy object. */
  readonly connection: Connection | undefined;
  readonly #from: Hiding;
  #to: NodeResponse | undefined;
  #destroy: NodeRequest['destroy'];
  /** How many middlewares hide the disconnect. */
  #count = 0;
  #onDestroy: (() => void)[] | undefined;
  #isSocketDestroyed = false;
  #open: object | undefined;
  /** Restore the sockets that look open. */
  #reveals: (() => void)[] = NONE;
  #reset: { readonly error: Error | undefined } | undefined;

  /** Hides the disconnect of a request. For each call, `reveal` is called once. */
  static of(from: Hiding): HiddenDisconnect {
    const hidden = from[HIDDEN] ?? new HiddenDisconnect(from);
    hidden.#hide();
    return hidden;
  }

  private constructor(from: Hiding) {
    this.#from = from;
    this.#destroy = from.destroy;
    this.connection = from.stream === undefined ? Connection.of(from.socket) : undefined;
    from[HIDDEN] = this;
  }

  /** Hides the disconnect from a captured response, too. `onDestroy` is called if its handler closes the connection. */
  capture(to: NodeResponse, onDestroy: () => void): void {
    this.#onDestroy ??= [];
    this.#onDestroy.push(onDestroy);
    if (this.#to === to) return;
    this.#to = to;
    if (this.#isSocketDestroyed) this.#hideSocket(to);
  }

  onSocketDestroyed(): void {
    if (this.#isSocketDestroyed) return;
    this.#isSocketDestroyed = true;
    this.#hideSocket(this.#from);
    if (this.#to !== undefined) this.#hideSocket(this.#to);
  }

  destroy(error?: Error): void {
    if (isConnectionReset(error)) {
      this.#reset = { error };
      return;
    }
    // Node destroys every request that was read to its end. That is not the handler's doing.
    if (!this.#from.readableEnded) this.#tellDestroy();
    this.#destroy.call(this.#from, error);
  }

  /** Restores the request and the response. */
  reveal(): void {
    if (--this.#count > 0) return;
    this.connection?.unobserve(this);
    for (const reveal of this.#reveals) reveal();
    this.#reveals = NONE;
    this.#from.destroy = this.#destroy;
    if (this.#reset === undefined) return;
    const { error } = this.#reset;
    this.#reset = undefined;
    this.#destroy.call(this.#from, error);
  }

  #hide(): void {
    if (this.#count++ > 0) return;
    this.#destroy = this.#from.destroy;
    this.#from.destroy = destroyHiding;
    this.#isSocketDestroyed = false;
    this.connection?.observe(this);
  }

  #tellDestroy(): void {
    for (const onDestroy of this.#onDestroy ?? []) onDestroy();
  }

  /** Replaces the socket, which is destroyed, by one that looks open and can be destroyed. */
  #hideSocket(of: WithSocket): void {
    let real: unknown = of.socket;
    const define = (descriptor: PropertyDescriptor) =>
      Object.defineProperty(of, 'socket', { ...descriptor, configurable: true, enumerable: true });
    define({
      get: () => this.#openFor(real),
      set: (socket: unknown) => {
        real = socket;
      },
    });
    this.#reveals = [...this.#reveals, () => define({ value: real, writable: true })];
  }

  #openFor(socket: unknown): unknown {
    if (!(socket as { destroyed?: boolean } | null | undefined)?.destroyed) return socket;
    const destroy = () => {
      this.#tellDestroy();
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
