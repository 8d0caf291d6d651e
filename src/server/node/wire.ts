import type { NodeResponse } from './http.js';

/** The functions of a response that write to the connection. */
export type Wire = Pick<
  NodeResponse,
  'writeHead' | 'write' | 'end' | 'destroy' | 'on' | 'once' | 'off'
>;

/** The original functions of a captured response. */
export class OriginalWire implements Wire {
  readonly #to: NodeResponse;
  readonly #writeHead: Wire['writeHead'];
  readonly #write: Wire['write'];
  readonly #end: Wire['end'];
  readonly #destroy: Wire['destroy'];
  readonly #on: Wire['on'];
  readonly #once: Wire['once'];
  readonly #off: Wire['off'];

  constructor(to: NodeResponse) {
    this.#to = to;
    this.#writeHead = to.writeHead;
    this.#write = to.write;
    this.#end = to.end;
    this.#destroy = to.destroy;
    this.#on = to.on;
    this.#once = to.once;
    this.#off = to.off;
  }

  writeHead(status: number): void {
    this.#writeHead.call(this.#to, status);
  }

  write(chunk: Uint8Array): boolean {
    return this.#write.call(this.#to, chunk);
  }

  /** `end` of HTTP/2, and of Fastify's `inject`, calls `this.write`, which is that of the capture. */
  end(...chunk: [chunk?: Uint8Array]): void {
    const { write } = this.#to;
    this.#to.write = this.#write;
    this.#end.apply(this.#to, chunk);
    this.#to.write = write;
  }

  destroy(error?: Error): void {
    this.#destroy.call(this.#to, error);
  }

  on(...args: Parameters<Wire['on']>): void {
    this.#on.apply(this.#to, args);
  }

  once(...args: Parameters<Wire['once']>): void {
    this.#once.apply(this.#to, args);
  }

  off(...args: Parameters<Wire['off']>): void {
    this.#off.apply(this.#to, args);
  }
}
