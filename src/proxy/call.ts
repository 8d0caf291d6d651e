import type { IncomingMessage, ServerResponse } from 'node:http';
import { writeProblem } from './client-response.js';
import type { Metrics, RequestOutcome } from './metrics.js';
import { problemOf } from './problem.js';
import { discard } from './request-body.js';
import { loggedMessageOf, type ProxyLog, traceIdOf } from './request-log.js';
import { pathIn } from './request-target.js';
import type { Sampling } from './sampling.js';

/** A request that was answered, as the log has it, with what its body says of the sampling. */
export interface EndedCall extends Sampling {
  readonly outcome: RequestOutcome;
  readonly status: number;
  readonly code: unknown;
  readonly key: string | undefined;
  readonly durationMs: number | undefined;
}

type OnEnded = (call: EndedCall) => void;

/** A request of a client while the proxy answers it: its disconnect, log line and metrics. */
export class Call {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #metrics: Metrics;
  readonly #log: ProxyLog;
  readonly #onEnded: OnEnded | undefined;
  readonly #disconnect = new AbortController();
  readonly #startedAt = performance.now();
  #outcome: RequestOutcome = 'failed';
  #key: string | undefined;
  #headMs: number | undefined;
  #byteCount = 0;
  #sampling: Sampling = {};

  constructor(
    request: IncomingMessage,
    response: ServerResponse,
    metrics: Metrics,
    log: ProxyLog,
    onEnded: OnEnded | undefined,
  ) {
    this.#onEnded = onEnded;
    this.#request = request;
    this.#response = response;
    this.#metrics = metrics;
    this.#log = log;
    metrics.begin();
    response.on('close', () => {
      if (response.writableFinished) return;
      this.#disconnect.abort(new DOMException('The client has disconnected', 'AbortError'));
    });
  }

  /** Aborts when the client disconnects. */
  get signal(): AbortSignal {
    return this.#disconnect.signal;
  }

  /** What the body of the request says of the sampling. */
  set sampling(sampling: Sampling) {
    this.#sampling = sampling;
  }

  answered({ headers }: Response): void {
    // With `--provider-state pass` a request may have passed.
    this.#outcome = (headers.get('samekey') ?? 'passed') as RequestOutcome;
    this.#key = headers.get('samekey-key') ?? undefined;
    this.#headMs = performance.now() - this.#startedAt;
  }

  passed(): void {
    this.#outcome = 'passed';
    this.#headMs = performance.now() - this.#startedAt;
  }

  wrote(byteCount: number): void {
    this.#byteCount += byteCount;
    this.#metrics.bytes('client', 'out', byteCount);
  }

  end(): void {
    if (this.signal.aborted) this.#report('aborted');
    else this.#report(this.#outcome);
  }

  fail(error: unknown): void {
    const { key } = error as { key?: string };
    this.#key ??= key;
    if (this.signal.aborted) {
      this.#report('aborted');
      return;
    }
    const response = this.#response;
    if (response.headersSent) {
      // Closing the connection shows the client that the response is incomplete. It receives first
      // what was written.
      if (response.socket === null) response.destroy();
      else response.socket.destroySoon();
    } else {
      const problem = problemOf(error);
      writeProblem(response, problem);
      discard(this.#request);
    }
    const isRefused = response.headersSent && response.statusCode < 500;
    this.#report(isRefused && this.#outcome === 'failed' ? 'refused' : 'failed', error);
  }

  #report(outcome: RequestOutcome, error?: unknown): void {
    const { method, url = '', headers } = this.#request;
    const status = outcome === 'aborted' ? 499 : this.#response.statusCode;
    this.#metrics.end(outcome, status);
    const line = {
      method,
      path: url.startsWith('/') ? pathIn(url) : undefined,
      status,
      outcome,
      key: this.#key,
      traceId: traceIdOf(headers.traceparent as string | undefined),
      headMs: rounded(this.#headMs),
      durationMs: rounded(performance.now() - this.#startedAt),
      bytes: this.#byteCount,
    };
    const { code, stack } = (error ?? {}) as { code?: unknown; stack?: string };
    const { key, durationMs } = line;
    this.#onEnded?.({ ...this.#sampling, outcome, status, code, key, durationMs });
    if (error === undefined) {
      this.#log.info(line, 'request');
      return;
    }
    // An error without a code is a fault of the proxy.
    const fault = typeof code === 'string' ? undefined : stack;
    this.#log.warn({ ...line, code, error: loggedMessageOf(error), stack: fault }, 'request');
  }
}

const rounded = (ms: number | undefined) =>
  ms === undefined ? undefined : Math.round(ms * 10) / 10;
