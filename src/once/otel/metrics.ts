import type { Attributes, Meter } from '@opentelemetry/api';
import type { OnceEvent, Saved } from '../events.js';

/** An event of a product above `once`, which is not counted. */
export interface OtherEvent {
  readonly type: 'repeats';
  readonly traceparent: string | undefined;
}

/** Seconds, the boundaries that the semantic conventions advise for calls of a model. */
const BOUNDARIES = [
  0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92,
];

/** The metrics of `telemetry`. Names and units follow OpenTelemetry's semantic conventions. */
export interface Metrics {
  /** Adds the calls in progress. */
  inFlight(change: 1 | -1): void;
  /** Records how long an observed call took. */
  called(durationMs: number, attributes: Attributes): void;
  count(event: OnceEvent | OtherEvent): void;
}

/** Creates the metrics. */
export function metricsOf(meter: Meter): Metrics {
  const counter = (name: string, unit: string, description: string) =>
    meter.createCounter(`samekey.${name}`, { description, unit });
  const seconds = (name: string, description: string) =>
    meter.createHistogram(`samekey.${name}`, {
      description,
      unit: 's',
      advice: { explicitBucketBoundaries: BOUNDARIES },
    });
  const calls = counter('calls', '{call}', 'Calls of once, by outcome and layer');
  const leaseLosses = counter('lease_losses', '{run}', 'Runs whose lease was lost');
  const unknown = counter('unknown_outcomes', '{run}', 'Runs without an outcome');
  const unreadable = counter(
    'unreadable_results',
    '{record}',
    'Stored results that cannot be read, by decision',
  );
  const evictions = counter('evictions', '{record}', 'Records removed by evict');
  const savedTokens = counter('saved_tokens', '{token}', 'Tokens that duplicates saved');
  const savedCost = counter('saved_cost', '{currency}', 'The cost that duplicates saved');
  const storeErrors = counter('store_errors', '{error}', 'Failures of the store, by action');
  const runTime = seconds('run.duration', 'How long functions ran, by outcome');
  const callTime = seconds('call.duration', 'How long observed calls took, by outcome and layer');
  const savedTime = seconds(
    'saved.duration',
    'The time that duplicates saved, by outcome and layer',
  );
  const inFlight = meter.createUpDownCounter('samekey.in_flight', {
    description: 'Calls of once in progress',
    unit: '{call}',
  });
  let hits = 0;
  let results = 0;
  meter
    .createObservableGauge('samekey.hit_ratio', {
      description: 'Duplicates among the calls that got a result',
      unit: '1',
    })
    .addCallback((result) => {
      if (results > 0) result.observe(hits / results);
    });

  const countSaved = (outcome: OnceEvent['type'], saved: Saved | undefined) => {
    if (saved === undefined) return;
    const { inputTokens, outputTokens, model, cost, currency } = saved;
    const attributes = { outcome, ...(model !== undefined && { 'gen_ai.response.model': model }) };
    savedTokens.add(inputTokens, { 'gen_ai.token.type': 'input', ...attributes });
    savedTokens.add(outputTokens, { 'gen_ai.token.type': 'output', ...attributes });
    if (cost === undefined) return;
    savedCost.add(cost, { ...attributes, ...(currency !== undefined && { currency }) });
  };

  return {
    inFlight: (change) => inFlight.add(change),
    called: (durationMs, attributes) => callTime.record(durationMs / 1000, attributes),
    count(event) {
      switch (event.type) {
        case 'executed':
          results++;
          calls.add(1, { outcome: event.type, layer: 'process' });
          runTime.record(event.durationMs / 1000, { outcome: event.type });
          break;
        case 'failed': {
          const failed = { 'error.type': errorType(event.error) };
          calls.add(1, { outcome: event.type, layer: 'process' });
          runTime.record(event.durationMs / 1000, { outcome: event.type, ...failed });
          break;
        }
        case 'joined':
        case 'replayed': {
          hits++;
          results++;
          const { type: outcome, layer, saved, runMs } = event;
          calls.add(1, { outcome, layer });
          countSaved(outcome, saved);
          if (runMs === undefined) break;
          const savedMs = outcome === 'joined' ? Math.max(0, runMs - event.waitedMs) : runMs;
          savedTime.record(savedMs / 1000, { outcome, layer });
          break;
        }
        case 'conflict':
        case 'mismatch':
          calls.add(1, { outcome: event.type, layer: event.layer });
          break;
        case 'limited':
          calls.add(1, { outcome: event.type, layer: 'process', 'samekey.limit': event.limit });
          break;
        case 'leaseLost':
          leaseLosses.add(1);
          break;
        case 'unknown':
          unknown.add(1, { decision: event.decision });
          break;
        case 'unreadable':
          unreadable.add(1, { decision: event.decision });
          break;
        case 'evicted':
          evictions.add(1);
          break;
        case 'storeError':
          storeErrors.add(1, { action: event.action });
          break;
      }
    },
  };
}

/** The value of `error.type`: a code, or the name of the error's class. */
export function errorType(error: unknown): string {
  const { code, name } = (error ?? {}) as { code?: unknown; name?: unknown };
  if (typeof code === 'string') return code;
  return error instanceof Error && typeof name === 'string' ? name : '_OTHER';
}
