import { createServer } from 'node:http';
import { getRequestListener } from '@hono/node-server';
import { expect, it } from 'vitest';
import { readArrived } from '../../src/response/arrived.js';
import { joinChunks } from '../../src/response/chunks.js';
import { immediateData } from '../../src/server/immediate-response.js';
import { streamedData } from '../../src/server/web-request.js';

// It replaces the platform's `Response`.
createServer(getRequestListener(() => new Response())).close();

const bytes = new Uint8Array([0, 159, 255]);
const RESPONSES: readonly (readonly [string, () => Response])[] = [
  ['JSON', () => Response.json({ a: 'é' })],
  ['JSON with headers', () => Response.json({}, { status: 201, headers: { 'x-a': '1' } })],
  ['text', () => new Response('text')],
  ['text with a type', () => new Response('<p>', { headers: { 'Content-Type': 'text/html' } })],
  [
    'text with headers',
    () =>
      new Response('a', {
        headers: [
          ['x-a', '1'],
          ['x-a', '2'],
        ],
      }),
  ],
  ['text with Headers', () => new Response('a', { headers: new Headers({ 'x-b': ' 1 ' }) })],
  [
    'text with cookies',
    () =>
      new Response('a', {
        headers: [
          ['set-cookie', 'a=1'],
          ['set-cookie', 'b=2'],
        ],
      }),
  ],
  ['an empty text', () => new Response('')],
  ['bytes', () => new Response(bytes)],
  ['bytes with a type', () => new Response(bytes, { headers: { 'content-type': 'image/png' } })],
  ['nothing', () => new Response(null, { status: 204 })],
  ['a redirect', () => Response.redirect('http://shop.example/a')],
  [
    'headers that were read and changed',
    () => {
      const response = Response.json({});
      response.headers.set('x-a', '1');
      response.headers.delete('content-type');
      return response;
    },
  ],
];

it.each(RESPONSES)(
  '%s of @hono/node-server is the same with and without a stream',
  async (_, make) => {
    const immediate = immediateData(make());
    const { body = undefined, ...head } = immediate ?? {};
    const streamed = make();
    const { body: stream, hidesCoding, ...streamedHead } = streamedData(streamed);
    // The platform's response has taken its place.
    expect(immediateData(streamed)).toBe(undefined);
    expect(stream === null).toBe(body === null);
    const { chunks, byteCount, isWhole } = await readArrived(stream, 1000);
    expect(isWhole).toBe(true);
    expect(body ?? new Uint8Array()).toEqual(joinChunks(chunks, byteCount));
    expect(hidesCoding).toBe(false);
    expect(head).toEqual(streamedHead);
  },
);

it.each([
  ['a stream', () => new Response(new ReadableStream())],
  ['a blob', () => new Response(new Blob(['a']))],
  ['a form', () => new Response(new FormData())],
  [
    'a response that was read',
    () => {
      const response = new Response('a');
      response.text();
      return response;
    },
  ],
])('%s is not immediate', (_, make) => {
  expect(immediateData(make())).toBe(undefined);
});

it('copies bytes, which the handler may change', () => {
  const own = new Uint8Array([1]);
  const data = immediateData(new Response(own));
  own[0] = 2;
  expect(data?.body).toEqual(new Uint8Array([1]));
});
