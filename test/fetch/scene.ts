import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, expect } from 'vitest';
import { type FetchEvent, type FetchOptions, idempotentFetch } from '../../src/fetch/fetch.js';
import { memoryStore } from '../../src/store/memory.js';
import type { Store } from '../../src/store/store.js';
import { type Behaviour, startUpstream, type Upstream } from '../servers/upstream.js';

/** New for each test. */
export let upstream: Upstream;
export let store: Store;
/** The events of the test's `fetch`. */
export let events: FetchEvent[];
/** The behaviour of the upstream. By default it answers with the number of requests. */
export const server: { behave: Behaviour } = { behave: () => {} };
const closing: (() => Promise<unknown>)[] = [];

/** Gives every test of a file an upstream and a store of its own. */
export function useUpstream() {
  beforeEach(async () => {
    store = memoryStore();
    events = [];
    server.behave = ({ count }, response) => json(response, { count });
    upstream = await startUpstream((request, response) => server.behave(request, response));
  });

  afterEach(async () => {
    await upstream.stop();
    for (const close of closing.splice(0)) await close();
  });
}

export function json(response: ServerResponse, value: unknown, status = 200) {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

export function fetchWith(options: Partial<FetchOptions> = {}) {
  const fetch = idempotentFetch({ store, onEvent: (event) => events.push(event), ...options });
  closing.push(() => fetch.close());
  return Object.assign(fetch, {
    ask: (
      body: unknown = { model: 'm' },
      headers: Record<string, string> = {},
      init: RequestInit = {},
    ) =>
      fetch(upstream.url, {
        method: 'POST',
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...init,
        headers: { 'content-type': 'application/json', 'x-api-key': 'account-1', ...headers },
      }),
  });
}

export const outcomeOf = (response: Response) => response.headers.get('samekey');
/** Reads a response to its end and returns its outcome. */
export async function readOutcome(pending: Promise<Response>) {
  const response = await pending;
  await response.text();
  return outcomeOf(response);
}
export const soon = (ms = 20) => new Promise((resolve) => setTimeout(resolve, ms));

/** Returns the reason of a promise's rejection. */
export async function rejection(promise: Promise<unknown>): Promise<Error & { code?: string }> {
  return promise.then(
    () => expect.unreachable('it was not rejected'),
    (error) => error,
  );
}
