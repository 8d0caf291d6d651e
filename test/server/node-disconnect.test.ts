import { once } from 'node:events';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { expressIdempotency } from '../../src/server/express.js';
import { memoryStore } from '../../src/store/memory.js';
import { connectTo, disconnectAfter, latch, listen, post, startNode } from './node-server.js';

describe('when a client of a node:http server disconnects, its handler', () => {
  it.each(['end', 'reset'] as const)('still pipes its whole response (%s)', async (how) => {
    let runs = 0;
    const seen: string[] = [];
    const { opened, open } = latch();
    const { url } = await startNode(async (_, response) => {
      runs++;
      response.on('close', () => seen.push('close'));
      response.on('finish', () => seen.push('finish'));
      const words = async function* () {
        yield 'one ';
        await opened;
        yield 'two';
        seen.push('all read');
      };
      await pipeline(Readable.from(words()), response).catch(() => {});
    });
    await disconnectAfter(url, () => runs === 1, how);
    await sleep(50);
    expect(seen).toEqual([]);
    const response = await post(url);
    open();
    expect([response.headers.get('samekey'), await response.text()]).toEqual(['joined', 'one two']);
    expect(runs).toBe(1);
    await expect.poll(() => seen).toEqual(['all read', 'close']);
  });

  it.each(['before', 'after'])(
    'receives close events if onAbandoned is abort, %s its head',
    async (when) => {
      let runs = 0;
      const closed: string[] = [];
      const { url } = await startNode(
        (request, response) => {
          runs++;
          request.on('close', () => closed.push('request'));
          response.on('close', () => closed.push('response'));
          if (when === 'after') response.write('one');
        },
        { onAbandoned: 'abort' },
      );
      await disconnectAfter(url, () => runs === 1, 'end');
      await expect.poll(() => closed.sort()).toEqual(['request', 'response']);
    },
  );

  it.each(['for await', 'data'])(
    'still reads the request body (%s), and receives neither close nor aborted',
    async (how) => {
      let runs = 0;
      const { opened, open } = latch();
      const seen: string[] = [];
      const { url } = await startNode(async (request, response) => {
        runs++;
        for (const event of ['close', 'aborted']) request.on(event, () => seen.push(event));
        await opened;
        let text = '';
        if (how === 'data') {
          request.on('data', (chunk) => {
            text += chunk;
          });
          await once(request, 'end');
        } else for await (const chunk of request) text += chunk;
        response.end(text);
      });
      await disconnectAfter(url, () => runs === 1, 'reset', '{"item":1}');
      const retry = post(url, {
        body: '{"item":1}',
        headers: { 'content-type': 'application/json' },
      });
      await sleep(50);
      expect(seen).toEqual([]);
      open();
      expect(await (await retry).text()).toBe('{"item":1}');
      expect(seen).not.toContain('aborted');
      expect(runs).toBe(1);
    },
  );

  it.each([
    ['closes idle connections', 100],
    ['closes all connections', 0],
  ])('still serves a retry, if the server %s', async (_, timeoutMs) => {
    let runs = 0;
    const { opened, open } = latch();
    const { url, server } = await startNode(async (_, response) => {
      runs++;
      await opened;
      response.end('done');
    });
    server.setTimeout(timeoutMs);
    const first = post(url).catch(() => 'cut off');
    await expect.poll(() => runs).toBe(1);
    if (timeoutMs === 0) server.closeAllConnections();
    expect(await first).toBe('cut off');
    server.setTimeout(0);
    const retry = post(url);
    await sleep(50);
    open();
    expect(await (await retry).text()).toBe('done');
    expect(runs).toBe(1);
  });

  it('may write its response after a timeout, and no client receives it', async () => {
    let runs = 0;
    const { opened, open } = latch();
    let end: unknown;
    const { url } = await startNode(
      async (_, response) => {
        if (++runs > 1) return response.end('in time');
        await opened;
        try {
          response.setHeader('x-late', '1').appendHeader('x-late', '2');
          for (let n = 0; n < 100; n++) {
            if (!response.write(Buffer.alloc(1 << 16))) await once(response, 'drain');
          }
          response.end();
          end = 'reached';
        } catch (error) {
          end = error;
        }
      },
      { idleMs: 100 },
    );
    const refused = await post(url);
    expect([refused.status, refused.headers.get('x-late')]).toEqual([504, null]);
    await refused.text();
    open();
    await expect.poll(() => end).toBe('reached');
    expect(await (await post(url)).text()).toBe('in time');
  });

  it('does not run if the client disconnected before it, and a retry does not wait', async () => {
    let runs = 0;
    const middleware = expressIdempotency({ store: memoryStore(), maxResultBytes: 1000 });
    let received = 0;
    let reached = 0;
    const url = await listen(
      createServer(async (request, response) => {
        received++;
        if (request.headers.connection === 'close') await once(response, 'close');
        middleware(request as never, response, () => {
          runs++;
          response.end('x'.repeat(1 << 20));
        });
        reached++;
      }),
    );
    const socket = connectTo(url);
    socket.write(
      'POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: a\r\nconnection: close\r\ncontent-length: 0\r\n\r\n',
    );
    await expect.poll(() => received).toBe(1);
    socket.resetAndDestroy();
    await expect.poll(() => reached).toBe(1);
    expect(await (await post(url)).text()).toHaveLength(1 << 20);
    expect(runs).toBe(1);
  });

  it('does not run if only a part of the request body has arrived', async () => {
    let runs = 0;
    const { url, errors } = await startNode((_, response) => {
      runs++;
      response.end();
    });
    const socket = connectTo(url);
    socket.write(
      'POST / HTTP/1.1\r\nhost: a\r\nidempotency-key: a\r\ncontent-length: 9\r\n\r\nhalf',
    );
    await sleep(50);
    socket.destroy();
    await sleep(50);
    expect(await (await post(url)).text()).toBe('');
    expect([runs, errors]).toEqual([1, []]);
  });
});
