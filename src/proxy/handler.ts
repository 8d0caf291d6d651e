import { randomBytes } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { type FetchEvent, idempotentFetch } from '../fetch/fetch.js';
import { defineIdentity } from '../index.js';
import { accountOf } from '../request/account.js';
import { Call } from './call.js';
import { passResponse, writeProblem, writeResponse } from './client-response.js';
import { endToEndHeaders, type HeaderPair, without } from './headers.js';
import { Metrics } from './metrics.js';
import { problemOf } from './problem.js';
import type { ProxyOptions } from './proxy.js';
import { ProxyError } from './proxy-error.js';
import { writeRaw } from './refusals.js';
import { readBody, refuseLong } from './request-body.js';
import { messageOf, traceIdOf } from './request-log.js';
import { isForAnother, type RequestTarget, targetOf } from './request-target.js';
import { type ProxiedInit, Upstream } from './upstream.js';

/** Errors after which the upstream may or may not have done the work. */
const UNKNOWN: ReadonlySet<unknown> = new Set([
  'SAMEKEY_UNKNOWN_OUTCOME',
  'SAMEKEY_TIMEOUT',
  'SAMEKEY_BROKEN_RESPONSE',
]);

/** Nor is it known of a request that is given up in the middle, where that is wanted of all. */
function isUnknown(error: unknown): boolean {
  const { code, name } = error as { code?: unknown; name?: unknown };
  return UNKNOWN.has(code) || name === 'AbortError';
}

/** Answers requests: from the upstream, from others under way, from the store, or itself. */
export class Handler {
  readonly #options: ProxyOptions;
  readonly #metrics = new Metrics();
  readonly #upstream: Upstream;
  readonly #fetch: ReturnType<typeof idempotentFetch>;
  readonly #methods: ReadonlySet<string>;
  /** What this proxy calls itself in `via`, to know what was here before. */
  readonly #pseudonym = `samekey-${randomBytes(4).toString('hex')}`;
  /** What is being answered on a connection: it may send the next request before. */
  readonly #answering = new WeakMap<Duplex, Set<ServerResponse>>();
  readonly #underWay = new Set<ServerResponse>();
  #isDraining = false;

  constructor(options: ProxyOptions) {
    const { upstream, once, idleMs } = options;
    const { identity } = once;
    this.#options = options;
    this.#methods = new Set(once.methods ?? ['POST', 'PATCH']);
    this.#upstream = new Upstream(upstream.origin, `1.1 ${this.#pseudonym}`, idleMs, {
      onHead: (durationMs) => this.#metrics.upstreamHead(durationMs),
      onSent: (byteCount) => this.#metrics.bytes('upstream', 'out', byteCount),
      onReceived: (byteCount) => this.#metrics.bytes('upstream', 'in', byteCount),
    });
    this.#fetch = idempotentFetch({
      // The upstream checks a signature, and it does not see a duplicate.
      account: (headers) => accountOf(headers, false),
      ...once,
      // Compiled here: one of another copy of the library would be compiled at every request.
      ...(identity && { identity: defineIdentity({ ...identity }) }),
      idleMs,
      fetch: (_, init) => this.#upstream.fetch(init as ProxiedInit),
      onEvent: (event) => this.#onEvent(event),
      unknownErrors: isUnknown,
    });
  }

  async handle(
    request: IncomingMessage,
    response: ServerResponse,
    expectsContinue = false,
  ): Promise<void> {
    const { isLoopback, hasMetricsPort } = this.#options;
    // Whoever keeps the connection would send the next request to nobody.
    if (this.#isDraining) response.shouldKeepAlive = false;
    // A page of the web is told nothing, either.
    const isAsked = !hasMetricsPort && !(isLoopback && isForAnother(request));
    if (isAsked && this.handleOwn(request, response, '/-')) return;
    const call = new Call(request, response, this.#metrics, this.#options.log);
    // Errors of a connection that is gone; who writes to it sees that it is.
    response.on('error', () => {});
    this.#beginAnswer(request.socket, response);
    try {
      if (this.#isDraining) {
        throw new ProxyError(503, 'SAMEKEY_CLOSED', 'Cannot take the request: the proxy is ending');
      }
      const target = targetOf(request, this.#options.upstream, {
        isLoopback,
        pseudonym: this.#pseudonym,
      });
      const isKeyed = this.#isKeyed(request);
      if (isKeyed) refuseLong(request, this.#options.maxBodyBytes);
      if (expectsContinue) response.writeContinue();
      if (isKeyed) await this.#exchange(request, response, target, call);
      else await this.#pass(request, response, target, call);
      call.end();
    } catch (error) {
      call.fail(error);
    }
  }

  /** Refuses what did not become a request. */
  refuse(socket: Duplex, error: ProxyError): void {
    // It is gone, or in the middle of an answer, which another one would be taken for the rest of.
    if (!socket.writable || this.isAnswering(socket)) {
      socket.destroy();
      return;
    }
    writeRaw(socket, error);
    const { status, code, message } = error;
    this.#metrics.begin();
    this.#metrics.end('refused', status);
    this.#options.log.warn({ status, outcome: 'refused', code, error: message }, 'request');
  }

  /** Answers a request for metrics or health; `false` if it is none. */
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
    if (path !== `${at}/health`) return false;
    // A balancer that reads this sends new requests elsewhere.
    response.writeHead(this.#isDraining ? 503 : 200, { 'content-type': 'application/json' });
    response.end(`${JSON.stringify({ status: this.#isDraining ? 'ending' : 'ok' })}\n`);
    return true;
  }

  /** Refuses new requests from now on. */
  refuseAll(): void {
    this.#isDraining = true;
    for (const response of this.#underWay) response.shouldKeepAlive = false;
  }

  /** Resolves when the results of the requests under way are kept. */
  async drain(): Promise<void> {
    await this.#fetch.close();
  }

  /** When nothing is under way any longer. */
  close(): void {
    this.#upstream.close();
  }

  isAnswering(socket: Duplex): boolean {
    return (this.#answering.get(socket)?.size ?? 0) > 0;
  }

  /** Tells the answers that wait for the one before them that their client is gone: Node.js does not. */
  lose(socket: Duplex): void {
    for (const response of this.#answering.get(socket) ?? []) {
      if (response.socket !== null || response.writableFinished) continue;
      response.destroy();
      response.emit('close');
    }
  }

  #beginAnswer(socket: Duplex, response: ServerResponse): void {
    const answers = this.#answering.get(socket) ?? new Set();
    this.#answering.set(socket, answers.add(response));
    this.#underWay.add(response);
    response.on('close', () => {
      answers.delete(response);
      this.#underWay.delete(response);
    });
  }

  #isKeyed({ method = '', url = '' }: IncomingMessage): boolean {
    return (
      this.#methods.has(method) &&
      !this.#options.passedPaths.some((beginning) => url.startsWith(beginning))
    );
  }

  /** Sends it at most once, or gives what came or is coming of it. */
  async #exchange(
    request: IncomingMessage,
    response: ServerResponse,
    { url, path }: RequestTarget,
    call: Call,
  ): Promise<void> {
    const body = await readBody(request, this.#options.maxBodyBytes, this.#options.idleMs);
    this.#metrics.bytes('client', 'in', body.length);
    const headers = new Headers();
    const pairs = without(
      endToEndHeaders(request),
      'host',
      'content-length',
      'accept-encoding',
    ) as HeaderPair[];
    for (const [name, value] of pairs) headers.append(name, value);
    const isForm = /^multipart\/form-data\b/i.test(headers.get('content-type') ?? '');
    const init: ProxiedInit = {
      method: request.method as string,
      headers,
      // A form is read as one only from what `fetch` has to make a request of.
      body: isForm ? new Blob([body]) : body,
      signal: call.signal,
      proxied: { path, body },
    };
    const answer = await this.#fetch(url, init);
    call.answered(answer);
    // For a client that takes nothing more.
    response.setTimeout(this.#options.idleMs, () => response.destroy());
    await writeResponse(response, answer, (count) => call.wrote(count));
  }

  /** Sends it on as it is, and its response back. */
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
    const sent = without(endToEndHeaders(request), 'host');
    const incoming = await this.#upstream.send({
      method,
      path,
      // Where it ends is said on the other connection as it was said on this one.
      headers: isChunked ? [...sent, ['transfer-encoding', 'chunked']] : sent,
      body: hasBody ? request : undefined,
      signal: call.signal,
    });
    call.passed();
    response.setTimeout(this.#options.idleMs, () => response.destroy());
    await passResponse(response, incoming, (count) => call.wrote(count));
  }

  #onEvent(event: FetchEvent): void {
    const { log } = this.#options;
    const { type, key, traceparent } = event;
    if ('saved' in event && event.saved !== undefined) this.#metrics.saved(event.saved);
    const more = { key, traceId: traceIdOf(traceparent) };
    if (type === 'storeError') {
      this.#metrics.storeError(event.action);
      log.warn({ ...more, action: event.action, error: messageOf(event.error) }, 'store error');
    } else if (type === 'repeats') {
      const { count, temperature } = event;
      log.warn({ ...more, count, temperature }, 'one answer for many, where others may be meant');
    } else if (type === 'leaseLost') log.warn(more, 'lease lost');
    else if (type === 'executed' && !event.kept) log.warn(more, 'answer not kept');
    else if (type === 'unknown') {
      log.warn({ ...more, decision: event.decision }, 'an owner was never heard of again');
    } else log.debug({ ...more, type }, 'event');
  }
}
