/**
 * A server of the Web's kind, `(request, …) => Promise<Response>`, for each runtime that has one:
 * `/orders` is a handler behind `samekey/server`, `/asked` sends on by one `samekey/fetch` that all
 * requests share, and so does `/impatient`, which waits for nothing longer than a second and is told
 * of no way to outlive its client. The rest of a path is that of the upstream that all ask.
 */

/**
 * @typedef {Pick<import('./requests.mjs').Entries, 'idempotentFetch' | 'memoryStore'>
 *   & {idempotent: typeof import('../../../dist/server/web.js').idempotent}} ServerEntries
 */

/**
 * @param {ServerEntries} entries
 * @param {import('./asking.mjs').Upstream} upstream
 * @param {(promise: Promise<unknown>) => void} [waitUntil] where the platform has one
 * @returns {(request: Request, ...rest: any[]) => Promise<Response>}
 */
export function serving({ idempotent, idempotentFetch, memoryStore }, upstream, waitUntil) {
  const addressOf = (/** @type {Request} */ { url }) => {
    const { pathname } = new URL(url);
    return upstream.url + pathname.slice(pathname.indexOf('/', 1));
  };
  const orders = idempotent(
    async (request) => {
      const body = await request.text();
      const {
        status,
        body: made,
        headers,
      } = await fetch(addressOf(request), { method: 'POST', body });
      const type = headers.get('content-type') ?? '';
      return new Response(made, { status, headers: { 'content-type': type } });
    },
    { store: memoryStore(), required: true },
  );
  const fetchOnce = idempotentFetch({ store: memoryStore(), ...(waitUntil && { waitUntil }) });
  const impatient = idempotentFetch({ store: memoryStore(), idleMs: 1000 });
  return async (request, ...rest) => {
    const [, route] = new URL(request.url).pathname.split('/', 2);
    if (route === 'orders') return orders(request, ...rest);
    const headers = { 'content-type': 'application/json' };
    const send = route === 'impatient' ? impatient : fetchOnce;
    return send(addressOf(request), { method: 'POST', headers, body: await request.text() });
  };
}
