/**
 * `samekey/lambda`: a handler of AWS Lambda that processes the same HTTP request at most once, behind
 * API Gateway (REST and HTTP APIs), a function URL or an Application Load Balancer.
 */
import { fail, nameOf } from '../errors/errors.js';
import { type ExchangeStats, OUTCOME_HEADER } from '../response/exchanges.js';
import { headerIn, type ResponseData } from '../response/response-data.js';
import { clearTimer, setTimer, type Timer } from '../runtime/runtime.js';
import { bodyOf, EventHeaders, type LambdaEventLike, targetOf } from './lambda/event.js';
import {
  dataOfResponse,
  type LambdaResponse,
  structured,
  toLambda,
  withHeaders,
} from './lambda/response.js';
import type { ServerControls, ServerOptions } from './options.js';
import { IdempotencyRules, type Processing } from './rules.js';

export type { KeyFormat, KeyHeaderOptions } from '../request/options.js';
export type { ResponseInfo } from '../response/storable.js';
export type { LambdaEventLike } from './lambda/event.js';
export type { LambdaResponse } from './lambda/response.js';
export type { ServerControls, ServerOptions } from './options.js';

/** The part of Lambda's context that the adapter uses. */
export interface LambdaContextLike {
  /** The time until Lambda ends the invocation. */
  getRemainingTimeInMillis(): number;
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
        this.#rules.get(undefined),
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
        // Each one knows its own runs in progress.
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

/** The cache is that of all. */
function sumOf([first, ...others]: readonly ExchangeStats[]): ExchangeStats {
  const sum = { ...(first as ExchangeStats) } as Record<string, number>;
  for (const stats of others) {
    for (const [name, count] of Object.entries(stats)) {
      if (name !== 'cached') sum[name] = (sum[name] ?? 0) + count;
    }
  }
  return sum as unknown as ExchangeStats;
}

class LambdaProcessing implements Processing<unknown, Promise<LambdaResponse>> {
  readonly payload: { readonly body: Uint8Array };
  readonly signal = undefined;
  readonly onStart: (settled: Promise<void>) => void;
  readonly #event: LambdaEventLike;
  readonly #context: LambdaContextLike;
  readonly #run: () => Promise<unknown>;
  #settled: Promise<void> | undefined;
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
    const isOwn = headerIn(response.headers, OUTCOME_HEADER) === 'executed';
    if (!isOwn || this.#own === undefined) return answer;
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
