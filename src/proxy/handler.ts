import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type FetchEvent, idempotentFetch, ResponseNotKeptError } from '../fetch/fetch.js';
import { failureBehind } from '../fetch/sdk-answer.js';
import { own } from '../options/own.js';
import { receivedAccount } from '../request/account.js';
import { OWN_HEADERS } from '../request/own-headers.js';
import { Call } from './call.js';
import { passResponse, writeProblem, writeResponse } from './client-response.js';
import { endToEndHeaders, type HeaderPair, without } from './headers.js';
import { limitClientIdle } from './idle-socket.js';
import { Metrics } from './metrics.js';
import { problemOf } from './problem.js';
import type { ProxyOptions } from './proxy.js';
import { ProxyError } from './proxy-error.js';
import { Readiness } from './readiness.js';
import { writeRaw } from './refusals.js';
import { readBody, refuseTooLong } from './request-body.js';
import { loggedMessageOf, messageOf, traceIdOf } from './request-log.js';
import { isForOtherHost, type RequestTarget, targetOf } from './request-target.js';
import { samplingIn } from './sampling.js';
import { SpillFiles } from './spill-files.js';
import { UNKNOWN_OUTCOME_CODES } from './unknown-outcome.js';
import { type ProxiedInit, Upstream } from './upstream.js';

/** An aborted request has an unknown outcome, too. */
function isUnknown(error: unknown): boolean {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return UNKNOWN_OUTCOME_CODES.has(code) || name === 'AbortError';
}

/** Methods whose requests usually have no body, and no length of it either (RFC 9110 §8.6). */
const WITHOUT_BODY: ReadonlySet<string> = new Set(['GET', 'HEAD', 'DELETE', 'OPTIONS', 'TRACE']);

/** Both connections use the same message framing. Without one, Node.js would send chunks. */
function framingOf({ method = 'GET', headers }: IncomingMessage): readonly HeaderPair[] {
  if (headers['transfer-encoding'] !== undefined) return [['transfer-encoding', 'chunked']];
  if (headers['content-length'] !== undefined || WITHOUT_BODY.has(method)) return [];
  return [['content-length', '0']];
}

/** Answers requests: from the upstream, from a request in progress, from the store, or with a problem. */
export class Handler {
  readonly #options: ProxyOptions;
  readonly #metrics: Metrics = new Metrics(() => this.#fetch.stats());
  readonly #upstream: Upstream;
  readonly #fetch: ReturnType<typeof idempotentFetch>;
  readonly #methods: ReadonlySet<string>;
  readonly #readiness: Readiness;
  /** The proxy's name in `via`. It recognises requests that have passed it before by this name. */
  readonly #pseudonym = `samekey-${randomBytes(4).toString('hex')}`;
  /** Responses in progress by connection. A client may send further requests before the first response. */
  readonly #answering = new WeakMap<Duplex, Set<ServerResponse>>();
  readonly #inProgress = new Set<ServerResponse>();
  /** Responses of the upstream itself. A client gets one if `--provider-state` passes its request. */
  readonly #unshared = new WeakSet<Response>();
  #isDraining = false;

  constructor(options: ProxyOptions) {
    const { upstream, once, idleMs } = options;
    this.#options = options;
    this.#methods = new Set(once.methods ?? ['POST', 'PATCH']);
    this.#readiness = new Readiness(once.store, (isReachable, error) => {
      if (isReachable) options.log.info('the store answers again');
      else options.log.warn({ error: messageOf(error) }, 'the store does not answer');
    });
    this.#upstream = new Upstream(upstream.origin, `1.1 ${this.#pseudonym}`, idleMs, {
      onHead: (durationMs) => this.#metrics.upstreamHead(durationMs),
      onSent: (byteCount) => this.#metrics.bytes('upstream', 'out', byteCount),
      onReceived: (byteCount) => this.#metrics.bytes('upstream', 'in', byteCount),
    });
    const { ignoredHeaders = [], headerName = 'idempotency-key' } = once;
    const ignored = new Set([...ignoredHeaders, headerName].map((name) => name.toLowerCase()));
    this.#fetch = idempotentFetch({
      // All of a signature counts: the upstream, which would check it, does not see duplicates.
      account: (headers) => receivedAccount(headers, ignored),
      ...once,
      // The program has a copy of the library of its own, whose identity is not one of this copy.
      ...(once.identity && { identity: { ...once.identity } }),
      idleMs,
      maxHeldBytes: options.maxHeldBytes,
      ...(options.maxSpilledBytes > 0 && { spill: this.#spillFiles(options.maxSpilledBytes) }),
      fetch: async (_, init) => {
        const response = await this.#upstream.fetch(init as ProxiedInit);
        this.#unshared.add(response);
        return response;
      },
      onEvent: (event) => this.#onEvent(event),
      unknownErrors: isUnknown,
    });
  }

  /** Where responses go that memory has no room for. Logs once that they cannot. */
  #spillFiles(maxBytes: number): SpillFiles {
    let wasTold = false;
    return new SpillFiles({
      maxBytes,
      onError: (error) => {
        const { log } = this.#options;
        if (!wasTold) log.warn({ error: messageOf(error) }, 'responses stay in memory');
        wasTold = true;
      },
    });
  }

  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue = false,
  ): Promise<void> {
    const { isLoopback, hasMetricsPort } = this.#options;
    // A kept connection would send its next request to a proxy that has ended.
    if (this.#isDraining) response.shouldKeepAlive = false;
    // A web page that uses DNS rebinding must not read metrics.
    const mayBeOwn = !hasMetricsPort && !(isLoopback && isForOtherHost(request));
    if (mayBeOwn && this.handleOwn(request, response, '/-')) return;
    const { log, onCall } = this.#options;
    const call = new Call(request, response, this.#metrics, log, onCall);
    // Code that writes to a closed connection checks `destroyed`.
    response.on('error', () => {});
    this.#beginAnswer(request.socket, response);
    try {
      if (this.#isDraining) {
        throw new ProxyError(
          503,
          'SAMEKEY_CLOSED',
          'Cannot accept the request: the proxy is shutting down, wanted another attempt later',
        );
      }
      const target = targetOf(request, this.#options.upstream, {
        isLoopback,
        pseudonym: this.#pseudonym,
      });
      const isKeyed = this.#isKeyed(request);
      if (isKeyed) refuseTooLong(request, this.#options.maxBodyBytes);
      if (expectsContinue) response.writeContinue();
      if (isKeyed) await this.#exchange(request, response, target, call);
      else await this.#pass(request, response, target, call);
      call.end();
    } catch (error) {
      call.fail(error);
    }
  }

  /** Refuses bytes that are not a request. */
  refuse(socket: Duplex, error: ProxyError): void {
    // In the middle of a response the client would take this one for a part of it.
    if (!socket.writable || this.isAnswering(socket)) {
      socket.destroy();
      return;
    }
    writeRaw(socket, error);
    const { status, code } = error;
    this.#metrics.begin();
    this.#metrics.end('refused', status);
    this.#options.log.warn(
      { status, outcome: 'refused', code, error: loggedMessageOf(error) },
      'request',
    );
  }

  /** Answers a request for metrics, health or readiness. Returns `false` for other requests. */
  handleOwn({ method, url = '' }: IncomingMessage, response: ServerResponse, at: string): boolean {
    const path = url.split('?', 1)[0];
    if (method !== 'GET' && method !== 'HEAD') return false;
    if (path === `${at}/metrics`) {
      this.#metrics.text().then(
        (text) => response.writeHead(200, { 'content-type': this.#metrics.contentType }).end(text),
        (error) => writeProblem(response, problemOf(error)),
      );
      return true;
    }
    if (path === `${at}/ready`) {
      this.#readiness.isReachable().then((isReachable) => {
        // With `onStoreError: 'run'` requests are sent without the store.
        const isReady = isReachable || this.#options.once.onStoreError === 'run';
        this.#writeStatus(response, isReady, { store: isReachable ? 'ok' : 'unreachable' });
      });
      return true;
    }
    if (path !== `${at}/health`) return false;
    this.#writeStatus(response, true);
    return true;
  }

  /** A load balancer that reads 503 sends new requests to other servers. */
  #writeStatus(response: ServerResponse, isReady: boolean, more = {}): void {
    const status = this.#isDraining ? 'ending' : isReady ? 'ok' : 'unavailable';
    response.writeHead(status === 'ok' ? 200 : 503, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ status, ...more })}\n`);
  }

  /** Refuses new requests from now on. */
  refuseAll(): void {
    this.#isDraining = true;
    for (const response of this.#inProgress) response.shouldKeepAlive = false;
  }

  evict(key: string): Promise<boolean> {
    return this.#fetch.evict(key);
  }

  /** Resolves when the results of the requests in progress are stored. */
  async drain(): Promise<void> {
    await this.#fetch.close();
  }

  /** Closes the connections to the upstream. Call it when no request is in progress. */
  close(): void {
    this.#upstream.close();
  }

  isAnswering(socket: Duplex): boolean {
    return (this.#answering.get(socket)?.size ?? 0) > 0;
  }

  /** Closes responses that wait for an earlier one of a closed connection, as Node.js does not. */
  closeQueued(socket: Duplex): void {
    for (const response of this.#answering.get(socket) ?? []) {
      if (response.socket !== null || response.writableFinished) continue;
      response.destroy();
      response.emit('close');
    }
  }

  #beginAnswer(socket: Duplex, response: ServerResponse): void {
    const responses = this.#answering.get(socket) ?? new Set();
    this.#answering.set(socket, responses.add(response));
    this.#inProgress.add(response);
    response.on('close', () => {
      responses.delete(response);
      this.#inProgress.delete(response);
    });
  }

  #isKeyed({ method = '', url = '' }: IncomingMessage): boolean {
    return (
      this.#methods.has(method) &&
      !this.#options.passedPaths.some((prefix) => url.startsWith(prefix))
    );
  }

  /** Sends the request at most once, or answers it with the response of an equal one. */
  async #exchange(
    request: IncomingMessage,
    response: ServerResponse,
    { url, path }: RequestTarget,
    call: Call,
  ): Promise<void> {
    const body = await readBody(request, this.#options.maxBodyBytes, this.#options.idleMs);
    this.#metrics.bytes('client', 'in', body.length);
    if (this.#options.onCall !== undefined) call.sampling = samplingIn(body);
    const headers = new Headers();
    const pairs = without(
      endToEndHeaders(request),
      'host',
      'content-length',
      'accept-encoding',
    ) as HeaderPair[];
    for (const [name, value] of pairs) headers.append(name, value);
    const init: ProxiedInit = {
      method: request.method as string,
      headers,
      body,
      signal: call.signal,
      proxied: { path, body },
    };
    const received = await this.#fetch(url, init);
    // The client of the proxy gets the proxy's own problem, which does not name the store.
    const failure = failureBehind(received);
    if (failure !== undefined) throw failure;
    if (this.#unshared.has(received)) call.passed();
    else call.answered(received);
    limitClientIdle(response, this.#options.idleMs);
    await writeResponse(response, received, (count) => call.wrote(count));
  }

  /** Forwards the request and its response unchanged. */
  async #pass(
    request: IncomingMessage,
    response: ServerResponse,
    { path }: RequestTarget,
    call: Call,
  ): Promise<void> {
    const { method = 'GET', headers } = request;
    const isChunked = headers['transfer-encoding'] !== undefined;
    const hasBody = isChunked || Number(headers['content-length'] ?? 0) > 0;
    request.on('data', ({ length }: Buffer) => this.#metrics.bytes('client', 'in', length));
    request.pause();
    const sent = without(endToEndHeaders(request), 'host', ...OWN_HEADERS);
    const incoming = await this.#upstream.send({
      method,
      path,
      headers: [...sent, ...framingOf(request)],
      body: hasBody ? request : undefined,
      signal: call.signal,
    });
    call.passed();
    limitClientIdle(response, this.#options.idleMs);
    await passResponse(response, incoming, (count) => call.wrote(count));
  }

  #onEvent(event: FetchEvent): void {
    const { log } = this.#options;
    const { type, key, traceparent } = event;
    const context = { key, traceId: traceIdOf(traceparent) };
    const saved = type === 'joined' || type === 'replayed' ? own(event, 'saved') : undefined;
    if (saved !== undefined) {
      this.#metrics.saved(saved);
      this.#options.onSaved?.(saved);
      const { inputTokens, outputTokens, model, cost, currency } = saved;
      log.info({ ...context, model, inputTokens, outputTokens, cost, currency }, 'saved');
    }
    if (type === 'limited') this.#metrics.limited(event.limit);
    if (type === 'storeError') {
      this.#metrics.storeError(event.action);
      log.warn({ ...context, action: event.action, error: messageOf(event.error) }, 'store error');
    } else if (type === 'repeats') {
      const { count, temperature } = event;
      log.warn(
        { ...context, count, temperature },
        'many equal requests got one response, although different ones may be meant',
      );
    } else if (type === 'leaseLost') log.warn(context, 'lease lost');
    else if (type === 'executed' && !event.kept) log.warn(context, 'response not stored');
    else if (type === 'failed' && event.error instanceof ResponseNotKeptError) {
      const { status, message } = event.error;
      // What the response says is a part of its body, which the log must not contain.
      const error = message.replace(/(: it says ).*/s, '$1…');
      log[status < 400 ? 'warn' : 'debug']({ ...context, status, error }, 'response not stored');
    } else if (type === 'unknown') {
      log.warn(
        { ...context, decision: event.decision },
        'the outcome of an earlier run is unknown',
      );
    } else if (type === 'unreadable') {
      const { decision, codec, keyId } = event;
      this.#metrics.unreadable(decision);
      log.warn({ ...context, decision, codec, keyId }, 'a stored response cannot be read');
    } else log.debug({ ...context, type }, 'event');
  }
}
