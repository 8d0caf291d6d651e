import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { type RunningProxy, startProxy } from './proxy-program.js';
import { random } from './random.js';
import { startUpstream, type Upstream } from './upstream.js';

let upstream: Upstream;
let proxy: RunningProxy;

afterEach(async () => {
  await proxy?.stop('SIGKILL');
  await upstream?.stop();
});

const soon = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A client that keeps its connection. */
class KeptClient {
  readonly #socket: Socket;
  #text = '';
  /** Of a connection that was reset. */
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

  send(body: string, method = 'POST'): void {
    this.#socket.write(
      `${method} /v1/messages HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  }

  /** Heads and bodies of the responses that came until now. */
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

const CLIENTS = 40;
const seeds = Array.from({ length: Number(process.env.ENDING_ROUNDS ?? 5) }, (_, at) => at + 1);

describe('a client that keeps its connection while the proxy ends', () => {
  // What is sent in the moment of the signal may be read before, with or after it.
  it.each(seeds)('gets an answer or a refusal for all it sends (round %i)', async (seed) => {
    const rng = random(seed);
    upstream = await startUpstream((_, response) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': 12 });
      setTimeout(() => response.end('{"answer":1}'), rng() * 20);
    });
    proxy = await startProxy(new URL(upstream.url).origin);
    let refusedCount = 0;
    let unansweredCount = 0;
    const work = async (name: number) => {
      const client = new KeptClient(proxy.url);
      await client.connected;
      for (let count = 1; ; count++) {
        await soon(rng() * 15);
        if (client.isClosed) return;
        client.send(`{"name":${name},"count":${count}}`, rng() < 0.8 ? 'POST' : 'PUT');
        await client.untilResponses(count);
        const response = client.responses()[count - 1];
        if (response === undefined) {
          unansweredCount++;
          return;
        }
        const isLast = /^connection: close$/im.test(response.head);
        if (response.status === 503) {
          refusedCount++;
          expect(isLast).toBe(true);
          expect(response.head).toMatch(/^retry-after: 1$/im);
          expect(response.head).toMatch(/^content-type: application\/problem\+json$/im);
          expect(response.body).toContain('SAMEKEY_CLOSED');
        } else expect(response.status).toBe(200);
        if (isLast) {
          client.end();
          return;
        }
      }
    };
    const all = Promise.all(Array.from({ length: CLIENTS }, (_, name) => work(name)));
    await soon(100 + rng() * 50);
    proxy.child.kill('SIGTERM');
    await all;
    expect(unansweredCount).toBe(0);
    expect(await proxy.ended).toBe(0);
    expect(proxy.log.some(({ msg }) => msg.startsWith('cut off'))).toBe(false);
  });
});
