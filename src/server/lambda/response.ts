/** Responses in the formats that API Gateway, function URLs and load balancers take. */
import { fail, nameOf } from '../../errors/errors.js';
import type { HeaderLine, ResponseBody, ResponseData } from '../../response/response-data.js';
import {
  bytesOf,
  hasOnlyMultipleValues,
  isFormat2,
  isOfLoadBalancer,
  type LambdaEventLike,
  NOTHING,
} from './event.js';

/** The one class of bytes that writes base64 in Node.js 20. */
declare const Buffer: {
  from(
    bytes: ArrayBufferLike,
    offset: number,
    length: number,
  ): { toString(encoding: 'base64'): string };
};

/** A response, as API Gateway, function URLs and load balancers take it. */
export interface LambdaResponse {
  statusCode: number;
  /** The status with its reason phrase, for load balancers. */
  statusDescription?: string;
  headers?: Record<string, string>;
  /** Headers with several values, in format 1.0. */
  multiValueHeaders?: Record<string, string[]>;
  /** The values of `set-cookie`, in format 2.0. */
  cookies?: string[];
  body: string;
  isBase64Encoded: boolean;
}

/** Returns the response that a handler means: in format 2.0 any value without `statusCode` is a body. */
export function structured(raw: unknown, event: LambdaEventLike): LambdaResponse {
  const { statusCode, body } = (raw ?? {}) as Partial<LambdaResponse>;
  if (statusCode === undefined && isFormat2(event) && raw !== undefined && raw !== null) {
    return {
      statusCode: 200,
      headers: { 'content-type': 'application/json' },
      body: typeof raw === 'string' ? raw : JSON.stringify(raw),
      isBase64Encoded: false,
    };
  }
  if (!Number.isInteger(Number(statusCode ?? Number.NaN))) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot answer the request: the handler returned ${nameOf(raw)}, wanted an object with statusCode`,
    );
  }
  if (body !== undefined && body !== null && typeof body !== 'string') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot answer the request: the body of the response is ${nameOf(body)}, wanted text`,
    );
  }
  return raw as LambdaResponse;
}

export function dataOfResponse(response: LambdaResponse): ResponseData {
  const { statusCode, statusDescription = '', headers, multiValueHeaders, cookies } = response;
  const { body, isBase64Encoded } = response;
  const lines: HeaderLine[] = [];
  const several = new Set(Object.keys(multiValueHeaders ?? {}).map((name) => name.toLowerCase()));
  for (const [name, value] of Object.entries(headers ?? {})) {
    if (!several.has(name.toLowerCase())) lines.push([name.toLowerCase(), String(value)]);
  }
  for (const [name, values] of Object.entries(multiValueHeaders ?? {})) {
    for (const value of values) lines.push([name.toLowerCase(), String(value)]);
  }
  for (const cookie of cookies ?? []) lines.push(['set-cookie', cookie]);
  return {
    status: Number(statusCode),
    statusText: statusDescription.replace(/^\d+ ?/, ''),
    url: '',
    headers: lines,
    // A handler without a body sends an empty one.
    body: bytesOf(body ?? '', isBase64Encoded),
  };
}

/** Returns the response in the format of the event. */
export async function toLambda(
  response: ResponseData,
  event: LambdaEventLike,
): Promise<LambdaResponse> {
  const { status, statusText, headers, body } = response;
  const bytes = await readAll(body);
  const answer: LambdaResponse = { statusCode: status, ...encoded(bytes) };
  if (isOfLoadBalancer(event) && statusText !== '') {
    answer.statusDescription = `${status} ${statusText}`;
  }
  return withHeaders(answer, headers, event);
}

async function readAll(body: ResponseBody): Promise<Uint8Array> {
  if (body === null || body instanceof Uint8Array) return body ?? NOTHING;
  return new Uint8Array(await new Response(body).arrayBuffer());
}

/** Text stays text: a REST API decodes base64 only for the media types that it knows as binary. */
function encoded(bytes: Uint8Array): Pick<LambdaResponse, 'body' | 'isBase64Encoded'> {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    return { body: decoder.decode(bytes), isBase64Encoded: false };
  } catch {
    const { buffer, byteOffset, length } = bytes;
    return {
      body: Buffer.from(buffer, byteOffset, length).toString('base64'),
      isBase64Encoded: true,
    };
  }
}

/** Adds the headers that the response does not have yet, in the format of the event. */
export function withHeaders(
  response: LambdaResponse,
  lines: readonly HeaderLine[],
  event: LambdaEventLike,
): LambdaResponse {
  const { headers, multiValueHeaders, cookies } = response;
  const present = new Set(
    [...Object.keys(headers ?? {}), ...Object.keys(multiValueHeaders ?? {})].map((name) =>
      name.toLowerCase(),
    ),
  );
  if (cookies !== undefined) present.add('set-cookie');
  const added = new Map<string, string[]>();
  for (const [name, value] of lines) {
    if (!present.has(name)) added.set(name, [...(added.get(name) ?? []), value]);
  }
  const answer = { ...response };
  if (isFormat2(event)) {
    const own = added.get('set-cookie');
    if (own !== undefined) answer.cookies = own;
    added.delete('set-cookie');
  }
  const single: Record<string, string> = {};
  const multiple: Record<string, string[]> = {};
  const isMultiple = hasOnlyMultipleValues(event);
  for (const [name, values] of added) {
    if (isMultiple || (values.length > 1 && !isFormat2(event) && !isOfLoadBalancer(event))) {
      multiple[name] = values;
    } else single[name] = values.join(', ');
  }
  if (Object.keys(single).length > 0) answer.headers = { ...headers, ...single };
  if (Object.keys(multiple).length > 0) {
    answer.multiValueHeaders = { ...multiValueHeaders, ...multiple };
  }
  return answer;
}
