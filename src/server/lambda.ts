/**
 * `samekey/lambda`: a handler of AWS Lambda that processes the same HTTP request at most once, behind
 * API Gateway (REST and HTTP APIs), a function URL or an Application Load Balancer.
 */
import { encoder } from '../engine/utf8.js';
import { fail, nameOf } from '../errors/errors.js';
import type { OnceStats } from '../once/index.js';
import type { HeaderReader } from '../request/key-header.js';
import type { HeaderLine, ResponseBody, ResponseData } from '../response/response-data.js';
import { clearTimer, setTimer, type Timer } from '../runtime/runtime.js';
import type { IdempotencyOutcome, ServerControls, ServerOptions } from './options.js';
import { IdempotencyRules, type Processing } from './rules.js';

export type { KeyFormat, KeyHeaderOptions } from '../request/options.js';
export type { ResponseInfo } from '../response/arriving-response.js';
export type { ServerControls, ServerOptions } from './options.js';

/** The one class of bytes that reads and writes base64 in Node.js 20. */
declare const Buffer: {
  from(text: string, encoding: 'base64'): Uint8Array;
  from(
    bytes: ArrayBufferLike,
    offset: number,
    length: number,
  ): { toString(encoding: 'base64'): string };
};

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

/** The part of Lambda's context that the adapter uses. */
export interface LambdaContextLike {
  /** The time until Lambda ends the invocation. */
  getRemainingTimeInMillis(): number;
}

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

/** A handler of HTTP events that processes each request at most once per key. */
export interface LambdaIdempotency<Event extends LambdaEventLike, Context extends LambdaContextLike>
  extends ServerControls {
  (event: Event, context: Context): Promise<LambdaResponse>;
}

/** What a waiting duplicate needs to answer before its own invocation is over, and a run to be stored. */
const RESERVE_MS = 500;
const SECOND_MS = 1000;

/**
 * Returns a handler of HTTP events that runs yours at most once per key, in all invocations that share
 * the store, by the rules of `idempotent` in `samekey/server`.
 *
 * The lease of a run is the time that Lambda leaves to its invocation, in whole seconds, and a duplicate
 * is answered before its own time is over. The handler's promise is settled when the response is
 * stored, because Lambda stops the environment then.
 *
 * @throws {TypeError | RangeError} `SAMEKEY_BAD_ARGUMENT` for options of the wrong type or size.
 * @example
 * let charges = 0;
 * const handler = lambdaIdempotency(
 *   async (event) => ({ statusCode: 201, body: JSON.stringify({ charge: ++charges }) }),
 *   { store: memoryStore() },
 * );
 * const event = {
 *   version: '2.0',
 *   rawPath: '/charges',
 *   rawQueryString: '',
 *   headers: { 'idempotency-key': 'order-7', 'content-type': 'application/json' },
 *   requestContext: { http: { method: 'POST' } },
 *   body: '{"amount":10}',
 *   isBase64Encoded: false,
 * };
 * const context = { getRemainingTimeInMillis: () => 30_000 };
 * (await handler(event, context)).body; // '{"charge":1}'
 * (await handler(event, context)).body; // '{"charge":1}'
 */
export function lambdaIdempotency<
  Event extends LambdaEventLike = LambdaEventLike,
  Context extends LambdaContextLike = LambdaContextLike,
>(
  handler: (event: Event, context: Context) => unknown,
  options: ServerOptions<Event>,
): LambdaIdempotency<Event, Context> {
  if (typeof handler !== 'function') {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      `Cannot make the handler idempotent: it is ${nameOf(handler)}, wanted a function`,
    );
  }
  const rules = new TimedRules(options);
  const answer = async (event: Event, context: Context): Promise<LambdaResponse> => {
    const { method, url } = targetOf(event);
    const own = rules.for(context);
    const headers = new EventHeaders(event);
    const decision = own.decide(event, method, () => ({ url, headers }));
    if (decision.type === 'pass') {
      // As the handler made it.
      return (await handler(event, context)) as LambdaResponse;
    }
    if (decision.type === 'refuse') return toLambda(decision.response, event);
    const body = bodyOf(event);
    if (body.length > own.maxBodyBytes) return toLambda(own.bodyTooLarge(decision.request), event);
    const run = async () => handler(event, context);
    return own.respond(decision.request, new LambdaProcessing(event, context, body, run));
  };
  return Object.assign(answer, rules.controls);
}

/**
 * The rules of each lease. An environment has one or two: invocations begin with the function's timeout,
 * less some milliseconds.
 */
class TimedRules<Event> {
  readonly #options: ServerOptions<Event>;
  readonly #rules = new Map<number | undefined, IdempotencyRules<Event>>();

  constructor(options: ServerOptions<Event>) {
    // Checks the options.
    const rules = new IdempotencyRules(options, 'lambdaIdempotency');
    this.#options = Object.assign(Object.create(null), options);
    this.#rules.set(undefined, rules);
  }

  for(context: LambdaContextLike): IdempotencyRules<Event> {
    const seconds = Math.max(1, Math.ceil(context.getRemainingTimeInMillis() / SECOND_MS));
    let rules = this.#rules.get(seconds);
    if (rules === undefined) {
      const { leaseMs = seconds * SECOND_MS, waitMs = Number.POSITIVE_INFINITY } = this.#options;
      const longestMs = Math.max(0, (seconds - 1) * SECOND_MS - RESERVE_MS);
      const timed = { leaseMs, waitMs: Math.min(waitMs, longestMs) };
      rules = new IdempotencyRules(
        Object.assign(Object.create(null), this.#options, timed),
        'lambdaIdempotency',
      );
      this.#rules.set(seconds, rules);
    }
    return rules;
  }

  get #controls(): readonly ServerControls[] {
    return [...this.#rules.values()].map(({ controls }) => controls);
  }

  get controls(): ServerControls {
    return {
      evict: async (key) => {
        // Each one has a cache of its own.
        const evicted = await Promise.all(this.#controls.map((each) => each.evict(key)));
        return evicted.includes(true);
      },
      stats: () => sumOf(this.#controls.map((each) => each.stats())),
      close: async () => {
        await Promise.all(this.#controls.map((each) => each.close()));
      },
    };
  }
}

function sumOf([first, ...others]: readonly OnceStats[]): OnceStats {
  const sum = { ...(first as OnceStats) } as Record<string, number>;
  for (const stats of others) {
    for (const [name, count] of Object.entries(stats)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum as unknown as OnceStats;
}

class LambdaProcessing implements Processing<unknown, Promise<LambdaResponse>> {
  readonly payload: { readonly body: Uint8Array };
  readonly signal = undefined;
  readonly onStart: (settled: Promise<void>) => void;
  readonly #event: LambdaEventLike;
  readonly #context: LambdaContextLike;
  readonly #run: () => Promise<unknown>;
  #settled: Promise<void> | undefined;
  #outcome: IdempotencyOutcome | undefined;
  /** What the handler returned. */
  #own: LambdaResponse | undefined;

  constructor(
    event: LambdaEventLike,
    context: LambdaContextLike,
    body: Uint8Array,
    run: () => Promise<unknown>,
  ) {
    this.payload = { body };
    this.#event = event;
    this.#context = context;
    this.#run = run;
    this.onStart = (settled) => {
      this.#settled = settled;
    };
  }

  onOutcome(outcome: IdempotencyOutcome): void {
    this.#outcome = outcome;
  }

  run(): Promise<unknown> {
    return this.#run();
  }

  read(raw: unknown): ResponseData {
    this.#own = structured(raw, this.#event);
    return dataOfResponse(this.#own);
  }

  async answer(response: ResponseData): Promise<LambdaResponse> {
    const answer = await toLambda(response, this.#event);
    await this.#untilStored();
    if (this.#outcome !== 'executed' || this.#own === undefined) return answer;
    // The handler's own spelling of its response reaches its client.
    return withHeaders(this.#own, response.headers, this.#event);
  }

  async fail(error: unknown): Promise<LambdaResponse> {
    await this.#untilStored();
    throw error;
  }

  /** Lambda stops the environment after the answer. If the store is silent, the client gets it anyway. */
  async #untilStored(): Promise<void> {
    if (this.#settled === undefined) return;
    const leftMs = Math.max(0, this.#context.getRemainingTimeInMillis() - RESERVE_MS);
    let timer: Timer | undefined;
    const over = new Promise<void>((resolve) => {
      timer = setTimer(resolve, leftMs);
    });
    await Promise.race([this.#settled, over]);
    clearTimer(timer);
  }
}

/** Whether the event has the payload format 2.0, as HTTP APIs and function URLs send it. */
const isFormat2 = ({ rawPath }: LambdaEventLike) => rawPath !== undefined;

/** A load balancer sends and takes either single or multiple values. */
const hasOnlyMultipleValues = ({ headers, multiValueHeaders }: LambdaEventLike) =>
  (headers === undefined || headers === null) &&
  multiValueHeaders !== undefined &&
  multiValueHeaders !== null;

const isOfLoadBalancer = ({ requestContext }: LambdaEventLike) => 'elb' in requestContext;

/** Returns the method, and path and query. */
function targetOf(event: LambdaEventLike): { readonly method: string; readonly url: string } {
  const { requestContext, httpMethod, path, rawPath, rawQueryString = '' } = event ?? {};
  const { http } = (requestContext ?? {}) as { http?: { readonly method?: string } };
  const method = httpMethod ?? http?.method;
  if (method === undefined || (path ?? rawPath) === undefined) {
    fail(
      TypeError,
      'SAMEKEY_BAD_ARGUMENT',
      'Cannot read the event: it is no HTTP request, wanted one of API Gateway, a function URL or a load balancer. For other events see createOnce of samekey/once',
    );
  }
  const query = rawPath === undefined ? queryOf(event) : rawQueryString;
  const url = (rawPath ?? path) as string;
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
      parts.push(`${encodeURIComponent(name)}=${encodeURIComponent(value)}`);
    }
  }
  return parts.join('&');
}

class EventHeaders implements HeaderReader {
  readonly #values = new Map<string, string>();

  constructor({ headers, multiValueHeaders, cookies }: LambdaEventLike) {
    for (const [name, value] of Object.entries(headers ?? {})) this.#set(name, value);
    for (const [name, values] of Object.entries(multiValueHeaders ?? {})) {
      this.#set(name, values?.join(name.toLowerCase() === 'cookie' ? '; ' : ', '));
    }
    if (cookies !== undefined && !this.has('cookie')) this.#set('cookie', cookies.join('; '));
  }

  get(name: string): string | null {
    return this.#values.get(name.toLowerCase()) ?? null;
  }

  has(name: string): boolean {
    return this.#values.has(name.toLowerCase());
  }

  #set(name: string, value: string | undefined): void {
    if (value !== undefined) this.#values.set(name.toLowerCase(), value);
  }
}

const NOTHING = new Uint8Array();

const bodyOf = ({ body, isBase64Encoded }: LambdaEventLike): Uint8Array =>
  typeof body !== 'string' ? NOTHING : bytesOf(body, isBase64Encoded);

const bytesOf = (text: string, isBase64: boolean | undefined): Uint8Array =>
  isBase64 ? Buffer.from(text, 'base64') : encoder.encode(text);

/** Returns the response that a handler means: in format 2.0 any value without `statusCode` is a body. */
function structured(raw: unknown, event: LambdaEventLike): LambdaResponse {
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

function dataOfResponse(response: LambdaResponse): ResponseData {
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
async function toLambda(response: ResponseData, event: LambdaEventLike): Promise<LambdaResponse> {
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
function withHeaders(
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
