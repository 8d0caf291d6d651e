import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import type { HeaderPair } from './headers.js';
import { limitUpstreamIdle } from './idle-socket.js';
import { ProxyError } from './proxy-error.js';
import { responseOf } from './upstream-response.js';

/** A request to the upstream. */
export interface UpstreamRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly HeaderPair[];
  /** Bytes, a stream, or no body. */
  readonly body: Uint8Array | Readable | undefined;
  readonly signal: AbortSignal;
}

/** Callbacks for metrics. */
export interface UpstreamObserver {
  onHead(durationMs: number): void;
  onSent(byteCount: number): void;
  onReceived(byteCount: number): void;
}

/** The `init` with which the proxy calls `fetch`. */
export interface ProxiedInit extends RequestInit {
  /** Path and body as received: a form that is parsed and written again has other bytes. */
  readonly proxied: { readonly path: string; readonly body: Uint8Array };
}

/**
 * Less than the 5 seconds for which many servers keep an idle connection. A request on a connection
 * that the server is closing has an unknown outcome.
 */
const KEEP_ALIVE_MS = 4000;

/** How long to try to connect. Nothing is sent before. */
const CONNECT_MS = 10_000;

/**
 * Sends all requests to the upstream. It does not use the platform's `fetch`, which adds and removes
 * headers and decodes bodies that must pass unchanged.
 */
export class Upstream {
  readonly #origin: URL;
  readonly #idleMs: number;
  readonly #observer: UpstreamObserver;
  readonly #agent: Agent;
  readonly #via: string;

  constructor(origin: string, via: string, idleMs: number, observer: UpstreamObserver) {
    this.#origin = new URL(origin);
    this.#via = via;
    this.#idleMs = idleMs;
    this.#observer = observer;
    const options = { keepAlive: true, timeout: KEEP_ALIVE_MS };
    this.#agent = this.#origin.protocol === 'https:' ? new TlsAgent(options) : new Agent(options);
  }

  /** The `fetch` of `idempotentFetch`. Resolves when the head has arrived; decodes the body. */
  async fetch(init: ProxiedInit): Promise<Response> {
    const { path, body } = init.proxied;
    const incoming = await this.send({
      method: init.method as string,
      path,
      headers: [
        ...(init.headers as Headers),
        // Clients that share a response may accept different codings, and a coding delays a stream.
        ['accept-encoding', 'identity'],
        ['content-length', String(body.length)],
      ],
      body,
      signal: init.signal as AbortSignal,
    });
    try {
      return responseOf(incoming);
    } catch (error) {
      incoming.destroy();
      throw error;
    }
  }

  /**
   * Resolves with the response when its head has arrived. Does not follow redirects.
   *
   * @throws {ProxyError} 502 or 504: `SAMEKEY_UPSTREAM` if the upstream cannot have received anything,
   * `SAMEKEY_UNKNOWN_OUTCOME` if it may have.
   */
  send({ method, path, headers, body, signal }: UpstreamRequest): Promise<IncomingMessage> {
    const send = this.#origin.protocol === 'https:' ? httpsRequest : httpRequest;
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      const request = send(this.#origin, {
        method,
        path,
        agent: this.#agent,
        headers: [
          ['host', this.#origin.host],
          ...headers,
          ['via', this.#via],
        ].flat() as unknown as Record<string, string>,
        signal,
      });
      const connectMs = Math.min(CONNECT_MS, this.#idleMs);
      const connection = new ConnectionState(request, connectMs, () =>
        request.destroy(new Error(`no connection in ${connectMs} ms`)),
      );
      limitUpstreamIdle(request, this.#idleMs, () => request.destroy(this.#timedOut()));
      request.on('error', (error) => {
        if (body !== undefined && !(body instanceof Uint8Array)) body.unpipe(request);
        reject(signal.aborted ? signal.reason : this.#failure(error, connection.wasUsed));
      });
      // After this event Node.js emits no response for the request.
      request.on('upgrade', (incoming, socket) => {
        socket.destroy();
        reject(unreadable(incoming));
      });
      request.on('response', (incoming) => {
        this.#observer.onHead(performance.now() - startedAt);
        if (!isReadable(incoming)) {
          incoming.destroy();
          reject(unreadable(incoming));
          return;
        }
        incoming.on('data', ({ length }: Buffer) => this.#observer.onReceived(length));
        // The reader resumes it.
        incoming.pause();
        resolve(incoming);
      });
      if (body === undefined) request.end();
      else if (body instanceof Uint8Array) {
        this.#observer.onSent(body.length);
        request.end(body);
      } else {
        body.on('data', ({ length }: Buffer) => this.#observer.onSent(length));
        // The half request of a client that disconnects must not look complete.
        body.on('error', (error) => request.destroy(error));
        body.pipe(request);
      }
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #timedOut(): ProxyError {
    return new ProxyError(
      504,
      'SAMEKEY_TIMEOUT',
      `Cannot get the response of ${this.#origin.host}: no data arrived for ${this.#idleMs} ms, wanted some within --idle`,
    );
  }

  #failure(error: Error, wasUsed: boolean): ProxyError {
    if (error instanceof ProxyError) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    const reason = message.replaceAll('\n', ' ') || code;
    return wasUsed
      ? new ProxyError(
          502,
          'SAMEKEY_UNKNOWN_OUTCOME',
          `Cannot get the response of ${this.#origin.host}: ${reason}, after the request was sent; it may have been processed`,
          error,
        )
      : new ProxyError(
          502,
          'SAMEKEY_UPSTREAM',
          `Cannot reach ${this.#origin.host}: ${reason}; nothing was sent`,
          error,
        );
  }
}

/** Whether Node.js decodes the transfer coding of the response. Another one would look like content. */
const isReadable = ({ statusCode = 0, headers }: IncomingMessage) =>
  statusCode >= 200 && /^(?:chunked)?$/i.test(headers['transfer-encoding'] ?? '');

function unreadable({ statusCode, headers }: IncomingMessage): ProxyError {
  const coding = headers['transfer-encoding'];
  const [fault, wanted] =
    coding === undefined
      ? [`its status is ${statusCode}`, 'one from 200']
      : [`its transfer-encoding is ${coding}`, 'chunked'];
  return new ProxyError(
    502,
    'SAMEKEY_BROKEN_RESPONSE',
    `Cannot read the response: ${fault}, wanted ${wanted}`,
  );
}

/** Whether the upstream can have received anything of a request. */
class ConnectionState {
  wasUsed = false;

  constructor(request: ClientRequest, connectMs: number, onTimeout: () => void) {
    const timer = setTimeout(onTimeout, connectMs);
    request.on('close', () => clearTimeout(timer));
    request.on('socket', (socket) => {
      const use = () => {
        clearTimeout(timer);
        this.wasUsed = true;
      };
      if (!socket.connecting) {
        use();
        return;
      }
      // Removes the agent's timeout, which is for idle connections: a request sees only one timeout.
      socket.setTimeout(0);
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', use);
    });
  }
}
