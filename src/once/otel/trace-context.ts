import { context, type Span, type SpanContext, trace } from '@opentelemetry/api';

/** W3C Trace Context §3.2: version, trace id, span id, flags. */
const TRACEPARENT = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/** Returns the `traceparent` of a span; `undefined` where no provider is registered. */
export function traceparentOf(span: Span): string | undefined {
  const { traceId, spanId, traceFlags } = span.spanContext();
  // Without a provider the IDs are zeros.
  if (/^0*$/.test(traceId)) return undefined;
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}

export function spanContextOf(traceparent: string | undefined): SpanContext | undefined {
  const [, traceId, spanId, flags] = TRACEPARENT.exec(traceparent ?? '') ?? [];
  if (traceId === undefined || spanId === undefined || flags === undefined) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
}

/** Continues the caller's trace. */
export function parentOf(traceparent: string | undefined) {
  const remote = spanContextOf(traceparent);
  return remote === undefined
    ? context.active()
    : trace.setSpanContext(context.active(), { ...remote, isRemote: true });
}
