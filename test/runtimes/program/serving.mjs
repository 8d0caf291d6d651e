import { RESPONSES } from './responses.mjs';

/**
 * A Web-standard server, `(request, …) => Promise<Response>`, for each runtime that has one. `/orders` is a
 * handler behind `samekey/server`. `/asked` forwards through one `samekey/fetch` that all requests share.
 * `/impatient` does, too, but waits for at most a second and has no `waitUntil`. The rest of a path is
 * the path at the upstream. `/bare` and `/guarded` answer with the response of `RESPONSES` that the rest
 * of the path names, without samekey and behind it.
 */

/**
 * @typedef {Pick<import('./requests.mjs').Entries, 'idempotentFetch' | 'memoryStore'>
 *   & {idempotent: typeof import('../../../dist/server/web.js').idempotent}} ServerEntries
 */

/**
 * @param {ServerEntries} entries
 * @param {import('./asking.mjs').Upstream} upstream
 * @param {(promise: Promise<unknown>) => void} [waitUntil] if the platform has it
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
  const respond = (/** @type {Request} */ { url }) => {
    const name = decodeURIComponent(new URL(url).pathname.split('/')[2] ?? '');
    return /** @type {() => Response} */ (RESPONSES[name])();
  };
  const guarded = idempotent(respond, { store: memoryStore() });
  return async (request, ...rest) => {
    const [, route] = new URL(request.url).pathname.split('/', 2);
    if (route === 'orders') return orders(request, ...rest);
    if (route === 'bare') return respond(request);
    if (route === 'guarded') return guarded(request, ...rest);
    const headers = { 'content-type': 'application/json' };
    const send = route === 'impatient' ? impatient : fetchOnce;
    return send(addressOf(request), { method: 'POST', headers, body: await request.text() });
  };
}
