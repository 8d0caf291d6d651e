/** `samekey/otel`: OpenTelemetry metrics and spans for `samekey/once` and all that is built on it. */
import { type Meter, metrics, type Tracer, trace } from '@opentelemetry/api';
import type { OnceEvent } from './events.js';
import type { Once } from './once.js';
import { metricsOf, type OtherEvent } from './otel/metrics.js';
import { type ModelMiddleware, observedModel } from './otel/model.js';
import { Observer } from './otel/observation.js';
import { observedOnce } from './otel/observed-once.js';
import { isPlugin, observedPlugin, observedRequests, type Requesting } from './otel/requests.js';

/** The options of `telemetry`. */
export interface TelemetryOptions {
  /** Defaults to that of the globally registered provider. */
  readonly tracer?: Tracer;
  /** Creates the metrics. Defaults to that of the globally registered provider. */
  readonly meter?: Meter;
}

/** The telemetry of a program. */
export interface Telemetry {
  /** For the option `onEvent` of `createOnce`, `idempotentFetch`, a server, the AI SDK middleware and `createBatch`. */
  readonly onEvent: (event: OnceEvent | OtherEvent) => void;
  /**
   * Returns the same thing with a span for every call: what `createOnce`, `idempotentFetch`, `idempotent`,
   * a middleware or plugin of a server, or `idempotencyMiddleware` returned, or a function such as
   * `createBatch`. A request to an address carries the span in its `traceparent`.
   */
  observe<T extends Once<boolean> | Requesting | ModelMiddleware>(target: T): T;
}

const NAME = 'samekey';

/**
 * Returns telemetry for `samekey/once` and all that is built on it:
 *
 * - `samekey.calls`, by `outcome` (`executed`, `joined`, `replayed`, `failed`, `conflict`, `limited`, `mismatch`) and `layer`,
 *   refusals by a limit also by `samekey.limit`;
 * - `samekey.in_flight`, calls in progress;
 * - `samekey.call.duration`, `samekey.run.duration` and `samekey.saved.duration`, in seconds: how long
 *   observed calls took, how long functions ran, and the time that duplicates saved, by `outcome` and
 *   `layer`, failures by `error.type`;
 * - `samekey.saved_tokens`, by `gen_ai.token.type` (`input`, `output`), `outcome` and
 *   `gen_ai.response.model`, and `samekey.saved_cost`, also by `currency`, of duplicates whose saving is
 *   known;
 * - `samekey.hit_ratio`, the share of duplicates among the calls that received a result;
 * - `samekey.lease_losses`, `samekey.unknown_outcomes`, `samekey.unreadable_results`, `samekey.evictions`,
 *   `samekey.store_errors`;
 * - a span for each call, `samekey.once`, `samekey.request`, `samekey.model` or the name of the function,
 *   with a link from a call to the one that it joined. The span of a request has the attributes of HTTP,
 *   and that of a model those of GenAI, of OpenTelemetry's semantic conventions.
 *
 * @example
 * const { onEvent, observe } = telemetry();
 * const once = observe(createOnce({ store: memoryStore(), onEvent }));
 * await once(keyOf({ order: 7 }), () => 'shipped'); // 'shipped'
 */
export function telemetry(options: TelemetryOptions = {}): Telemetry {
  const tracer = options.tracer ?? trace.getTracer(NAME);
  const meter = options.meter ?? metrics.getMeter(NAME);
  const observer = new Observer(tracer, metricsOf(meter));
  return {
    onEvent: (event) => observer.onEvent(event),
    observe<T extends Once<boolean> | Requesting | ModelMiddleware>(target: T): T {
      const observed = observedBy(observer, target);
      // `specificationVersion`, `evict`, `stats`, `close` and the like.
      return Object.assign(observed, { ...target, ...observed }) as unknown as T;
    },
  };
}

function observedBy(observer: Observer, target: Once<boolean> | Requesting | ModelMiddleware) {
  if ('detailed' in target) return observedOnce(observer, target);
  if ('wrapGenerate' in target) return observedModel(observer, target);
  if (isPlugin(target)) return observedPlugin(observer, target);
  return observedRequests(observer, target);
}
