import { isCredential } from './account.js';

/**
 * Headers that are another one at every attempt, or are about the connection, the client or its
 * tracing. All others count: an answer to one `anthropic-version` is none to another.
 */
const VOLATILE =
  /^(?:accept-encoding|amz-sdk-.*|b3|baggage|cache-control|connection|content-length|date|dnt|expect|forwarded|host|keep-alive|pragma|priority|proxy-.*|referer|samekey-.*|sec-.*|sentry-trace|te|tracestate|traceparent|trailer|transfer-encoding|upgrade|user-agent|via|x-amz-content-sha256|x-amz-date|x-amz-security-token|x-amzn-trace-id|x-b3-.*|x-client-request-id|x-cloud-trace-context|x-correlation-id|x-datadog-.*|x-forwarded-(?:by|for|port|proto|scheme|server|ssl)|x-goog-api-client|x-real-ip|x-request-id|x-stainless-.*)$/;

const ANYTHING: Readonly<Record<string, string>> = { accept: '*/*', 'accept-language': '*' };

/** The headers that tell two requests apart, without credentials. */
export function countedHeaders(
  headers: Headers,
  ignored: ReadonlySet<string>,
): Record<string, string> {
  const counted: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (VOLATILE.test(name) || isCredential(name) || ignored.has(name)) continue;
    // Anything will do: some clients say so, others say nothing (RFC 9110 §12.5).
    if (ANYTHING[name] === value) continue;
    counted[name] = name === 'content-type' ? typeOf(value) : value;
  }
  return counted;
}

/** With what says more than how it is written: the `action` of SOAP is there. A boundary is random. */
function typeOf(value: string): string {
  const type = mediaType(value);
  if (!value.includes(';')) return type;
  const own = value
    .split(';')
    .slice(1)
    .map((parameter) => parameter.trim())
    .filter((parameter) => parameter !== '' && !/^(?:boundary|charset="?utf-8"?$)/i.test(parameter))
    // JSON is UTF-8 whatever they say.
    .filter((parameter) => !(/[/+]json$/.test(type) && /^charset=/i.test(parameter)));
  return [type, ...own].join(';');
}

/** Without parameters. */
export const mediaType = (value: string | null) =>
  (value ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
