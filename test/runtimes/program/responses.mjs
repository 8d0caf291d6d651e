/** Responses that handlers of Web-standard servers return, each by a function of its own. */

/** @param {string[]} parts */
export const streamOf = (parts) =>
  new ReadableStream({
    async pull(controller) {
      // A turn of the event loop, so that the platform cannot know the length.
      await new Promise((resolve) => setTimeout(resolve, 1));
      const part = parts.shift();
      if (part === undefined) controller.close();
      else controller.enqueue(new TextEncoder().encode(part));
    },
  });

/** @param {string[]} cookies */
function withCookies(...cookies) {
  const headers = new Headers({ 'content-type': 'text/html; charset=utf-8' });
  for (const cookie of cookies) headers.append('set-cookie', cookie);
  return headers;
}

/** @type {Record<string, () => Response>} */
export const RESPONSES = {
  text: () => new Response('order 1'),
  'an empty text': () => new Response(''),
  'text of a type of its own': () =>
    new Response('<p>order 1</p>', { headers: { 'Content-Type': 'text/html; charset=utf-8' } }),
  'text beyond ASCII': () => new Response('Größe: 5 €'),
  JSON: () => Response.json({ order: 1 }),
  'JSON with a status, a status text and headers': () =>
    Response.json(
      { order: 1 },
      { status: 201, statusText: 'Made', headers: { Location: '/orders/1', 'X-Order': '1' } },
    ),
  'JSON of a type of its own': () =>
    Response.json({ title: 'no' }, { headers: { 'content-type': 'application/problem+json' } }),
  bytes: () => new Response(new Uint8Array([0, 255, 10])),
  'no bytes': () => new Response(new Uint8Array()),
  'bytes of a type': () =>
    new Response(new Uint8Array([137, 80]), { headers: { 'content-type': 'image/png' } }),
  'a buffer': () => new Response(new Uint8Array([1, 2]).buffer),
  'a blob': () => new Response(new Blob(['order 1'], { type: 'text/csv' })),
  'a blob without a type': () => new Response(new Blob(['order 1'])),
  'a form': () => new Response(new URLSearchParams({ order: '1', note: 'a b' })),
  'long text': () => new Response('0123456789'.repeat(50_000)),
  'a stream': () => new Response(streamOf(['one', 'two'])),
  'a stream of events': () =>
    new Response(streamOf(['data: one\n\n', 'data: two\n\n']), {
      headers: { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' },
    }),
  'a stream whose length is said': () =>
    new Response(streamOf(['one', 'two']), { headers: { 'content-length': '6' } }),
  'text whose length is said': () => new Response('abc', { headers: { 'content-length': '3' } }),
  'an empty stream': () => new Response(streamOf([])),
  'no body': () => new Response(null),
  'no body, and headers': () => new Response(null, { status: 202, headers: { 'x-order': '1' } }),
  204: () => new Response(null, { status: 204, headers: { 'x-order': '1' } }),
  205: () => new Response(null, { status: 205 }),
  304: () => new Response(null, { status: 304, headers: { etag: '"1"', vary: 'accept' } }),
  'a redirect': () => Response.redirect('https://shop.example/orders/1', 303),
  'a redirect with headers': () =>
    new Response(null, { status: 302, headers: { location: '/orders/1', 'x-order': '1' } }),
  'a redirect with a page': () =>
    new Response('<a href="/orders/1">order</a>', {
      status: 303,
      headers: { location: '/orders/1', 'content-type': 'text/html' },
    }),
  'one cookie': () => new Response('order 1', { headers: { 'set-cookie': 'a=1; Path=/' } }),
  'several cookies': () =>
    new Response('order 1', {
      headers: withCookies('a=1; Path=/', 'b=2; Expires=Thu, 01 Jan 2026 00:00:00 GMT; HttpOnly'),
    }),
  'headers that repeat': () => {
    const headers = new Headers([
      ['vary', 'accept'],
      ['vary', 'origin'],
      ['link', '</a>; rel=next'],
      ['Link', '</b>; rel=prev'],
    ]);
    return new Response('order 1', { headers });
  },
  'a list of headers': () =>
    new Response('order 1', {
      headers: [
        ['X-A', '1'],
        ['x-a', '2'],
        ['Content-Type', 'text/csv'],
      ],
    }),
  'an etag': () =>
    new Response('order 1', {
      headers: { etag: 'W/"1"', 'last-modified': 'Thu, 01 Jan 2026 00:00:00 GMT' },
    }),
  'a deleted content type': () => {
    const response = new Response('order 1');
    response.headers.delete('content-type');
    return response;
  },
  'headers that are set later': () => {
    const response = new Response('order 1', { status: 201 });
    response.headers.set('content-type', 'text/csv');
    response.headers.append('x-order', '1');
    return response;
  },
  'a copied response': () => new Response('order 1', Response.json({}, { status: 202 })),
  'not found': () => new Response('Not found', { status: 404 }),
  'a failure as JSON': () => Response.json({ error: { message: 'no' } }, { status: 500 }),
  'no content after a failure': () => new Response(null, { status: 503 }),
};
