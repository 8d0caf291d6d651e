/** HTTP requests as events: formats 1.0 and 2.0 of API Gateway, and those of load balancers. */
import { encoder } from '../../engine/utf8.js';
import { fail, nameOf } from '../../errors/errors.js';
import type { HeaderReader } from '../../request/key-header.js';

/** The one class of bytes that reads base64 in Node.js 20. */
declare const Buffer: { from(text: string, encoding: 'base64'): Uint8Array };

type Values<T> = { readonly [name: string]: T | undefined } | null | undefined;

/** The part of an HTTP event that the adapter uses, in each of its formats. */
export interface LambdaEventLike {
  /** `http.method` in format 2.0, `elb` of a load balancer. */
  readonly requestContext: object;
  /** The headers, one value each. */
  readonly headers?: Values<string>;
  /** All values of the headers: format 1.0, and load balancers with multi-value headers. */
  readonly multiValueHeaders?: Values<readonly string[]>;
  /** The body: text, or bytes in base64. */
  readonly body?: string | null | undefined;
  /** Whether the body is in base64. */
  readonly isBase64Encoded?: boolean | undefined;
  /** The method, except in format 2.0. */
  readonly httpMethod?: string | undefined;
  /** The path, except in format 2.0. */
  readonly path?: string | undefined;
  /** The query, one value for each name. */
  readonly queryStringParameters?: Values<string>;
  /** All values of the query. */
  readonly multiValueQueryStringParameters?: Values<readonly string[]>;
  /** The path in format 2.0. */
  readonly rawPath?: string | undefined;
  /** The query in format 2.0. */
  readonly rawQueryString?: string | undefined;
  /** The cookies in format 2.0. */
  readonly cookies?: readonly string[] | undefined;
}

/** Whether the event has the payload format 2.0, as HTTP APIs and function URLs send it. */
export const isFormat2 = ({ rawPath }: LambdaEventLike) => typeof rawPath === 'string';

/** A load balancer sends and takes either single or multiple values. */
export const hasOnlyMultipleValues = ({ headers, multiValueHeaders }: LambdaEventLike) =>
  (headers === undefined || headers === null) &&
  multiValueHeaders !== undefined &&
  multiValueHeaders !== null;

export const isOfLoadBalancer = ({ requestContext }: LambdaEventLike) =>
  typeof requestContext === 'object' && requestContext !== null && 'elb' in requestContext;

const isText = (value: unknown) => typeof value === 'string';
const isTextOrMissing = (value: unknown) => value === undefined || value === null || isText(value);
const isTexts = (value: unknown) =>
  value === undefined || value === null || (Array.isArray(value) && value.every(isText));
const isObjectOf = (isMember: (value: unknown) => boolean) => (value: unknown) =>
  value === undefined ||
  value === null ||
  (typeof value === 'object' && !Array.isArray(value) && Object.values(value).every(isMember));

/** The members that are read, with their types. Such an event may be a person's, as a test of a function. */
const MEMBERS = [
  ['httpMethod', isTextOrMissing, 'text'],
  ['path', isTextOrMissing, 'text'],
  ['rawPath', isTextOrMissing, 'text'],
  ['rawQueryString', isTextOrMissing, 'text'],
  ['body', isTextOrMissing, 'text'],
  ['cookies', isTexts, 'a list of texts'],
  ['headers', isObjectOf(isTextOrMissing), 'an object of texts'],
  ['multiValueHeaders', isObjectOf(isTexts), 'an object of lists of texts'],
  ['queryStringParameters', isObjectOf(isTextOrMissing), 'an object of texts'],
  ['multiValueQueryStringParameters', isObjectOf(isTexts), 'an object of lists of texts'],
] as const satisfies readonly (readonly [keyof LambdaEventLike, unknown, string])[];

/**
 * Returns the method, and path and query.
 *
 * @throws {TypeError} `SAMEKEY_BAD_ARGUMENT` for an event of another kind, or with a member of a wrong
 * type.
 */
export function targetOf(event: LambdaEventLike): {
  readonly method: string;
  readonly url: string;
} {
  const { requestContext, httpMethod, path, rawPath, rawQueryString } = event ?? {};
  const { http } = (requestContext ?? {}) as { http?: { readonly method?: string } };
  const method = httpMethod ?? http?.method;
  const url = rawPath ?? path ?? undefined;
  if (method === undefined || url === undefined) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      'Cannot read the event: it is no HTTP request, wanted one of API Gateway, a function URL or a load balancer. For other events see createOnce of samekey/once',
    );
  }
  for (const [name, isRight, wanted] of MEMBERS) {
    const value = event[name];
    if (!isRight(value)) refuse(`its ${name} is ${nameOf(value)}`, wanted);
  }
  if (!isText(method)) refuse(`its method is ${nameOf(method)}`, 'text');
  const query = isFormat2(event) ? (rawQueryString ?? '') : queryOf(event);
  return { method, url: query === '' ? url : `${url}?${query}` };
}

/** Returns the query of an event that has it by name. The order of the names is not known. */
function queryOf({
  queryStringParameters,
  multiValueQueryStringParameters,
}: LambdaEventLike): string {
  const parts: string[] = [];
  const all: Values<string | readonly string[]> =
    multiValueQueryStringParameters ?? queryStringParameters;
  for (const name of Object.keys(all ?? {}).sort()) {
    for (const value of [all?.[name] ?? []].flat()) {
      parts.push(`${encoded(name)}=${encoded(value)}`);
    }
  }
  return parts.join('&');
}

function encoded(text: string): string {
  try {
    return encodeURIComponent(text);
  } catch {
    return refuse('its query contains a lone surrogate', 'valid Unicode');
  }
}

function refuse(what: string, wanted: string): never {
  return fail(
    TypeError,
    'SAMEKEY_BAD_ARGUMENT',
    `Cannot read the event: ${what}, wanted ${wanted}`,
  );
}

export class EventHeaders implements HeaderReader {
  readonly #values = new Map<string, string>();

  constructor({ headers, multiValueHeaders, cookies }: LambdaEventLike) {
    for (const [name, value] of Object.entries(headers ?? {})) this.#set(name, value);
    for (const [name, values] of Object.entries(multiValueHeaders ?? {})) {
      this.#set(name, values?.join(name.toLowerCase() === 'cookie' ? '; ' : ', '));
    }
    if (Array.isArray(cookies) && !this.has('cookie')) this.#set('cookie', cookies.join('; '));
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  keys(): Iterable<string> {
    return this.#values.keys();
  }

  /** An event that a program has made may have `null` for a header. */
  #set(name: string, value: unknown): void {
    if (typeof value === 'string') this.#values.set(name.toLowerCase(), value);
  }
}

export const NOTHING = new Uint8Array();

export const bodyOf = ({ body, isBase64Encoded }: LambdaEventLike): Uint8Array =>
  typeof body !== 'string' ? NOTHING : bytesOf(body, isBase64Encoded);

export const bytesOf = (text: string, isBase64: boolean | undefined): Uint8Array =>
  isBase64 ? Buffer.from(text, 'base64') : encoder.encode(text);
