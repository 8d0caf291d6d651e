import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Saved } from '../once/index.js';

/** How a request ended. */
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

/** What is held of responses, as `stats` of fetch tells it. */
export interface HeldStats {
  readonly heldBytes: number;
  readonly spilledBytes: number;
  readonly overloaded: number;
}

const HELP = {
  held: 'Bytes of responses in memory, for clients and for the store.',
  spilled: 'Bytes of responses in files.',
  refused: 'Requests that were refused because the responses in progress held too many bytes.',
};

/** A gauge that is read when the metrics are. */
function gauge(name: string, help: string, read: () => number, registers: Registry[]): void {
  new Gauge({
    name,
    help,
    registers,
    collect() {
      this.set(read());
    },
  });
}

/** The metrics at `/metrics`. They name no client, key or path. */
export class Metrics {
  readonly #registry = new Registry();
  readonly #requests = new Counter({
    name: 'samekey_proxy_requests_total',
    help: 'Finished requests by outcome and status.',
    labelNames: ['outcome', 'status'],
    registers: [this.#registry],
  });
  readonly #saved = new Counter({
    name: 'samekey_proxy_saved_calls_total',
    help: 'Requests that were answered without their own call to the upstream.',
    registers: [this.#registry],
  });
  readonly #savedTokens = new Counter({
    name: 'samekey_proxy_saved_tokens_total',
    help: 'Tokens of the responses to those requests.',
    labelNames: ['model', 'direction'],
    registers: [this.#registry],
  });
  readonly #savedCost = new Counter({
    name: 'samekey_proxy_saved_cost_total',
    help: 'Cost of those tokens, by the configured prices.',
    labelNames: ['model', 'currency'],
    registers: [this.#registry],
  });
  readonly #inProgress = new Gauge({
    name: 'samekey_proxy_requests_in_flight',
    help: 'Requests in progress.',
    registers: [this.#registry],
  });
  readonly #seconds = new Histogram({
    name: 'samekey_proxy_upstream_head_seconds',
    help: 'Time from a request to the upstream until the head of its response.',
    buckets: [0.01, 0.03, 0.1, 0.3, 1, 3, 10, 30, 100, 300],
    registers: [this.#registry],
  });
  readonly #bytes = new Counter({
    name: 'samekey_proxy_bytes_total',
    help: 'Bytes of request and response bodies.',
    labelNames: ['peer', 'direction'],
    registers: [this.#registry],
  });
  readonly #storeErrors = new Counter({
    name: 'samekey_proxy_store_errors_total',
    help: 'Failed operations of the store, by action.',
    labelNames: ['action'],
    registers: [this.#registry],
  });

  readonly #limited = new Counter({
    name: 'samekey_proxy_limited_total',
    help: 'Requests that were refused because a limit was reached, by limit.',
    labelNames: ['limit'],
    registers: [this.#registry],
  });

  readonly #unreadable = new Counter({
    name: 'samekey_proxy_unreadable_total',
    help: 'Stored responses that could not be decrypted or decoded, by decision.',
    labelNames: ['decision'],
    registers: [this.#registry],
  });

  /** Models that have their own label. Their number is limited, as some upstreams repeat any name that a client sends. */
  readonly #models = new Set<string>();

  readonly contentType = this.#registry.contentType;

  /** @param held Returns what is held of responses now, and how many requests were refused for it. */
  constructor(held: () => HeldStats) {
    const registers = [this.#registry];
    const { held: heldHelp, spilled, refused } = HELP;
    gauge('samekey_proxy_held_bytes', heldHelp, () => held().heldBytes, registers);
    gauge('samekey_proxy_spilled_bytes', spilled, () => held().spilledBytes, registers);
    let refusedCount = 0;
    new Counter({
      name: 'samekey_proxy_overloaded_total',
      help: refused,
      registers,
      collect() {
        this.inc(held().overloaded - refusedCount);
        refusedCount = held().overloaded;
      },
    });
    collectDefaultMetrics({ register: this.#registry });
    // An alert treats a missing counter differently from one that is 0.
    this.#saved.inc(0);
    for (const limit of ['keysPerMinute', 'storedBytesPerAccount', 'waitingPerKey']) {
      this.#limited.inc({ limit }, 0);
    }
    for (const decision of ['hold', 'retry']) this.#unreadable.inc({ decision }, 0);
    for (const outcome of ['executed', 'joined', 'replayed', 'passed']) {
      this.#requests.inc({ outcome, status: 200 }, 0);
    }
  }

  begin(): void {
    this.#inProgress.inc();
  }

  end(outcome: RequestOutcome, status: number): void {
    this.#inProgress.dec();
    this.#requests.inc({ outcome, status });
    if (outcome === 'joined' || outcome === 'replayed') this.#saved.inc();
  }

  saved({ inputTokens, outputTokens, model: name = '', cost, currency = '' }: Saved): void {
    if (this.#models.size < MAX_MODELS && name.length <= MAX_MODEL_CHARACTERS) {
      this.#models.add(name);
    }
    const model = this.#models.has(name) ? name : 'other';
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

  limited(limit: string): void {
    this.#limited.inc({ limit });
  }

  unreadable(decision: string): void {
    this.#unreadable.inc({ decision });
  }

  text(): Promise<string> {
    return this.#registry.metrics();
  }
}
