/**
 * The request headers that do not count, because they may differ between two attempts at the same
 * request, or describe the connection, the client or its tracing. docs/headers.md has the source of
 * each, and a test compares both lists. `*` stands for any end of a name.
 *
 * A header belongs here only if no server makes its answer depend on it. `cf-aig-cache-key`,
 * `x-amzn-bedrock-trace` and `x-vercel-protection-bypass` do not belong here, so their families are
 * listed name by name.
 */
import { volatileHeaders, volatilePrefixes } from '../providers/registry.js';

const NAMES = [
  // The connection and the transfer.
  'accept-encoding cache-control cdn-loop connection content-length expect forwarded host keep-alive',
  'pragma priority proxy-* te trailer transfer-encoding upgrade via',
  'x-forwarded-by x-forwarded-for x-forwarded-port x-forwarded-proto x-forwarded-scheme',
  'x-forwarded-server x-forwarded-ssl x-original-forwarded-for x-real-ip true-client-ip',
  'grpc-previous-rpc-attempts grpc-timeout x-request-start x-queue-start',
  // Headers that hosts and proxies add on the way.
  'cf-connecting-ip cf-connecting-ipv6 cf-connecting-o2o cf-ew-via cf-ipcountry cf-pseudo-ipv4 cf-ray',
  'cf-request-id cf-visitor cf-worker fastly-client-ip fastly-ff fly-client-ip fly-forwarded-port',
  'fly-forwarded-proto fly-forwarded-ssl fly-region fly-request-id rndr-id x-amz-cf-id',
  'x-appservice-proto x-arr-log-id x-arr-ssl x-azure-clientip x-azure-ref x-azure-requestchain',
  'x-azure-socketip x-envoy-* x-nf-client-connection-ip x-nf-request-id x-railway-edge',
  'x-railway-request-id x-vercel-deployment-url x-vercel-forwarded-for x-vercel-id x-vercel-ip-*',
  'x-vercel-ja4-digest x-vercel-proxied-for x-vercel-proxy-signature x-vercel-proxy-signature-ts',
  // The client and its version.
  'date dnt http-referer referer sec-* user-agent x-amz-user-agent x-client-data x-client-info',
  'x-client-version x-datadog-* x-fern-* x-firebase-client x-ms-useragent x-openai-client-user-agent',
  'x-speakeasy-user-agent x-stripe-client-telemetry x-stripe-client-user-agent x-title',
  // One attempt, or one trace.
  'adrum adrum_* b3 baggage client-request-id correlation-context correlation-id elastic-apm-traceparent',
  'grpc-tags-bin grpc-trace-bin helicone-request-id jaeger-baggage jaeger-debug-id langsmith-trace',
  'ms-cv newrelic ot-baggage-* ot-tracer-* pinpoint-* request-context request-id',
  'return-client-request-id sentry-* singularityheader sw8 sw8-correlation sw8-x traceparent',
  'tracestate uber-trace-id uberctx-* x-amzn-requestid x-amzn-trace-id x-b3-* x-cloud-trace-context',
  'x-correlation-id x-dtc x-dtpc x-dynatrace x-fapi-interaction-id x-honeycomb-trace x-instana-*',
  'x-ms-client-request-id x-ms-correlation-request-id x-ms-request-id x-ms-request-root-id',
  'x-ms-return-client-request-id x-newrelic-* x-ot-span-context x-parent-span-id x-portkey-span-id',
  'x-portkey-trace-id x-request-id x-requestid x-span-id x-trace-id',
  // samekey's own.
  'samekey-*',
];

/** All of them, with those of the providers. */
export const ignoredHeaders: readonly string[] = /* @__PURE__ */ [
  ...new Set([
    ...NAMES.flatMap((names) => names.split(' ')),
    ...volatileHeaders,
    ...volatilePrefixes.map((prefix) => `${prefix}*`),
  ]),
];

const EXACT: ReadonlySet<string> = /* @__PURE__ */ new Set(ignoredHeaders);
const PREFIXES: readonly string[] = /* @__PURE__ */ ignoredHeaders
  .filter((name) => name.endsWith('*'))
  .map((name) => name.slice(0, -1));

/** The answers for names that were seen: a program sends few names, and there are 30 prefixes. */
const answers = new Map<string, boolean>();
const MAX_ANSWERS = 1000;

export function isIgnored(name: string): boolean {
  const known = answers.get(name);
  if (known !== undefined) return known;
  const answer = EXACT.has(name) || PREFIXES.some((prefix) => name.startsWith(prefix));
  if (answers.size === MAX_ANSWERS) answers.clear();
  answers.set(name, answer);
  return answer;
}
