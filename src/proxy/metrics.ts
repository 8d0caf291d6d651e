import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Saved } from '../once/index.js';

/** How a request came to its end. */
export type RequestOutcome =
  | 'executed'
  | 'joined'
  | 'replayed'
  | 'passed'
  | 'refused'
  | 'failed'
  | 'aborted';

const MAX_MODELS = 200;
const MAX_MODEL_CHARACTERS = 200;

/** What `/metrics` shows. Nothing in it names a client, a key or a path. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: 'samekey_proxy_requests_total',
    help: 'Requests that came to an end, by what became of them and by status.',
    labelNames: ['outcome', 'status'],
    registers: [this.#registry],
  });
  readonly #saved = new Counter({
    name: 'samekey_proxy_saved_calls_total',
    help: 'Requests that were answered without a call of their own to the upstream.',
    registers: [this.#registry],
  });
  readonly #savedTokens = new Counter({
    name: 'samekey_proxy_saved_tokens_total',
    help: 'Tokens of the answers that they were given.',
    labelNames: ['model', 'direction'],
    registers: [this.#registry],
  });
  readonly #savedCost = new Counter({
    name: 'samekey_proxy_saved_cost_total',
    help: 'What those cost, by the prices that were given.',
    labelNames: ['model', 'currency'],
    registers: [this.#registry],
  });
  readonly #inFlight = new Gauge({
    name: 'samekey_proxy_requests_in_flight',
    help: 'Requests that are being answered.',
    registers: [this.#registry],
  });
  readonly #seconds = new Histogram({
    name: 'samekey_proxy_upstream_head_seconds',
    help: 'From a request to the upstream to the head of its response.',
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300],
    registers: [this.#registry],
  });
  readonly #bytes = new Counter({
    name: 'samekey_proxy_bytes_total',
    help: 'Bytes of bodies.',
    labelNames: ['peer', 'direction'],
    registers: [this.#registry],
  });
  readonly #storeErrors = new Counter({
    name: 'samekey_proxy_store_errors_total',
    help: 'Failures of the store, by what it was asked to do.',
    labelNames: ['action'],
    registers: [this.#registry],
  });

  /** Models that have a label of their own: some upstreams repeat whatever name they were asked for. */
  readonly #models = new Set<string>();

  readonly contentType = this.#registry.contentType;

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
    // A counter that is not there yet and one that is 0 look alike in a graph, but not in an alert.
    this.#saved.inc(0);
    for (const outcome of ['executed', 'joined', 'replayed', 'passed']) {
      this.#requests.inc({ outcome, status: 200 }, 0);
    }
  }

  begin(): void {
    this.#inFlight.inc();
  }

  end(outcome: RequestOutcome, status: number): void {
    this.#inFlight.dec();
    this.#requests.inc({ outcome, status });
    if (outcome === 'joined' || outcome === 'replayed') this.#saved.inc();
  }

  saved({ inputTokens, outputTokens, model: named = '', cost, currency = '' }: Saved): void {
    if (this.#models.size < MAX_MODELS && named.length <= MAX_MODEL_CHARACTERS) {
      this.#models.add(named);
    }
    const model = this.#models.has(named) ? named : 'other';
    this.#savedTokens.inc({ model, direction: 'input' }, inputTokens);
    this.#savedTokens.inc({ model, direction: 'output' }, outputTokens);
    if (cost !== undefined) this.#savedCost.inc({ model, currency }, cost);
  }

  upstreamHead(durationMs: number): void {
    this.#seconds.observe(durationMs / 1000);
  }

  bytes(peer: 'client' | 'upstream', direction: 'in' | 'out', byteCount: number): void {
    this.#bytes.inc({ peer, direction }, byteCount);
  }

  storeError(action: string): void {
    this.#storeErrors.inc({ action });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
