import { createServer, request as httpRequest, type IncomingMessage } from 'node:http';
import * as http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { expressIdempotency } from '../../src/server/express.js';
import { memoryStore } from '../../src/store/memory.js';

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

interface ClientResponse {
  readonly outcome: unknown;
  readonly body: string;
  readonly trailers: unknown;
  readonly hints: number;
}

it('trailers and hints of a handler reach the first client, and are not replayed', async () => {
  const middleware = expressIdempotency({ store: memoryStore() });
  const server = createServer((request, response) => {
    middleware(request, response as never, () => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.writeHead(200, { 'content-type': 'text/plain', trailer: 'x-checksum' });
      response.write('one ');
      response.addTrailers({ 'x-checksum': 'abc' });
      response.end('two');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closing.push(
    () => server.closeAllConnections(),
    () => server.close(),
  );
  const ask = () =>
    new Promise<ClientResponse>((resolve, reject) => {
      let hints = 0;
      const { port } = server.address() as AddressInfo;
      const sent = httpRequest({
        port,
        method: 'POST',
        headers: { 'idempotency-key': 'a', connection: 'close' },
      });
      sent.on('information', () => hints++);
      sent.on('error', reject);
      sent.on('response', async (response: IncomingMessage) => {
        let body = '';
        for await (const chunk of response) body += chunk;
        const { headers, trailers } = response;
        resolve({ outcome: headers.samekey, body, trailers, hints });
      });
      sent.end();
    });
  const first = await ask();
  expect(first).toMatchObject({ outcome: 'executed', body: 'one two', hints: 1 });
  expect(first.trailers).toEqual({ 'x-checksum': 'abc' });
  expect(await ask()).toEqual({ outcome: 'replayed', body: 'one two', trailers: {}, hints: 0 });
});

it('trailers of a handler reach the first client over HTTP/2, and are not replayed', async () => {
  const middleware = expressIdempotency({ store: memoryStore() });
  const server = http2.createServer((request, response) => {
    middleware(request as never, response as never, () => {
      response.writeHead(200, { 'content-type': 'text/plain' });
      response.write('one ');
      response.addTrailers({ 'x-checksum': 'abc' });
      response.end('two');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const client = http2.connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  closing.push(
    () => client.destroy(),
    () => server.close(),
  );
  const ask = () =>
    new Promise<unknown>((resolve, reject) => {
      const stream = client.request({ ':method': 'POST', ':path': '/', 'idempotency-key': 'a' });
      let outcome: unknown;
      let body = '';
      let trailers: unknown;
      stream.on('response', ({ samekey }) => {
        outcome = samekey;
      });
      stream.on('trailers', ({ 'x-checksum': checksum }) => {
        trailers = checksum;
      });
      stream.setEncoding('utf8').on('data', (text) => {
        body += text;
      });
      stream.on('error', reject);
      stream.on('close', () => resolve({ outcome, body, trailers }));
      stream.end();
    });
  expect(await ask()).toEqual({ outcome: 'executed', body: 'one two', trailers: 'abc' });
  expect(await ask()).toEqual({ outcome: 'replayed', body: 'one two', trailers: undefined });
});
