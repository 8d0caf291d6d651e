import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import {
  connect as connectHttp2,
  createServer as createHttp2,
  type Http2Server,
  type OutgoingHttpHeaders,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { expressIdempotency } from '../../src/server/express.js';
import { memoryStore } from '../../src/store/memory.js';
import { afterTest, latch, post, startNode } from './node-server.js';

describe('a handler of node:http', () => {
  it('fails every client if it destroys its own response, and the next request runs', async () => {
    let runs = 0;
    let joined = latch();
    const { url } = await startNode(async (request, response) => {
      if (++runs > 2) return response.end('whole');
      response.write('half');
      await joined.opened;
      // Frameworks do either of these after an error behind the head.
      if (runs === 1) request.socket.destroy();
      else response.destroy();
    });
    for (const _ of [1, 2]) {
      joined = latch();
      const both = await Promise.all([post(url), post(url)]);
      joined.open();
      for (const each of both) await expect(each.text()).rejects.toThrow();
    }
    expect(await (await post(url)).text()).toBe('whole');
    expect(runs).toBe(3);
  });

  it('may use every way of writing that Node has', async () => {
    const writers: Record<string, (response: ServerResponse) => unknown> = {
      'end with text': (response) => response.end('höhe'),
      'end with an encoding': (response) => response.end('68c3b66865', 'hex'),
      'write and end': (response) => {
        response.write('h');
        response.write(Buffer.from('ö'), () => response.end('he', 'latin1'));
      },
      'writeHead with a list': (response) =>
        response.writeHead(201, ['x-a', '1', 'x-b', '2']).end('höhe'),
      'writeHead with words': (response) =>
        response.setHeader('x-a', '1').writeHead(201, 'Made', { 'x-b': 2 }).end('höhe'),
      'flushHeaders first': (response) => {
        response.statusCode = 201;
        response.setHeader('x-a', ['1', '2']);
        response.flushHeaders();
        response.end('höhe');
      },
    };
    const states: unknown[] = [];
    let name = '';
    const { url } = await startNode((_, response) => {
      states.push(response.headersSent, response.writableEnded);
      writers[name]?.(response);
      if (name !== 'write and end') states.push(response.headersSent, response.writableEnded);
    });
    for (name of Object.keys(writers)) {
      const [first, again] = [
        await post(url, {}, name.replaceAll(' ', '-')),
        await post(url, {}, name.replaceAll(' ', '-')),
      ];
      expect([await first.text(), await again.text()], name).toEqual(['höhe', 'höhe']);
      expect(again.headers.get('samekey')).toBe('replayed');
      expect(first.status).toBe(
        name.startsWith('writeHead') || name.startsWith('flush') ? 201 : 200,
      );
      expect(again.status).toBe(first.status);
      expect([...again.headers.keys()].filter((header) => header.startsWith('x-'))).toEqual(
        [...first.headers.keys()].filter((header) => header.startsWith('x-')),
      );
      if (name.startsWith('end')) expect(first.headers.get('content-length')).toBe('5');
    }
    const usual = [false, false, true, true];
    expect(states).toEqual([...usual, ...usual, false, false, ...usual, ...usual, ...usual]);
  });

  it('keeps every value of a name that a header list repeats', async () => {
    const { url } = await startNode((_, response) => {
      response.setHeader('link', '</old>');
      const links = ['link', '</a>', 'Link', '</b>'];
      response.writeHead(200, [...links, 'set-cookie', 'a=1', 'set-cookie', 'b=2']).end();
    });
    const { headers } = await post(url);
    expect([headers.get('link'), headers.getSetCookie()]).toEqual(['</a>, </b>', ['a=1', 'b=2']]);
    expect((await post(url)).headers.get('link')).toBe('</a>, </b>');
  });

  it('gets the errors of Node for chunks of a wrong type, and its callbacks are called', async () => {
    const { url } = await startNode(async (_, response) => {
      const codes: unknown[] = [];
      for (const wrong of [5, { a: 1 }, null, new Uint16Array(2)]) {
        try {
          response.write(wrong);
        } catch (error) {
          codes.push((error as { code?: unknown }).code);
        }
      }
      response.end(JSON.stringify(codes));
      await new Promise<void>((resolve) => response.end(resolve));
    });
    expect(await (await post(url)).json()).toEqual(Array(4).fill('ERR_INVALID_ARG_TYPE'));
  });

  it('that answers 205 announces no body', async () => {
    const { url } = await startNode((_, response) => {
      response.writeHead(205, { 'content-length': 5 }).end('hello');
    });
    expect((await post(url)).headers.get('content-length')).not.toBe('5');
  });

  it('gets back pressure from a slow reader if its response is too long to be stored', async () => {
    let written = 0;
    const length = 40 << 20;
    const { url } = await startNode(
      async (_, response) => {
        const chunk = Buffer.alloc(1 << 18);
        while (written < length) {
          written += chunk.length;
          if (!response.write(chunk)) await once(response, 'drain');
        }
        response.end();
      },
      { maxResultBytes: 1 << 20 },
    );
    const reader = ((await post(url)).body as ReadableStream<Uint8Array>).getReader();
    let read = (await reader.read()).value?.length ?? 0;
    let writtenThen = -1;
    // Until the handler pauses.
    while (writtenThen !== written) {
      writtenThen = written;
      await sleep(200);
    }
    expect(written).toBeLessThan(length / 2);
    for (let next = await reader.read(); !next.done; next = await reader.read())
      read += next.value.length;
    expect(read).toBe(length);
  });

  it('reads an unread request body, of any length and with or without content-length', async () => {
    const { url } = await startNode(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      response.end(String(Buffer.concat(chunks).length));
    });
    const large = Buffer.alloc(5 << 20, 'x');
    for (const [key, body] of [
      ['empty', ''],
      ['short', 'x'],
      ['large', large],
    ] as const) {
      expect(await (await post(url, { body }, key)).text()).toBe(String(body.length));
      const chunked = { body: new Blob([body]).stream(), duplex: 'half' } as RequestInit;
      expect(await (await post(url, chunked, `${key}-chunked`)).text()).toBe(String(body.length));
    }
  });
});

describe('a handler of node:http2', () => {
  it('reads the request body, which distinguishes requests, with and without content-length', async () => {
    const middleware = expressIdempotency({ store: memoryStore() });
    const server: Http2Server = createHttp2((request, response) => {
      middleware(request as never, response as never, async () => {
        let text = '';
        for await (const chunk of request) text += chunk;
        response.end(`got ${text}`);
      });
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const client = connectHttp2(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    afterTest(() => {
      client.destroy();
      server.close();
    });
    const ask = async (key: string, body: string, headers: OutgoingHttpHeaders = {}) => {
      const stream = client.request({ ':method': 'POST', 'idempotency-key': key, ...headers });
      stream.end(body);
      const [{ ':status': status, samekey }] = await once(stream, 'response');
      return [status, samekey, status === 200 && (await stream.toArray()).join('')];
    };
    expect(await ask('none', '')).toEqual([200, 'executed', 'got ']);
    for (const headers of [{}, { 'content-length': 3 }]) {
      const key = `key-${Object.keys(headers).length}`;
      expect(await ask(key, 'one', headers)).toEqual([200, 'executed', 'got one']);
      expect(await ask(key, 'one', headers)).toEqual([200, 'replayed', 'got one']);
      expect(await ask(key, 'two', headers)).toEqual([422, undefined, false]);
    }
  });
});
