import { volatileHeaders, volatilePrefixes } from '../providers/registry.js';
import { isCredential } from './account.js';

/**
 * Headers that may differ between two attempts at the same request, or that describe the connection,
 * the client or its tracing. All other headers count: an answer to one `anthropic-version` is not an
 * answer to another.
 */
const VOLATILE: ReadonlySet<string> = new Set([
  // The connection, and proxies on the way (RFC 9110, RFC 7239).
  ...['connection', 'expect', 'forwarded', 'host', 'keep-alive', 'te', 'trailer', 'upgrade', 'via'],
  ...['transfer-encoding', 'x-forwarded-by', 'x-forwarded-for', 'x-forwarded-port'],
  ...['x-forwarded-proto', 'x-forwarded-scheme', 'x-forwarded-server', 'x-forwarded-ssl'],
  ...['x-real-ip'],
  // The transfer.
  ...['accept-encoding', 'cache-control', 'content-length', 'pragma', 'priority'],
  // The client.
  ...['date', 'dnt', 'referer', 'user-agent'],
  // Tracing.
  ...['b3', 'baggage', 'sentry-trace', 'traceparent', 'tracestate', 'x-amzn-trace-id'],
  ...['x-cloud-trace-context', 'x-correlation-id', 'x-request-id'],
  ...volatileHeaders,
]);

const VOLATILE_PREFIXES: readonly string[] = [
  ...['proxy-', 'samekey-', 'sec-', 'x-b3-', 'x-datadog-'],
  ...new Set(volatilePrefixes),
];

const isVolatile = (name: string) =>
  VOLATILE.has(name) || VOLATILE_PREFIXES.some((prefix) => name.startsWith(prefix));

/** Values that accept anything. Some clients send them, others send no header (RFC 9110 §12.5). */
const ANYTHING: Readonly<Record<string, string>> = { accept: '*/*', 'accept-language': '*' };

/** Returns the headers that distinguish two requests, apart from credentials. */
export function countedHeaders(
  headers: Headers,
  ignored: ReadonlySet<string>,
): Record<string, string> {
  const counted: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (isVolatile(name) || isCredential(name) || ignored.has(name)) continue;
    if (ANYTHING[name] === value) continue;
    counted[name] = name === 'content-type' ? normalizeContentType(value) : value;
  }
  return counted;
}

/**
 * Keeps parameters that change the meaning, such as the `action` of SOAP, and drops those that do
 * not: a multipart boundary is random, and JSON is UTF-8 with any `charset` (RFC 8259 §8.1).
 */
export function normalizeContentType(value: string): string {
  const type = mediaType(value);
  if (!value.includes(';')) return type;
  const parameters = value
    .split(';')
    .slice(1)
    .map((parameter) => parameter.trim())
    .filter((parameter) => parameter !== '' && !/^(?:boundary|charset="?utf-8"?$)/i.test(parameter))
    .filter((parameter) => !(/[/+]json$/.test(type) && /^charset=/i.test(parameter)));
  return [type, ...parameters].join(';');
}

/** Returns the media type of a `content-type` header, in lower case and without parameters. */
export const mediaType = (value: string | null) =>
  (value ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
