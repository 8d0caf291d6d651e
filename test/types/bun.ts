// With Bun's declarations, whose `fetch` has a member `preconnect`.
import { type IdempotentFetch, idempotentFetch, withRetry } from 'samekey/fetch';
import { memoryStore } from 'samekey/store/memory';

const store = memoryStore();
const plain = async (_: Request | string | URL, init?: RequestInit) =>
  new Response(init?.method ?? '');
export const both: IdempotentFetch = idempotentFetch({ store, fetch: withRetry(fetch) });
export const ownFetch = idempotentFetch({ store, fetch: plain });
export const inside = withRetry(idempotentFetch({ store, fetch: withRetry(plain) }));

/** As the AI SDK and others declare their option. */
declare function createProvider(options: { readonly fetch?: typeof globalThis.fetch }): void;
createProvider({ fetch: both });
createProvider({ fetch: ownFetch });
createProvider({ fetch: inside });
createProvider({ fetch: withRetry(plain) });

// @ts-expect-error: a fetch gives a Response
idempotentFetch({ store, fetch: async () => 'text' });
