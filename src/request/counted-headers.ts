import { isCredential } from './account.js';
import { isIgnored } from './ignored-headers.js';

/** Values that accept anything. Some clients send them, others send no header (RFC 9110 §12.5). */
const ANYTHING: Readonly<Record<string, string>> = { accept: '*/*', 'accept-language': '*' };

/**
 * Returns the headers that distinguish two requests, apart from credentials: an answer to one
 * `anthropic-version` is not an answer to another.
 */
export function countedHeaders(
  headers: Iterable<readonly [name: string, value: string]>,
  ignored: ReadonlySet<string>,
): Record<string, string> {
  const counted: Record<string, string> = {};
  for (const [name, value] of headers) {
    if (isIgnored(name) || isCredential(name) || ignored.has(name)) continue;
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
export function mediaType(value: string | null): string {
  if (value === null) return '';
  const end = value.indexOf(';');
  return (end < 0 ? value : value.slice(0, end)).trim().toLowerCase();
}
