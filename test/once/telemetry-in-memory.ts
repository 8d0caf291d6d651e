import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import {
  BasicTracerProvider,
  InMemorySpanExporter,
  SimpleSpanProcessor,
} from '@opentelemetry/sdk-trace-base';
import { telemetry } from '../../src/once/otel.js';

/** Telemetry whose spans and metrics stay in memory. */
export function telemetryInMemory() {
  const spans = new InMemorySpanExporter();
  const tracer = new BasicTracerProvider({
    spanProcessors: [new SimpleSpanProcessor(spans)],
  }).getTracer('test');
  const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
  const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 });
  const meter = new MeterProvider({ readers: [reader] }).getMeter('test');
  const metric = async (name: string) => {
    exporter.reset();
    await reader.forceFlush();
    const all = exporter
      .getMetrics()
      .flatMap(({ scopeMetrics }) => scopeMetrics)
      .flatMap(({ metrics }) => metrics);
    return all.find(({ descriptor }) => descriptor.name === `samekey.${name}`);
  };
  return {
    ...telemetry({ tracer, meter }),
    tracer,
    spans: () => spans.getFinishedSpans(),
    /** Each data point of a metric as its attributes and its value. */
    async points(name: string) {
      const points = (await metric(name))?.dataPoints ?? [];
      return points.map(({ attributes, value }) => ({ ...attributes, value }));
    },
    /** How many durations a histogram of seconds has, by outcome and layer, such as `joined process`. */
    async durations(name: string) {
      const found = await metric(name);
      if (found !== undefined && found.descriptor.unit !== 's') throw new Error('not in seconds');
      const points = (found?.dataPoints ?? []) as {
        readonly attributes: { readonly outcome?: string; readonly layer?: string };
        readonly value: { readonly count: number };
      }[];
      return Object.fromEntries(
        points.map(({ attributes: { outcome, layer }, value }) => [
          [outcome, layer].filter((each) => each !== undefined).join(' '),
          value.count,
        ]),
      );
    },
  };
}
