import { type FetchOptions, idempotentFetch } from '../../src/fetch/fetch.js';
import { createOnce, type OnceOptions, type OnceStats } from '../../src/once/index.js';
import { idempotent, type ServerOptions } from '../../src/server/web.js';
import type { Call } from './observed.js';

/** The argument of a caller's function. */
export interface RunContext {
  readonly signal: AbortSignal;
  /** `undefined` if the layer does not report it; then the store's value counts. */
  readonly attempt: number | undefined;
  readonly token: number | undefined;
}

export interface Answer {
  readonly run: number;
  readonly outcome: string;
  readonly layer: string;
}

/** The access of a process to the code under test, on any layer. */
export interface Client {
  call(call: Call): Promise<Answer>;
  evict(key: string): Promise<boolean>;
  stats(): OnceStats;
  close(): Promise<void>;
}

/** A caller's function: it returns a value, or a response with that value. */
export interface Functions {
  value(call: Call, context: RunContext): Promise<{ run: number }>;
  response(call: Call, context: RunContext): Promise<Response>;
}

export const KEY = '00000000-0000-4000-8000-000000000001';
const HEADER_KEY = `ik_${'0'.repeat(64)}`;
const ADDRESS = 'https://upstream.example/orders';

const isNow = (call: Call) => ({
  fresh: call.fresh,
  ...(call.fingerprint !== undefined && { fingerprint: call.fingerprint }),
  ...(call.controller && { signal: call.controller.signal }),
});

export function onceClient(options: OnceOptions, functions: Functions): Client {
  const once = createOnce(options);
  return {
    async call(call) {
      const { value, outcome, layer } = await once.detailed(
        KEY,
        ({ signal, attempt, fencingToken: token }) =>
          functions.value(call, { signal, attempt, token }),
        isNow(call),
      );
      return { run: value.run, outcome, layer };
    },
    evict: (key) => once.evict(key),
    stats: () => once.stats(),
    close: () => once.close(),
  };
}

/** The headers and body that carry the call's label and payload. */
const requestOf = (call: Call, calls: Map<string, Call>): RequestInit => {
  calls.set(call.label, call);
  return {
    method: 'POST',
    body: JSON.stringify({ payload: call.fingerprint ?? '' }),
    headers: {
      'content-type': 'application/json',
      'idempotency-key': HEADER_KEY,
      'x-call': call.label,
      ...(call.fresh && { 'samekey-fresh': '1' }),
    },
    ...(call.controller && { signal: call.controller.signal }),
  };
};

async function read(response: Response): Promise<Answer> {
  const outcome = response.headers.get('samekey') ?? 'none';
  const body = await response.json();
  if (response.ok) return { run: body.run, outcome, layer: 'unknown' };
  throw Object.assign(new Error(`the status is ${response.status}`), body);
}

export function fetchClient(options: OnceOptions, functions: Functions): Client {
  const calls = new Map<string, Call>();
  const fetch = idempotentFetch({
    ...(options as Partial<FetchOptions>),
    store: options.store,
    ignoredHeaders: ['x-call'],
    fetch: (_, init) => {
      const { headers, signal } = init as { headers: Headers; signal: AbortSignal };
      const call = calls.get(headers.get('x-call') as string) as Call;
      return functions.response(call, { signal, attempt: undefined, token: undefined });
    },
  });
  return {
    call: async (call) => read(await fetch(ADDRESS, requestOf(call, calls))),
    evict: (key) => fetch.evict(key),
    stats: () => fetch.stats(),
    close: () => fetch.close(),
  };
}

export function serverClient(options: OnceOptions, functions: Functions): Client {
  const calls = new Map<string, Call>();
  const handler = idempotent(
    ({ headers, signal }) => {
      const call = calls.get(headers.get('x-call') as string) as Call;
      return functions.response(call, { signal, attempt: undefined, token: undefined });
    },
    { ...(options as Partial<ServerOptions<Request>>), store: options.store },
  );
  return {
    async call(call) {
      const response = await handler(new Request(ADDRESS, requestOf(call, calls)));
      // No caller reads it.
      if (response.status === 499) throw call.reason;
      return read(response);
    },
    evict: (key) => handler.evict(key),
    stats: () => handler.stats(),
    close: () => handler.close(),
  };
}
