import {
  type Attributes,
  context,
  type Span,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { monotonicMs } from '../../runtime/runtime.js';
import type { OnceEvent } from '../events.js';
import { errorType, type Metrics, type OtherEvent } from './metrics.js';
import { parentOf, spanContextOf, traceparentOf } from './trace-context.js';

/** The observed calls in progress. */
export class Observer {
  readonly metrics: Metrics;
  readonly #tracer: Tracer;
  /** By their place in the trace, which events name. */
  readonly #open = new Map<string, Observation>();

  constructor(tracer: Tracer, metrics: Metrics) {
    this.#tracer = tracer;
    this.metrics = metrics;
  }

  /** Begins to observe a call, a part of the trace that it `received`. */
  begin(name: string, received: string | undefined, attributes: Attributes = {}): Observation {
    const parent = parentOf(received);
    const span = this.#tracer.startSpan(name, { kind: SpanKind.INTERNAL, attributes }, parent);
    const traceparent = traceparentOf(span) ?? received;
    const close = () => {
      if (traceparent !== undefined && this.#open.get(traceparent) === observation) {
        this.#open.delete(traceparent);
      }
    };
    const within = trace.setSpan(parent, span);
    const observation = new Observation(span, traceparent, within, this.metrics, close);
    if (traceparent !== undefined) this.#open.set(traceparent, observation);
    return observation;
  }

  /** Adds to the span of a call what an event says of it. */
  onEvent(event: OnceEvent | OtherEvent): void {
    this.metrics.count(event);
    if (event.traceparent === undefined) return;
    this.#open.get(event.traceparent)?.onEvent(event);
  }
}

/** One observed call: its span, its duration and how it ends. */
export class Observation {
  /** The place of the span in the trace, for what the call sends. */
  readonly traceparent: string | undefined;
  readonly #span: Span;
  readonly #within: ReturnType<typeof context.active>;
  readonly #metrics: Metrics;
  readonly #close: () => void;
  readonly #startedAt = monotonicMs();
  #outcome: string | undefined;
  #layer: string | undefined;
  #hasEnded = false;

  constructor(
    span: Span,
    traceparent: string | undefined,
    within: ReturnType<typeof context.active>,
    metrics: Metrics,
    close: () => void,
  ) {
    this.traceparent = traceparent;
    this.#span = span;
    this.#within = within;
    this.#metrics = metrics;
    this.#close = close;
    metrics.inFlight(1);
  }

  /** Calls `fn` inside the span. */
  run<T>(fn: () => T): T {
    return context.with(this.#within, fn);
  }

  /** Sets attributes that are known. */
  set(attributes: Readonly<Record<string, string | number | undefined>>): void {
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined) this.#span.setAttribute(name, value);
    }
  }

  setOutcome(outcome: unknown, layer?: string): void {
    if (typeof outcome === 'string') this.#outcome = outcome;
    if (layer !== undefined) this.#layer = layer;
  }

  onEvent(event: OnceEvent | OtherEvent): void {
    switch (event.type) {
      case 'executed':
        this.set({ 'samekey.attempt': event.attempt });
        this.setOutcome(event.type, 'process');
        break;
      case 'failed':
        this.setOutcome(event.type, 'process');
        break;
      case 'joined':
      case 'replayed': {
        this.setOutcome(event.type, event.layer);
        if (event.saved !== undefined) {
          const { inputTokens, outputTokens, cost } = event.saved;
          const tokens = inputTokens + outputTokens;
          this.set({ 'samekey.saved_tokens': tokens, 'samekey.saved_cost': cost });
        }
        const joined = event.type === 'joined' ? spanContextOf(event.joinedTraceparent) : undefined;
        if (joined !== undefined) this.#span.addLink({ context: joined });
        break;
      }
      case 'conflict':
      case 'mismatch':
        this.setOutcome(event.type, event.layer);
        break;
      case 'limited':
        this.setOutcome(event.type, 'process');
        this.set({ 'samekey.limit': event.limit });
        break;
      case 'storeError':
        this.#span.addEvent('samekey.store_error', { action: event.action });
        break;
    }
  }

  /** Ends the span of a call that failed. */
  fail(error: unknown): void {
    if (this.#hasEnded) return;
    const message = error instanceof Error ? error.message : String(error);
    this.#span.recordException(error instanceof Error ? error : message);
    this.#span.setStatus({ code: SpanStatusCode.ERROR, message });
    const type = { 'error.type': errorType(error) };
    this.set(type);
    this.#end({ outcome: this.#outcome ?? 'failed', ...type });
  }

  /** Ends the span. A call without an outcome passed through, and has no duration of its own. */
  end(): void {
    if (this.#hasEnded) return;
    this.set({ 'samekey.outcome': this.#outcome, 'samekey.layer': this.#layer });
    this.#end(this.#outcome === undefined ? undefined : { outcome: this.#outcome });
  }

  #end(attributes: Attributes | undefined): void {
    this.#hasEnded = true;
    this.#close();
    this.#metrics.inFlight(-1);
    if (attributes !== undefined) {
      const layer = this.#layer === undefined ? {} : { layer: this.#layer };
      this.#metrics.called(monotonicMs() - this.#startedAt, { ...attributes, ...layer });
    }
    this.#span.end();
  }
}
