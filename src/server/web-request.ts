import { withKnownLength } from './known-length.js';

/** What `web.ts` and `hono.ts` do with a `Request` of the platform. */

/** Returns a copy of the request whose body is unread, and whose signal is not the client's. */
export function withBody(request: Request, body: Uint8Array, signal: AbortSignal): Request {
  return new Request(request, { signal, ...(request.body && { body: body as BodyInit }) });
}

/** Returns 499, which proxies log for a disconnected client, if the client disconnects before the response. */
export async function unlessDisconnected(
  signal: AbortSignal,
  answer: () => Promise<Response>,
): Promise<Response> {
  try {
    return await withKnownLength(await answer());
  } catch (error) {
    if (signal.aborted && error === signal.reason) return new Response(null, { status: 499 });
    throw error;
  }
}

/** Returns path and query. */
export function pathOf(address: string): string {
  const { pathname, search } = new URL(address);
  return pathname + search;
}
