/** `samekey/otel`: OpenTelemetry metrics and spans for `samekey/once`. */
import {
  type Attributes,
  context,
  type Meter,
  metrics,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import type { CallOptions } from './call.js';
import type { OnceContext } from './call-function.js';
import type { OnceEvent, Saved } from './events.js';
import type { Once } from './once.js';
import type { Detailed } from './runner.js';

/** The options of `telemetry`. */
export interface TelemetryOptions {
  /** Defaults to that of the globally registered provider. */
  readonly tracer?: Tracer;
  /** Creates the metrics. Defaults to that of the globally registered provider. */
  readonly meter?: Meter;
}

/** The telemetry of one `once`. */
export interface Telemetry {
  /** For `createOnce({ onEvent })`, `idempotentFetch({ onEvent })` and the middleware of a server. */
  readonly onEvent: (event: OnceEvent | OtherEvent) => void;
  /** The same `once`, with a span for every call. */
  observe<O extends Once<boolean>>(once: O): O;
  /**
   * The same `fetch`, handler or middleware, with a span for every request. A request to an address
   * carries the span in its `traceparent`.
   */
  observe<F extends Requesting>(requesting: F): F;
}

/** An event of a product above `once`, which is not counted. */
type OtherEvent = { readonly type: 'repeats'; readonly traceparent: string | undefined };

type Requesting = (...args: never[]) => unknown;

const NAME = 'samekey';

/**
 * Returns telemetry for one `once`:
 *
 * - `samekey.calls`, by `outcome` (`executed`, `joined`, `replayed`, `failed`, `conflict`, `mismatch`) and `layer`;
 * - `samekey.in_flight`, calls in progress;
 * - `samekey.saved_tokens`, by `direction` (`input`, `output`), `outcome` and `model`, and
 *   `samekey.saved_cost`, also by `currency`, of duplicates whose saving is known;
 * - `samekey.hit_ratio`, the share of duplicates among the calls that received a result;
 * - `samekey.lease_losses`, `samekey.unknown_outcomes`, `samekey.evictions`, `samekey.store_errors`;
 * - a span `samekey.once` for each call, with a link from a call to the one that it joined.
 *
 * @example
 * const { onEvent, observe } = telemetry();
 * const once = observe(createOnce({ store: memoryStore(), onEvent }));
 * await once(keyOf({ order: 7 }), () => 'shipped'); // 'shipped'
 */
export function telemetry(options: TelemetryOptions = {}): Telemetry {
  const tracer = options.tracer ?? trace.getTracer(NAME);
  const meter = options.meter ?? metrics.getMeter(NAME);
  const counter = (name: string, description: string) =>
    meter.createCounter(`samekey.${name}`, { description });
  const calls = counter('calls', 'Calls of once, by outcome and layer');
  const leaseLosses = counter('lease_losses', 'Runs whose lease was lost');
  const unknown = counter('unknown_outcomes', 'Runs without an outcome');
  const evictions = counter('evictions', 'Records removed by evict');
  const savedTokens = counter('saved_tokens', 'Tokens that duplicates saved');
  const savedCost = counter('saved_cost', 'The cost that duplicates saved');
  const storeErrors = counter('store_errors', 'Failures of the store, by action');
  const inFlight = meter.createUpDownCounter('samekey.in_flight', {
    description: 'Calls of once in progress',
  });
  let hits = 0;
  let results = 0;
  meter
    .createObservableGauge('samekey.hit_ratio', {
      description: 'Duplicates among the calls that got a result',
    })
    .addCallback((result) => {
      if (results > 0) result.observe(hits / results);
    });
  /** Spans of calls in progress, by their place in the trace. */
  const open = new Map<string, Span>();

  const count = (outcome: OnceEvent['type'], attributes: Attributes = {}) => {
    if (outcome === 'joined' || outcome === 'replayed') hits++;
    if (outcome === 'executed' || outcome === 'joined' || outcome === 'replayed') results++;
    calls.add(1, { outcome, ...attributes });
  };

  const countSaved = (outcome: OnceEvent['type'], saved: Saved | undefined, span?: Span) => {
    if (saved === undefined) return;
    const { inputTokens, outputTokens, model, cost, currency } = saved;
    const attributes = { outcome, ...(model !== undefined && { model }) };
    savedTokens.add(inputTokens, { direction: 'input', ...attributes });
    savedTokens.add(outputTokens, { direction: 'output', ...attributes });
    span?.setAttribute('samekey.saved_tokens', inputTokens + outputTokens);
    if (cost === undefined) return;
    savedCost.add(cost, { ...attributes, ...(currency !== undefined && { currency }) });
    span?.setAttribute('samekey.saved_cost', cost);
  };

  function onEvent(event: OnceEvent | OtherEvent): void {
    const span = event.traceparent === undefined ? undefined : open.get(event.traceparent);
    switch (event.type) {
      case 'executed':
        span?.setAttribute('samekey.attempt', event.attempt);
        count(event.type, { layer: 'process' });
        break;
      case 'failed':
        count(event.type, { layer: 'process' });
        break;
      case 'joined': {
        const joined = spanContextOf(event.joinedTraceparent);
        if (joined !== undefined) span?.addLink({ context: joined });
        count(event.type, { layer: event.layer });
        countSaved(event.type, event.saved, span);
        break;
      }
      case 'replayed':
        count(event.type, { layer: event.layer });
        countSaved(event.type, event.saved, span);
        break;
      case 'conflict':
      case 'mismatch':
        count(event.type, { layer: event.layer });
        break;
      case 'leaseLost':
        leaseLosses.add(1);
        break;
      case 'unknown':
        unknown.add(1, { decision: event.decision });
        break;
      case 'evicted':
        evictions.add(1);
        break;
      case 'storeError':
        span?.addEvent('samekey.store_error', { action: event.action });
        storeErrors.add(1, { action: event.action });
        break;
    }
  }

  async function observed<T>(
    once: Once<boolean>,
    key: string,
    fn: (context: OnceContext) => T | Promise<T>,
    call: CallOptions = {},
  ): Promise<Detailed<T>> {
    // Continue the caller's trace.
    const parent = parentOf(call.traceparent);
    const span = tracer.startSpan('samekey.once', { kind: SpanKind.INTERNAL }, parent);
    span.setAttribute('samekey.key', key);
    const traceparent = traceparentOf(span) ?? call.traceparent;
    if (traceparent !== undefined) open.set(traceparent, span);
    inFlight.add(1);
    try {
      const within = trace.setSpan(parent, span);
      const result = await once.detailed(key, (run) => context.with(within, () => fn(run)), {
        ...call,
        ...(traceparent !== undefined && { traceparent }),
      });
      span.setAttributes({ 'samekey.outcome': result.outcome, 'samekey.layer': result.layer });
      return result as Detailed<T>;
    } catch (error) {
      recordFailure(span, error);
      throw error;
    } finally {
      if (traceparent !== undefined) open.delete(traceparent);
      inFlight.add(-1);
      span.end();
    }
  }

  function observedRequests(requesting: (...args: unknown[]) => unknown) {
    const observing = (...args: unknown[]): unknown => {
      const [first, second] = args as [Carrier?, Carrier?];
      const isAddress = typeof first === 'string' || first instanceof URL;
      const received = traceparentIn(isAddress ? second : first);
      const parent = parentOf(received);
      const span = tracer.startSpan('samekey.request', { kind: SpanKind.INTERNAL }, parent);
      const sent = isAddress ? (traceparentOf(span) ?? received) : received;
      if (isAddress && sent !== undefined) {
        const headers = new Headers(second?.headers as HeadersInit | undefined);
        headers.set('traceparent', sent);
        args[1] = { ...second, headers };
      }
      if (sent !== undefined) open.set(sent, span);
      inFlight.add(1);
      const end = () => {
        if (sent !== undefined && open.get(sent) === span) open.delete(sent);
        inFlight.add(-1);
        span.end();
      };
      const fail = (error: unknown): never => {
        recordFailure(span, error);
        end();
        throw error;
      };
      let result: unknown;
      try {
        result = context.with(trace.setSpan(parent, span), () => requesting(...args));
      } catch (error) {
        return fail(error);
      }
      if (result instanceof Promise) {
        return result.then((value) => {
          const outcome = (value as Partial<Response> | undefined)?.headers?.get?.('samekey');
          if (typeof outcome === 'string') span.setAttribute('samekey.outcome', outcome);
          end();
          return value;
        }, fail);
      }
      // A middleware of Node.js gives nothing. Its response says when it has ended.
      if (typeof second?.once === 'function') second.once('close', end);
      else end();
      return result;
    };
    return Object.assign(observing, requesting);
  }

  return {
    onEvent,
    observe(once: Once<boolean> | Requesting): never {
      if (!('detailed' in once)) return observedRequests(once as never) as never;
      const detailed = <T>(
        key: string,
        fn: (context: OnceContext) => T | Promise<T>,
        call?: CallOptions,
      ) => observed(once, key, fn, call);
      const call = async <T>(
        key: string,
        fn: (context: OnceContext) => T | Promise<T>,
        options?: CallOptions,
      ) => (await detailed(key, fn, options)).value;
      const { evict, inspect, stats, close } = once;
      return Object.assign(call, { detailed, evict, inspect, stats, close }) as never;
    },
  };
}

/** The parts of a request, an `init` or a response that are read. */
interface Carrier {
  readonly headers?: unknown;
  readonly req?: { readonly raw?: Carrier };
  readonly once?: (event: 'close', listener: () => void) => unknown;
}

/** Returns the trace of a web request, a request of Node.js, or Hono's context. */
function traceparentIn(carrier: Carrier | undefined): string | undefined {
  const headers = carrier?.headers ?? carrier?.req?.raw?.headers;
  if (typeof headers !== 'object' || headers === null) return undefined;
  const value: unknown =
    headers instanceof Headers
      ? headers.get('traceparent')
      : (headers as Record<string, unknown>).traceparent;
  return typeof value === 'string' ? value : undefined;
}

/** Continues the caller's trace. */
function parentOf(traceparent: string | undefined) {
  const remote = spanContextOf(traceparent);
  return remote === undefined
    ? context.active()
    : trace.setSpanContext(context.active(), { ...remote, isRemote: true });
}

function recordFailure(span: Span, error: unknown): void {
  const message = error instanceof Error ? error.message : String(error);
  span.recordException(error instanceof Error ? error : message);
  span.setStatus({ code: SpanStatusCode.ERROR, message });
}

/** W3C Trace Context §3.2: version, trace id, span id, flags. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

function traceparentOf(span: Span): string | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext();
  // Without a provider the IDs are zeros.
  if (/^0*$/.test(traceId)) return undefined;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

function spanContextOf(traceparent: string | undefined) {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
}
