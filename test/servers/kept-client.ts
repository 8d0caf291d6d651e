import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A client that keeps its connection. */
export class KeptClient {
  readonly #socket: Socket;
  #text = '';
  /** The error of a connection that was reset. */
  error: NodeJS.ErrnoException | undefined;
  isClosed = false;

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#socket = connect(Number(port), hostname);
    this.#socket.setEncoding('latin1').on('data', (text) => {
      this.#text += text;
    });
    this.#socket.on('error', (error) => {
      this.error = error;
    });
    this.#socket.on('close', () => {
      this.isClosed = true;
    });
  }

  get connected(): Promise<unknown> {
    return once(this.#socket, 'connect');
  }

  send(body: string, method = 'POST', more = ''): void {
    this.#socket.write(
      `${method} /v1/messages HTTP/1.1\r\nhost: localhost\r\n${more}content-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  }

  /** The heads and bodies of all responses so far. */
  responses(): { readonly status: number; readonly head: string; readonly body: string }[] {
    const found = [];
    let rest = this.#text;
    for (;;) {
      const [, head = '', after = ''] = /^(HTTP\/1\.1 .*?)\r\n\r\n(.*)$/s.exec(rest) ?? [];
      if (head === '') return found;
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1] ?? 0);
      const isChunked = /transfer-encoding: chunked/i.test(head);
      const size = isChunked ? after.indexOf('0\r\n\r\n') + 5 : length;
      if (after.length < size || size < 5) return found;
      found.push({ status: Number(head.split(' ')[1]), head, body: after.slice(0, size) });
      rest = after.slice(size);
    }
  }

  async untilResponses(count: number): Promise<void> {
    while (this.responses().length < count && !this.isClosed) {
      await soon(2);
    }
  }

  end(): void {
    this.#socket.destroy();
  }
}
