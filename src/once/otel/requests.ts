import type { Observation, Observer } from './observation.js';

export type Requesting = (...args: never[]) => unknown;

type Attributes = Readonly<Record<string, string | number | undefined>>;

/** The parts of a request, an `init` or the context of a framework that are read. */
interface Carrier {
  readonly headers?: unknown;
  readonly method?: unknown;
  readonly url?: unknown;
  /** The context of Hono, or that of Koa, whose requests have no `raw`. */
  readonly req?: { readonly raw?: Carrier };
  readonly res?: unknown;
  /** Fastify's request. */
  readonly raw?: Carrier;
}

/** The part of a response of Node.js that is read. */
interface NodeResponse {
  readonly statusCode?: unknown;
  readonly getHeader?: (name: string) => unknown;
  readonly closed?: unknown;
  readonly destroyed?: unknown;
  readonly once: (event: 'close', listener: () => void) => unknown;
}

/**
 * Returns a `fetch`, a handler, a middleware or another function with a span for every call. It ends with
 * the promise of the function, or when the response of Node.js is closed.
 */
export function observedRequests(observer: Observer, requesting: Requesting): Requesting {
  const call = requesting as unknown as (...args: unknown[]) => unknown;
  // Every product has `evict`. A function such as `createBatch` is called by its own name.
  const name = 'evict' in requesting ? 'samekey.request' : `samekey.${requesting.name || 'call'}`;
  return (...args: unknown[]): unknown => {
    const [first, second] = args;
    const isAddress = typeof first === 'string' || first instanceof URL;
    const carrier = isAddress ? (second as Carrier | undefined) : carrierOf(first);
    const observation = observer.begin(name, traceparentIn(carrier));
    observation.set(isAddress ? addressed(first, carrier) : received(carrier));
    if (isAddress && observation.traceparent !== undefined) {
      const headers = new Headers(carrier?.headers as HeadersInit | undefined);
      headers.set('traceparent', observation.traceparent);
      args[1] = { ...(second as object | undefined), headers };
    }
    let result: unknown;
    try {
      result = observation.run(() => call(...args));
    } catch (error) {
      observation.fail(error);
      throw error;
    }
    const response = nodeResponseIn(second) ?? koaResponseIn(first);
    if (response !== undefined) {
      whenClosed(observation, response);
      return result;
    }
    if (!(result instanceof Promise)) {
      observation.end();
      return result;
    }
    return result.then(
      (value) => {
        // A middleware of Hono resolves to nothing, and leaves the response in the context.
        endWith(observation, value ?? (first as Carrier | undefined)?.res);
        return value;
      },
      (error) => {
        observation.fail(error);
        throw error;
      },
    );
  };
}

/** A plugin of Fastify, as `fastify-plugin` marks it. */
const PLUGIN = /* @__PURE__ */ Symbol.for('plugin-meta');

export const isPlugin = (target: object): boolean => PLUGIN in target;

interface Hooks {
  addHook(name: string, hook: Requesting): unknown;
}

/** Returns a plugin of Fastify whose hook for requests is observed, and not the plugin itself. */
export function observedPlugin(observer: Observer, plugin: Requesting): Requesting {
  const register = plugin as unknown as (fastify: Hooks, ...rest: unknown[]) => unknown;
  return ((fastify: Hooks, ...rest: unknown[]) => {
    const addHook = (name: string, hook: Requesting) =>
      fastify.addHook(name, name === 'preHandler' ? observedHook(observer, hook) : hook);
    return register(Object.create(fastify, { addHook: { value: addHook } }), ...rest);
  }) as Requesting;
}

function observedHook(observer: Observer, hook: Requesting): Requesting {
  const call = hook as unknown as (...args: unknown[]) => unknown;
  const observed = (request: Carrier, reply: { readonly raw: NodeResponse }, done: unknown) => {
    const carrier = carrierOf(request);
    const observation = observer.begin('samekey.request', traceparentIn(carrier));
    observation.set(received(carrier));
    whenClosed(observation, reply.raw);
    return observation.run(() => call(request, reply, done));
  };
  return observed as unknown as Requesting;
}

function endWith(observation: Observation, value: unknown): void {
  const { headers, status, outcome } = (value ?? {}) as {
    readonly headers?: { readonly get?: (name: string) => unknown };
    readonly status?: unknown;
    readonly outcome?: unknown;
  };
  if (typeof headers?.get === 'function') observation.setOutcome(headers.get('samekey'));
  else observation.setOutcome(outcome);
  observation.set({ 'http.response.status_code': numberOf(status) });
  observation.end();
}

/** Ends the observation with the response, which the client may have closed before. */
function whenClosed(observation: Observation, response: NodeResponse): void {
  if (response.closed || response.destroyed) endWithNode(observation, response);
  else response.once('close', () => endWithNode(observation, response));
}

function endWithNode(observation: Observation, response: NodeResponse): void {
  observation.setOutcome(response.getHeader?.('samekey'));
  observation.set({ 'http.response.status_code': numberOf(response.statusCode) });
  observation.end();
}

const numberOf = (value: unknown) => (typeof value === 'number' ? value : undefined);

const nodeResponseIn = (second: unknown): NodeResponse | undefined =>
  typeof (second as Partial<NodeResponse> | null | undefined)?.once === 'function'
    ? (second as NodeResponse)
    : undefined;

/** Koa's context has the response of Node.js. Reading `res` of Hono's would make a response. */
function koaResponseIn(first: unknown): NodeResponse | undefined {
  const { req } = (first ?? {}) as Carrier;
  return typeof req === 'object' && req !== null && req.raw === undefined
    ? nodeResponseIn((first as Carrier).res)
    : undefined;
}

/** Returns the web request, or the request of Node.js, in the first argument of a handler. */
function carrierOf(given: unknown): Carrier | undefined {
  if (typeof given !== 'object' || given === null) return undefined;
  const { headers, req, raw } = given as Carrier;
  return headers === undefined ? (req?.raw ?? raw) : (raw ?? (given as Carrier));
}

function traceparentIn(carrier: Carrier | undefined): string | undefined {
  const headers = carrier?.headers;
  if (typeof headers !== 'object' || headers === null) return undefined;
  const value: unknown =
    headers instanceof Headers
      ? headers.get('traceparent')
      : (headers as Record<string, unknown>).traceparent;
  return typeof value === 'string' ? value : undefined;
}

/** The semantic conventions of HTTP for a request to an address, which may hold a key in its query. */
function addressed(address: string | URL, init: Carrier | undefined): Attributes {
  const method = typeof init?.method === 'string' ? init.method.toUpperCase() : 'GET';
  let url: URL;
  try {
    url = new URL(address);
  } catch {
    return { 'http.request.method': method };
  }
  return {
    'http.request.method': method,
    'url.full': `${url.origin}${url.pathname}`,
    'server.address': url.hostname,
    'server.port': Number(url.port || (url.protocol === 'http:' ? 80 : 443)),
  };
}

/** The semantic conventions of HTTP for a request that was received. */
function received(carrier: Carrier | undefined): Attributes {
  if (carrier === undefined || typeof carrier.method !== 'string') return {};
  const { url } = carrier;
  const path = typeof url === 'string' ? url.replace(/^[a-z]+:\/\/[^/]*|[?#].*/gis, '') : undefined;
  return { 'http.request.method': carrier.method, 'url.path': path };
}
