import type { IncomingMessage, ServerResponse } from 'node:http';
import { BrokenResponseError } from '../fetch/fetch.js';
import { writeProblem } from './client-response.js';
import type { Metrics, RequestOutcome } from './metrics.js';
import { problemOf } from './problem.js';
import { discard } from './request-body.js';
import { messageOf, type ProxyLog, traceIdOf } from './request-log.js';
import { pathIn } from './request-target.js';

/** A request that is being answered: who waits for it, and what is told of it. */
export class Call {
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #metrics: Metrics;
  readonly #log: ProxyLog;
  readonly #gone = new AbortController();
  readonly #startedAt = performance.now();
  #outcome: RequestOutcome = 'failed';
  #key: string | undefined;
  #headMs: number | undefined;
  #byteCount = 0;

  constructor(request: IncomingMessage, response: ServerResponse, metrics: Metrics, log: ProxyLog) {
    this.#request = request;
    this.#response = response;
    this.#metrics = metrics;
    this.#log = log;
    metrics.begin();
    response.on('close', () => {
      if (response.writableFinished) return;
      this.#gone.abort(new DOMException('The client has gone away', 'AbortError'));
    });
  }

  /** Aborts when the client goes away. */
  get signal(): AbortSignal {
    return this.#gone.signal;
  }

  answered({ headers }: Response): void {
    this.#outcome = headers.get('samekey') as RequestOutcome;
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
    if (this.signal.aborted) this.#tell('aborted');
    else this.#tell(this.#outcome);
  }

  fail(error: unknown): void {
    const { key } = error as { key?: string };
    this.#key ??= key;
    if (this.signal.aborted) {
      this.#tell('aborted');
      return;
    }
    const response = this.#response;
    if (response.headersSent) {
      // All that is left to say is that this is not the whole of it.
      response.destroy();
    } else {
      const problem = problemOf(error);
      writeProblem(response, problem);
      discard(this.#request);
    }
    const isRefused = response.headersSent && response.statusCode < 500;
    this.#tell(isRefused && this.#outcome === 'failed' ? 'refused' : 'failed', error);
  }

  #tell(outcome: RequestOutcome, error?: unknown): void {
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
    if (error === undefined) {
      this.#log.info(line, 'request');
      return;
    }
    const { code, stack } = error as { code?: unknown; stack?: string };
    // What has no code is a fault of the proxy's own, and its stack says where.
    const fault = typeof code === 'string' ? undefined : stack;
    this.#log.warn({ ...line, code, error: loggedMessage(error), stack: fault }, 'request');
  }
}

/** What came of a body is quoted behind these words, for the client alone. */
const loggedMessage = (error: unknown) =>
  error instanceof BrokenResponseError
    ? error.message.replace(/(: its (?:stream says|body is no JSON)).*/s, '$1 …')
    : messageOf(error);

const rounded = (ms: number | undefined) =>
  ms === undefined ? undefined : Math.round(ms * 10) / 10;
