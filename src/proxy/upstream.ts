import { Agent, type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest, Agent as TlsAgent } from 'node:https';
import type { Readable } from 'node:stream';
import type { HeaderPair } from './headers.js';
import { ProxyError } from './proxy-error.js';
import { responseOf } from './upstream-response.js';

/** A request as it goes to the upstream. */
export interface Sending {
  readonly method: string;
  readonly path: string;
  readonly headers: readonly HeaderPair[];
  /** Whole, on its way, or none. */
  readonly body: Uint8Array | Readable | undefined;
  readonly signal: AbortSignal;
}

/** What the connection to the upstream is watched for. */
export interface UpstreamWatch {
  onHead(durationMs: number): void;
  onSent(byteCount: number): void;
  onReceived(byteCount: number): void;
}

/** A request's own part of what `fetch` is called with. */
export interface ProxiedInit extends RequestInit {
  /** Its path and its body as they came: a form that was read and written again would be another one. */
  readonly proxied: { readonly path: string; readonly body: Uint8Array };
}

/** Less than the 5 seconds for which servers keep an idle connection: what is sent on one that is being closed may or may not arrive. */
const KEPT_ALIVE_MS = 4000;

/** How long an address that does not say no is tried: until then nothing is sent. */
const CONNECT_MS = 10_000;

/**
 * The connections to the upstream, over which everything goes that leaves this process. Not the
 * platform's `fetch`: that one adds headers, takes others away, and decodes what was to be passed on.
 */
export class Upstream {
  readonly #origin: URL;
  readonly #idleMs: number;
  readonly #watch: UpstreamWatch;
  readonly #agent: Agent;
  readonly #via: string;

  constructor(origin: string, via: string, idleMs: number, watch: UpstreamWatch) {
    this.#origin = new URL(origin);
    this.#via = via;
    this.#idleMs = idleMs;
    this.#watch = watch;
    const options = { keepAlive: true, timeout: KEPT_ALIVE_MS };
    this.#agent = this.#origin.protocol === 'https:' ? new TlsAgent(options) : new Agent(options);
  }

  /** For `idempotentFetch`: resolves with the response, decoded, when its head is there. */
  async fetch(init: ProxiedInit): Promise<Response> {
    const { path, body } = init.proxied;
    const incoming = await this.send({
      method: init.method as string,
      path,
      headers: [
        ...(init.headers as Headers),
        // Clients that share an answer need not agree on a coding; and one adds delay to a stream.
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
   * Resolves with the response when its head is there; redirects are responses like any other.
   *
   * @throws {ProxyError} 502 or 504; `SAMEKEY_UPSTREAM` if nothing can have arrived there,
   * `SAMEKEY_UNKNOWN_OUTCOME` if nobody knows.
   */
  send({ method, path, headers, body, signal }: Sending): Promise<IncomingMessage> {
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
      request.setTimeout(this.#idleMs, () => request.destroy(this.#timedOut()));
      request.on('error', (error) => {
        if (body !== undefined && !(body instanceof Uint8Array)) body.unpipe(request);
        reject(signal.aborted ? signal.reason : this.#failure(error, connection.wasUsed));
      });
      // Node.js gives it away with its connection; nothing else would come of the request.
      request.on('upgrade', (incoming, socket) => {
        socket.destroy();
        reject(unreadable(incoming));
      });
      request.on('response', (incoming) => {
        this.#watch.onHead(performance.now() - startedAt);
        if (!isReadable(incoming)) {
          incoming.destroy();
          reject(unreadable(incoming));
          return;
        }
        incoming.on('data', ({ length }: Buffer) => this.#watch.onReceived(length));
        // Whoever reads it says when that goes on.
        incoming.pause();
        resolve(incoming);
      });
      if (body === undefined) request.end();
      else if (body instanceof Uint8Array) {
        this.#watch.onSent(body.length);
        request.end(body);
      } else {
        body.on('data', ({ length }: Buffer) => this.#watch.onSent(length));
        // A client that goes away leaves half a request, which must not look like a whole one.
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
      `Cannot get the response of ${this.#origin.host}: nothing came for ${this.#idleMs} ms, wanted more within --idle`,
    );
  }

  #failure(error: Error, wasUsed: boolean): ProxyError {
    if (error instanceof ProxyError) return error;
    const { code, message } = error as NodeJS.ErrnoException;
    const why = message.replaceAll('\n', ' ') || code;
    return wasUsed
      ? new ProxyError(
          502,
          'SAMEKEY_UNKNOWN_OUTCOME',
          `Cannot get the response of ${this.#origin.host}: ${why}, after the request was sent; nobody knows whether it was carried out`,
          error,
        )
      : new ProxyError(
          502,
          'SAMEKEY_UPSTREAM',
          `Cannot reach ${this.#origin.host}: ${why}; nothing was sent`,
          error,
        );
  }
}

/** Whether it is an answer, in a transfer coding that Node.js takes away; others would be taken for the content. */
const isReadable = ({ statusCode = 0, headers }: IncomingMessage) =>
  statusCode >= 200 && /^(?:chunked)?$/i.test(headers['transfer-encoding'] ?? '');

function unreadable({ statusCode, headers }: IncomingMessage): ProxyError {
  const coding = headers['transfer-encoding'];
  const [what, wanted] =
    coding === undefined
      ? [`its status is ${statusCode}`, 'one from 200']
      : [`its transfer-encoding is ${coding}`, 'chunked'];
  return new ProxyError(
    502,
    'SAMEKEY_BROKEN_RESPONSE',
    `Cannot read the response: ${what}, wanted ${wanted}`,
  );
}

/** Whether anything of a request can have reached the other side. */
class ConnectionState {
  wasUsed = false;

  constructor(request: ClientRequest, connectMs: number, onLate: () => void) {
    const timer = setTimeout(onLate, connectMs);
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
      // The agent's: it is for connections that are kept, and a request hears of one only.
      socket.setTimeout(0);
      socket.once('encrypted' in socket ? 'secureConnect' : 'connect', use);
    });
  }
}
